//! `GET /coaches`, `POST /coaches`, `GET /coaches/{id}`, `PATCH /coaches/{id}`.

use chrono::{DateTime, Utc};
use fithire_identity::{Signed, ViewCoaches};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::etag::{IfMatch, Tagged};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::Problem;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{OpenApi, Tags};

use crate::finding::{Filter, Sort, Standing, page};
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
    ///
    /// Those for which every filter holds. A cursor goes on in the order in which its list began.
    #[oai(path = "/coaches", method = "get", operation_id = "list_coaches")]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn list_coaches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        /// Whose name has this text in it, in capitals or not.
        name: Query<Option<String>>,
        /// The one with this id of the brand's own.
        external_id: Query<Option<String>>,
        /// Whose home is in this state or province, as written.
        region: Query<Option<String>>,
        /// Whose home is in this country, as written.
        country: Query<Option<String>>,
        /// Who hold this certification, by its code, whatever has been decided of it.
        certification: Query<Option<String>>,
        /// Of whose own profile this has become.
        approval: Query<Option<Standing>>,
        /// Who were changed at that time or later.
        updated_since: Query<Option<DateTime<Utc>>>,
        sort: Query<Option<Sort>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<CoachPage>, Problem> {
        let allowed = signed.0.allowed::<ViewCoaches>()?;
        let filter = Filter {
            named: name.0.as_deref(),
            external_id: external_id.0.as_deref(),
            region: region.0.as_deref(),
            country: country.0.as_deref(),
            certification: certification.0.as_deref(),
            approval: approval.0.map(Into::into),
            updated_since: updated_since.0,
        };
        let place = (page_size(limit.0)?, cursor.0.as_deref());
        let mut tx = db.read(&allowed).await?;
        let (rows, next_cursor) = page(&mut tx, filter, sort.0.unwrap_or_default(), place).await?;
        let items = rows.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Json(CoachPage { items, next_cursor }))
    }

    /// Create a coach
    ///
    /// A manager or admin adds a coach to the brand; a coach makes their own profile, once.
    #[oai(
        path = "/coaches",
        method = "post",
        operation_id = "create_coach",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the coach is made once."
        )
    )]
    async fn create_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        coach: Body<NewCoach>,
    ) -> Result<Tagged<Coach>, Problem> {
        let id = writing::create(&db, &clock, &ids, &signed.0, coach.0).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        tagged(service::find(&mut tx, &signed.0, id).await?)
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
    ) -> Result<Tagged<Coach>, Problem> {
        let mut tx = db.read(signed.0.scope()).await?;
        let coach = tagged(service::find(&mut tx, &signed.0, id.0).await?)?;
        reads.note(signed.0.scope(), Event::new("coach.read", "coach", id.0))?;
        Ok(coach)
    }

    /// Change a coach
    ///
    /// What is missing stays as it is; `facts` are replaced whole.
    #[oai(
        path = "/coaches/:id",
        method = "patch",
        operation_id = "change_coach",
        request_header(
            name = "If-Match",
            ty = "Option<String>",
            description = "The ETag of the state that the change was made from, or `*`; missing is 428, another state 412."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn change_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        made_from: IfMatch,
        id: Path<Id>,
        change: Body<CoachChange>,
    ) -> Result<Tagged<Coach>, Problem> {
        let made_from = made_from.needed()?;
        writing::change(&db, (&clock, &ids), &signed.0, (id.0, &made_from), change.0).await?;
        let mut tx = db.read(signed.0.scope()).await?;
        tagged(service::find(&mut tx, &signed.0, id.0).await?)
    }
}

/// A row as the API shows it, with its revision.
fn tagged(row: Row) -> Result<Tagged<Coach>, Problem> {
    let revision = row.revision;
    Ok(Tagged(shown(row)?, revision))
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
