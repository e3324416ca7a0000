//! `/account`: what somebody signs in with.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_kernel::form::{self, FormError};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::problem::{Code, Problem};
use poem::web::{Data, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use crate::tokens::Identity;
use crate::visitor::{Nothing, Posted, Visitor};

/// The page of `/account`.
#[derive(Debug, Serialize)]
struct Account {
    name: String,
    email: Option<String>,
    confirmed: bool,
    has_password: bool,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for Account {
    const NAME: &'static str = "identity/account.html";
}

async fn show(
    visitor: &Visitor,
    (identity, pages): (&Identity, &Pages),
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let own = identity.own_account(visitor.caller().account_id()).await?;
    let named = [("before", "before", "Current password"), ("password", "password", "New password")];
    let errors = problem
        .map_or_else(Vec::new, |problem| form::errors(problem, &BTreeMap::new(), &[], &named, "password"));
    let page = Account {
        email: own.address().map(str::to_owned),
        confirmed: own.email_confirmed_at.is_some(),
        has_password: own.has_password,
        name: own.name,
        wrong: form::by_field(&errors),
        errors,
    };
    let page = pages.render(visitor.shell(), &page)?;
    shown(page, problem)
}

#[handler]
pub(super) async fn account(
    visitor: Visitor,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
) -> Result<Response, Problem> {
    show(&visitor, (&identity, &pages), None).await
}

#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    before: String,
    password: String,
}

#[handler]
pub(super) async fn change_password(
    visitor: Visitor,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    typed: Posted<Change>,
) -> Result<Response, Problem> {
    let Posted(Change { before, password }) = typed;
    let caller = visitor.caller();
    let changed =
        identity.change_password(caller.account_id(), (before, password), caller.scope().origin()).await;
    match changed {
        Ok(()) => {
            let toast = Toast::new("Your password is changed; everywhere else you are signed out");
            Ok(visitor.renewed(&identity, "/account", &toast).await?.into_response())
        }
        Err(problem) if problem.keeps_form() || problem.code == Code::TooMany => {
            show(&visitor, (&identity, &pages), Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

#[handler]
pub(super) async fn send_again(
    visitor: Visitor,
    identity: Data<&Arc<Identity>>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let caller = visitor.caller();
    identity.ask_again(caller).await?;
    Ok(visitor.done("/account", &Toast::new("A link is on its way to your address")))
}
