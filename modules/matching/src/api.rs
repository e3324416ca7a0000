//! `GET /jobs/{id}/candidates` and `GET /coaches/{id}/matches`.

use std::sync::Arc;

use fithire_identity::{Signed, ViewCoaches};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::paging::{self, page_size};
use fithire_kernel::problem::Problem;
use fithire_scoring::exchange::share;
use fithire_scoring::plan::Group;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, OpenApi};

use crate::model::{Candidate, CandidatePage, MatchPage};
use crate::rankings::{Asked, Rankings};

/// The operations on matches.
pub struct Api;

/// Which part of everyone in scope is listed.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
enum Show {
    Ranked,
    BelowThreshold,
    Ineligible,
}

#[OpenApi]
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
        id: Path<Id>,
        limit: Query<Option<u64>>,
        /// Lists those at or above this score, 0 to 1, whatever the job's threshold.
        min_score: Query<Option<f64>>,
        /// Lists another group than the ranked.
        show: Query<Option<Show>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<CandidatePage>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let skip =
            cursor.0.as_deref().map_or(Ok(0), |cursor| paging::after::<usize>("candidates", cursor))?;
        let limit = usize::try_from(page_size(limit.0)?).unwrap_or(usize::MAX);
        let group = match show.0 {
            None | Some(Show::Ranked) => Group::Ranked,
            Some(Show::BelowThreshold) => Group::BelowThreshold,
            Some(Show::Ineligible) => Group::Ineligible,
        };
        let asked = Asked { min_score: least(min_score.0)?, skip, limit, group };
        let as_of = fithire_orgs::today(&db, &clock, allowed.brand_id()).await?;
        let mut tx = db.read(&allowed).await?;
        let job = fithire_jobs::find(&mut tx, id.0).await?;
        let found = rankings.candidates(&mut tx, (allowed.brand_id(), as_of), job, asked).await?;
        let more = found.ranking.rows.len() > skip + limit;
        Ok(Json(CandidatePage {
            candidates: found.shown.into_iter().map(|(coach, why)| Candidate::new(&coach, why)).collect(),
            total: found.ranking.total,
            below_threshold: found.ranking.below_threshold,
            ineligible: found.ranking.ineligible,
            threshold: share(found.threshold),
            next_cursor: more.then(|| paging::cursor("candidates", &(skip + limit))),
        }))
    }

    /// Jobs that a coach matches
    ///
    /// For the coach, and for managers of the brand.
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
        let jobs = fithire_jobs::active(&mut tx).await?;
        let (total, matches) = rankings.matches(&coach, jobs, as_of, (least, limit))?;
        Ok(Json(MatchPage {
            matches: matches.into_iter().map(Into::into).collect(),
            total,
            threshold: share(least.map_or_else(|| rankings.default_threshold(), Ok)?),
        }))
    }
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
