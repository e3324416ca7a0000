//! Migrations: one that is killed is finished by the next, each only adds, and a version runs on what a later one has added.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use fithire_kernel::db::Db;
use fithire_kernel::testing::{World, on_both};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::program::root;
use crate::server::{Server, configured};

/// An empty database beside that of a test, as the app and as the owner reach it.
async fn empty(world: &World, n: u32) -> [String; 2] {
    match &world.owner {
        Db::Sqlite { .. } => {
            let url = format!("sqlite:{}", world.folder().join(format!("empty-{n}.db")).display());
            [url.clone(), url]
        }
        Db::Postgres(pool) => {
            let name = format!("{}_{n}", world.url.rsplit('/').next().unwrap());
            let create = format!("CREATE DATABASE {name}");
            sqlx::query(AssertSqlSafe(create)).execute(pool).await.unwrap();
            [&world.url, &world.owner_url].map(|url| format!("{}/{name}", url.rsplit_once('/').unwrap().0))
        }
    }
}

fn at(world: &World, urls: &[String; 2], command: &str) -> Command {
    let mut program = configured(world);
    program.env("FITHIRE_DATABASE__URL", &urls[0]).env("FITHIRE_DATABASE__OWNER_URL", &urls[1]).arg(command);
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// Every table with its columns.
async fn schema(db: &Db) -> BTreeSet<(String, String)> {
    let rows: Vec<(String, String)> = match db {
        Db::Sqlite { readers, .. } => {
            let sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
            sqlx::query_as(sql).fetch_all(readers).await.unwrap()
        }
        Db::Postgres(pool) => {
            let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'";
            sqlx::query_as(sql).fetch_all(pool).await.unwrap()
        }
    };
    rows.into_iter().collect()
}

#[test]
fn one_that_is_killed_half_way_is_finished_by_the_next() {
    on_both(async |world| {
        let whole = schema(&world.owner).await;
        let mut killed = 0;
        for n in 0..20 {
            let urls = empty(&world, n).await;
            let mut program = at(&world, &urls, "migrate").spawn().unwrap();
            thread::sleep(Duration::from_millis(4 * u64::from(n)));
            let _ = program.kill();
            killed += u32::from(!program.wait().unwrap().success());
            let again = at(&world, &urls, "migrate").output().unwrap();
            assert!(again.status.success(), "after {n}: {}", String::from_utf8_lossy(&again.stderr));
            let db = Db::open_existing(&urls[1]).await.unwrap();
            assert_eq!(schema(&db).await, whole, "after {n}");
            db.close().await;
            let doctor = at(&world, &urls, "doctor").output().unwrap();
            let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
            assert!(told.contains("up to date"), "after {n}: {told}");
        }
        assert!(killed >= 5, "{killed} of 20 were killed before their end on {}", world.dialect);
    });
}

#[test]
fn a_version_runs_on_what_a_later_one_has_added() {
    on_both(async |world| {
        let people = crate::people::people(&world).await;
        drop(people.server);
        // As the next version would leave it: a table, a column, and the migration that brought them.
        let steps = [
            "CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY)",
            "ALTER TABLE jobs ADD COLUMN later TEXT",
            "INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, success, checksum, execution_time \
             FROM _sqlx_migrations WHERE version = 1",
        ];
        for step in steps {
            match &world.owner {
                Db::Sqlite { writer, .. } => sqlx::query(step).execute(writer).await.map(|_| ()),
                Db::Postgres(pool) => sqlx::query(step).execute(pool).await.map(|_| ()),
            }
            .unwrap();
        }
        let migrate = configured(&world).arg("migrate").output().unwrap();
        assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
        let server = Server::on(&mut configured(&world));
        let token = server.token_of(&crate::people::email("manager", people.ours.mark));
        let job = format!("/api/v1/jobs/{}", people.ours.id("job"));
        for (method, body) in [("GET", None), ("PATCH", Some(r#"{"title":"Still here"}"#)), ("GET", None)] {
            let answer = server.send(method, &job, Some(&token), body.map(|body| ("application/json", body)));
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    });
}

#[test]
fn what_was_pending_before_there_was_a_queue_waits_in_it_first() {
    on_both(async |world| {
        let people = crate::people::people(&world).await;
        let listed = |things: &crate::people::Things| {
            let path = "/api/v1/admin/pending?kind=certificate";
            let page = people.server.send("GET", path, Some(things.token("admin")), None).json();
            let said =
                |item: &Value| (item["coach_id"].clone(), item["code"].clone(), item["id"].as_i64().unwrap());
            page["items"].as_array().unwrap().iter().map(said).collect::<Vec<_>>()
        };
        let before = [&people.ours, &people.theirs].map(listed);
        assert!(before.iter().all(|items| items.len() == 1), "{before:?}");
        world.as_owner("DELETE FROM verifications").await;
        assert!(listed(&people.ours).is_empty());
        let (folder, begins) =
            if world.dialect == "SQLite" { ("sqlite", "\nINSERT INTO") } else { ("postgres", "\nDO $$") };
        let file = root().join("migrations").join(folder).join("0020_verification.sql");
        let text = std::fs::read_to_string(file).unwrap();
        let fills = &text[text.find(begins).unwrap()..];
        for times in 1..=2 {
            world.as_owner(fills).await;
            for (things, before) in [&people.ours, &people.theirs].into_iter().zip(&before) {
                let now = listed(things);
                assert_eq!(now.len(), 1, "after {times}: {now:?}");
                assert_eq!((&now[0].0, &now[0].1), (&before[0].0, &before[0].1));
                assert!(now[0].2 < before[0].2, "it comes before whatever came later");
            }
        }
        let decision = format!(r#"{{"id":{},"decision":"verified"}}"#, listed(&people.ours)[0].2);
        let body = Some(("application/json", &*decision));
        let token = Some(people.ours.token("admin"));
        let decided = people.server.send("POST", "/api/v1/admin/verify-cert", token, body);
        assert_eq!(decided.status, 200, "{}", decided.body);
    });
}

/// What takes something away from the version before, or asks of it what it does not give.
const TAKES: [&str; 7] =
    ["DROP TABLE", "DROP COLUMN", "RENAME", " TYPE ", "SET NOT NULL", "DROP POLICY", "DISABLE ROW LEVEL"];

#[test]
fn migrations_only_add_and_are_the_same_in_both_dialects() {
    let files = |dialect: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(dialect);
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    };
    assert_eq!(files("sqlite"), files("postgres"));
    for dialect in ["sqlite", "postgres"] {
        for file in files(dialect) {
            let text = std::fs::read_to_string(root().join("migrations").join(dialect).join(&file)).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
            for line in lines {
                let upper = line.to_uppercase();
                for takes in TAKES {
                    assert!(!upper.contains(takes), "{dialect}/{file}: {line}");
                }
                let added = upper.contains("ADD COLUMN") && upper.contains("NOT NULL");
                assert!(!added || upper.contains("DEFAULT"), "{dialect}/{file}: {line}");
            }
        }
    }
}
