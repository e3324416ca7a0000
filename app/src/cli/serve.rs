//! `fithire serve`, `work`, `migrate`, `init` and `openapi`: the server, its workers, and what they need beforehand.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fithire_identity::{Identity, Issuer, NewAccount, Setup, Site};
use fithire_kernel::audit::Reads;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Signals};
use fithire_kernel::ids::Ids;
use fithire_kernel::listen::Listening;
use fithire_kernel::problem::Problem;
use fithire_matching::Rankings;
use fithire_media::Store;
use fithire_notifications::Hub;
use fithire_orgs::{FirstRun, Founder, find_brand, found};
use fithire_presets::{InForce, Live};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_webhooks::Sender;
use fithire_worker::{Tools, Worker};
use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

use super::{Failure, PresetFolder};
use crate::audit::AuditKeeper;
use crate::config::{Config, LogFormat};
use crate::files;
use crate::http::{self, Load, Metrics, State};
use crate::modules;
use crate::presets;
use crate::retention::Schedule;
use crate::worker;

/// How long requests under way may take once the server takes no more.
const DRAIN: Duration = Duration::from_secs(7);

/// Where the configuration comes from.
#[derive(Args)]
pub(super) struct Configured {
    /// Configuration file (default: fithire.toml, where it is there)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configured {
    /// The configuration; from here on there is a log, as it says.
    pub(super) fn read(&self) -> Result<Config, Failure> {
        let config = Config::read(self.config.as_deref()).map_err(Failure::configuration)?;
        log(&config)?;
        Ok(config)
    }
}

/// Serve the API until asked to stop
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configured: Configured,
    /// Port to listen on; 0 picks one
    #[arg(long)]
    port: Option<u16>,
    /// Leave tasks to processes of `fithire work`
    #[arg(long)]
    no_worker: bool,
}

/// Run tasks until asked to stop: rescoring, notifications and whatever else is done after an answer
///
/// Any number of these may run on one PostgreSQL, beside servers with or without workers of their own.
#[derive(Args)]
pub(super) struct Work {
    #[command(flatten)]
    configured: Configured,
    /// Port at which `/livez` and `/metrics` answer; without it there is none
    #[arg(long)]
    port: Option<u16>,
}

/// Bring the database schema up to date
#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    configured: Configured,
}

/// Make the first brand and its first admin
///
/// The password is read from standard input, one line, so that it stands in no list of processes.
#[derive(Args)]
pub(super) struct Init {
    #[command(flatten)]
    configured: Configured,
    /// The brand's name
    #[arg(long)]
    brand: String,
    /// E-mail address of its first admin
    #[arg(long)]
    admin: String,
    /// The brand's time zone
    #[arg(long, default_value = "UTC")]
    time_zone: String,
}

/// Print the OpenAPI document
#[derive(Args)]
pub(super) struct OpenApi {}

impl Serve {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut config = self.configured.read()?;
        config.server.port = self.port.unwrap_or(config.server.port);
        block_on(serve(config, !self.no_worker))
    }
}

impl Work {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        block_on(work(config, self.port))
    }
}

impl Migrate {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        block_on(async move { migrate(&config).await })
    }
}

impl Init {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let mut password = String::new();
        io::stdin().read_line(&mut password)?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        block_on(async move {
            migrate(&config).await?;
            let db = open(&config).await?;
            let (clock, ids) = world();
            let admin = NewAccount { email: self.admin.clone(), name: self.admin.clone(), password };
            let founder = Founder { brand: self.brand.clone(), time_zone: self.time_zone.clone(), admin };
            let (.., slug) = found(&db, (&clock, &ids), founder, false).await?;
            writeln!(io::stdout(), "brand {slug} is ready; {} is its admin", self.admin)?;
            Ok(())
        })
    }
}

impl OpenApi {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(super) fn run(&self) -> Result<(), Failure> {
        io::stdout().write_all(modules::document().as_bytes())?;
        Ok(())
    }
}

/// A problem on the command line: its sentence, and the fields that it names.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let fields = problem
            .errors
            .iter()
            .map(|error| format!("{}: {}", error.pointer.trim_start_matches('/'), error.detail));
        let fields: Vec<String> = fields.collect();
        Self::new(if fields.is_empty() { problem.to_string() } else { fields.join("; ") })
    }
}

pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Logs go to standard error: what a command answers goes to standard output.
pub(super) fn log(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .map_err(|error| Failure::configuration(format!("log.filter: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    // A command that reads its configuration twice has its log already.
    let _ = match config.log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    Ok(())
}

pub(super) fn world() -> (Clock, Ids) {
    let clock = Clock::System;
    // Ids of two processes of one millisecond differ by their seeds.
    let seed = u64::from(std::process::id()) ^ clock.now().timestamp_micros().unsigned_abs();
    (clock.clone(), Ids::new(clock, seed))
}

pub(super) async fn open(config: &Config) -> Result<Db, Failure> {
    Db::open_existing(&config.database.url)
        .await
        .map_err(|error| Failure::new(format!("cannot open the database: {error}")))
}

pub(super) async fn migrate(config: &Config) -> Result<(), Failure> {
    let url = config.database.owner_url.as_ref().unwrap_or(&config.database.url);
    let owner =
        Db::open(url).await.map_err(|error| Failure::new(format!("cannot open the database: {error}")))?;
    owner.migrate().await.map_err(|error| Failure::new(format!("cannot migrate the database: {error}")))?;
    owner.close().await;
    Ok(())
}

async fn serve(config: Config, with_worker: bool) -> Result<(), Failure> {
    // The embedded database belongs to this process; on a server the operator decides when to migrate.
    if config.database.url.starts_with("sqlite:") {
        migrate(&config).await?;
    }
    let db = open(&config).await?;
    listen(&config, db, world(), with_worker).await
}

/// Runs tasks until asked to stop.
async fn work(config: Config, port: Option<u16>) -> Result<(), Failure> {
    let db = open(&config).await?;
    let stopping = stopping()?;
    let metrics = measured(&config)?;
    let (clock, ids) = world();
    let (live, rankings) = rankings(&config, &db, &clock)?;
    let following = presets::follow(db.clone(), (clock.clone(), ids.clone()), live.clone());
    let signals = signals(&config, &db)?;
    let idle = tokio::spawn(drop_idle(rankings.clone()));
    let origin = config.server.origin().map_err(Failure::configuration)?;
    let store = files::reach(&config).map_err(Failure::configuration)?;
    let told = (db.clone(), signals);
    let worker =
        worker(&config, told, (&clock, &ids), (live.clone(), rankings.clone(), store, origin)).await?;
    writeln!(io::stdout(), "working")?;
    if let Some(port) = port {
        let listening = Listening::on((config.server.address, port)).await?;
        writeln!(io::stdout(), "url: http://{}", listening.address())?;
        let routes = http::routes_of_worker(metrics, (rankings, live), (db.clone(), clock));
        tokio::spawn(listening.answer(routes, std::future::pending(), DRAIN));
    }
    stopping.await;
    worker.stop(worker::PATIENCE).await;
    following.inspect(JoinHandle::abort);
    idle.abort();
    db.close().await;
    Ok(())
}

/// The presets of the configuration, and rankings by them.
fn rankings(config: &Config, db: &Db, clock: &Clock) -> Result<(Live, Arc<Rankings>), Failure> {
    let folder = PresetFolder { folder: config.presets.folder.clone() };
    let presets = folder.load()?;
    presets.named(DEFAULT_PRESET).map_err(Failure::configuration)?;
    let first = InForce::at_start(folder.folder, presets, clock.now());
    let rankings = Arc::new(Rankings::new(db.clone(), first.presets.clone(), config.rankings));
    Ok((Live::new(first), rankings))
}

/// Begins to count what this process does.
fn measured(config: &Config) -> Result<Metrics, Failure> {
    Metrics::start(&config.metrics).map_err(|error| Failure::new(format!("cannot measure: {error}")))
}

fn signals(config: &Config, db: &Db) -> Result<Signals, Failure> {
    db.signals(config.database.direct_url.as_deref())
        .map_err(|error| Failure::configuration(format!("database.direct_url: {error}")))
}

/// What sends messages to the programs of brands.
fn sender(config: &Config) -> Result<Sender, Failure> {
    Sender::new(config.webhooks).map_err(Failure::configuration)
}

async fn worker(
    config: &Config,
    (db, signals): (Db, Signals),
    (clock, ids): (&Clock, &Ids),
    (presets, rankings, store, origin): (Live, Arc<Rankings>, Store, String),
) -> Result<Worker, Failure> {
    let sender = sender(config)?;
    let mail = config.mail.open().map_err(Failure::configuration)?;
    let (clock, ids) = (clock.clone(), ids.clone());
    let work = worker::Work {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        presets,
        rankings,
        sender,
        mail,
        store,
        origin,
    };
    let tools = Tools { db, clock, ids, signals };
    Ok(worker::start(work, tools, config.tasks).await?)
}

/// Serves a migrated database until asked to stop. The last line on standard output is `url: …`, once the port answers.
pub(super) async fn listen(
    config: &Config,
    db: Db,
    (clock, ids): (Clock, Ids),
    with_worker: bool,
) -> Result<(), Failure> {
    let (live, rankings) = rankings(config, &db, &clock)?;
    let (load, metrics) = (Load::new(config.server.at_once), measured(config)?);
    let stopping = stopping()?.shared();
    let listening = Listening::on((config.server.address, config.server.port)).await?;
    let address = listening.address();
    let mut server = config.server.clone();
    server.port = address.port();
    let origin = server.origin().map_err(Failure::configuration)?;
    let setup = Setup {
        origin: origin.clone(),
        issuers: issuers(config, &db, &clock).await?,
        mail: config.mail.open().map_err(Failure::configuration)?,
        rates: config.rates,
    };
    let identity = Identity::open(db.clone(), (clock.clone(), ids.clone()), setup).await?;
    let sender = sender(config)?;
    let (store, embedded) = files::open(config).await.map_err(Failure::configuration)?;
    let first_run = FirstRun::open(&db).await?;
    if let Some(code) = first_run.code() {
        // Where the world reaches it, or this machine does.
        let local = config.server.public_url.is_none() && !address.ip().is_unspecified();
        let base = if local { format!("http://{address}") } else { origin.clone() };
        // Not in the log: whoever has it makes the first admin.
        writeln!(io::stdout(), "first run: {base}/first-run?code={code}")?;
    }
    let signals = signals(config, &db)?;
    let reads = Reads::new(clock.clone());
    let keeper = AuditKeeper::start(db.clone(), ids.clone(), reads.clone());
    let schedule = Schedule::start(db.clone(), (clock.clone(), ids.clone()));
    let idle = tokio::spawn(drop_idle(rankings.clone()));
    let following = presets::follow(db.clone(), (clock.clone(), ids.clone()), live.clone());
    let hub = Hub::start(db.clone(), &signals);
    let work = if with_worker {
        let told = (db.clone(), signals.clone());
        let works_with = (live.clone(), rankings.clone(), store.clone(), origin.clone());
        Some(worker(config, told, (&clock, &ids), works_with).await?)
    } else {
        None
    };
    let state = State {
        db: db.clone(),
        signals,
        hub: hub.clone(),
        clock,
        ids,
        reads,
        identity: Arc::new(identity),
        presets: live,
        rankings,
        first_run,
        sender,
        store,
        tasks: config.tasks,
        load: load.clone(),
        metrics,
    };
    writeln!(io::stdout(), "url: http://{address}")?;
    let app = http::routes(
        state,
        Site::new(origin, config.server.trusted_proxies.clone()),
        &config.server.allowed_origins,
    );
    // Requests and tasks that are under way end side by side; streams would last as long as their pages are open.
    let asked = stopping.clone();
    let working = async move {
        asked.await;
        load.end();
        hub.close();
        if let Some(work) = work {
            work.stop(worker::PATIENCE).await;
        }
    };
    let asked = stopping.clone();
    let storing = async move {
        if let Some(embedded) = embedded {
            embedded.serve(asked.map(drop), DRAIN).await;
        }
    };
    // Whoever routes to us learns of it before a connection could be refused; people who press Ctrl-C do not wait for that.
    let notice = Duration::from_secs(config.server.notice_seconds.into());
    let closing = async move {
        if stopping.await == Asked::Terminate {
            tokio::time::sleep(notice).await;
        }
    };
    tokio::join!(listening.answer(app, closing, DRAIN), working, storing);
    schedule.stop();
    following.inspect(JoinHandle::abort);
    idle.abort();
    keeper.stop().await;
    db.close().await;
    Ok(())
}

/// Gives back the memory of brands that nobody has asked for lately.
async fn drop_idle(rankings: Arc<Rankings>) {
    /// A brand is dropped after one such time at least, and two at most.
    const LATELY: Duration = Duration::from_mins(15);
    loop {
        tokio::time::sleep(LATELY).await;
        rankings.drop_idle();
    }
}

/// The issuers of the configuration, with their brands.
async fn issuers(config: &Config, db: &Db, clock: &Clock) -> Result<Vec<Issuer>, Failure> {
    let mut brands = BTreeMap::new();
    let configured = &config.identity.issuers;
    for slug in configured.iter().flat_map(|one| one.brand.iter().chain(one.organisations.values())) {
        if let Ok(id) = find_brand(db, slug).await {
            brands.insert(slug.clone(), id);
        }
    }
    let mut issuers: Vec<Issuer> = Vec::new();
    for (n, settings) in configured.iter().enumerate() {
        let wrong = |told: String| Failure::configuration(format!("identity.issuers[{n}]: {told}"));
        let twice =
            |other: &Issuer| other.settings.name == settings.name || other.settings.issuer == settings.issuer;
        if issuers.iter().any(twice) {
            return Err(wrong("the same name or issuer stands twice".to_owned()));
        }
        let known = |slug: &str| brands.get(slug).copied();
        issuers.push(Issuer::new(settings.clone(), known, clock.clone()).map_err(wrong)?);
    }
    Ok(issuers)
}

/// By whom a process is asked to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// By somebody at its terminal.
    Interrupt,
    /// By what runs it.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix asks so"))]
    Terminate,
}

/// Listens for the wish to stop, from this call on, and answers what resolves when it comes.
fn stopping() -> io::Result<impl Future<Output = Asked>> {
    #[cfg(unix)]
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        let interrupted = tokio::signal::ctrl_c();
        #[cfg(unix)]
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => return Asked::Terminate,
        }
        #[cfg(not(unix))]
        let _ = interrupted.await;
        Asked::Interrupt
    })
}
