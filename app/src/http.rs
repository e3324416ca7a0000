//! The web server: routes, what every answer carries, and errors as problems or pages.
//!
//! Below `/api/v1` an error is a problem (RFC 9457); everywhere else it is a page, and someone who has not signed in is
//! led to the sign-in. Every request is logged once, with its path and without its query.

mod assets;
mod compress;
mod load;
mod metrics;
mod once;
mod parameters;
mod ready;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use fithire_coaches::pages::Videos;
use fithire_identity::{Bell, Counted, Identity, Site};
use fithire_kernel::audit::Reads;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Signals};
use fithire_kernel::etag;
use fithire_kernel::form::capital;
use fithire_kernel::ids::Ids;
use fithire_kernel::once::Gates;
use fithire_kernel::page::{Pages, Shell, Template};
use fithire_kernel::problem::{Code, Problem};
use fithire_matching::Rankings;
use fithire_media::{Store, ask_video_of};
use fithire_notifications::{Hub, ask_unread};
use fithire_orgs::FirstRun;
use fithire_presets::Live;
use fithire_webhooks::Sender;
use fithire_worker::TaskSettings;
use futures_util::FutureExt as _;
use poem::endpoint::make_sync;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::header::{self, HeaderName, HeaderValue};
use poem::http::{Method, StatusCode, Uri};
use poem::middleware::{CookieJarManager, Cors};
use poem::web::{Html, Redirect};
use poem::{Endpoint, EndpointExt, IntoResponse, PathPattern, Request, Response, Route, get, handler};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError};
use serde::Serialize;

use crate::modules;
pub(crate) use load::Load;
pub(crate) use metrics::{Held, Metrics, MetricsConfig};
use ready::Readiness;

/// Every answer of the API leads to the guide and to the document (RFC 8288, RFC 8631).
const HELP: &str = "</docs>; rel=\"help\", </api/v1/openapi.json>; rel=\"service-desc\"";

/// What operations work with.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) db: Db,
    pub(crate) signals: Signals,
    pub(crate) hub: Hub,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) identity: Arc<Identity>,
    pub(crate) reads: Reads,
    pub(crate) presets: Live,
    pub(crate) rankings: Arc<Rankings>,
    pub(crate) first_run: FirstRun,
    pub(crate) sender: Sender,
    pub(crate) store: Store,
    pub(crate) tasks: TaskSettings,
    pub(crate) load: Load,
    pub(crate) metrics: Metrics,
}

/// Everything that the server answers. `origins` are the other sites whose scripts may use the API.
pub(crate) fn routes(
    state: State,
    site: Site,
    origins: &[String],
) -> impl Endpoint<Output = Response> + use<> {
    let api = modules::api();
    let parameters = Arc::new(parameters::Known::of(&api.spec()));
    // Our own pages use the API too.
    let origins: Vec<&str> = match origins {
        [] => Vec::new(),
        others => others.iter().map(String::as_str).chain([site.origin()]).collect(),
    };
    let api =
        Route::new().at("/openapi.json", made_once("application/json", modules::document)).nest("/", api);
    let gates = Gates::default();
    let checked = api.around(move |next, request| {
        let (parameters, gates) = (parameters.clone(), gates.clone());
        async move {
            let operation = parameters.find(&request);
            operation.map_or(Ok(()), |operation| operation.check(&request))?;
            let path = request.original_uri().path().to_owned();
            let asked = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
            match once::answer(next, gates, operation, request).await {
                Err(error) if error.is::<MethodNotAllowedError>() => {
                    let mut refused = as_problem(error).await;
                    refused.headers_mut().extend(parameters.allowed(&path));
                    Ok(refused)
                }
                answered => Ok(known(asked, answered?)),
            }
        }
    });
    let pages = Arc::new(modules::pages(&[
        ("css", assets::css()),
        ("js", assets::js()),
        ("upload_js", assets::upload_js()),
        ("icon", assets::icon()),
    ]));
    let policy = page_policy(state.store.origin());
    let site_routes = Route::new()
        .nest("/api/v1", checked.catch_all_error(as_problem).with_if(!origins.is_empty(), cors(&origins)))
        .at("/docs/api", made_once("text/html; charset=utf-8", modules::browser).after(for_the_api_browser))
        .at("/livez", get(alive))
        .at("/readyz", get(ready::ready))
        .at("/metrics", get(metrics::figures))
        .at("/", get(front))
        .at("/assets/:name", get(assets::asset))
        // Browsers ask for it by themselves, for pages that name no other.
        .at("/favicon.ico", get(assets::favicon));
    let frame = Frame { pages: pages.clone(), clock: state.clock.clone(), load: state.load.clone() };
    let held = Held {
        rankings: state.rankings.clone(),
        presets: state.presets.clone(),
        served: Some((state.hub.clone(), state.load.clone())),
    };
    let (live, rankings) = (state.presets, state.rankings);
    modules::routes(site_routes)
        .around(move |next, mut request| {
            // What is in force when a request begins is in force for all of it.
            let now = live.now();
            request.set_data(now.presets.clone());
            request.set_data(rankings.by(now.presets.clone()));
            request.set_data(now);
            async move {
                count(&request)?;
                next.call(request).await
            }
        })
        .data(state.db)
        .data(state.signals)
        .data(state.hub)
        .data(Bell(ask_unread))
        .data(Videos(ask_video_of))
        .data(state.clock)
        .data(state.ids)
        .data(state.identity)
        .data(state.reads)
        .data(state.first_run)
        .data(state.sender)
        .data(state.store)
        .data(Readiness::new(state.tasks))
        .data(state.load)
        .data(state.metrics)
        .data(held)
        .data(site)
        .data(pages)
        .with(CookieJarManager::new())
        .around(move |next, request| {
            let (frame, policy) = (frame.clone(), policy.clone());
            async move {
                let mut response = Box::pin(answer(next, request, frame)).await;
                guard(&mut response, &policy);
                Ok(response)
            }
        })
}

/// What a process that only runs tasks answers: that it lives, and its figures.
pub(crate) fn routes_of_worker(
    metrics: Metrics,
    (rankings, presets): (Arc<Rankings>, Live),
    (db, clock): (Db, Clock),
) -> impl Endpoint<Output = Response> + use<> {
    Route::new()
        .at("/livez", get(alive))
        .at("/metrics", get(metrics::figures))
        .data(metrics)
        .data(db)
        .data(clock)
        .data(Held { rankings, presets, served: None })
        .catch_all_error(as_problem)
}

/// What stands around every request.
#[derive(Clone)]
struct Frame {
    pages: Arc<Pages>,
    clock: Clock,
    load: Load,
}

/// What may be asked at any time: whether and how the program runs. What a browser keeps is asked for once.
fn is_free(path: &str) -> bool {
    path.starts_with("/assets/") || matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// Counts a request of its address.
fn count(request: &Request) -> Result<(), Problem> {
    if is_free(request.original_uri().path()) {
        return Ok(());
    }
    let identity = request.data::<Arc<Identity>>().ok_or_else(|| Problem::internal(&"no identity"))?;
    identity.count(request)
}

/// Nothing more than that it has not changed, to whoever has what they ask for.
fn known(asked: Vec<HeaderValue>, response: Response) -> Response {
    if asked.is_empty() || response.status() != StatusCode::OK {
        return response;
    }
    let asked = asked.into_iter().map(|value| (header::IF_NONE_MATCH, value)).collect();
    if !etag::is_known(&asked, response.headers()) {
        return response;
    }
    let mut short = StatusCode::NOT_MODIFIED.into_response();
    if let Some(tag) = response.headers().get(header::ETAG) {
        short.headers_mut().insert(header::ETAG, tag.clone());
    }
    if let Some(route) = response.data::<PathPattern>() {
        short.set_data(route.clone());
    }
    short
}

/// A panic is our own fault; the log has it under an id.
fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Problem::internal(&text.unwrap_or("a panic"))
}

/// An error of the API; before anything else could write it in words of its own.
async fn as_problem(error: poem::Error) -> Response {
    let mut response = problem(&error).into_response();
    if let Some(route) = error.data::<PathPattern>() {
        response.set_data(route.clone());
    }
    response
}

/// Sites that an administrator names may use the API from a browser; without cookies, which never open it.
fn cors(origins: &[&str]) -> Cors {
    Cors::new()
        .allow_origins(origins.iter().copied())
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static(parameters::KEY),
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static(REQUEST_ID),
        ])
        .allow_credentials(false)
        .max_age(3_600)
}

/// The header that names a request, in its answer and in the log.
const REQUEST_ID: &str = "x-request-id";

/// Answers a request whatever happens, and logs it.
async fn answer(next: Arc<impl Endpoint<Output = Response>>, mut request: Request, frame: Frame) -> Response {
    let Frame { pages, clock, load } = frame;
    let (method, uri) = (request.method().clone(), request.original_uri().clone());
    let path = uri.path();
    let request_id = format!("{:016x}", fastrand::u64(..));
    let _room = match if is_free(path) { Ok(None) } else { load.take().map(Some) } {
        Ok(room) => room,
        Err(busy) => return named(too_busy(&pages, &load, &uri, busy), &request_id),
    };
    let counted = is_api(path).then(Counted::default);
    if let Some(counted) = &counted {
        request.set_data(counted.clone());
    }
    let takes_gzip = compress::is_taken(&request);
    let from = came_from(&request);
    let began = clock.now();
    // No query of a page has a NUL, and a database may refuse it.
    let has_nul = !is_api(path) && uri.query().is_some_and(|query| query.contains("%00"));
    let answered = if has_nul {
        Ok(Err(Problem::new(Code::Malformed).into()))
    } else {
        AssertUnwindSafe(next.call(request)).catch_unwind().await
    };
    let mut route = None;
    let mut response = match answered.map_err(|panic| panicked(&*panic)) {
        Ok(Ok(response)) => {
            route = response.data::<PathPattern>().cloned();
            response
        }
        Ok(Err(error)) => {
            route = error.data::<PathPattern>().cloned();
            refused(&pages, (&method, &uri, from.as_deref()), problem(&error))
        }
        Err(problem) => refused(&pages, (&method, &uri, from.as_deref()), problem),
    };
    if path.starts_with("/api/") {
        response.headers_mut().append(header::LINK, HeaderValue::from_static(HELP));
    }
    load.last(&mut response);
    if let Some(counted) = counted {
        counted.tell(response.headers_mut());
    }
    if takes_gzip {
        response = compress::gzip(response).await;
    }
    let duration = clock.now() - began;
    let duration_us = duration.num_microseconds();
    let status = response.status().as_u16();
    metrics::answered(
        &method,
        route.as_ref().map_or("none", |route| &*route.0),
        status,
        duration.as_seconds_f64(),
    );
    // A link to a video is a secret.
    let path = if path.starts_with("/share/") { "/share/…" } else { path };
    tracing::info!(
        request.id = request_id, http.method = %method, http.path = path, http.status = status, duration_us, "answered"
    );
    named(response, &request_id)
}

/// An answer with the name under which the log has its request.
fn named(mut response: Response, request_id: &str) -> Response {
    if let Ok(name) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), name);
    }
    response
}

/// Refuses a request at once: whatever is done for it is taken from those that are being answered.
fn too_busy(pages: &Pages, load: &Load, uri: &Uri, busy: Problem) -> Response {
    metrics::refused();
    let page = || told(pages, "/", busy.clone()).map(|page| page.0).unwrap_or_default();
    let mut response = if is_api(uri.path()) { busy.clone().into_response() } else { load.page(page) };
    load.last(&mut response);
    response
}

/// The path of ours from which a form was sent, where the browser says so.
fn came_from(request: &Request) -> Option<String> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let from: Uri = header(header::REFERER)?.parse().ok()?;
    let ours = from.authority().map(poem::http::uri::Authority::as_str) == header(header::HOST);
    from.path_and_query().filter(|_| ours).map(|path| path.as_str().to_owned())
}

/// Where programs ask and not people.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// The page of an error.
#[derive(Serialize)]
struct ErrorPage {
    title: &'static str,
    detail: Option<String>,
    /// What to do now.
    advice: &'static str,
    id: Option<String>,
}

impl Template for ErrorPage {
    const NAME: &'static str = "error.html";
}

/// A problem for a program, a page for a person.
fn refused(pages: &Pages, asked: (&Method, &Uri, Option<&str>), problem: Problem) -> Response {
    if is_api(asked.1.path()) {
        return problem.into_response();
    }
    let retry_after = problem.retry_after;
    let mut response = error_page(pages, asked, problem);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn error_page(
    pages: &Pages,
    (method, uri, from): (&Method, &Uri, Option<&str>),
    problem: Problem,
) -> Response {
    if problem.code == Code::Unauthenticated {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // What a form sent is not there to be sent again; the page that it came from is.
        let (here, why) = if method == Method::GET { (path, "") } else { (from.unwrap_or("/"), "form") };
        let pairs = [("next", here), ("why", why)].into_iter().filter(|(_, text)| !text.is_empty());
        let query = serde_urlencoded::to_string(pairs.collect::<Vec<_>>()).unwrap_or_default();
        return Redirect::see_other(format!("/sign-in?{query}")).into_response();
    }
    let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match told(pages, uri.path(), problem) {
        Ok(html) => html.with_status(status).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The page of an error.
fn told(pages: &Pages, here: &str, problem: Problem) -> Result<Html<String>, Problem> {
    let page = ErrorPage {
        title: match problem.code {
            Code::NotFound => "This page is not here",
            Code::Forbidden => "This is not for you to see or do",
            code => code.title(),
        },
        detail: problem
            .detail
            .map(|detail| capital(&detail))
            .or_else(|| problem.errors.first().map(|error| format!("{} {}", error.pointer, error.detail))),
        advice: match problem.code {
            Code::NotFound => "It may have been removed, or it belongs to somebody else.",
            Code::Forbidden => "Ask an admin of your brand if you think that it should be.",
            Code::Internal => "We have recorded what happened. Try again; nothing was half done.",
            Code::Unavailable => "Wait a moment and try again.",
            Code::TooMany => "Nothing is lost.",
            _ => "Go back and try again.",
        },
        id: problem.id,
    };
    pages.render(&Shell { here: here.to_owned(), ..Shell::default() }, &page)
}

/// The front page is the one that a role works on.
#[handler]
fn front(visitor: fithire_identity::Visitor) -> Redirect {
    use fithire_identity::Role;
    Redirect::see_other(match visitor.caller().role() {
        Role::Coach => "/coach",
        Role::Manager => "/manager",
        Role::Admin => "/admin",
    })
}

/// The process runs.
#[handler]
fn alive() -> &'static str {
    "ok"
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
    } else if error.status() == StatusCode::FORBIDDEN {
        Code::Forbidden
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
        // Whatever else is a text can be any.
        ("string", "is not a time such as 2026-11-23T12:00:00Z"),
        ("DeliveryState", "is none of waiting, delivered and failed"),
    ];
    let wanted = reason.split('"').nth(1).unwrap_or_default();
    kinds.iter().find(|(kind, _)| wanted.starts_with(kind)).map_or(reason, |(_, meaning)| meaning).to_owned()
}

/// A text that is the same for everybody. It takes up to megabytes, and nothing until somebody asks for it.
fn made_once(kind: &'static str, make: fn() -> String) -> poem::RouteMethod {
    let text = LazyLock::new(move || Bytes::from(make()));
    get(make_sync(move |_| Response::builder().content_type(kind).body(Bytes::clone(&text))))
}

type Answer = poem::Result<Response>;

fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
}

/// The API browser is one page with its script and style within it.
async fn for_the_api_browser(answer: Answer) -> Answer {
    let mut response = answer?;
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
                  connect-src 'self'; frame-ancestors 'none'";
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// What a page may load: our own, and files from where they are kept. A file is asked for here and found there.
fn page_policy(store: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' {store}; media-src 'self' {store}; \
         frame-src 'self' {store}; connect-src 'self' {store}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    // The origin was read as a URL, which holds nothing that a header does not.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// What every answer carries, errors too.
fn guard(response: &mut Response, page_policy: &HeaderValue) {
    let is_page = response.content_type().is_some_and(|kind| kind.starts_with("text/html"));
    if is_page {
        let policy = response.headers_mut().entry(header::CONTENT_SECURITY_POLICY);
        policy.or_insert_with(|| page_policy.clone());
    }
    set(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(response, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    set(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(response, header::REFERRER_POLICY, "same-origin");
    // What a page shows belongs to its visitor alone.
    set(response, header::CACHE_CONTROL, "no-store");
}
