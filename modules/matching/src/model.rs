//! The shapes of the API.

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::Scored;
use fithire_kernel::body::Written;
use fithire_kernel::ids::Id;
use fithire_scoring::exchange::share;
use fithire_scoring::explain;
use fithire_scoring::score::{self, Eligibility};
use fithire_scoring::subscore::State;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Enum, Object};

use crate::rankings::Match;
use crate::rescoring::{self, Became};

/// The candidates of a job.
#[derive(Object)]
pub(crate) struct CandidatePage {
    /// Best first.
    pub(crate) candidates: Vec<Candidate>,
    /// How many are at or above the threshold and not excluded.
    pub(crate) total: usize,
    /// How many are below the threshold and not excluded.
    pub(crate) below_threshold: usize,
    /// How many a gate of the preset excludes. The three counts add up to everyone.
    pub(crate) ineligible: usize,
    /// The lowest score that is ranked, 0 to 1.
    pub(crate) threshold: f64,
    /// Where the next page begins; null on the last.
    pub(crate) next_cursor: Option<String>,
}

impl CandidatePage {
    /// The page with these candidates, as they are written already, in its empty list.
    pub(crate) fn written<'c>(&self, candidates: impl Iterator<Item = &'c str>) -> Written<Self> {
        let list: Vec<&str> = candidates.collect();
        let empty = self.to_json_string();
        Written::new(empty.replacen("\"candidates\":[]", &format!("\"candidates\":[{}]", list.join(",")), 1))
    }
}

/// A coach as they fit a job.
#[derive(Object)]
pub(crate) struct Candidate {
    pub(crate) coach_id: Id,
    pub(crate) name: String,
    #[oai(flatten)]
    pub(crate) figures: Figures,
}

/// The jobs of a coach.
#[derive(Object)]
pub(crate) struct MatchPage {
    /// Best first.
    pub(crate) matches: Vec<JobMatch>,
    /// How many jobs the coach reaches the threshold of and is eligible for.
    pub(crate) total: usize,
    /// The lowest score that is listed where a job sets none, 0 to 1.
    pub(crate) threshold: f64,
}

/// A job as a coach fits it.
#[derive(Object)]
pub(crate) struct JobMatch {
    pub(crate) job_id: Id,
    pub(crate) title: String,
    /// The location's name.
    pub(crate) location: String,
    #[oai(flatten)]
    pub(crate) figures: Figures,
}

/// What speaks for a coach, and what does not.
#[derive(Object)]
pub(crate) struct Words {
    /// Strongest contribution first.
    pub(crate) strengths: Vec<String>,
    /// Most costly first.
    pub(crate) gaps: Vec<String>,
}

/// A score with what it rests on.
#[derive(Object)]
pub(crate) struct Figures {
    /// 0 to 1, in steps of 0.0001.
    pub(crate) fitscore: f64,
    pub(crate) explanation: Words,
    /// eligible, provisional or ineligible: apart from the score.
    eligibility: String,
    /// The sub-scores that decide eligibility.
    blockers: Vec<String>,
    /// The score with what is uncertain at its worst and at its best.
    range: Vec<f64>,
    /// How much of the weight rests on known facts, 0 to 1.
    coverage: f64,
    /// Metres between coach and job; null when unknown or not applicable.
    distance_m: Option<u32>,
    /// One per sub-score of the preset; contributions add up to the score.
    components: Vec<Component>,
    /// The changes that would raise the score most.
    advice: Vec<String>,
    /// What the score was computed from and by.
    pub(crate) provenance: Provenance,
}

/// One coach for one job.
#[derive(Object)]
#[oai(rename = "CoachForJob")]
pub(crate) struct Pair {
    pub(crate) job_id: Id,
    pub(crate) title: String,
    /// The location's name.
    pub(crate) location: String,
    pub(crate) coach_id: Id,
    pub(crate) name: String,
    /// Which part of the job's candidates the coach is in.
    pub(crate) group: Show,
    /// The lowest score that is ranked for this job, 0 to 1.
    pub(crate) threshold: f64,
    #[oai(flatten)]
    pub(crate) figures: Figures,
}

/// Which part of everyone in scope.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename = "Group", rename_all = "snake_case")]
pub(crate) enum Show {
    Ranked,
    BelowThreshold,
    Ineligible,
}

/// A pair whose score is to be kept.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct NewScore {
    pub(crate) job_id: Id,
    pub(crate) coach_id: Id,
}

/// A score that was kept, as it was then.
#[derive(Object)]
pub(crate) struct KeptScore {
    pub(crate) id: Id,
    pub(crate) job_id: Id,
    pub(crate) coach_id: Id,
    #[oai(flatten)]
    pub(crate) figures: Figures,
}

/// A kept score, computed again from the facts and the preset that were kept with it.
#[derive(Object)]
pub(crate) struct Replay {
    pub(crate) id: Id,
    /// The score that was kept, 0 to 1.
    pub(crate) fitscore: f64,
    /// Whether everything came out as it was kept, to the last digit and word.
    pub(crate) same: bool,
    /// The fields that came out otherwise; `provenance` then says which version of what has changed.
    pub(crate) differs: Vec<String>,
    /// What came out now.
    pub(crate) replayed: Figures,
}

/// The matches of a job as they are kept.
#[derive(Object)]
pub(crate) struct KeptMatches {
    /// Best first, 200 at most.
    pub(crate) items: Vec<KeptMatch>,
    /// By what they were worked out; missing where that has not happened yet.
    #[oai(skip_serializing_if_is_none)]
    pub(crate) by: Option<WorkedOut>,
    /// Always null: there are 200 at most.
    pub(crate) next_cursor: Option<String>,
}

/// A match as it is kept.
#[derive(Object)]
pub(crate) struct KeptMatch {
    coach_id: Id,
    /// 0 to 1.
    fitscore: f64,
    /// Since when it is a match.
    entered_at: DateTime<Utc>,
    /// Since when it has this score.
    scored_at: DateTime<Utc>,
}

impl From<rescoring::Kept> for KeptMatch {
    fn from(row: rescoring::Kept) -> Self {
        let rescoring::Kept { coach_id, entered_at, scored_at, .. } = row;
        Self { coach_id, fitscore: kept_share(row.score), entered_at, scored_at }
    }
}

/// By what matches were worked out.
#[derive(Object)]
pub(crate) struct WorkedOut {
    /// When they were last found to be so.
    rescored_at: DateTime<Utc>,
    /// The day on which everything was judged.
    as_of: NaiveDate,
    /// The revision of the brand's coaches.
    revision: i64,
    preset: String,
    preset_hash: String,
    engine_version: i32,
    /// How many were eligible and reached the threshold, also those who are not kept.
    total: i64,
}

impl From<rescoring::WorkedOut> for WorkedOut {
    fn from(by: rescoring::WorkedOut) -> Self {
        let rescoring::WorkedOut { preset, preset_hash, engine_version, as_of, revision, total, rescored_at } =
            by;
        Self { rescored_at, as_of, revision, preset, preset_hash, engine_version, total }
    }
}

/// A page of what became of matches.
#[derive(Object)]
pub(crate) struct MatchEvents {
    /// The latest first.
    pub(crate) items: Vec<MatchEvent>,
    /// Where the next page begins; null on the last.
    pub(crate) next_cursor: Option<String>,
}

/// What became of a match.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "snake_case")]
enum MatchEventKind {
    Entered,
    Left,
    Changed,
}

/// Something that became of a match.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct MatchEvent {
    id: Id,
    at: DateTime<Utc>,
    coach_id: Id,
    kind: MatchEventKind,
    /// The score that was told last, 0 to 1; missing when it entered.
    before: Option<f64>,
    /// The score since, 0 to 1; missing when it left.
    after: Option<f64>,
    /// The day on which it was judged.
    as_of: NaiveDate,
    /// The revision of the brand's coaches.
    revision: i64,
}

impl From<rescoring::MatchEvent> for MatchEvent {
    fn from(event: rescoring::MatchEvent) -> Self {
        let rescoring::MatchEvent { id, at, coach_id, as_of, revision, .. } = event;
        let kind = match Became::read(&event.kind) {
            Became::Entered => MatchEventKind::Entered,
            Became::Left => MatchEventKind::Left,
            Became::Changed => MatchEventKind::Changed,
        };
        let (before, after) = (event.before.map(kept_share), event.after.map(kept_share));
        Self { id, at, coach_id, kind, before, after, as_of, revision }
    }
}

/// Basis points as a column has them, as a share.
fn kept_share(bp: i32) -> f64 {
    share(u16::try_from(bp).unwrap_or_default())
}

/// How much is known of a sub-score.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "snake_case")]
enum ComponentState {
    NotApplicable,
    Unknown,
    Partial,
    Known,
}

/// One sub-score's part.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Component {
    /// Such as `experience`; `points.NAME` is one that the preset defines itself.
    key: String,
    state: ComponentState,
    /// 0 to 1; missing when not applicable.
    score: Option<f64>,
    /// The preset's weight.
    weight: Option<f64>,
    /// What it adds to the score.
    contribution: Option<f64>,
    /// What it rests on.
    evidence: Option<Vec<String>>,
}

/// What makes a score replayable.
#[derive(Object)]
pub(crate) struct Provenance {
    pub(crate) preset: String,
    preset_hash: String,
    engine_version: u32,
    input_hash: String,
    reference_hash: String,
    tzdata_version: String,
    /// The day on which everything is judged.
    pub(crate) as_of: chrono::NaiveDate,
}

impl Candidate {
    pub(crate) fn new(coach: &Scored, explanation: explain::Explanation) -> Self {
        Self { coach_id: coach.id, name: coach.name.clone(), figures: explanation.into() }
    }
}

impl From<Match> for JobMatch {
    fn from(found: Match) -> Self {
        Self {
            job_id: found.job.id,
            title: found.job.title,
            location: found.job.location,
            figures: found.explanation.into(),
        }
    }
}

impl From<explain::Explanation> for Figures {
    fn from(explained: explain::Explanation) -> Self {
        let score = explained.score;
        let components =
            score.components.iter().zip(explained.evidence).map(|(part, evidence)| component(part, evidence));
        let provenance = explained.provenance;
        Self {
            fitscore: share(score.bp),
            explanation: Words { strengths: explained.strengths, gaps: explained.gaps },
            eligibility: match score.eligibility {
                Eligibility::Eligible => "eligible",
                Eligibility::Provisional => "provisional",
                Eligibility::Ineligible => "ineligible",
            }
            .to_owned(),
            blockers: score.blockers.iter().map(|key| (*key).to_owned()).collect(),
            range: vec![share(score.low), share(score.high)],
            coverage: share(score.coverage),
            distance_m: score.distance_m,
            components: components.collect(),
            advice: explained.advice.iter().map(ToString::to_string).collect(),
            provenance: Provenance {
                preset: provenance.preset,
                preset_hash: provenance.preset_hash,
                engine_version: provenance.engine_version,
                input_hash: provenance.input_hash,
                reference_hash: provenance.reference_hash.to_owned(),
                tzdata_version: provenance.tzdata_version.to_owned(),
                as_of: provenance.as_of,
            },
        }
    }
}

fn component(part: &score::Component, evidence: Vec<String>) -> Component {
    let figure = part.figure;
    Component {
        key: part.key.to_string(),
        state: match figure.map(|figure| figure.state) {
            None | Some(State::NotApplicable) => ComponentState::NotApplicable,
            Some(State::Unknown) => ComponentState::Unknown,
            Some(State::Partial) => ComponentState::Partial,
            Some(State::Known) => ComponentState::Known,
        },
        score: figure.map(|figure| share(figure.score)),
        weight: figure.map(|_| share(part.weight)),
        contribution: figure.map(|_| share(part.contribution)),
        evidence: figure.map(|_| evidence),
    }
}
