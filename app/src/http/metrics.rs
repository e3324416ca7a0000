//! `/metrics`: figures for the operator, as Prometheus reads them, for whoever brings the token of the configuration.
//!
//! Requests, tasks that were run and open streams are counted where they happen, and are this process's own. What waits in
//! the queue is asked of the database, over all brands together, so that it is the same on every server and a figure never
//! tells which brand it is of. Names begin with `fithire_`; those of the process are Prometheus' usual ones.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fithire_identity::Secret;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::SystemScope;
use fithire_kernel::tasks::desk::{Counts, counts};
use fithire_matching::Rankings;
use fithire_notifications::Hub;
use fithire_presets::Live;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use poem::http::{Method, header};
use poem::web::Data;
use poem::{IntoResponse as _, Request, Response, handler};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::load::Load;

/// `[metrics]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsConfig {
    /// What whoever reads `/metrics` sends as `Authorization: Bearer …`. Without it there is no such address.
    pub(crate) token: Option<Secret>,
    /// A file that holds the token.
    pub(crate) token_file: Option<std::path::PathBuf>,
}

/// Upper ends of the classes of times, in seconds.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// How long what was asked of the database holds: it is asked of every brand.
const HOLDS: Duration = Duration::from_secs(10);

/// The figures of this process.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    handle: PrometheusHandle,
    process: Collector,
    token: Option<[u8; 32]>,
    queue: Mutex<Option<(Instant, Counts)>>,
}

impl Metrics {
    /// Begins to count. A process counts once, whatever it serves.
    ///
    /// # Errors
    /// When something in this process counts already.
    pub(crate) fn start(config: &MetricsConfig) -> Result<Self, String> {
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS).map_err(|error| error.to_string())?;
        let recorder = recorder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        let process = Collector::default();
        process.describe();
        describe();
        let token = config.token.as_ref().map(|token| Sha256::digest(&token.0).into());
        Ok(Self(Arc::new(Inner { handle, process, token, queue: Mutex::default() })))
    }

    /// Whether a request brings the token. Hashes are compared, so that the time of an answer tells nothing of it.
    fn admits(&self, request: &Request) -> Result<(), Problem> {
        let Some(token) = self.0.token else { return Err(Problem::new(Code::NotFound)) };
        let sent = request.header(header::AUTHORIZATION).and_then(|sent| sent.strip_prefix("Bearer "));
        let sent: Option<[u8; 32]> = sent.map(|sent| Sha256::digest(sent).into());
        if sent == Some(token) { Ok(()) } else { Err(Problem::new(Code::Unauthenticated)) }
    }

    /// What waits in the queues of all brands together.
    async fn queue(&self, db: &Db, clock: &Clock) -> Result<Counts, Problem> {
        let known = *self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = known.filter(|(at, _)| at.elapsed() < HOLDS) {
            return Ok(known);
        }
        let mut all = Counts::default();
        for scope in fithire_orgs::every_brand(db, &SystemScope::new("counting tasks")).await? {
            let of_brand = counts(&mut db.read(&scope).await?, clock.now()).await?;
            all.waiting += of_brand.waiting;
            all.running += of_brand.running;
            all.retrying += of_brand.retrying;
            all.dead += of_brand.dead;
            all.oldest = all.oldest.into_iter().chain(of_brand.oldest).min();
        }
        *self.0.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), all));
        Ok(all)
    }
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("fithire_http_requests_total", "Requests that were answered, by route and status.");
    describe_counter!(
        "fithire_http_refused_total",
        "Requests that were refused because there were too many."
    );
    describe_histogram!("fithire_http_request_seconds", "From a request to its answer, by route.");
    describe_gauge!("fithire_http_requests_taken", "Requests that are being answered.");
    describe_gauge!("fithire_streams_open", "Live streams of this process.");
    describe_counter!("fithire_tasks_total", "Tasks that were run, by kind and by what became of them.");
    describe_histogram!("fithire_task_seconds", "How long a task ran, by kind.");
    describe_gauge!("fithire_queue_tasks", "Tasks of all brands, by state.");
    describe_gauge!("fithire_queue_oldest_seconds", "For how long the oldest task that is due has been due.");
    describe_gauge!("fithire_database_connections", "Connections to the database, by what they do.");
    describe_gauge!("fithire_rankings_brands", "Brands whose coaches are held in memory.");
    describe_gauge!("fithire_rankings_bytes", "Memory that they take, about.");
    describe_counter!("fithire_presets_applied_total", "Preset files that came into force since the start.");
    describe_counter!("fithire_presets_refused_total", "Preset files that were refused since the start.");
    describe_gauge!(
        "fithire_presets_faulty",
        "Presets whose file is refused now; the last good one stays in force."
    );
}

/// Counts an answer. `route` is its pattern: paths hold ids, and there are too many of them.
pub(super) fn answered(method: &Method, route: &str, status: u16, seconds: f64) {
    let (method, route) = (known(method), route.to_owned());
    counter!("fithire_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!("fithire_http_request_seconds", "method" => method, "route" => route).record(seconds);
}

/// Counts a refusal.
pub(super) fn refused() {
    counter!("fithire_http_refused_total").increment(1);
}

/// Methods that anybody makes up are one.
fn known(method: &Method) -> &'static str {
    let all =
        [("GET", Method::GET), ("POST", Method::POST), ("PATCH", Method::PATCH), ("DELETE", Method::DELETE)];
    all.into_iter().find(|(_, one)| one == method).map_or("other", |(name, _)| name)
}

/// The figures.
#[handler]
pub(super) async fn figures(
    request: &Request,
    measured: Data<&Metrics>,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rest: Data<&Held>,
) -> Result<Response, Problem> {
    measured.admits(request)?;
    // Whoever looks during an outage of the database sees everything else.
    match measured.queue(&db, &clock).await {
        Ok(queue) => show(&queue, &clock),
        Err(problem) => tracing::warn!(%problem, "tasks could not be counted"),
    }
    let (open, idle) = db.connections();
    gauge!("fithire_database_connections", "state" => "busy").set(f64::from(open.saturating_sub(idle)));
    gauge!("fithire_database_connections", "state" => "idle").set(f64::from(idle));
    let (brands, bytes) = rest.rankings.held();
    gauge!("fithire_rankings_brands").set(count(brands));
    gauge!("fithire_rankings_bytes").set(count(bytes));
    let (applied, refused, faulty) = rest.presets.counts();
    counter!("fithire_presets_applied_total").absolute(applied);
    counter!("fithire_presets_refused_total").absolute(refused);
    gauge!("fithire_presets_faulty").set(count(faulty));
    if let Some((hub, load)) = &rest.served {
        gauge!("fithire_streams_open").set(count(hub.streams()));
        gauge!("fithire_http_requests_taken").set(count(load.taken()));
    }
    let Metrics(inner) = &*measured;
    inner.process.collect();
    inner.handle.run_upkeep();
    Ok(inner.handle.render().with_content_type("text/plain; version=0.0.4").into_response())
}

/// What else is measured when somebody asks.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) rankings: Arc<Rankings>,
    pub(crate) presets: Live,
    /// A process that runs nothing but tasks has no streams and answers nobody.
    pub(crate) served: Option<(Hub, Load)>,
}

fn show(queue: &Counts, clock: &Clock) {
    let states = [
        ("waiting", queue.waiting),
        ("running", queue.running),
        ("retrying", queue.retrying),
        ("dead", queue.dead),
    ];
    for (state, tasks) in states {
        gauge!("fithire_queue_tasks", "state" => state)
            .set(count(usize::try_from(tasks).unwrap_or(usize::MAX)));
    }
    gauge!("fithire_queue_oldest_seconds").set(queue.age(clock.now()).as_seconds_f64());
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 of anything, the last digits do not matter")]
fn count(number: usize) -> f64 {
    number as f64
}
