//! A join, an upsert, a page by cursor and the wall between brands, through [`Tx`] on both databases.

use fithire_kernel::db::{Db, Probe, ScopedTable};
use fithire_kernel::ids::Id;
use fithire_kernel::paging;
use fithire_kernel::problem::{Code, Problem, breaks};
use fithire_kernel::scope::BrandScope;
use fithire_kernel::testing::{World, on_both};
use sea_query::{Cond, Expr, ExprTrait, Func, Iden, OnConflict, Order, Query};
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
enum Regions {
    Table,
    BrandId,
    Id,
    Name,
    CreatedAt,
}

impl ScopedTable for Regions {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum Locations {
    Table,
    BrandId,
    Id,
    RegionId,
    Name,
    TimeZone,
    CreatedAt,
}

impl ScopedTable for Locations {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow, Debug, PartialEq, Eq)]
struct Place {
    id: Id,
    name: String,
    region: String,
}

#[derive(FromRow)]
struct Count {
    count: i64,
}

/// A brand with one region, and the scope to reach it.
async fn brand(world: &World, slug: &str) -> (BrandScope, Id) {
    let (region_id, now) = (world.ids.next(), world.clock.now());
    let scope = world.brand(slug).await;
    let mut tx = world.db.write(&scope).await.unwrap();
    let columns = [Regions::Id, Regions::Name, Regions::CreatedAt];
    tx.run(&tx.insert(&columns, [vec![region_id.into(), "North".into(), now.into()]])).await.unwrap();
    tx.commit().await.unwrap();
    (scope, region_id)
}

/// Adds a location, or moves it when its name is there already; answers its id.
async fn put(world: &World, scope: &BrandScope, region_id: Id, name: &str, time_zone: &str) -> Id {
    let mut tx = world.db.write(scope).await.unwrap();
    let columns =
        [Locations::Id, Locations::RegionId, Locations::Name, Locations::TimeZone, Locations::CreatedAt];
    let row = vec![
        world.ids.next().into(),
        region_id.into(),
        name.into(),
        time_zone.into(),
        world.clock.now().into(),
    ];
    let mut insert = tx.insert(&columns, [row]);
    let key = OnConflict::columns([Locations::BrandId, Locations::Name])
        .update_column(Locations::TimeZone)
        .to_owned();
    insert.on_conflict(key).returning_col(Locations::Id);
    let (id,): (Id,) = tx.optional(&insert).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn page(db: &Db, scope: &BrandScope, limit: u64, cursor: Option<&str>) -> (Vec<Place>, Option<String>) {
    let mut tx = db.read(scope).await.unwrap();
    let mut select = tx.select(Locations::Table);
    tx.join(
        &mut select,
        Regions::Table,
        Expr::col((Regions::Table, Regions::Id)).equals((Locations::Table, Locations::RegionId)),
    );
    select
        .column((Locations::Table, Locations::Id))
        .column((Locations::Table, Locations::Name))
        .expr_as(Expr::col((Regions::Table, Regions::Name)), "region")
        .order_by((Locations::Table, Locations::Name), Order::Asc)
        .order_by((Locations::Table, Locations::Id), Order::Asc)
        .limit(limit + 1);
    if let Some(cursor) = cursor {
        let (name, id): (String, Id) = paging::after("locations", cursor).unwrap();
        let at = |column| Expr::col((Locations::Table, column));
        let same_name = Cond::all().add(at(Locations::Name).eq(name.clone())).add(at(Locations::Id).gt(id));
        select.cond_where(Cond::any().add(at(Locations::Name).gt(name)).add(same_name));
    }
    let rows = tx.all(&select).await.unwrap();
    paging::page("locations", rows, limit, |place: &Place| (place.name.clone(), place.id))
}

#[test]
fn joins_upserts_and_pages() {
    on_both(async |world| {
        let (scope, region_id) = brand(&world, "acme").await;
        for name in ["Delta", "Alpha", "Charlie", "Bravo", "Echo"] {
            put(&world, &scope, region_id, name, "UTC").await;
        }
        let first = put(&world, &scope, region_id, "Alpha", "Europe/Berlin").await;
        let again = put(&world, &scope, region_id, "Alpha", "Europe/Paris").await;
        assert_eq!(first, again, "an upsert keeps the row");

        let mut names = Vec::new();
        let mut cursor = None;
        for _ in 0..9 {
            let (rows, next) = page(&world.db, &scope, 2, cursor.as_deref()).await;
            assert!(rows.iter().all(|place| place.region == "North"));
            names.extend(rows.into_iter().map(|place| place.name));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["Alpha", "Bravo", "Charlie", "Delta", "Echo"], "{}", world.dialect);
    });
}

#[test]
fn a_brand_sees_and_changes_its_own_rows_only() {
    on_both(async |world| {
        let (ours, our_region) = brand(&world, "ours").await;
        let (theirs, their_region) = brand(&world, "theirs").await;
        put(&world, &ours, our_region, "Ours", "UTC").await;
        let foreign = put(&world, &theirs, their_region, "Theirs", "UTC").await;

        let (rows, _) = page(&world.db, &ours, 10, None).await;
        assert_eq!(rows.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(), ["Ours"]);

        let mut tx = world.db.write(&ours).await.unwrap();
        let mut update = tx.update(Locations::Table);
        update.value(Locations::Name, "Taken").and_where(Expr::col(Locations::Id).eq(foreign));
        assert_eq!(tx.run(&update).await.unwrap(), 0);
        let mut delete = tx.delete(Locations::Table);
        delete.and_where(Expr::col(Locations::Id).eq(foreign));
        assert_eq!(tx.run(&delete).await.unwrap(), 0);

        // A row of ours cannot hang under a region of theirs, on either database.
        let columns =
            [Locations::Id, Locations::RegionId, Locations::Name, Locations::TimeZone, Locations::CreatedAt];
        let row = vec![
            world.ids.next().into(),
            their_region.into(),
            "Bridge".into(),
            "UTC".into(),
            world.clock.now().into(),
        ];
        assert!(tx.run(&tx.insert(&columns, [row])).await.is_err(), "{}", world.dialect);
    });
}

#[test]
fn a_constraint_is_known_by_its_name() {
    on_both(async |world| {
        let (scope, _) = brand(&world, "acme").await;
        let mut tx = world.db.write(&scope).await.unwrap();
        let row = vec![world.ids.next().into(), "North".into(), world.clock.now().into()];
        let error =
            tx.run(&tx.insert(&[Regions::Id, Regions::Name, Regions::CreatedAt], [row])).await.unwrap_err();
        assert!(
            breaks(&error, "regions_name", "regions.brand_id, regions.name"),
            "{}: {error}",
            world.dialect
        );
        assert!(!breaks(&error, "locations_name", "locations.brand_id, locations.name"));
    });
}

#[test]
fn a_constraint_that_nobody_has_mapped_says_whether_trying_again_helps() {
    on_both(async |world| {
        let (scope, _) = brand(&world, "acme").await;
        let (id, now) = (world.ids.next(), world.clock.now());
        let columns =
            [Locations::Id, Locations::RegionId, Locations::Name, Locations::TimeZone, Locations::CreatedAt];
        let gone = vec![id.into(), 1_i64.into(), "Nowhere".into(), "UTC".into(), now.into()];
        let mut tx = world.db.write(&scope).await.unwrap();
        let problem = Problem::from(tx.run(&tx.insert(&columns, [gone])).await.unwrap_err());
        drop(tx);
        assert_eq!((problem.code, problem.retry_after), (Code::Conflict, None), "{}", world.dialect);
        assert!(problem.id.is_some() && problem.to_string().contains("just been removed"), "{problem}");

        // Two processes that have made the same id.
        let mut tx = world.db.write(&scope).await.unwrap();
        let region = |name: &str| vec![id.into(), name.into(), now.into()];
        let twice = [region("East"), region("West")];
        let insert = tx.insert(&[Regions::Id, Regions::Name, Regions::CreatedAt], twice);
        let problem = Problem::from(tx.run(&insert).await.unwrap_err());
        assert_eq!((problem.code, problem.retry_after), (Code::Unavailable, Some(1)), "{}", world.dialect);
        assert!(problem.id.is_some(), "{problem}");
    });
}

#[test]
fn what_is_not_committed_has_not_happened() {
    on_both(async |world| {
        let (scope, region_id) = brand(&world, "acme").await;
        let mut tx = world.db.write(&scope).await.unwrap();
        let mut update = tx.update(Regions::Table);
        update.value(Regions::Name, "South").and_where(Expr::col(Regions::Id).eq(region_id));
        assert_eq!(tx.run(&update).await.unwrap(), 1);
        drop(tx);
        let mut tx = world.db.read(&scope).await.unwrap();
        let mut select = tx.select(Regions::Table);
        select.column(Regions::Name);
        let names: Vec<(String,)> = tx.all(&select).await.unwrap();
        assert_eq!(names, [("North".to_owned(),)]);
    });
}

/// The wall that stands even when a predicate is forgotten: statements made behind the back of [`Tx`].
#[test]
fn row_level_security_holds_without_a_predicate() {
    on_both(async |world| {
        let (ours, region_id) = brand(&world, "ours").await;
        let (theirs, _) = brand(&world, "theirs").await;
        let Db::Postgres(_) = world.db else { return };
        let everything = Probe(
            Query::select()
                .from(Regions::Table)
                .expr_as(Func::count(Expr::col(Regions::Id)), "count")
                .to_owned(),
        );

        let mut tx = world.db.read(&ours).await.unwrap();
        let counted: Count = tx.optional(&everything).await.unwrap().unwrap();
        assert_eq!(counted.count, 1, "only ours");
        drop(tx);
        let mut tx = world.db.read_global().await.unwrap();
        let counted: Count = tx.optional(&everything).await.unwrap().unwrap();
        assert_eq!(counted.count, 0, "without a brand, nothing");
        drop(tx);

        let mut tx = world.db.write(&theirs).await.unwrap();
        let steal = Probe(
            Query::update().table(Regions::Table).value(Regions::BrandId, theirs.brand_id()).to_owned(),
        );
        assert_eq!(tx.run(&steal).await.unwrap(), 1, "its own row, and no other");
        let into_ours = Query::insert()
            .into_table(Regions::Table)
            .columns([Regions::BrandId, Regions::Id, Regions::Name, Regions::CreatedAt])
            .values_panic([
                ours.brand_id().into(),
                (region_id + 1).into(),
                "Planted".into(),
                world.clock.now().into(),
            ])
            .to_owned();
        let refused = tx.run(&into_ours).await.unwrap_err().to_string();
        assert!(refused.contains("row-level security"), "{refused}");
    });
}

/// What SQLite must be set to so that what is acknowledged is durable, on every connection.
#[test]
fn sqlite_is_set_to_keep_what_it_acknowledges() {
    on_both(async |world| {
        let Db::Sqlite { writer, readers, .. } = &world.db else { return };
        for pool in [writer, readers] {
            let (journal,): (String,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
            let (synchronous,): (i64,) = sqlx::query_as("PRAGMA synchronous").fetch_one(pool).await.unwrap();
            let (foreign_keys,): (i64,) =
                sqlx::query_as("PRAGMA foreign_keys").fetch_one(pool).await.unwrap();
            assert_eq!((journal.as_str(), synchronous, foreign_keys), ("wal", 2, 1));
        }
        let lax: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations'")
            .fetch_all(readers)
            .await
            .unwrap();
        assert!(lax.is_empty(), "not STRICT: {lax:?}");
        assert!(sqlx::query("DELETE FROM brands").execute(readers).await.is_err(), "readers cannot write");
    });
}

/// Sign-in and every ranking read the global tables: a write under way must not hold them up.
#[test]
fn reading_waits_for_no_writer() {
    on_both(async |world| {
        let (scope, region_id) = brand(&world, "acme").await;
        let mut writing = world.db.write(&scope).await.unwrap();
        let mut update = writing.update(Regions::Table);
        update.value(Regions::Name, "South").and_where(Expr::col(Regions::Id).eq(region_id));
        assert_eq!(writing.run(&update).await.unwrap(), 1);
        let reading = async {
            world.db.read_global().await.unwrap().commit().await.unwrap();
            page(&world.db, &scope, 1, None).await
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), reading)
            .await
            .expect("a reader is not held up");
        writing.commit().await.unwrap();
    });
}

#[test]
#[should_panic(expected = "locations is reached without its brand")]
fn a_statement_past_its_brand_fails_the_test_that_runs_it() {
    on_both(async |world| {
        let (scope, _) = brand(&world, "acme").await;
        let mut tx = world.db.read(&scope).await.unwrap();
        let mut select = tx.select(Regions::Table);
        let on = Expr::col((Locations::Table, Locations::RegionId)).equals((Regions::Table, Regions::Id));
        select.column((Regions::Table, Regions::Id)).inner_join(Locations::Table, on);
        let _: Vec<(Id,)> = tx.all(&select).await.unwrap();
    });
}

#[test]
fn a_glimpse_sees_what_a_transaction_does_whatever_the_connection_knows() {
    on_both(async |world| {
        let (scope, region_id) = brand(&world, "acme").await;
        let (other, _) = brand(&world, "canary").await;
        put(&world, &scope, region_id, "O'Hara \\ $1; --", "UTC").await;
        let look = async |scope: &BrandScope, name: &str| {
            let within = world.db.within(scope);
            let mut regions = within.select(Regions::Table);
            regions.column(Regions::Name);
            let mut places = within.select(Locations::Table);
            places
                .columns([Locations::Id, Locations::TimeZone])
                .and_where(Expr::col(Locations::Name).eq(name));
            let mut seen = world.db.glimpse(&within, &[regions.clone(), places, regions]).await.unwrap();
            let first: Vec<(String,)> = seen.all().unwrap();
            let found: Option<(Id, String)> = seen.optional().unwrap();
            let last: Vec<(String,)> = seen.all().unwrap();
            assert!(first == [("North".to_owned(),)] && last == first, "{first:?} {last:?}");
            assert!(seen.all::<(String,)>().is_err(), "no more was asked");
            found.map(|(_, zone)| zone)
        };
        let name = "O'Hara \\ $1; --";
        // More often than there are connections, so that each has been asked for the first time and again.
        for _ in 0..20 {
            assert_eq!(look(&scope, name).await.as_deref(), Some("UTC"));
            assert_eq!(look(&scope, "nowhere").await, None);
            assert_eq!(look(&other, name).await, None, "the wall holds");
        }
        // A migration changes what a statement that is prepared would answer.
        if world.dialect == "PostgreSQL" {
            world.as_owner("ALTER TABLE locations ALTER COLUMN time_zone TYPE varchar(64)").await;
            for _ in 0..20 {
                assert_eq!(look(&scope, name).await.as_deref(), Some("UTC"));
            }
        }
    });
}

#[test]
fn a_glimpse_says_what_is_wrong() {
    on_both(async |world| {
        let (scope, _) = brand(&world, "acme").await;
        let within = world.db.within(&scope);
        let mut select = within.select(Regions::Table);
        select.column(Regions::Name);
        let mut wrong = within.select(Regions::Table);
        wrong.expr(Expr::cust("nothing.of_the_kind"));
        assert!(world.db.glimpse(&within, &[select.clone(), wrong]).await.is_err());
        // The connection is as good as before.
        let mut seen = world.db.glimpse(&within, &[select]).await.unwrap();
        assert!(seen.optional::<(i64,)>().is_err(), "a name is no number");
    });
}

#[test]
fn what_nobody_waits_for_any_longer_leaves_nothing_begun() {
    on_both(async |world| {
        let (scope, region_id) = brand(&world, "acme").await;
        let given_up = world.ids.next();
        let within = world.db.within(&scope);
        let mut tx = world.db.write(&scope).await.unwrap();
        let columns = [Regions::Id, Regions::Name, Regions::CreatedAt];
        let row = vec![given_up.into(), "South".into(), world.clock.now().into()];
        tx.run(&tx.insert(&columns, [row])).await.unwrap();
        tx.commit().await.unwrap();
        let mut regions = within.select(Regions::Table);
        regions.column(Regions::Name).and_where(Expr::col(Regions::Id).eq(region_id));
        let rename = |id: Id, name: &str| {
            let mut update = within.update(Regions::Table);
            update.value(Regions::Name, name).and_where(Expr::col(Regions::Id).eq(id));
            update
        };
        for round in 0..50 {
            // Given up at the first, the second, the third wait, and so on; those that are through before are no harm.
            let (first, second) = (rename(given_up, "Lost"), rename(given_up, "Lost, too"));
            let asked = [regions.clone(), regions.clone()];
            let both = async {
                world.db.glimpse(&within, &asked).await.map(drop)?;
                world.db.change(&within, &[&first, &second]).await.map(drop)
            };
            let mut both = std::pin::pin!(both);
            for _ in 0..round % 10 {
                if futures_util::poll!(&mut both).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        }
        // More often than there are connections: each sees what is so now, waits for nobody, and what is changed stays. What was
        // given up may have been sent already and be done at any time yet, so that its own row may have any of its names.
        for round in 0..20 {
            let name = format!("Round {round}");
            let (theirs, ours) = (rename(given_up, "Found"), rename(region_id, &name));
            let mut changed = world.db.change(&within, &[&theirs, &ours]).await.unwrap();
            assert_eq!([changed.changed().unwrap(), changed.changed().unwrap()], [1, 1]);
            let asked = [regions.clone(), regions.clone()];
            let mut seen = world.db.glimpse(&within, &asked).await.unwrap();
            assert_eq!(seen.all::<(String,)>().unwrap(), [(name,)]);
        }
    });
}
