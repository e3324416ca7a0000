//! Operations that belong to no module: whole files into a brand and out of it. They take what the page and the command line
//! take, and what is given can be taken again.

use std::sync::Arc;

use fithire_coaches::{NewCoaches, Profile};
use fithire_identity::{ManageBrand, Signed};
use fithire_import::{coaches, written};
use fithire_jobs::NewJobs;
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body::{Body, limited};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{FieldError, Problem};
use fithire_kernel::scope::Allowed;
use fithire_kernel::spreadsheet::{self, File};
use fithire_scoring::preset::Presets;
use poem::web::Data;
use poem::{Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;
use poem_openapi::{ApiRequest, Object, OpenApi, Tags};
use serde_json::json;

use crate::import::{Done, Into, Refused, take_coaches, take_jobs, take_listed_coaches, take_listed_jobs};

/// The most bytes of a CSV file, as on the page: some 100,000 coaches.
pub(crate) const MAX_FILE_BYTES: usize = 32 << 20;
/// Problems that are named; more than anyone mends in one go.
const MOST_PROBLEMS: usize = 200;

/// Coaches of a page of an export.
const MOST_COACHES: u64 = 10_000;

/// The operations.
pub(crate) struct Api;

/// A CSV file.
pub(crate) struct Csv(Vec<u8>);

impl Payload for Csv {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(Self::CONTENT_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }
}

impl ParsePayload for Csv {
    const IS_REQUIRED: bool = true;

    async fn from_request(_request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(limited(body.take()?, MAX_FILE_BYTES).await?))
    }
}

/// Coaches, as a file or as a list.
#[derive(ApiRequest)]
enum CoachFile {
    /// `external_id`, `name`, `email` and whatever other columns the page of the import names; 32 MB at most.
    Csv(Csv),
    /// Coaches as they are created, each with an `external_id`; 1 MB at most.
    Json(Body<NewCoaches>),
}

/// Jobs, as a file or as a list.
#[derive(ApiRequest)]
enum JobFile {
    /// `external_id`, `title`, `location` and whatever other columns the page of the import names; 32 MB at most.
    Csv(Csv),
    /// Jobs as they are created, each with an `external_id`; 1 MB at most.
    Json(Body<NewJobs>),
}

/// What was written, or would have been.
#[derive(Object)]
struct Imported {
    /// Nothing was written.
    dry_run: bool,
    added: u64,
    changed: u64,
    /// Locations that were made for jobs.
    locations: u64,
}

/// Whatever an import works with.
type Tools<'t> = (&'t Db, &'t Clock, &'t Ids, &'t Presets);

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Whole files into a brand and out of it.
    Files,
}

#[OpenApi(tag = "Tag::Files")]
impl Api {
    /// Import coaches
    ///
    /// All of them or none. The same `external_id` again changes a coach: what a file has no column for stays as it is. Each problem
    /// is named by row and column; with `dry_run` nothing is written.
    #[oai(
        path = "/imports/coaches",
        method = "post",
        operation_id = "import_coaches",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, it is taken once."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn import_coaches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        /// Checks everything and writes nothing.
        dry_run: Query<Option<bool>>,
        file: CoachFile,
    ) -> Result<Json<Imported>, Problem> {
        let allowed = signed.0.allowed::<ManageBrand>()?;
        let dry_run = dry_run.0.unwrap_or_default();
        let into = into((&db, &clock, &ids, &presets), &allowed, (dry_run, false));
        let done = match file {
            CoachFile::Csv(Csv(bytes)) => {
                take_coaches(&into, &bytes, &mut |_, _, _| {}).await.map_err(problem)?
            }
            CoachFile::Json(Body(list)) => take_listed_coaches(&into, list).await?,
        };
        Ok(Json(Imported::of(dry_run, &done)))
    }

    /// Import jobs
    ///
    /// All of them or none. The same `external_id` again changes a job: what a file has no column for stays as it is. Each problem is
    /// named by row and column; with `dry_run` nothing is written.
    #[oai(
        path = "/imports/jobs",
        method = "post",
        operation_id = "import_jobs",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, it is taken once."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn import_jobs(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        presets: Data<&Arc<Presets>>,
        /// Checks everything and writes nothing.
        dry_run: Query<Option<bool>>,
        /// Makes the locations that the brand does not have, where the file says where they are.
        create_locations: Query<Option<bool>>,
        file: JobFile,
    ) -> Result<Json<Imported>, Problem> {
        let allowed = signed.0.allowed::<ManageBrand>()?;
        let dry_run = dry_run.0.unwrap_or_default();
        let how = (dry_run, create_locations.0.unwrap_or_default());
        let into = into((&db, &clock, &ids, &presets), &allowed, how);
        let done = match file {
            JobFile::Csv(Csv(bytes)) => take_jobs(&into, &bytes, &mut |_, _, _| {}).await.map_err(problem)?,
            JobFile::Json(Body(list)) => take_listed_jobs(&into, list).await?,
        };
        Ok(Json(Imported::of(dry_run, &done)))
    }

    /// Coaches as a CSV file
    ///
    /// With the columns that an import takes. A page has 10000 coaches at most; the header `Link` leads to the next.
    #[oai(path = "/exports/coaches", method = "get", operation_id = "export_coaches")]
    async fn export_coaches(
        &self,
        signed: Signed,
        db: Data<&Db>,
        reads: Data<&Reads>,
        /// Coaches of a page; missing means 10000.
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<File, Problem> {
        let allowed = signed.0.allowed::<ManageBrand>()?;
        let limit @ 1..=MOST_COACHES = limit.0.unwrap_or(MOST_COACHES) else {
            return Err(Problem::field("limit", format!("is not from 1 to {MOST_COACHES}")));
        };
        let mut tx = db.read(&allowed).await?;
        let (profiles, next) = fithire_coaches::profiles(&mut tx, (limit, cursor.0.as_deref())).await?;
        let read: Vec<Id> = profiles.iter().map(|(id, _)| *id).collect();
        reads.note(&allowed, Event::new("coaches.exported", "brand", None).with(json!({"coaches": read})))?;
        let head = coaches::COLUMNS.map(str::to_owned).into();
        let lines: Vec<Vec<String>> =
            std::iter::once(head).chain(profiles.iter().map(|(_, profile)| line(profile))).collect();
        let next = next.map(|cursor| format!("/api/v1/exports/coaches?limit={limit}&cursor={cursor}"));
        Ok(File { name: "coaches.csv".to_owned(), csv: spreadsheet::csv(&lines), next })
    }
}

/// A coach as a line of the file that an import takes.
fn line(profile: &Profile) -> Vec<String> {
    let facts = written::facts(&profile.facts);
    let texts = [
        ("external_id", profile.external_id.as_ref()),
        ("name", Some(&profile.name)),
        ("email", profile.email.as_ref()),
        ("phone", profile.phone.as_ref()),
        ("postal_code", profile.postal_code.as_ref()),
        ("city", profile.city.as_ref()),
        ("region", profile.region.as_ref()),
        ("country", profile.country.as_ref()),
        ("bio", profile.bio.as_ref()),
        ("languages", profile.languages.as_ref()),
    ];
    let cell = |column: &str| {
        let text = texts.iter().find(|(name, _)| *name == column).map(|(_, text)| text);
        // Numbers stay numbers: a longitude in the west is no formula.
        text.map_or_else(
            || facts.iter().find(|(name, _)| *name == column).map(|(_, cell)| cell.clone()),
            |text| text.map(|text| spreadsheet::text(text)),
        )
    };
    coaches::COLUMNS.iter().map(|column| cell(column).unwrap_or_default()).collect()
}

impl Imported {
    fn of(dry_run: bool, done: &Done) -> Self {
        let locations = u64::try_from(done.locations).unwrap_or(u64::MAX);
        Self { dry_run, added: done.added, changed: done.changed, locations }
    }
}

fn into<'i>(
    (db, clock, ids, presets): Tools<'i>,
    allowed: &'i Allowed<ManageBrand>,
    (dry_run, create_locations): (bool, bool),
) -> Into<'i> {
    Into { db, clock, ids, scope: allowed, presets, create_locations, dry_run }
}

/// The problems of a file, each by row and column.
fn problem(refused: Refused) -> Problem {
    let problems = match refused {
        Refused::Other(problem) => return problem,
        Refused::Rows(problems) => problems,
    };
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    let named = problems.into_iter().take(MOST_PROBLEMS).map(|problem| FieldError {
        detail: problem.to_string(),
        pointer: format!("/{}/{}", problem.row, problem.column),
    });
    let invalid = Problem::invalid(named.collect());
    match more {
        0 => invalid,
        more => invalid.because(format!("the file has {more} problems more than are named")),
    }
}
