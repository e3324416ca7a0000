//! The copies of coaches that rankings run over, one per brand, kept fresh by revision.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;
use fithire_coaches::{Changed, Scored, changed_since, revision};
use fithire_jobs::Open;
use fithire_kernel::audit::Event;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::exchange::share;
use fithire_scoring::explain::Explanation;
use fithire_scoring::plan::{Group, Plan, Query, Ranking};
use fithire_scoring::preset::{Preset, Presets};
use fithire_scoring::snapshot::Snapshot;

use serde_json::json;

use crate::model::{Pair, Show};

/// Presets, and a copy of each brand's coaches.
pub struct Rankings {
    presets: Arc<Presets>,
    brands: RwLock<BTreeMap<Id, Arc<Copy>>>,
}

/// The coaches of a brand as of a revision and a day.
struct Copy {
    revision: i64,
    coaches: BTreeMap<Id, Arc<Scored>>,
    snapshot: Snapshot,
}

/// The candidates of a job.
pub(crate) struct Candidates {
    pub(crate) ranking: Ranking,
    pub(crate) threshold: u16,
    pub(crate) shown: Vec<(Arc<Scored>, Explanation)>,
}

impl Candidates {
    /// That these candidates of a job are shown, for the log.
    pub(crate) fn viewed(&self, action: &'static str, job_id: Id) -> Event {
        let coaches: Vec<Id> = self.shown.iter().map(|(coach, _)| coach.id).collect();
        Event::new(action, "job", job_id).with(json!({"coaches": coaches}))
    }
}

impl Rankings {
    /// Rankings by these presets, with no brand read yet.
    #[must_use]
    pub fn new(presets: Arc<Presets>) -> Self {
        Self { presets, brands: RwLock::default() }
    }

    /// The preset of a job. Jobs take only presets that exist; its file may have been removed since.
    pub(crate) fn preset(&self, name: &str) -> Result<&Preset, Problem> {
        let gone = |message| format!("the job cannot be scored: {message}; give the job another preset");
        self.presets.named(name).map_err(|message| Problem::new(Code::Conflict).because(gone(message)))
    }

    /// The preset of a job, with other weights where they are asked for.
    fn preset_with(&self, name: &str, weights: Option<&Weights>) -> Result<Cow<'_>, Problem> {
        let preset = self.preset(name)?;
        let Some(Weights(weights)) = weights else { return Ok(Cow::Known(preset)) };
        let weights: Vec<(&str, f64)> = weights.iter().map(|(key, weight)| (key.as_str(), *weight)).collect();
        preset.reweighed(&weights).map(Cow::Made).map_err(|message| Problem::field("weights", message))
    }

    /// Whether a preset can have these weights.
    pub(crate) fn can_weigh(&self, name: &str, weights: &Weights) -> bool {
        self.preset_with(name, Some(weights)).is_ok()
    }

    /// The brand's copy, brought up to what the transaction sees.
    async fn fresh(&self, tx: &mut Tx, brand_id: Id, as_of: NaiveDate) -> Result<Arc<Copy>, Problem> {
        // The revision is read before the rows: what is written in between is read twice, never missed.
        let now = revision(tx).await?;
        let known = self.brands.read().unwrap_or_else(PoisonError::into_inner).get(&brand_id).cloned();
        if let Some(copy) = &known
            && copy.revision == now
            && copy.snapshot.as_of() == as_of
        {
            return Ok(copy.clone());
        }
        let seen = known.as_ref().map_or(0, |copy| copy.revision);
        let changed = changed_since(tx, seen).await?;
        let copy = tokio::task::spawn_blocking(move || {
            let mut coaches = known.map_or_else(BTreeMap::new, |copy| copy.coaches.clone());
            for Changed { id, now } in changed {
                match now {
                    Some(coach) => coaches.insert(id, Arc::new(coach)),
                    None => coaches.remove(&id),
                };
            }
            let numbered: Vec<_> =
                coaches.iter().map(|(id, coach)| (id.unsigned_abs(), &coach.facts)).collect();
            let snapshot = Snapshot::build(as_of, &numbered);
            Arc::new(Copy { revision: now, coaches, snapshot })
        });
        let copy = copy.await.map_err(|error| Problem::internal(&error))?;
        let mut brands = self.brands.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have come further meanwhile.
        if brands.get(&brand_id).is_none_or(|other| other.revision <= now) {
            brands.insert(brand_id, copy.clone());
        }
        Ok(copy)
    }

    /// The candidates for a job, best first, after the first `skip`.
    pub(crate) async fn candidates(
        self: &Arc<Self>,
        tx: &mut Tx,
        (brand_id, as_of): (Id, NaiveDate),
        job: Open,
        asked: Asked,
    ) -> Result<Candidates, Problem> {
        let copy = self.fresh(tx, brand_id, as_of).await?;
        let rankings = self.clone();
        let ranked = tokio::task::spawn_blocking(move || {
            let preset = rankings.preset_with(&job.preset, asked.weights.as_ref())?;
            let plan = Plan::compile(&preset, &job.facts, as_of);
            let threshold = asked.min_score.or(job.threshold).unwrap_or(preset.threshold);
            let query = Query { threshold, limit: asked.skip + asked.limit + 1, group: asked.group };
            let ranking = plan.rank(&copy.snapshot, query);
            let rows = ranking.rows.iter().skip(asked.skip).take(asked.limit);
            let coaches = rows.filter_map(|row| copy.coaches.get(&row.id.cast_signed()));
            let shown = coaches.map(|coach| (coach.clone(), plan.explain(&coach.facts))).collect();
            Ok(Candidates { ranking, threshold, shown })
        });
        ranked.await.map_err(|error| Problem::internal(&error))?
    }

    /// For each job how its candidates are counted, and the best of them. A job whose preset is gone is left out.
    pub(crate) async fn standings(
        self: &Arc<Self>,
        tx: &mut Tx,
        (brand_id, as_of): (Id, NaiveDate),
        jobs: Vec<Open>,
    ) -> Result<Vec<JobStanding>, Problem> {
        /// How many of the best are named.
        const BEST: usize = 3;
        let copy = self.fresh(tx, brand_id, as_of).await?;
        let rankings = self.clone();
        let counted = tokio::task::spawn_blocking(move || {
            let standing = |job: Open| {
                let preset = rankings.preset(&job.preset).ok()?;
                let threshold = job.threshold.unwrap_or(preset.threshold);
                let query = Query { threshold, limit: BEST, group: Group::Ranked };
                let ranking = Plan::compile(preset, &job.facts, as_of).rank(&copy.snapshot, query);
                let best = ranking.rows.iter().take(BEST);
                let best = best.filter_map(|row| {
                    let coach = copy.coaches.get(&row.id.cast_signed())?;
                    Some((coach.id, coach.name.clone(), row.score.0))
                });
                Some(JobStanding {
                    best: best.collect(),
                    total: ranking.total,
                    below: ranking.below_threshold,
                    job,
                })
            };
            jobs.into_iter().filter_map(standing).collect()
        });
        counted.await.map_err(|error| Problem::internal(&error))
    }

    /// What is said of one coach for one job.
    pub(crate) fn explained(
        &self,
        coach: &Scored,
        job: &Open,
        as_of: NaiveDate,
        weights: Option<&Weights>,
    ) -> Result<Explanation, Problem> {
        let preset = self.preset_with(&job.preset, weights)?;
        Ok(Plan::compile(&preset, &job.facts, as_of).explain(&coach.facts))
    }

    /// The lowest score that is ranked for a job.
    pub(crate) fn threshold(&self, job: &Open) -> Result<u16, Problem> {
        job.threshold.map_or_else(|| self.preset(&job.preset).map(|preset| preset.threshold), Ok)
    }

    /// One coach for one job, wherever the coach stands.
    pub(crate) fn pair(
        &self,
        coach: Scored,
        job: Open,
        as_of: NaiveDate,
        weights: Option<&Weights>,
    ) -> Result<Pair, Problem> {
        let explanation = self.explained(&coach, &job, as_of, weights)?;
        let threshold = self.threshold(&job)?;
        let group = match &explanation.score {
            score if score.excluded => Show::Ineligible,
            score if score.bp < threshold => Show::BelowThreshold,
            _ => Show::Ranked,
        };
        Ok(Pair {
            job_id: job.id,
            title: job.title,
            location: job.location,
            coach_id: coach.id,
            name: coach.name,
            group,
            threshold: share(threshold),
            figures: explanation.into(),
        })
    }

    /// The jobs that a coach reaches, or misses, counted, and the best of them explained. `least` takes the place of
    /// every job's own threshold.
    pub(crate) async fn matches(
        self: &Arc<Self>,
        coach: Scored,
        jobs: Vec<Open>,
        as_of: NaiveDate,
        (least, (skip, limit), reach): (Option<u16>, (usize, usize), Reach),
    ) -> Result<(usize, Vec<Match>), Problem> {
        let rankings = self.clone();
        let found = tokio::task::spawn_blocking(move || {
            let mut reached = Vec::new();
            for job in jobs {
                let Ok(preset) = rankings.preset(&job.preset) else {
                    tracing::warn!(
                        job.id,
                        preset = job.preset,
                        "a job without its preset is left out of matches"
                    );
                    continue;
                };
                let threshold = least.or(job.threshold).unwrap_or(preset.threshold);
                let plan = Plan::compile(preset, &job.facts, as_of);
                let score = plan.score(&coach.facts);
                if (!score.excluded && score.bp >= threshold) == (reach == Reach::Reached) {
                    reached.push((score.bp, job, plan));
                }
            }
            reached.sort_by_key(|(bp, job, _)| (std::cmp::Reverse(*bp), job.id));
            let total = reached.len();
            // Words and advice cost far more than the score: only what is shown has them.
            let shown = reached.into_iter().skip(skip).take(limit);
            let shown = shown.map(|(_, job, plan)| Match { explanation: plan.explain(&coach.facts), job });
            (total, shown.collect())
        });
        found.await.map_err(|error| Problem::internal(&error))
    }

    /// The threshold that is shown where several jobs have each their own: the default preset's.
    pub(crate) fn default_threshold(&self) -> Result<u16, Problem> {
        Ok(self.preset(fithire_scoring::exchange::DEFAULT_PRESET)?.threshold)
    }
}

/// Other weights for a preset: keys of sub-scores with numbers that count relative to one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weights(pub(crate) Vec<(String, f64)>);

impl Weights {
    /// Reads `certifications:40,experience:20`.
    ///
    /// # Errors
    /// A problem on the parameter `weights`.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let mut weights: Vec<(String, f64)> = Vec::new();
        for part in text.split(',') {
            let pair = part
                .split_once(':')
                .and_then(|(key, weight)| Some((key.trim(), weight.trim().parse().ok()?)));
            let Some((key, weight)) = pair else {
                let detail =
                    format!("has {part:?} where a sub-score and a number belong, such as experience:20");
                return Err(Problem::field("weights", detail));
            };
            if weights.iter().any(|(other, _)| other == key) {
                return Err(Problem::field("weights", format!("names {key} twice")));
            }
            weights.push((key.to_owned(), weight));
        }
        Ok(Self(weights))
    }
}

/// A preset of ours, or one made for the moment.
enum Cow<'p> {
    Known(&'p Preset),
    Made(Preset),
}

impl std::ops::Deref for Cow<'_> {
    type Target = Preset;

    fn deref(&self) -> &Preset {
        match self {
            Self::Known(preset) => preset,
            Self::Made(preset) => preset,
        }
    }
}

/// What is asked of a ranking.
pub(crate) struct Asked {
    pub(crate) weights: Option<Weights>,
    pub(crate) min_score: Option<u16>,
    pub(crate) skip: usize,
    pub(crate) limit: usize,
    pub(crate) group: Group,
}

/// How a job stands.
pub(crate) struct JobStanding {
    pub(crate) job: Open,
    pub(crate) total: usize,
    pub(crate) below: usize,
    /// Id, name and score of the best, in basis points.
    pub(crate) best: Vec<(Id, String, u16)>,
}

/// Which jobs of a coach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those whose threshold the coach reaches.
    Reached,
    /// The others.
    Missed,
}

/// A job as one coach fits it.
pub(crate) struct Match {
    pub(crate) job: Open,
    pub(crate) explanation: Explanation,
}
