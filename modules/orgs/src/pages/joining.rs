//! `/sign-up` by a brand's link, `/first-run` by the code that the program prints, and `/brands`, where somebody with
//! several goes from one to another.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::pages::Way;
use fithire_identity::{Identity, NewAccount, Posted, Stranger, Visitor, same_secret};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, refused, shown};
use fithire_kernel::problem::{Code, Problem};
use poem::http::StatusCode;
use poem::web::{Data, Html, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use super::other_issuers::joining_ways;
use crate::founding::{FirstRun, Founder, by_link, found};
use crate::service;

/// A link or a code in the address.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    link: String,
    #[serde(default)]
    code: String,
}

/// The page of `/sign-up`; without a brand it says how to get a link.
#[derive(Debug, Default, Serialize)]
struct SignUp {
    brand: Option<String>,
    link: String,
    name: String,
    email: String,
    issuers: Vec<Way>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for SignUp {
    const NAME: &'static str = "orgs/sign-up.html";
}

#[handler]
pub(super) async fn sign_up(
    stranger: Stranger,
    db: Data<&Db>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    let Asked { link, .. } = asked.0;
    let brand = by_link(&db, &link).await?.map(|brand| brand.name);
    let status = if brand.is_some() || link.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let issuers = joining_ways(&stranger, &identity, ("link", &link));
    let page = pages.render(&stranger.shell, &SignUp { brand, link, issuers, ..SignUp::default() })?;
    Ok(page.with_status(status).into_response())
}

/// What is typed into `/sign-up`.
#[derive(Deserialize)]
pub(super) struct NewCoach {
    link: String,
    name: String,
    email: String,
    password: String,
}

#[handler]
pub(super) async fn signed_up(
    stranger: Stranger,
    db: Data<&Db>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<NewCoach>,
) -> Result<Response, Problem> {
    let Posted(NewCoach { link, name, email, password }) = form;
    let brand = by_link(&db, &link).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let new = NewAccount { email: email.clone(), name: name.clone(), password };
    match identity.sign_up(new, brand.id, stranger.address).await {
        Ok(account_id) => {
            stranger.sign_in(&identity, account_id, brand.id).await?;
            Ok(Redirect::see_other("/").into_response())
        }
        Err(problem) if problem.keeps_form() || problem.code == Code::TooMany => {
            let named = [("email", "email", "E-mail address"), ("name", "name", "Your name")];
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &named, "email");
            let wrong = form::by_field(&errors);
            let issuers = joining_ways(&stranger, &identity, ("link", &link));
            let page = SignUp { brand: Some(brand.name), link, name, email, issuers, errors, wrong };
            refused(pages.render(&stranger.shell, &page)?, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// The page of `/first-run`.
#[derive(Debug, Default, Serialize)]
struct Begin {
    /// Whether the code in the address is the one that was printed.
    open: bool,
    code: String,
    brand: String,
    time_zone: String,
    name: String,
    email: String,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for Begin {
    const NAME: &'static str = "orgs/first-run.html";
}

#[handler]
pub(super) fn first_run(
    stranger: Stranger,
    pass: Data<&FirstRun>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let code = asked.0.code;
    let open = match pass.code() {
        Some(known) => same_secret(&known, &code),
        None => return Err(Problem::new(Code::NotFound)),
    };
    let page = Begin { open, code, time_zone: "America/New_York".to_owned(), ..Begin::default() };
    pages.render(&stranger.shell, &page)
}

/// What is typed into `/first-run`.
#[derive(Deserialize)]
pub(super) struct NewBrand {
    code: String,
    brand: String,
    time_zone: String,
    name: String,
    email: String,
    password: String,
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn began(
    stranger: Stranger,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    identity: Data<&Arc<Identity>>,
    pass: Data<&FirstRun>,
    pages: Data<&Arc<Pages>>,
    form: Posted<NewBrand>,
) -> Result<Response, Problem> {
    let Posted(NewBrand { code, brand, time_zone, name, email, password }) = form;
    if !pass.take(&code) {
        return Err(Problem::new(Code::NotFound));
    }
    let admin = NewAccount { email: email.clone(), name: name.clone(), password };
    let founder = Founder { brand: brand.trim().to_owned(), time_zone: time_zone.trim().to_owned(), admin };
    // On its own: whoever clicks twice drops the first request, and the code must not be lost with it.
    let founding = tokio::spawn({
        let (db, clock, ids, pass, code) =
            (db.clone(), clock.clone(), ids.clone(), pass.clone(), code.clone());
        async move {
            let outcome = found(&db, (&clock, &ids), founder, true).await;
            if outcome.as_ref().is_err_and(|problem| problem.code != Code::NotFound) {
                pass.give_back(&code);
            }
            outcome
        }
    });
    match founding.await.map_err(|error| Problem::internal(&error))? {
        Ok((brand_id, account_id, _)) => {
            stranger.sign_in(&identity, account_id, brand_id).await?;
            Ok(Redirect::see_other("/admin").into_response())
        }
        Err(problem) => {
            if !problem.keeps_form() {
                return Err(problem);
            }
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &[], "email");
            let wrong = form::by_field(&errors);
            let page = Begin { open: true, code, brand, time_zone, name, email, errors, wrong };
            refused(pages.render(&stranger.shell, &page)?, &problem)
        }
    }
}

/// The page of `/brands`.
#[derive(Debug, Serialize)]
struct Brands {
    brands: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    name: String,
    here: bool,
}

impl Template for Brands {
    const NAME: &'static str = "orgs/brands.html";
}

#[handler]
pub(super) async fn brands(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    let mut brands = Vec::new();
    for id in visitor.caller().brands() {
        if let Some(brand) = service::brand(&db, *id).await? {
            let here = visitor.caller().scope().brand_id() == *id;
            brands.push(Listed { id: *id, name: brand.name, here });
        }
    }
    pages.render(visitor.shell(), &Brands { brands })
}

#[derive(Deserialize)]
pub(super) struct Switch {
    brand_id: Id,
}

#[handler]
pub(super) async fn switch(
    visitor: Visitor,
    identity: Data<&Arc<Identity>>,
    form: Posted<Switch>,
) -> Result<Redirect, Problem> {
    visitor.switch(&identity, form.0.brand_id).await?;
    Ok(Redirect::see_other("/"))
}

/// The page of `/invitation`.
#[derive(Debug, Serialize)]
struct Invited {
    /// Nothing when the link no longer works.
    brand: Option<String>,
    code: String,
    email: String,
    role: String,
    name: String,
    issuers: Vec<Way>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for Invited {
    const NAME: &'static str = "orgs/invitation.html";
}

async fn invited(
    stranger: &Stranger,
    (db, identity, pages): (&Db, &Identity, &Pages),
    (code, name): (String, String),
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let found = identity.invitation(&code).await?;
    let works = found.is_some();
    let errors = problem
        .map_or_else(Vec::new, |problem| form::errors(problem, &BTreeMap::new(), &[], &[], "password"));
    let brand = match &found {
        Some((brand_id, _)) => service::brand(db, *brand_id).await?.map(|brand| brand.name),
        None => None,
    };
    let (email, role) = found.map_or_else(Default::default, |(_, found)| (found.email, found.role));
    let issuers = joining_ways(stranger, identity, ("code", &code));
    let page = Invited { brand, code, email, role, name, issuers, wrong: form::by_field(&errors), errors };
    let page = pages.render(&stranger.shell, &page)?;
    if works { shown(page, problem) } else { Ok(page.with_status(StatusCode::NOT_FOUND).into_response()) }
}

#[handler]
pub(super) async fn invitation(
    stranger: Stranger,
    db: Data<&Db>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    invited(&stranger, (&db, &identity, &pages), (asked.0.code, String::new()), None).await
}

/// What is typed into `/invitation`.
#[derive(Deserialize)]
pub(super) struct NewMember {
    code: String,
    name: String,
    password: String,
}

#[handler]
pub(super) async fn taken_up(
    stranger: Stranger,
    db: Data<&Db>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<NewMember>,
) -> Result<Response, Problem> {
    let Posted(NewMember { code, name, password }) = form;
    match identity.take_up(&code, (name.clone(), password), stranger.address).await {
        Ok((brand_id, account_id)) => {
            stranger.sign_in(&identity, account_id, brand_id).await?;
            Ok(Redirect::see_other("/").into_response())
        }
        Err(problem) if problem.keeps_form() || matches!(problem.code, Code::TooMany | Code::NotFound) => {
            invited(&stranger, (&db, &identity, &pages), (code, name), Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}
