//! `/forgotten`, `/new-password` and `/confirm-email`: where the links of messages lead. A link opens a page with a button:
//! programs that look at every link of a message change nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_kernel::form::{self, FormError};
use fithire_kernel::page::{Pages, Template, refused};
use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::web::{Data, Html, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use crate::tokens::Identity;
use crate::visitor::{Posted, Stranger, Visitor};

/// The page of `/forgotten`.
#[derive(Debug, Default, Serialize)]
struct Forgotten {
    email: String,
    /// Whether a message is on its way, if there is an account.
    sent: bool,
    errors: Vec<FormError>,
}

impl Template for Forgotten {
    const NAME: &'static str = "identity/forgotten.html";
}

#[handler]
pub(super) fn forgotten(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    pages.render(&stranger.shell, &Forgotten::default())
}

#[derive(Deserialize)]
pub(super) struct Address {
    email: String,
}

#[handler]
pub(super) fn asked_for_another(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    typed: Posted<Address>,
) -> Result<Response, Problem> {
    let Posted(Address { email }) = typed;
    let page = match identity.forgotten(&email, stranger.address) {
        Ok(()) => Forgotten { email, sent: true, ..Forgotten::default() },
        Err(problem) => {
            let named = [("email", "email", "E-mail address")];
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &named, "email");
            let page = Forgotten { email, errors, ..Forgotten::default() };
            return refused(pages.render(&stranger.shell, &page)?, &problem);
        }
    };
    Ok(pages.render(&stranger.shell, &page)?.into_response())
}

/// A code in the address of a page.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    code: String,
}

/// The page of `/new-password`.
#[derive(Debug, Default, Serialize)]
struct NewPassword {
    works: bool,
    code: String,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for NewPassword {
    const NAME: &'static str = "identity/new-password.html";
}

#[handler]
pub(super) async fn new_password(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    let code = asked.0.code;
    let works = identity.may_reset(&code).await?;
    let status = if works { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let page = NewPassword { works, code, ..NewPassword::default() };
    Ok(pages.render(&stranger.shell, &page)?.with_status(status).into_response())
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    code: String,
    password: String,
}

#[handler]
pub(super) async fn chosen(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    typed: Posted<Chosen>,
) -> Result<Response, Problem> {
    let Posted(Chosen { code, password }) = typed;
    match identity.reset(&code, password, stranger.address).await {
        Ok(()) => Ok(Redirect::see_other("/sign-in?why=password").into_response()),
        Err(problem) if problem.keeps_form() || problem.code == Code::NotFound => {
            let works = problem.code != Code::NotFound;
            let named = [("password", "password", "New password")];
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &named, "password");
            let page = NewPassword { works, code, wrong: form::by_field(&errors), errors };
            refused(pages.render(&stranger.shell, &page)?, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// The page of `/confirm-email`.
#[derive(Debug, Serialize)]
struct Confirm {
    code: String,
    /// Whether it is done, or the link no longer works; nothing before the button.
    outcome: Option<bool>,
}

impl Template for Confirm {
    const NAME: &'static str = "identity/confirm-email.html";
}

#[handler]
pub(super) fn confirm(
    visitor: Visitor,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    pages.render(visitor.shell(), &Confirm { code: asked.0.code, outcome: None })
}

#[handler]
pub(super) async fn confirmed(
    visitor: Visitor,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    typed: Posted<Asked>,
) -> Result<Response, Problem> {
    let code = typed.0.code;
    let (outcome, status) = match identity.confirm(visitor.caller().account_id(), &code).await {
        Ok(()) => (true, StatusCode::OK),
        Err(problem) if problem.code == Code::NotFound => (false, StatusCode::NOT_FOUND),
        Err(problem) => return Err(problem),
    };
    let page = pages.render(visitor.shell(), &Confirm { code, outcome: Some(outcome) })?;
    Ok(page.with_status(status).into_response())
}
