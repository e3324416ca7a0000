//! A job's candidates as a page or a file asks for them: group, lowest score, what-if weights, place in the list.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::ViewCoaches;
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::paging;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::Allowed;
use fithire_scoring::key::Key;
use fithire_scoring::plan::Group;
use fithire_scoring::preset::Preset;

use crate::rankings::{Asked, Candidates, Rankings, Seen, Weights};

/// The query of a page.
pub(super) type Query = BTreeMap<String, String>;

/// What was found, and how it was asked for.
pub(super) struct Listing {
    pub(super) job: Open,
    pub(super) preset: String,
    /// The preset's own weights, in basis points.
    pub(super) weights: Vec<(Key, u16)>,
    pub(super) group: &'static str,
    pub(super) skip: usize,
    pub(super) found: Candidates,
    /// Ranked by other weights than the preset's.
    pub(super) what_if: bool,
    /// Why what was asked for does not count.
    pub(super) problem: Option<String>,
}

/// The groups with their names.
pub(super) const GROUPS: [(&str, &str, Group); 3] = [
    ("ranked", "Ranked", Group::Ranked),
    ("below_threshold", "Below the threshold", Group::BelowThreshold),
    ("ineligible", "Ineligible", Group::Ineligible),
];

/// Lists at most `limit` candidates of a job. Weights or a lowest score that cannot be do not count, and `problem`
/// says why.
pub(super) async fn list(
    tools: (&Db, &Clock),
    rankings: &Arc<Rankings>,
    allowed: &Allowed<ViewCoaches>,
    job_id: Id,
    (query, limit): (&Query, usize),
) -> Result<Listing, Problem> {
    let (seen, job) = Seen::with_job(tools, allowed, job_id).await?;
    let preset = rankings.preset(&job.preset)?;
    let weights = own(preset);
    let skip = paging::skip("candidates", query.get("cursor").map(String::as_str))?;
    let (group, _, wanted) = GROUPS
        .into_iter()
        .find(|(key, ..)| query.get("show").is_some_and(|shown| shown == key))
        .unwrap_or(GROUPS[0]);
    let asked = asked(&weights, query).map(|(weights, min_score)| Asked {
        weights,
        min_score,
        skip,
        limit,
        group: wanted,
    });
    let plain = || Asked { weights: None, min_score: None, skip, limit, group: wanted };
    let title = preset.title.clone();
    let possible = asked.and_then(|asked| match &asked.weights {
        Some(weights) => rankings.can_weigh(&job.preset, weights).map(|()| asked),
        None => Ok(asked),
    });
    let (asked, problem) = match possible {
        Ok(asked) => (asked, None),
        Err(problem) => (plain(), Some(problem)),
    };
    let what_if = asked.weights.is_some();
    let found = rankings.candidates(allowed, seen, &job, asked).await?;
    Ok(Listing { job, preset: title, weights, group, skip, found, what_if, problem })
}

/// The weights of a preset.
fn own(preset: &Preset) -> Vec<(Key, u16)> {
    preset.keys().map(|(key, weight)| (key.clone(), weight)).collect()
}

/// Weights that differ from the preset's, and a lowest score.
pub(super) fn asked(own: &[(Key, u16)], query: &Query) -> Result<(Option<Weights>, Option<u16>), String> {
    let mut weights = Vec::new();
    for (key, bp) in own {
        let Some(text) = query.get(&**key).map(|text| text.trim()).filter(|text| !text.is_empty()) else {
            continue;
        };
        let number: f64 =
            text.parse().map_err(|_| format!("the weight of {key} is {text:?}, which is no number"))?;
        if (number * 100.0 - f64::from(*bp)).abs() > 1e-9 {
            weights.push((key.to_string(), number));
        }
    }
    // What is not moved keeps its weight, in the same unit: percent.
    if !weights.is_empty() {
        let kept = own.iter().filter(|(key, _)| !weights.iter().any(|(moved, _)| *key == **moved));
        let kept: Vec<_> = kept.map(|(key, bp)| (key.to_string(), f64::from(*bp) / 100.0)).collect();
        weights.extend(kept);
    }
    let min_score = match query.get("min_score").map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match text.parse::<f64>() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
            Ok(score) if (0.0..=1.0).contains(&score) => Some((score * 10_000.0).round() as u16),
            _ => return Err(format!("the lowest score is {text:?}, which is no number from 0 to 1")),
        },
    };
    Ok(((!weights.is_empty()).then_some(Weights(weights)), min_score))
}

/// The part of a query that leads to the same list, with some of it changed.
pub(super) fn same_list(query: &Query, weights: &[(Key, u16)], changed: &[(&str, &str)]) -> String {
    let kept = |name: &str| {
        (name == "show" || name == "min_score" || weights.iter().any(|(key, _)| *key == *name))
            && !changed.iter().any(|(other, _)| *other == name)
    };
    let kept = query.iter().filter(|(name, value)| kept(name) && !value.is_empty());
    let pairs: Vec<(&str, &str)> =
        kept.map(|(name, value)| (&name[..], &value[..])).chain(changed.iter().copied()).collect();
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}

/// The weights that a page on single coaches is asked to try out; those that cannot be do not count.
pub(super) fn tried(rankings: &Rankings, job: &Open, query: &Query) -> Result<Option<Weights>, Problem> {
    let own = own(rankings.preset(&job.preset)?);
    let tried = asked(&own, query).ok().and_then(|(weights, _)| weights);
    Ok(tried.filter(|weights| rankings.can_weigh(&job.preset, weights).is_ok()))
}

/// The query that leads back to the list from which a page on single coaches was opened.
pub(super) fn back(rankings: &Rankings, job: &Open, query: &Query) -> Result<String, Problem> {
    let own = own(rankings.preset(&job.preset)?);
    Ok(same_list(query, &own, &[]))
}
