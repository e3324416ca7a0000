//! Throwaway databases for tests: every test runs on SQLite and on PostgreSQL, each time on a database of its own.
//!
//! PostgreSQL comes from `FITHIRE_TEST_POSTGRES`, the URL of a superuser of a throwaway server, which
//! `cargo nextest run` sets by its setup script. The app connects as a role that owns nothing and bypasses
//! nothing, as in production; only migrations run as the owner.

mod rows;
mod wall;

use std::future::Future;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use sea_query::Iden;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::db::{Db, GlobalTable};
use crate::ids::Ids;
use crate::scope::{Actor, BrandScope};

pub use wall::Reached;

/// Stands in every text of the canary brand. No answer to anyone else may show it.
pub const CANARY: &str = "CANARY";

/// Sends requests to an app as people with tokens. Every app under test has a second brand whose texts hold
/// [`CANARY`]; a request fails when its answer shows that to anyone but the canary's own.
pub struct Client<E> {
    app: TestClient<E>,
    insider: String,
}

impl<E: Endpoint> Client<E> {
    /// A client of an app; `insider` is the token of the canary's own.
    #[must_use]
    pub fn new(app: E, insider: &str) -> Self {
        Self { app: TestClient::new(app), insider: insider.to_owned() }
    }

    /// Sends a request and reads the answer; what is no JSON is a text.
    ///
    /// # Panics
    /// When the answer shows what is another brand's.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let parsed = method.parse().expect("a method");
        let mut request = self.app.request(parsed, path).header("Authorization", format!("Bearer {token}"));
        if method == "PATCH" {
            request = request.header("If-Match", "*");
        }
        if let Some(body) = body {
            request = request.body_json(body);
        }
        let response = request.send().await.0;
        let status = response.status();
        let shown = format!("{:?}", response.headers());
        let text = response.into_body().into_string().await.expect("an answer is text");
        let own = token == self.insider;
        assert!(own || !(shown + &text).contains(CANARY), "{path} shows another brand's: {text}");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// What a test is given.
#[derive(Debug)]
pub struct World {
    /// The app's connection to an empty, migrated database.
    pub db: Db,
    /// Stands still at 2026-11-23T12:00:00Z.
    pub clock: Clock,
    /// By that clock.
    pub ids: Ids,
    /// The owner's connection, past every policy; on SQLite the same as `db`.
    pub owner: Db,
    /// The URL by which another process reaches it as the app does.
    pub url: String,
    /// And as the owner of the tables.
    pub owner_url: String,
    /// What this database is called, for messages.
    pub dialect: &'static str,
    folder: TempDir,
}

/// Runs a test on both databases, one after the other.
///
/// # Panics
/// When a database cannot be had: a test never passes by not running.
pub fn on_both<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        test(sqlite().await).await;
        test(postgres().await).await;
    });
}

fn world(db: Db, owner: Db, urls: [String; 2], dialect: &'static str, folder: TempDir) -> World {
    let clock = Clock::fixed("2026-11-23T12:00:00Z".parse().expect("a time"));
    let [url, owner_url] = urls;
    World { db, owner, ids: Ids::new(clock.clone(), 1), clock, url, owner_url, dialect, folder }
}

/// The directory of brands, which the module of organisations owns; tests of what lies below it need a row.
#[derive(Iden, Clone, Copy)]
enum Brands {
    Table,
    Id,
    Slug,
    Name,
    TimeZone,
    CreatedAt,
}

impl GlobalTable for Brands {
    const TABLE: Self = Self::Table;
}

impl World {
    /// A new brand, and the scope to reach it.
    ///
    /// # Panics
    /// When the database does not take it.
    pub async fn brand(&self, slug: &str) -> BrandScope {
        let id = self.ids.next();
        let mut tx = self.db.write_global().await.expect("a transaction");
        let columns = [Brands::Id, Brands::Slug, Brands::Name, Brands::TimeZone, Brands::CreatedAt];
        let row = vec![id.into(), slug.into(), slug.into(), "UTC".into(), self.clock.now().into()];
        tx.run(&tx.insert(&columns, [row])).await.expect("the brand is new");
        tx.commit().await.expect("it is kept");
        BrandScope::mint(id, Actor::System)
    }

    /// A folder of its own; it goes with the test. SQLite has its file there.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

async fn sqlite() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let db = Db::open(&url).await.expect("SQLite opens");
    db.migrate().await.expect("migrations run");
    world(db.clone(), db, [url.clone(), url], "SQLite", folder)
}

async fn postgres() -> World {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let server = std::env::var("FITHIRE_TEST_POSTGRES").expect(
        "FITHIRE_TEST_POSTGRES is not set: run the tests with `cargo nextest run`, or give a superuser's URL",
    );
    let server: PgConnectOptions = server.parse().expect("a PostgreSQL URL");
    let name = format!("t{:016x}", fastrand::u64(..));
    let mut admin = PgConnection::connect_with(&server).await.expect("the PostgreSQL server answers");
    for sql in [
        // Two tests may make the login at once; the second finds it there.
        "DO $$ BEGIN CREATE ROLE fithire_login LOGIN PASSWORD 'test' NOBYPASSRLS; \
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            .to_owned(),
        format!("CREATE DATABASE {name}"),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut admin)
            .await
            .expect("the server does as the superuser says");
    }
    let owner = Db::Postgres(
        PgPoolOptions::new().max_connections(2).connect_lazy_with(server.clone().database(&name)),
    );
    owner.migrate().await.expect("migrations run");
    let grant = "DO $$ BEGIN GRANT fithire_app TO fithire_login; EXCEPTION WHEN unique_violation OR internal_error THEN NULL; END $$";
    sqlx::query(grant).execute(&mut admin).await.expect("the role is granted");
    let login =
        server.clone().username("fithire_login").password("test").database(&name).statement_cache_capacity(0);
    let pool =
        PgPoolOptions::new().max_connections(4).connect_with(login).await.expect("the app's role connects");
    let url = |user: &str| format!("postgres://{user}@{}:{}/{name}", server.get_host(), server.get_port());
    let urls = [url("fithire_login:test"), url(server.get_username())];
    world(Db::Postgres(pool), owner, urls, "PostgreSQL", tempfile::tempdir().expect("a folder"))
}
