//! `/admin/import`: a CSV file into the brand, tried first or taken at once, with every problem at its row and column.

use std::sync::Arc;

use fithire_identity::{ManageBrand, Uploaded, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use fithire_scoring::preset::Presets;
use poem::http::StatusCode;
use poem::web::{Data, Html};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;

use crate::import::{Done, Into, Refused, is_unknown_location, take_coaches, take_jobs};

/// More than anyone mends in one go.
const MOST: usize = 200;

/// The page, with what came of a file.
#[derive(Debug, Default, Serialize)]
struct Page {
    /// `coaches` or `jobs`.
    what: &'static str,
    create_locations: bool,
    coach_columns: String,
    job_columns: String,
    file: String,
    /// What is not right with the form itself.
    wrong: Option<&'static str>,
    done: Option<Taken>,
    problems: Vec<Wrong>,
    /// Problems beyond those that are shown.
    more: usize,
    /// A job is at a location that the brand does not have, which can be made.
    unknown_location: bool,
    /// What the file seems to hold instead.
    other_kind: Option<&'static str>,
}

/// What was written, or would have been.
#[derive(Debug, Serialize)]
struct Taken {
    dry_run: bool,
    added: u64,
    changed: u64,
    locations: usize,
}

/// A problem of the file.
#[derive(Debug, Serialize)]
struct Wrong {
    row: u64,
    column: String,
    message: String,
}

impl Template for Page {
    const NAME: &'static str = "import.html";
}

fn page(what: &'static str) -> Page {
    Page {
        what,
        coach_columns: fithire_import::coaches::COLUMNS.join(","),
        job_columns: fithire_import::jobs::COLUMNS.join(","),
        ..Page::default()
    }
}

/// The other kind of file, when its columns fit better.
fn other_kind(what: &str, bytes: &[u8]) -> Option<&'static str> {
    let columns = fithire_import::columns(bytes);
    let known = |of: &[&str]| columns.iter().filter(|column| of.contains(&&***column)).count();
    let (coaches, jobs) = (known(&fithire_import::coaches::COLUMNS), known(&fithire_import::jobs::COLUMNS));
    match what {
        "coaches" if jobs > coaches => Some("jobs"),
        "jobs" if coaches > jobs => Some("coaches"),
        _ => None,
    }
}

#[handler]
pub(super) fn blank(visitor: Visitor, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    visitor.caller().allowed::<ManageBrand>()?;
    pages.render(visitor.shell(), &page("coaches"))
}

#[handler]
pub(super) async fn take(
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    presets: Data<&Arc<Presets>>,
    pages: Data<&Arc<Pages>>,
    form: Uploaded<ManageBrand>,
) -> Result<Response, Problem> {
    let said = |name: &str| form.fields.get(name).map(String::as_str);
    let what = if said("what") == Some("jobs") { "jobs" } else { "coaches" };
    let into = Into {
        db: &db,
        clock: &clock,
        ids: &ids,
        scope: &form.allowed,
        presets: &presets,
        create_locations: said("create_locations").is_some(),
        dry_run: said("step") != Some("import"),
    };
    let (name, bytes) = &form.file;
    let mut page = Page { create_locations: into.create_locations, file: name.clone(), ..page(what) };
    let mut status = StatusCode::OK;
    if name.is_empty() {
        page.wrong = Some("is missing: choose a CSV file");
        status = StatusCode::UNPROCESSABLE_ENTITY;
    } else {
        let mut told = |_: &'static str, _: u64, _: u64| {};
        let taken = match what {
            "jobs" => take_jobs(&into, bytes, &mut told).await,
            _ => take_coaches(&into, bytes, &mut told).await,
        };
        match taken {
            Ok(Done { added, changed, locations }) => {
                page.done = Some(Taken { dry_run: into.dry_run, added, changed, locations });
            }
            Err(Refused::Other(problem)) => return Err(problem),
            Err(Refused::Rows(problems)) => {
                status = StatusCode::UNPROCESSABLE_ENTITY;
                page.unknown_location = !into.create_locations && problems.iter().any(is_unknown_location);
                page.other_kind = other_kind(what, bytes);
                page.more = problems.len().saturating_sub(MOST);
                let shown = problems.into_iter().take(MOST);
                page.problems = shown
                    .map(|one| Wrong { row: one.row, column: one.column, message: one.message })
                    .collect();
            }
        }
    }
    Ok(pages.render(form.visitor.shell(), &page)?.with_status(status).into_response())
}
