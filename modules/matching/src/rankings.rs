//! What is asked of the engine: candidates of a job, jobs of a coach, one pair, and how every job stands.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use fithire_coaches::Scored;
use fithire_jobs::Open;
use fithire_kernel::audit::Event;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Glimpse, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Allowed, BrandScope, Privilege};
use fithire_scoring::exchange::share;
use fithire_scoring::explain::Explanation;
use fithire_scoring::plan::{Group, Plan, Query, Ranked, Ranking};
use fithire_scoring::points::each_once;
use fithire_scoring::preset::{Preset, Presets};
use sea_query::SelectStatement;
use serde_json::json;

use crate::copies::{Copies, Copy, RankingSettings};
use crate::lately::{Explained, Key};
use crate::model::{Pair, Show};

/// Presets, and a copy of the coaches of each brand that is asked for.
pub struct Rankings {
    presets: Arc<Presets>,
    copies: Arc<Copies>,
}

/// The candidates of a job.
pub(crate) struct Candidates {
    pub(crate) ranking: Arc<Ranking>,
    pub(crate) threshold: u16,
    pub(crate) shown: Vec<Arc<Explained>>,
    /// The revision of the coaches, and the hash of everything else that they were ranked by.
    of: (i64, Key),
}

impl Candidates {
    /// Which state a page of them shows. It says nothing of the bytes: a coach may have changed since the ranking was made, and then the
    /// next one has another tag.
    pub(crate) fn tag(&self, skip: usize, limit: usize) -> String {
        let (revision, key) = &self.of;
        let key = key.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let ranking = &self.ranking;
        let counts = (ranking.total, ranking.below_threshold, ranking.rows.len());
        format!(
            "W/\"{revision}-{key:x}-{}-{skip}-{limit}-{}-{}-{}\"",
            self.threshold, counts.0, counts.1, counts.2
        )
    }

    /// That these candidates of a job are shown, for the log.
    pub(crate) fn viewed(&self, action: &'static str, job_id: Id) -> Event {
        let coaches: Vec<Id> = self.shown.iter().map(|shown| shown.coach.id).collect();
        Event::new(action, "job", job_id).with(json!({"coaches": coaches}))
    }
}

impl Rankings {
    /// Rankings by these presets, with no brand read yet.
    #[must_use]
    pub fn new(db: Db, presets: Arc<Presets>, settings: RankingSettings) -> Self {
        Self { presets, copies: Arc::new(Copies::new(db, settings)) }
    }

    /// The same by other presets, over the same copies: whoever holds it ranks by one version of every preset.
    #[must_use]
    pub fn by(&self, presets: Arc<Presets>) -> Arc<Self> {
        Arc::new(Self { presets, copies: self.copies.clone() })
    }

    /// The presets by which it ranks.
    pub(crate) fn presets(&self) -> &Presets {
        &self.presets
    }

    /// Gives back the memory of brands that nobody has asked for since this was called last.
    pub fn drop_idle(&self) {
        self.copies.drop_idle();
    }

    /// How many brands' coaches are in memory, and the bytes that they take.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        self.copies.held()
    }

    /// The coaches of a brand as of what was seen, or later on the same day, to be ranked by presets in force and by
    /// others.
    pub(crate) async fn copy(
        &self,
        scope: &BrandScope,
        seen: Seen,
        others: &[&Preset],
    ) -> Result<Arc<Copy>, Problem> {
        let known = self.presets.iter().chain(others.iter().copied());
        let points = each_once(known.flat_map(Preset::points));
        Ok(self.copies.fresh(scope, (seen.revision, seen.as_of), &points).await?.1)
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
    ///
    /// # Errors
    /// A sentence on why not.
    pub(crate) fn can_weigh(&self, name: &str, weights: &Weights) -> Result<(), String> {
        self.preset_with(name, Some(weights)).map(|_| ()).map_err(|problem| {
            problem
                .errors
                .into_iter()
                .next()
                .map_or_else(|| problem.detail.unwrap_or_default(), |error| error.detail)
        })
    }

    /// The candidates for a job, best first, after the first `skip`.
    pub(crate) async fn candidates(
        self: &Arc<Self>,
        scope: &BrandScope,
        mut seen: Seen,
        job: &Open,
        asked: Asked,
    ) -> Result<Candidates, Problem> {
        /// Lists that are made anew because somebody in them has changed meanwhile.
        const TRIES: usize = 3;
        /// Explanations that are made at once.
        const PAGE: usize = 100;
        let as_of = seen.as_of;
        let preset = self.preset_with(&job.preset, asked.weights.as_ref())?;
        let threshold = asked.min_score.or(job.threshold).unwrap_or(preset.threshold);
        let query = Query { threshold, limit: asked.skip + asked.limit + 1, group: asked.group };
        let plan = Plan::compile(&preset, &job.facts, as_of);
        let (lately, key) = (self.copies.lately(), plan.key());
        for left in (0..TRIES).rev() {
            let (brand, copy) =
                self.copies.fresh(scope, (seen.revision, as_of), &self.presets.points()).await?;
            let ranking = if let Some(ranking) = lately.ranking(&copy, (key, query)) {
                ranking
            } else {
                let of = copy.clone();
                let rank = move |plan: &Plan<'_>| plan.rank(&of.snapshot, query);
                let ranking = Arc::new(self.with_plan(copy.snapshot.len(), job, &asked, as_of, rank).await?);
                lately.keep_ranking(&copy, (key, query), ranking.clone());
                ranking
            };
            let rows: Vec<Ranked> = ranking.rows.iter().skip(asked.skip).take(asked.limit).copied().collect();
            let ids: Vec<Id> = rows.iter().map(|row| row.id.cast_signed()).collect();
            let coaches = self.copies.coaches(&brand, scope, &ids).await?;
            let shown = if coaches.len() > PAGE {
                let (rankings, pairs) = (self.clone(), EXPLAINING * coaches.len());
                let explain = move |plan: &Plan<'_>| rankings.copies.lately().explained(plan, coaches);
                self.with_plan(pairs, job, &asked, as_of, explain).await?
            } else {
                lately.explained(&plan, coaches)
            };
            let scores = shown.iter().map(|shown| shown.why.score.bp);
            if left == 0 || scores.eq(rows.iter().map(|row| row.score.0)) {
                return Ok(Candidates { ranking, threshold, shown, of: (copy.revision, key) });
            }
            self.copies.forget(&ids);
            seen.revision = self.copies.revision(scope).await?;
        }
        Err(Problem::internal(&"a list was not made"))
    }

    /// Does work with the plan that was asked for: here, or on a thread of its own, where it makes the plan again.
    async fn with_plan<T: Send + 'static>(
        self: &Arc<Self>,
        pairs: usize,
        job: &Open,
        asked: &Asked,
        as_of: NaiveDate,
        run: impl FnOnce(&Plan<'_>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (rankings, weights) = (self.clone(), asked.weights.clone());
        let (preset, facts) = (job.preset.clone(), job.facts.clone());
        let whole = move || {
            let preset = rankings.preset_with(&preset, weights.as_ref())?;
            Ok(run(&Plan::compile(&preset, &facts, as_of)))
        };
        work(pairs, whole).await
    }

    /// For each job how its candidates are counted, and the best of them. A job whose preset is gone is left out.
    pub(crate) async fn standings(
        self: &Arc<Self>,
        scope: &BrandScope,
        seen: Seen,
        mut jobs: Vec<Open>,
    ) -> Result<Vec<JobStanding>, Problem> {
        /// How many of the best are named.
        const BEST: usize = 3;
        let as_of = seen.as_of;
        let (brand, copy) = self.copies.fresh(scope, (seen.revision, as_of), &self.presets.points()).await?;
        jobs.retain(|job| self.preset(&job.preset).is_ok());
        let rankings = self.clone();
        let pairs = copy.snapshot.len() * jobs.len();
        let rank = move || {
            let compiled = |job: &Open| {
                let preset = rankings.preset(&job.preset)?;
                let threshold = job.threshold.unwrap_or(preset.threshold);
                let query = Query { threshold, limit: BEST, group: Group::Ranked };
                Ok((Plan::compile(preset, &job.facts, as_of), query))
            };
            let plans: Vec<(Plan<'_>, Query)> = jobs.iter().map(compiled).collect::<Result<_, Problem>>()?;
            let plans: Vec<(&Plan<'_>, Query)> = plans.iter().map(|(plan, query)| (plan, *query)).collect();
            let ranked = Plan::rank_all(&plans, &copy.snapshot);
            Ok(jobs.into_iter().zip(ranked).collect::<Vec<_>>())
        };
        let ranked: Vec<(Open, Ranking)> = work(pairs, rank).await?;
        let best = ranked.iter().flat_map(|(_, ranking)| &ranking.rows).map(|row| row.id.cast_signed());
        let coaches = self.copies.coaches(&brand, scope, &best.collect::<Vec<Id>>()).await?;
        let names: HashMap<Id, &str> = coaches.iter().map(|coach| (coach.id, &coach.name[..])).collect();
        let standing = |(job, ranking): (Open, Ranking)| {
            let best = ranking.rows.iter().filter_map(|row| {
                let id = row.id.cast_signed();
                Some((id, (*names.get(&id)?).to_owned(), row.score.0))
            });
            JobStanding { best: best.collect(), total: ranking.total, below: ranking.below_threshold, job }
        };
        Ok(ranked.into_iter().map(standing).collect())
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
        let (rankings, count) = (self.clone(), jobs.len());
        let found = move || {
            let (mut plans, mut asked) = (Vec::new(), Vec::new());
            for job in jobs {
                let Ok(preset) = rankings.preset(&job.preset) else {
                    tracing::warn!(
                        job.id,
                        preset = job.preset,
                        "a job without its preset is left out of matches"
                    );
                    continue;
                };
                plans.push(Plan::compile(preset, &job.facts, as_of));
                asked.push((least.or(job.threshold).unwrap_or(preset.threshold), job));
            }
            let scores = Plan::each_of(&plans, &coach.facts);
            let mut reached: Vec<(u16, Open, Plan<'_>)> = (scores.into_iter().zip(asked).zip(plans))
                .filter(|(((bp, excluded), (threshold, _)), _)| {
                    (!excluded && bp >= threshold) == (reach == Reach::Reached)
                })
                .map(|(((bp, _), (_, job)), plan)| (bp, job, plan))
                .collect();
            reached.sort_by_key(|(bp, job, _)| (std::cmp::Reverse(*bp), job.id));
            let total = reached.len();
            // Words and advice cost far more than the score: only what is shown has them.
            let shown = reached.into_iter().skip(skip).take(limit);
            let shown = shown.map(|(_, job, plan)| Match { explanation: plan.explain(&coach.facts), job });
            Ok((total, shown.collect()))
        };
        work((JOB * count).saturating_add(EXPLAINING.saturating_mul(limit)), found).await
    }

    /// The threshold that is shown where several jobs have each their own: the default preset's.
    pub(crate) fn default_threshold(&self) -> Result<u16, Problem> {
        Ok(self.preset(fithire_scoring::exchange::DEFAULT_PRESET)?.threshold)
    }
}

/// What explaining a coach costs, in pairs, and what compiling a job does.
const EXPLAINING: usize = 7_500;
const JOB: usize = 2_500;

/// Does work for a processor: here when it takes no time to speak of, on a thread of its own when it does.
pub(crate) async fn work<T: Send + 'static>(
    pairs: usize,
    run: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    /// Less than a millisecond's.
    const FEW: usize = 200_000;
    if pairs <= FEW {
        return run();
    }
    tokio::task::spawn_blocking(run).await.map_err(|error| Problem::internal(&error))?
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

/// What a request has seen of the brand before it ranks: nothing older is shown to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The day in the brand's time zone.
    pub(crate) as_of: NaiveDate,
    /// Of the brand's coaches.
    pub(crate) revision: i64,
}

impl Seen {
    /// Asks for it; [`Seen::there`] reads the answer.
    fn ask(within: &Within) -> [SelectStatement; 2] {
        [fithire_orgs::ask_zone(within), fithire_coaches::ask_revision(within)]
    }

    /// What [`Seen::ask`] has asked for.
    fn there(seen: &mut Glimpse, clock: &Clock) -> Result<Self, Problem> {
        let as_of = fithire_orgs::today_there(seen, clock)?;
        Ok(Self { as_of, revision: fithire_coaches::revision_there(seen)? })
    }

    /// With a job that is asked for together with it.
    pub(crate) async fn with_job(
        (db, clock): (&Db, &Clock),
        allowed: &Allowed<impl Privilege>,
        job_id: Id,
    ) -> Result<(Self, Open), Problem> {
        let within = db.within(allowed);
        let asked = [Self::ask(&within), fithire_jobs::ask_job(&within, job_id)];
        let mut seen = db.glimpse(&within, asked.as_flattened()).await?;
        let own = Self::there(&mut seen, clock)?;
        Ok((own, fithire_jobs::job_there(&mut seen, allowed.limits())?))
    }

    /// Alone.
    pub(crate) async fn now((db, clock): (&Db, &Clock), scope: &BrandScope) -> Result<Self, Problem> {
        let within = db.within(scope);
        Self::there(&mut db.glimpse(&within, &Self::ask(&within)).await?, clock)
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
