//! Candidates of a job, matches of a coach, one pair of them, and scores that are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use fithire_identity::{Signed, ViewCoaches};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body::{Body, Written};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::{self, page_size};
use fithire_kernel::problem::Problem;
use fithire_kernel::spreadsheet::File;
use fithire_scoring::exchange::share;
use fithire_scoring::plan::Group;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};
use serde_json::json;

use crate::model::{
    CandidatePage, KeptMatches, KeptScore, MatchEvents, MatchPage, NewScore, Pair, Replay, Show,
};
use crate::pages::export::{MOST, csv};
use crate::rankings::{Asked, Rankings, Reach, Seen, Weights};
use crate::rescoring::{self, Of};
use crate::scores;

/// The operations on matches.
pub struct Api;

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Ranked candidates of jobs, matches of coaches, and scores that are kept.
    Matching,
}

#[OpenApi(tag = "Tag::Matching")]
impl Api {
    /// Ranked candidates of a job
    ///
    /// Live: a coach who was saved before the request is ranked as saved.
    #[oai(path = "/jobs/:id/candidates", method = "get", operation_id = "list_candidates")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn list_candidates(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        rankings: Data<&Arc<Rankings>>,
        reads: Data<&Reads>,
        id: Path<Id>,
        limit: Query<Option<u64>>,
        /// Lists those at or above this score, 0 to 1, whatever the job's threshold.
        min_score: Query<Option<f64>>,
        /// Lists another group than the ranked.
        show: Query<Option<Show>>,
        /// What if: ranks by other weights in percent, such as `certifications:40,experience:20`. They count relative to
        /// one another; a sub-score that is not named keeps its weight. Nothing is saved.
        weights: Query<Option<String>>,
        cursor: Query<Option<String>>,
    ) -> Result<Written<CandidatePage>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let skip = paging::skip("candidates", cursor.0.as_deref())?;
        let limit = usize::try_from(page_size(limit.0)?).unwrap_or(usize::MAX);
        let group = group(show.0);
        let weights = weights.0.as_deref().map(Weights::read).transpose()?;
        let asked = Asked { weights, min_score: least(min_score.0)?, skip, limit, group };
        let (seen, job) = Seen::with_job((&db, &clock), &allowed, id.0).await?;
        let found = rankings.candidates(&allowed, seen, &job, asked).await?;
        reads.note(&allowed, found.viewed("candidates.listed", id.0))?;
        let more = found.ranking.rows.len() > skip + limit;
        let page = CandidatePage {
            candidates: Vec::new(),
            total: found.ranking.total,
            below_threshold: found.ranking.below_threshold,
            ineligible: found.ranking.ineligible,
            threshold: share(found.threshold),
            next_cursor: more.then(|| paging::cursor("candidates", &(skip + limit))),
        };
        let tag = found.tag(skip, limit);
        Ok(page.written(found.shown.iter().map(|shown| shown.json())).tagged(tag))
    }

    /// Ranked candidates of a job as a CSV file
    ///
    /// The best 1000 at most, each with its sub-scores, strengths, gaps and advice.
    #[oai(path = "/jobs/:id/candidates.csv", method = "get", operation_id = "export_candidates")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn export_candidates(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        rankings: Data<&Arc<Rankings>>,
        reads: Data<&Reads>,
        id: Path<Id>,
        /// Lists those at or above this score, 0 to 1, whatever the job's threshold.
        min_score: Query<Option<f64>>,
        /// Lists another group than the ranked.
        show: Query<Option<Show>>,
        /// What if: other weights, as in the list of candidates.
        weights: Query<Option<String>>,
    ) -> Result<File, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let weights = weights.0.as_deref().map(Weights::read).transpose()?;
        let min_score = least(min_score.0)?;
        let asked = Asked { weights, min_score, skip: 0, limit: MOST, group: group(show.0) };
        let (seen, job) = Seen::with_job((&db, &clock), &allowed, id.0).await?;
        let found = rankings.candidates(&allowed, seen, &job, asked).await?;
        reads.note(&allowed, found.viewed("candidates.exported", id.0))?;
        Ok(csv(id.0, &found, &[]))
    }

    /// One coach for one job
    ///
    /// Wherever the coach stands: also below the threshold or ineligible, with the reasons.
    #[oai(path = "/jobs/:id/candidates/:coach_id", method = "get", operation_id = "get_candidate")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn get_candidate(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        rankings: Data<&Arc<Rankings>>,
        reads: Data<&Reads>,
        id: Path<Id>,
        coach_id: Path<Id>,
        /// What if: other weights, as in the list of candidates.
        weights: Query<Option<String>>,
    ) -> Result<Json<Pair>, Problem> {
        signed.0.allowed::<ViewCoaches>()?;
        let weights = weights.0.as_deref().map(Weights::read).transpose()?;
        let found = pair(&signed, (&db, &clock, &rankings), id.0, coach_id.0, weights.as_ref()).await?;
        reads.note(
            signed.0.scope(),
            Event::new("coach.read", "coach", coach_id.0).with(json!({"job": id.0})),
        )?;
        Ok(found)
    }

    /// Job matches of a coach
    ///
    /// The jobs whose threshold the coach reaches. Managers see any coach's, a coach their own.
    #[oai(path = "/coaches/:id/matches", method = "get", operation_id = "list_matches")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn list_matches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        rankings: Data<&Arc<Rankings>>,
        id: Path<Id>,
        limit: Query<Option<u64>>,
        /// Lists jobs at or above this score, 0 to 1, whatever their thresholds.
        min_score: Query<Option<f64>>,
    ) -> Result<Json<MatchPage>, Problem> {
        let least = least(min_score.0)?;
        let limit = usize::try_from(page_size(limit.0)?).unwrap_or(usize::MAX);
        let as_of = fithire_orgs::today(&db, &clock, signed.0.scope().brand_id()).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        let coach = fithire_coaches::visible(&mut tx, &signed.0, id.0).await?;
        let jobs = fithire_jobs::active(&mut tx, signed.0.limits()).await?;
        let (total, matches) =
            rankings.matches(coach, jobs, as_of, (least, (0, limit), Reach::Reached)).await?;
        Ok(Json(MatchPage {
            matches: matches.into_iter().map(Into::into).collect(),
            total,
            threshold: share(least.map_or_else(|| rankings.default_threshold(), Ok)?),
        }))
    }

    /// One job for one coach
    ///
    /// Also a job that is not among the matches: why not. Managers see any coach's, a coach their own.
    #[oai(path = "/coaches/:id/matches/:job_id", method = "get", operation_id = "get_match")]
    async fn get_match(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        rankings: Data<&Arc<Rankings>>,
        id: Path<Id>,
        job_id: Path<Id>,
    ) -> Result<Json<Pair>, Problem> {
        pair(&signed, (&db, &clock, &rankings), job_id.0, id.0, None).await
    }

    /// Kept matches of a job
    ///
    /// The best 200 who reach the threshold, best first, as the background work last found them, with how old that is and by
    /// what it was worked out. The live ranking is `list_candidates`; the two agree once that work has caught up.
    #[oai(path = "/jobs/:id/matches", method = "get", operation_id = "list_kept_matches")]
    async fn list_kept_matches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        reads: Data<&Reads>,
        id: Path<Id>,
    ) -> Result<Json<KeptMatches>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let mut tx = db.read(&allowed).await?;
        let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
        let by = rescoring::worked_out(&mut tx, job.id).await?;
        let kept = rescoring::kept(&mut tx, Of::Job(job.id)).await?;
        reads.note(&allowed, viewed(job.id, kept.iter().map(|row| row.coach_id)))?;
        Ok(Json(KeptMatches {
            items: kept.into_iter().map(Into::into).collect(),
            by: by.map(Into::into),
            next_cursor: None,
        }))
    }

    /// What became of the matches of a job
    ///
    /// Who has entered or left, and scores that have moved by 0.01 or more; the latest first. Kept for a year.
    #[oai(path = "/jobs/:id/match-events", method = "get", operation_id = "list_match_events")]
    async fn list_match_events(
        &self,
        signed: Signed,
        db: Data<&Db>,
        reads: Data<&Reads>,
        id: Path<Id>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<MatchEvents>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let limit = page_size(limit.0)?;
        let mut tx = db.read(&allowed).await?;
        let job = fithire_jobs::find(&mut tx, allowed.limits(), id.0).await?;
        let (events, next_cursor) = rescoring::events(&mut tx, job.id, (limit, cursor.0.as_deref())).await?;
        reads.note(&allowed, viewed(job.id, events.iter().map(|event| event.coach_id)))?;
        Ok(Json(MatchEvents { items: events.into_iter().map(Into::into).collect(), next_cursor }))
    }

    /// Keep a score
    ///
    /// Scores a coach for a job as of today and keeps the score with everything that it rests on.
    #[oai(
        path = "/scores",
        method = "post",
        operation_id = "create_score",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the score is kept once."
        )
    )]
    async fn create_score(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        rankings: Data<&Arc<Rankings>>,
        pair: Body<NewScore>,
    ) -> Result<Json<KeptScore>, Problem> {
        let id = scores::keep(&db, (&clock, &ids), &rankings, &signed.0, &pair.0).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        Ok(Json(scores::find(&mut tx, &signed.0, id).await?))
    }

    /// A kept score
    ///
    /// As it was when it was kept.
    #[oai(path = "/scores/:id", method = "get", operation_id = "get_score")]
    async fn get_score(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Json<KeptScore>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        Ok(Json(scores::find(&mut tx, &signed.0, id.0).await?))
    }

    /// A kept score, computed again
    ///
    /// From the facts and the preset that were kept with it; `same` says whether everything came out alike.
    #[oai(path = "/scores/:id/replay", method = "get", operation_id = "replay_score")]
    async fn replay_score(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Json<Replay>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        Ok(Json(scores::replay(&mut tx, &signed.0, id.0).await?))
    }
}

/// A coach for a job, as far as the caller may see both.
async fn pair(
    signed: &Signed,
    (db, clock, rankings): (&Db, &Clock, &Rankings),
    job_id: Id,
    coach_id: Id,
    weights: Option<&Weights>,
) -> Result<Json<Pair>, Problem> {
    let as_of = fithire_orgs::today(db, clock, signed.0.scope().brand_id()).await?;
    let mut tx = db.read(signed.0.scope()).await?;
    let coach = fithire_coaches::visible(&mut tx, &signed.0, coach_id).await?;
    let job = fithire_jobs::find(&mut tx, signed.0.limits(), job_id).await?;
    Ok(Json(rankings.pair(coach, job, as_of, weights)?))
}

fn group(show: Option<Show>) -> Group {
    match show {
        None | Some(Show::Ranked) => Group::Ranked,
        Some(Show::BelowThreshold) => Group::BelowThreshold,
        Some(Show::Ineligible) => Group::Ineligible,
    }
}

/// What goes into the log of who reads what, of a list of a job's coaches.
pub(crate) fn viewed(job_id: Id, coaches: impl Iterator<Item = Id>) -> Event {
    let coaches: BTreeSet<Id> = coaches.collect();
    Event::new("candidates.listed", "job", job_id).with(json!({"coaches": coaches}))
}

/// A lowest score in basis points; between two steps the higher one counts, so that nothing below is listed.
fn least(score: Option<f64>) -> Result<Option<u16>, Problem> {
    match score {
        None => Ok(None),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
        Some(score) if (0.0..=1.0).contains(&score) => Ok(Some((score * 10_000.0 - 1e-6).ceil() as u16)),
        Some(_) => Err(Problem::field("min_score", "is not from 0 to 1")),
    }
}
