//! A score in words: strengths, gaps, evidence, advice and provenance.

use std::fmt;

use chrono::{Datelike as _, NaiveDate};
use serde::Serialize;

use crate::catalog::reference_hash;
use crate::date;
use crate::facts::{Coach, Job};
use crate::hash;
use crate::num::FULL;
use crate::plan::Plan;
use crate::score::Score;
use crate::subscore::{Lanes, Outcome, Side};
use crate::zone::tzdata_version;

/// The version of the arithmetic: it changes whenever any figure for any input does.
pub const ENGINE_VERSION: u32 = 1;

/// Gains below this, in basis points, are no advice.
const MIN_GAIN: u16 = 100;
/// How much advice is given.
const MAX_ADVICE: usize = 3;

/// Everything that `FitHire` says of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The figures.
    pub score: Score,
    /// What speaks for the coach, strongest contribution first.
    pub strengths: Vec<String>,
    /// What does not, the most costly first.
    pub gaps: Vec<String>,
    /// What each component rests on, in the order of `score.components`.
    pub evidence: Vec<Vec<String>>,
    /// The single changes that would raise the score most, best first.
    pub advice: Vec<Advice>,
    /// What the score was computed from and by.
    pub provenance: Provenance,
}

/// One change and what it would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What to do.
    pub action: String,
    /// The score now.
    pub from: u16,
    /// The score then.
    pub to: u16,
    /// Whether `to` is the most that the change could bring.
    pub up_to: bool,
}

/// `Renew CPR-AED: 0.71 → 0.86`.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up_to = if self.up_to { "up to " } else { "" };
        write!(f, "{}: {} → {up_to}{}", self.action, two_places(self.from), two_places(self.to))
    }
}

/// A share with two decimals, or with four where two would round.
#[must_use]
pub fn exact(bp: u16) -> String {
    if bp.is_multiple_of(100) { two_places(bp) } else { format!("{:.4}", f64::from(bp) / 10_000.0) }
}

/// A share with two decimals, rounded half up.
#[must_use]
pub fn two_places(bp: u16) -> String {
    let hundredths = (u32::from(bp) + 50) / 100;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// What makes a score replayable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The preset's name.
    pub preset: String,
    /// And its content.
    pub preset_hash: String,
    /// [`ENGINE_VERSION`].
    pub engine_version: u32,
    /// The facts of job and coach: SHA-256 of [`Plan::input`].
    pub input_hash: String,
    /// The certifications and modalities.
    pub reference_hash: &'static str,
    /// The time zone rules.
    pub tzdata_version: &'static str,
    /// The day.
    #[serde(serialize_with = "date::serialize")]
    pub as_of: NaiveDate,
}

impl Plan<'_> {
    /// Explains a pair with the kernels that score it.
    #[must_use]
    pub fn explain(&self, coach: &Coach) -> Explanation {
        Lanes::lent(|lanes| self.explain_in(coach, lanes))
    }

    fn explain_in(&self, coach: &Coach, lanes: &mut Lanes) -> Explanation {
        let score = self.score_in(coach, lanes);
        let mut strengths = Vec::new();
        let mut gaps = Vec::new();
        let mut evidence = Vec::new();
        for (term, component) in self.terms.iter().zip(&score.components) {
            let (Some(kernel), Some(figure)) = (&term.kernel, component.figure) else {
                evidence.push(Vec::new());
                continue;
            };
            let statement = kernel.explain(coach, &figure);
            let side = match figure.score {
                8_000.. => Some(Side::Strength),
                5_000.. => statement.middling,
                _ => Some(Side::Gap),
            };
            match side {
                Some(Side::Strength) => strengths.push((component.contribution, statement.fact)),
                Some(Side::Gap) => {
                    let cost = u32::from(component.weight) * (FULL - u32::from(figure.score));
                    gaps.push((cost, statement.fact));
                }
                None => {}
            }
            evidence.push(statement.evidence);
        }
        // The sorts are stable: equals stay in registration order.
        strengths.sort_by_key(|(contribution, _)| std::cmp::Reverse(*contribution));
        gaps.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
        Explanation {
            strengths: strengths.into_iter().map(|(_, fact)| fact).collect(),
            gaps: gaps.into_iter().map(|(_, fact)| fact).collect(),
            evidence,
            advice: self.advise(coach, &score, lanes),
            provenance: self.provenance(coach),
            score,
        }
    }

    /// Scores every change that the sub-scores propose and keeps the best.
    fn advise(&self, coach: &Coach, score: &Score, lanes: &mut Lanes) -> Vec<Advice> {
        let mut advice = Vec::new();
        for (place, term) in self.terms.iter().enumerate() {
            let (Some(kernel), Some(figure)) = (&term.kernel, score.components[place].figure) else {
                continue;
            };
            for change in kernel.advise(coach, &figure) {
                let (to, up_to) = match &change.outcome {
                    Outcome::Facts(changed) => (self.score_with(score, place, changed, lanes), false),
                    Outcome::UpToFull => (score.with(place, 10_000), true),
                };
                if to >= score.bp + MIN_GAIN {
                    advice.push(Advice { action: change.action, from: score.bp, to, up_to });
                }
            }
        }
        advice.sort_by_key(|advice| std::cmp::Reverse(advice.to));
        advice.truncate(MAX_ADVICE);
        advice
    }

    /// The facts of job and coach in the one way that they are written, a line each. With the preset's file and the
    /// day, everything that the score rests on.
    #[must_use]
    pub fn input(&self, coach: &Coach) -> String {
        format!("{}\n{}", self.written_job(), canonical(coach))
    }

    /// A hash of everything but the coach that an explanation is made from.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let day = self.as_of.num_days_from_ce().to_be_bytes();
        let preset = [self.preset.hash.as_bytes(), self.preset.name.as_bytes(), b"\n"];
        hash::sha256_bytes(&[preset[0], preset[1], preset[2], &day, self.written_job().as_bytes()])
    }

    fn written_job(&self) -> &str {
        self.written_job.get_or_init(|| canonical(&self.job))
    }

    fn provenance(&self, coach: &Coach) -> Provenance {
        Provenance {
            preset: self.preset.name.clone(),
            preset_hash: self.preset.hash.clone(),
            engine_version: ENGINE_VERSION,
            input_hash: hash::sha256(&[self.input(coach).as_bytes()]),
            reference_hash: reference_hash(),
            tzdata_version: tzdata_version(),
            as_of: self.as_of,
        }
    }
}

/// Reads what [`Plan::input`] has written.
///
/// # Errors
/// A sentence on what cannot be read.
pub fn read_input(input: &str) -> Result<(Job, Coach), String> {
    let (job, coach) = input.split_once('\n').ok_or("there is one line and not two")?;
    let cannot = |error: serde_json::Error| error.to_string();
    Ok((serde_json::from_str(job).map_err(cannot)?, serde_json::from_str(coach).map_err(cannot)?))
}

/// The one way to write facts: keys in the order of their types, nothing that is missing.
fn canonical(facts: &impl Serialize) -> String {
    serde_json::to_string(facts).expect("facts have string keys and finite numbers")
}
