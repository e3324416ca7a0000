//! `GET /coaches`, `POST /coaches`, `GET /coaches/{id}`, `PATCH /coaches/{id}`.

use fithire_identity::{Signed, ViewCoaches};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::Problem;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{OpenApi, Tags};

use crate::model::{Coach, CoachChange, CoachFacts, CoachPage, NewCoach, Pay, Row};
use crate::{service, writing};

/// The operations on coaches.
pub struct Api;

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Coaches with their profiles and what is scored of them.
    Coaches,
}

#[OpenApi(tag = "Tag::Coaches")]
impl Api {
    /// Coaches of the brand
    #[oai(path = "/coaches", method = "get", operation_id = "list_coaches")]
    async fn list_coaches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<CoachPage>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let mut tx = db.read(&allowed).await?;
        let (rows, next_cursor) =
            service::page(&mut tx, None, page_size(limit.0)?, cursor.0.as_deref()).await?;
        let items = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Json(CoachPage { items, next_cursor }))
    }

    /// Create a coach
    ///
    /// A manager or admin adds a coach to the brand; a coach makes their own profile, once.
    #[oai(path = "/coaches", method = "post", operation_id = "create_coach")]
    async fn create_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        coach: Body<NewCoach>,
    ) -> Result<Json<Coach>, Problem> {
        let id = writing::create(&db, &clock, &ids, &signed.0, coach.0).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        Ok(Json(shown(service::find(&mut tx, &signed.0, id).await?)?))
    }

    /// A coach
    ///
    /// Managers and admins see every coach of the brand, a coach their own profile.
    #[oai(path = "/coaches/:id", method = "get", operation_id = "get_coach")]
    async fn get_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        reads: Data<&Reads>,
        id: Path<Id>,
    ) -> Result<Json<Coach>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        let coach = shown(service::find(&mut tx, &signed.0, id.0).await?)?;
        reads.note(signed.0.scope(), Event::new("coach.read", "coach", id.0))?;
        Ok(Json(coach))
    }

    /// Change a coach
    ///
    /// What is missing stays as it is; `facts` are replaced whole.
    #[oai(path = "/coaches/:id", method = "patch", operation_id = "change_coach")]
    async fn change_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
        change: Body<CoachChange>,
    ) -> Result<Json<Coach>, Problem> {
        writing::change(&db, (&clock, &ids), &signed.0, id.0, change.0).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        Ok(Json(shown(service::find(&mut tx, &signed.0, id.0).await?)?))
    }
}

/// A row as the API shows it. The stored facts have the very shape of the API's.
fn shown(row: Row) -> Result<Coach, Problem> {
    let facts = serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
    let facts =
        CoachFacts::parse_from_json(Some(facts)).map_err(|error| Problem::internal(&error.into_message()))?;
    let pay = Pay { kind: row.pay_type, min: row.pay_min, currency: row.currency };
    Ok(Coach {
        id: row.id,
        external_id: row.external_id,
        name: row.name,
        email: row.email,
        phone: row.phone,
        bio: row.bio,
        languages: row.languages,
        postal_code: row.postal_code,
        city: row.city,
        region: row.region,
        country: row.country,
        pay: Some(pay).filter(|pay| *pay != Pay::default()),
        facts,
    })
}
