//! Signing in and out, and what somebody signs in with.

mod account;
mod password;

use std::sync::Arc;

use fithire_kernel::page::{Pages, Template, Templates, refused};
use fithire_kernel::problem::{Code, Problem};
use poem::web::{Data, Html, Query, Redirect};
use poem::{IntoResponse, Request, Response, Route, get, handler, post};
use serde::{Deserialize, Serialize};

use crate::tokens::{Identity, Recognised};
use crate::visitor::{Cookies, Nothing, Posted, Stranger};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("identity/sign-in.html", include_str!("../templates/identity/sign-in.html")),
    ("identity/forgotten.html", include_str!("../templates/identity/forgotten.html")),
    ("identity/new-password.html", include_str!("../templates/identity/new-password.html")),
    ("identity/confirm-email.html", include_str!("../templates/identity/confirm-email.html")),
    ("identity/account.html", include_str!("../templates/identity/account.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/sign-in", get(sign_in).post(signed_in))
        .at("/sign-out", post(sign_out))
        .at("/forgotten", get(password::forgotten).post(password::asked_for_another))
        .at("/new-password", get(password::new_password).post(password::chosen))
        .at("/confirm-email", get(password::confirm).post(password::confirmed))
        .at("/account", get(account::account))
        .at("/account/password", post(account::change_password))
        .at("/account/confirmation", post(account::send_again))
}

/// The page of `/sign-in`.
#[derive(Debug, Default, Serialize)]
struct SignIn {
    email: String,
    /// Where to go afterwards.
    next: String,
    /// Somebody who had been signed in sent a form, which was not taken.
    lost: bool,
    /// Somebody has just chosen a new password.
    changed: bool,
    /// Other ways to sign in.
    issuers: Vec<Way>,
    /// What was not right with the last attempt.
    problem: Option<String>,
}

/// Another way to sign in: what it is called, and where it begins.
#[derive(Debug, Serialize)]
pub struct Way {
    title: String,
    href: String,
}

/// The ways to sign in by other issuers, each with what it is for.
#[must_use]
pub fn ways(identity: &Identity, purpose: &[(&str, &str)]) -> Vec<Way> {
    let query = serde_urlencoded::to_string(purpose).unwrap_or_default();
    let way = |(name, title): (&str, &str)| Way {
        title: title.to_owned(),
        href: format!("/sign-in/with/{name}?{query}"),
    };
    identity.sign_ins().into_iter().map(way).collect()
}

impl Template for SignIn {
    const NAME: &'static str = "identity/sign-in.html";
}

#[derive(Deserialize)]
struct Asked {
    next: Option<String>,
    why: Option<String>,
}

#[handler]
fn sign_in(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let (lost, changed) = (asked.why.as_deref() == Some("form"), asked.why.as_deref() == Some("password"));
    let next = own_path(asked.0.next.as_deref());
    let issuers = ways(&identity, &[("next", &*next)]);
    let page = SignIn { next, lost, changed, issuers, ..SignIn::default() };
    pages.render(&stranger.shell, &page)
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

#[handler]
async fn signed_in(
    stranger: Stranger,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Credentials>,
) -> Result<Response, Problem> {
    let Posted(Credentials { email, password, next }) = form;
    let next = own_path(next.as_deref());
    let signed_in = async {
        let Recognised { account_id, brands, at } =
            identity.recognise(&email, password, stranger.address).await?;
        // The first brand in which there is a membership still.
        for brand_id in brands {
            if identity.member(account_id, brand_id, at).await?.is_some() {
                match stranger.sign_in_since(&identity, (account_id, brand_id), at).await {
                    // Somebody has removed them there meanwhile.
                    Err(Problem { code: Code::Unauthenticated, .. }) => {}
                    settled => return settled,
                }
            }
        }
        let told = "your account is not a member of any brand; ask who invited you";
        Err(Problem::new(Code::Forbidden).because(told))
    };
    let problem = match signed_in.await {
        Ok(()) => return Ok(Redirect::see_other(next).into_response()),
        Err(problem)
            if problem.keeps_form()
                || matches!(problem.code, Code::Unauthenticated | Code::TooMany | Code::Forbidden) =>
        {
            problem
        }
        Err(problem) => return Err(problem),
    };
    let issuers = ways(&identity, &[("next", &*next)]);
    let page = SignIn { email, next, issuers, problem: Some(problem.to_string()), ..SignIn::default() };
    refused(pages.render(&stranger.shell, &page)?, &problem)
}

#[handler]
async fn sign_out(
    request: &Request,
    identity: Data<&Arc<Identity>>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let cookies = Cookies::of(request)?;
    if let Some(session) = cookies.session() {
        identity.close_session(&session).await?;
    }
    cookies.signed_out();
    Ok(Redirect::see_other("/sign-in"))
}

/// A path of this site; anything else is its front page. `//host` and `/\host` would lead away.
pub(crate) fn own_path(next: Option<&str>) -> String {
    let own = |path: &&str| {
        path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
            && !path.contains(|c: char| c.is_control() || c == '\\')
    };
    next.filter(own).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_led_away() {
        for away in [
            "https://evil.test",
            "//evil.test",
            "/\\evil.test",
            "/\t/evil.test",
            "evil",
            "",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(Some(away)), "/", "{away}");
        }
        assert_eq!(own_path(Some("/manager/jobs?cursor=a%2Fb")), "/manager/jobs?cursor=a%2Fb");
        assert_eq!(own_path(None), "/");
    }
}
