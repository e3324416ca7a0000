//! The web server: routes, what every answer carries, and errors as problems.

use std::sync::Arc;

use fithire_identity::Identity;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::{Code, Problem};
use fithire_matching::Rankings;
use fithire_scoring::preset::Presets;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::header::{self, HeaderName, HeaderValue};
use poem::middleware::CatchPanic;
use poem::web::Data;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, handler};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError};

use crate::modules;

/// What operations work with.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) identity: Arc<Identity>,
    pub(crate) presets: Arc<Presets>,
    pub(crate) rankings: Arc<Rankings>,
}

/// Everything that the server answers.
pub(crate) fn routes(state: State) -> impl Endpoint<Output = Response> {
    let api = modules::api();
    let document = api.spec_endpoint();
    let browser = api.swagger_ui();
    Route::new()
        .nest("/api/v1", Route::new().at("/openapi.json", document).nest("/", api).after(never_stored))
        .nest("/docs/api", browser.map_to_response().after(for_the_api_browser))
        .at("/livez", get(alive))
        .at("/readyz", get(ready))
        .data(state.db)
        .data(state.clock)
        .data(state.ids)
        .data(state.identity)
        .data(state.presets)
        .data(state.rankings)
        .with(CatchPanic::new().with_handler(|panic: Box<dyn std::any::Any + Send>| {
            let cause = panic.downcast_ref::<&str>().copied().unwrap_or("a panic");
            Problem::internal(&cause)
        }))
        .catch_all_error(async |error: poem::Error| problem(&error).into_response())
        .after(guarded)
}

/// The process runs.
#[handler]
fn alive() -> &'static str {
    "ok"
}

/// It can do its work: the database answers.
#[handler]
async fn ready(db: Data<&Db>) -> Result<&'static str, Problem> {
    db.read_global().await?.commit().await?;
    Ok("ok")
}

/// Whatever the framework says, as a problem.
fn problem(error: &poem::Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return Problem::field(*name, parameter(reason));
    }
    let code = if error.is::<NotFoundError>()
        || error.is::<ParsePathError>()
        || error.is::<poem_openapi::error::ParsePathError>()
    {
        Code::NotFound
    } else if error.is::<MethodNotAllowedError>() {
        Code::WrongMethod
    } else if error.is::<AuthorizationError>() {
        Code::Unauthenticated
    } else if error.is::<ContentTypeError>() {
        Code::UnsupportedType
    } else if error.status().is_client_error() {
        Code::Malformed
    } else {
        return Problem::internal(error);
    };
    Problem::new(code)
}

/// What is wrong with a parameter, for someone who does not know the framework's types.
fn parameter(reason: &str) -> String {
    let kinds = [
        ("integer", "is not a whole number"),
        ("number", "is not a number"),
        ("boolean", "is not true or false"),
    ];
    let wanted = reason.split('"').nth(1).unwrap_or_default();
    kinds.iter().find(|(kind, _)| wanted.starts_with(kind)).map_or(reason, |(_, meaning)| meaning).to_owned()
}

type Answer = poem::Result<Response>;

fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
}

/// What the API answers belongs to its caller alone.
async fn never_stored(answer: Answer) -> Answer {
    let mut response = answer?;
    set(&mut response, header::CACHE_CONTROL, "no-store");
    Ok(response)
}

/// The API browser is one page with its script and style within it.
async fn for_the_api_browser(answer: Answer) -> Answer {
    let mut response = answer?;
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
                  connect-src 'self'; frame-ancestors 'none'";
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// What every answer carries, errors too.
async fn guarded(answer: Answer) -> Answer {
    let mut response = answer.unwrap_or_else(|error| problem(&error).into_response());
    set(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(&mut response, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::REFERRER_POLICY, "same-origin");
    Ok(response)
}
