//! `/admin`: what a brand has, and what is left to do before it can match.

use std::sync::Arc;

use fithire_identity::{ManageBrand, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::Problem;
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    brand: String,
    coaches: i64,
    jobs: usize,
    locations: usize,
    certificates: i64,
    /// What is said of them.
    certificates_label: String,
    profiles: i64,
    done: usize,
    steps: [Step; 5],
}

/// Something that a brand needs.
#[derive(Debug, Serialize)]
struct Step {
    label: &'static str,
    href: &'static str,
    done: bool,
    hint: &'static str,
}

impl Template for Page {
    const NAME: &'static str = "admin.html";
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let brand = fithire_orgs::brand_name(&db, allowed.brand_id()).await?;
    let link = fithire_orgs::has_link(&db, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let coaches = fithire_coaches::count(&mut tx).await?;
    let jobs = fithire_jobs::count_active(&mut tx, allowed.limits()).await?.values().sum();
    let locations = fithire_orgs::location_names(&mut tx).await?.len();
    let styles = fithire_orgs::dimensions(&mut tx).await?.len();
    let certificates = fithire_coaches::waiting_items(&mut tx).await?;
    let profiles = fithire_coaches::count_waiting(&mut tx).await?.count;
    let oldest_days = certificates.oldest.map_or(0, |since| (clock.now() - since).num_days().max(0));
    let step = |label, href, done, hint| Step { label, href, done, hint };
    let organisation = "/admin/organisation";
    let steps = [
        step("Locations", organisation, locations > 0, "Where the jobs are"),
        step("Teaching styles", organisation, styles > 0, "In your own words; a job need not ask for any"),
        step("A link for coaches", organisation, link, "So that they sign up by themselves"),
        step("Coaches", "/admin/import", coaches > 0, "By the link, by a CSV file, or through the API"),
        step("Jobs", "/manager/jobs/new", jobs > 0, "One by one, by a CSV file, or through the API"),
    ];
    let done = steps.iter().filter(|step| step.done).count();
    let certificates_label = waiting("certificate", certificates.count, oldest_days);
    let certificates = certificates.count;
    let page =
        Page { brand, coaches, jobs, locations, certificates, certificates_label, profiles, done, steps };
    pages.render(visitor.shell(), &page)
}

/// `certificates wait, the oldest for 3 days`
fn waiting(what: &str, count: i64, days: i64) -> String {
    let wait = if count == 1 { format!("{what} waits") } else { format!("{what}s wait") };
    match days {
        ..=0 => wait,
        1 => format!("{wait}, the oldest for a day"),
        days => format!("{wait}, the oldest for {days} days"),
    }
}
