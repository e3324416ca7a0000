//! `GET /jobs`, `POST /jobs`, `GET /jobs/{id}`, `PATCH /jobs/{id}`, `DELETE /jobs/{id}`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_identity::{ManageJobs, Signed};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::etag::{IfMatch, Tagged};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::Problem;
use fithire_scoring::preset::Presets;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{OpenApi, Tags};

use crate::finding::{Filter, Sort, page};
use crate::model::{Change, Job, JobFacts, JobPage, Pay, Row, Sent};
use crate::posting::{JobPosting, Linked, posting};
use crate::service;

/// The operations on jobs.
pub struct Api;

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Jobs at locations: what they ask for, when, and what they pay.
    Jobs,
}

#[OpenApi(tag = "Tag::Jobs")]
impl Api {
    /// Jobs of the brand
    ///
    /// Those for which every filter holds. A cursor goes on in the order in which its list began.
    #[oai(path = "/jobs", method = "get", operation_id = "list_jobs")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn list_jobs(
        &self,
        signed: Signed,
        db: Data<&Db>,
        /// Whose title has this text in it, in capitals or not.
        title: Query<Option<String>>,
        /// Whether they look for coaches.
        active: Query<Option<bool>>,
        /// At this location.
        location_id: Query<Option<Id>>,
        /// The one with this id of the brand's own.
        external_id: Query<Option<String>>,
        /// Scored by this preset.
        preset: Query<Option<String>>,
        /// Of this type, as written.
        employment_type: Query<Option<String>>,
        /// That were changed at that time or later.
        updated_since: Query<Option<DateTime<Utc>>>,
        sort: Query<Option<Sort>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<JobPage>, Problem> {
        let filter = Filter {
            titled: title.0.as_deref(),
            active: active.0,
            location_id: location_id.0,
            external_id: external_id.0.as_deref(),
            preset: preset.0.as_deref(),
            employment_type: employment_type.0.as_deref(),
            updated_since: updated_since.0,
        };
        let which = (filter, sort.0.unwrap_or_default());
        let place = (page_size(limit.0)?, cursor.0.as_deref());
        let mut tx = db.read(signed.0.scope()).await?;
        let (rows, next_cursor) = page(&mut tx, signed.0.limits(), which, place).await?;
        let items = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Json(JobPage { items, next_cursor }))
    }

    /// Create a job
    #[oai(
        path = "/jobs",
        method = "post",
        operation_id = "create_job",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the job is made once."
        )
    )]
    async fn create_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        job: Body<Sent>,
    ) -> Result<Tagged<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        let id = service::create(&db, (&clock, &ids, &presets), &allowed, job.0).await?;
        answer(&db, &signed, id).await
    }

    /// A job
    #[oai(path = "/jobs/:id", method = "get", operation_id = "get_job")]
    async fn get_job(&self, signed: Signed, db: Data<&Db>, id: Path<Id>) -> Result<Tagged<Job>, Problem> {
        answer(&db, &signed, id.0).await
    }

    /// A job as a posting
    ///
    /// JSON-LD by schema.org, for search engines and job boards: what anybody may read, and nothing of how coaches are scored.
    #[oai(path = "/jobs/:id/posting", method = "get", operation_id = "get_job_posting")]
    async fn get_job_posting(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Linked<JobPosting>, Problem> {
        let brand = fithire_orgs::brand_name(&db, signed.0.scope().brand_id()).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        let row = service::row(&mut tx, signed.0.limits(), id.0).await?;
        Ok(Linked(posting(&mut tx, row, brand).await?))
    }

    /// Change a job
    ///
    /// What is missing stays as it is; `facts` are replaced whole.
    #[oai(
        path = "/jobs/:id",
        method = "patch",
        operation_id = "change_job",
        request_header(
            name = "If-Match",
            ty = "Option<String>",
            description = "The ETag of the state that the change was made from, or `*`; missing is 428, another state 412."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn change_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        made_from: IfMatch,
        id: Path<Id>,
        change: Body<Change>,
    ) -> Result<Tagged<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        let made_from = made_from.needed()?;
        service::change(&db, (&clock, &ids, &presets), &allowed, (id.0, &made_from), change.0).await?;
        answer(&db, &signed, id.0).await
    }

    /// Deactivate a job
    ///
    /// It no longer looks for coaches; its scores remain. `PATCH` with `active` brings it back.
    #[oai(
        path = "/jobs/:id",
        method = "delete",
        operation_id = "deactivate_job",
        request_header(
            name = "If-Match",
            ty = "Option<String>",
            description = "Only in this state, by its ETag; another one is 412."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn deactivate_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        made_from: IfMatch,
        id: Path<Id>,
    ) -> Result<Tagged<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        let which = (id.0, &made_from);
        service::change(&db, (&clock, &ids, &presets), &allowed, which, Change::deactivation()).await?;
        answer(&db, &signed, id.0).await
    }
}

async fn answer(db: &Db, signed: &Signed, id: Id) -> Result<Tagged<Job>, Problem> {
    let mut tx = db.read(signed.0.scope()).await?;
    let row = service::row(&mut tx, signed.0.limits(), id).await?;
    let revision = row.revision;
    Ok(Tagged(shown(row)?, revision))
}

/// A row as the API shows it. The stored facts have the very shape of the API's.
fn shown(row: Row) -> Result<Job, Problem> {
    let facts = serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
    let facts =
        JobFacts::parse_from_json(Some(facts)).map_err(|error| Problem::internal(&error.into_message()))?;
    #[expect(clippy::cast_precision_loss, reason = "0..=10000")]
    let threshold = row.threshold.map(|bp| bp as f64 / 10_000.0);
    Ok(Job {
        id: row.id,
        location_id: row.location_id,
        external_id: row.external_id,
        title: row.title,
        description: row.description,
        preset: row.preset,
        threshold,
        employment_type: row.employment_type,
        pay: Some(Pay { kind: row.pay_type, min: row.pay_min, max: row.pay_max, currency: row.currency })
            .filter(|pay| *pay != Pay::default()),
        active: row.active,
        facts,
    })
}
