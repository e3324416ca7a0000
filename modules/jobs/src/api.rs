//! `GET /jobs`, `POST /jobs`, `GET /jobs/{id}`, `PATCH /jobs/{id}`, `DELETE /jobs/{id}`.

use std::sync::Arc;

use fithire_identity::{ManageJobs, Signed};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::Problem;
use fithire_scoring::preset::Presets;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{OpenApi, Tags};

use crate::model::{Change, Job, JobFacts, JobPage, Pay, Row, Sent};
use crate::service::{self, Filter};

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
    #[oai(path = "/jobs", method = "get", operation_id = "list_jobs")]
    async fn list_jobs(
        &self,
        signed: Signed,
        db: Data<&Db>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<JobPage>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        let (rows, next_cursor) = service::page(
            &mut tx,
            signed.0.limits(),
            Filter::default(),
            page_size(limit.0)?,
            cursor.0.as_deref(),
        )
        .await?;
        let items = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Json(JobPage { items, next_cursor }))
    }

    /// Create a job
    #[oai(path = "/jobs", method = "post", operation_id = "create_job")]
    async fn create_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        job: Body<Sent>,
    ) -> Result<Json<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        let id = service::create(&db, (&clock, &ids, &presets), &allowed, job.0).await?;
        answer(&db, &signed, id).await
    }

    /// A job
    #[oai(path = "/jobs/:id", method = "get", operation_id = "get_job")]
    async fn get_job(&self, signed: Signed, db: Data<&Db>, id: Path<Id>) -> Result<Json<Job>, Problem> {
        answer(&db, &signed, id.0).await
    }

    /// Change a job
    ///
    /// What is missing stays as it is; `facts` are replaced whole.
    #[oai(path = "/jobs/:id", method = "patch", operation_id = "change_job")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn change_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        id: Path<Id>,
        change: Body<Change>,
    ) -> Result<Json<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        service::change(&db, (&clock, &ids, &presets), &allowed, id.0, change.0).await?;
        answer(&db, &signed, id.0).await
    }

    /// Deactivate a job
    ///
    /// It no longer looks for coaches; its scores remain. `PATCH` with `active` brings it back.
    #[oai(path = "/jobs/:id", method = "delete", operation_id = "deactivate_job")]
    async fn deactivate_job(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        id: Path<Id>,
    ) -> Result<Json<Job>, Problem> {
        let allowed = signed.0.allowed::<ManageJobs>()?;
        service::change(&db, (&clock, &ids, &presets), &allowed, id.0, Change::deactivation()).await?;
        answer(&db, &signed, id.0).await
    }
}

async fn answer(db: &Db, signed: &Signed, id: Id) -> Result<Json<Job>, Problem> {
    let mut tx = db.read(signed.0.scope()).await?;
    Ok(Json(shown(service::row(&mut tx, signed.0.limits(), id).await?)?))
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
