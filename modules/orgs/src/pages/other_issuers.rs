//! `/sign-in/with/NAME` and the way back from there: signing in, signing up and taking up an invitation by an issuer that
//! is not ours.

use std::sync::Arc;

use fithire_identity::pages::{Way, ways};
use fithire_identity::{Arrived, Identity, Purpose, Returned, Stranger};
use fithire_kernel::db::Db;
use fithire_kernel::form::capital;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::http::header::RETRY_AFTER;
use poem::web::{Data, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use crate::founding::by_link;

/// The ways to join by other issuers: with a brand's link, or an invitation's code.
pub(super) fn joining_ways(stranger: &Stranger, identity: &Identity, purpose: (&str, &str)) -> Vec<Way> {
    ways(identity, &[purpose, ("form_token", &stranger.shell.form_token)])
}

/// Where somebody who was not signed in begins again: the page that they came from.
fn beginning(purpose: &Purpose) -> String {
    let (path, pair) = match (&*purpose.link, &*purpose.code) {
        ("", "") => ("/sign-in", ("next", &*purpose.next)),
        ("", code) => ("/invitation", ("code", code)),
        (link, _) => ("/sign-up", ("link", link)),
    };
    if pair.1.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", serde_urlencoded::to_string([pair]).unwrap_or_default())
}

/// What somebody comes for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
    link: String,
    code: String,
    form_token: String,
}

/// The page of somebody who could not be signed in.
#[derive(Debug, Serialize)]
struct Refused {
    detail: String,
    again: String,
    /// Whether there is any use in that.
    may_try: bool,
}

impl Template for Refused {
    const NAME: &'static str = "orgs/not-signed-in.html";
}

fn refused(
    stranger: &Stranger,
    pages: &Pages,
    purpose: &Purpose,
    problem: Problem,
) -> Result<Response, Problem> {
    if matches!(problem.code, Code::Internal | Code::NotFound) && problem.detail.is_none() {
        return Err(problem);
    }
    let page = Refused {
        detail: capital(&problem.to_string()),
        again: beginning(purpose),
        may_try: problem.code != Code::Forbidden,
    };
    let status = StatusCode::from_u16(problem.code.status()).map_err(|error| Problem::internal(&error))?;
    let mut response = pages.render(&stranger.shell, &page)?.with_status(status).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

#[handler]
pub(super) async fn begin(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    issuer: Path<String>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    let Asked { next, link, code, form_token } = asked.0;
    let purpose = Purpose { next, link, code };
    match stranger.begin(&identity, &issuer.0, purpose.clone(), &form_token).await {
        Ok(redirect) => Ok(redirect.into_response()),
        Err(problem) => refused(&stranger, &pages, &purpose, problem),
    }
}

#[handler]
pub(super) async fn back(
    stranger: Stranger,
    db: Data<&Db>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    issuer: Path<String>,
    returned: Query<Returned>,
) -> Result<Response, Problem> {
    let purpose = stranger.purpose();
    let come = async {
        let arrived = stranger.arrive(&identity, &issuer.0, returned.0).await?;
        let brand_id = brand(&stranger, (&db, &identity), &issuer.0, &arrived).await?;
        stranger.sign_in(&identity, arrived.account_id, brand_id).await?;
        Ok(Redirect::see_other(arrived.purpose.next))
    };
    match come.await {
        Ok(redirect) => Ok(redirect.into_response()),
        Err(problem) => refused(&stranger, &pages, &purpose, problem),
    }
}

/// The brand of whoever has come: that of the invitation or of the link that brought them, or the one they belong to.
async fn brand(
    stranger: &Stranger,
    (db, identity): (&Db, &Identity),
    issuer: &str,
    arrived: &Arrived,
) -> Result<Id, Problem> {
    let purpose = &arrived.purpose;
    if !purpose.code.is_empty() {
        let taken = identity.take_up_as(&purpose.code, arrived.account_id, stranger.address).await;
        return taken.map_err(|problem| match problem.code {
            Code::NotFound => problem.because("this invitation no longer works; ask for another"),
            _ => problem,
        });
    }
    if !purpose.link.is_empty() {
        let gone =
            || Problem::new(Code::NotFound).because("this link no longer works; ask for the present one");
        let brand = by_link(db, &purpose.link).await?.ok_or_else(gone)?;
        identity.sign_up_as(arrived.account_id, brand.id, stranger.address).await?;
        return Ok(brand.id);
    }
    identity.brand_of(issuer, arrived).await
}
