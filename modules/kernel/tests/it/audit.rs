//! The audit log: the chain holds, and whatever is done to it is found; what tells of a person can be forgotten.

use chrono::TimeDelta;
use fithire_kernel::audit::{self, Event, Filter, Head, Verdict};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::testing::{World, on_both};
use serde_json::json;
use sqlx::AssertSqlSafe;

/// A brand with five sealed entries, and the end of their chain.
async fn sealed(world: &World, slug: &str) -> (BrandScope, Head) {
    let scope = world.brand(slug).await.from(Some("203.0.113.7".parse().unwrap()));
    let mut tx = world.db.write(&scope).await.unwrap();
    for n in 1..=5 {
        let event =
            Event::new("job.changed", "job", n).changed(&json!({"title": "old"}), &json!({"title": n}));
        audit::record(&mut tx, (&world.clock, &world.ids), event).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(audit::seal(&world.db, &scope).await.unwrap(), 5);
    assert_eq!(audit::seal(&world.db, &scope).await.unwrap(), 0, "once is enough");
    let Verdict::Whole(head, 0) = verdict(world, &scope, None).await else {
        panic!("the chain is not whole")
    };
    assert_eq!(head.seq, 5);
    (scope, head)
}

async fn verdict(world: &World, scope: &BrandScope, kept: Option<&Head>) -> Verdict {
    audit::verify(&mut world.db.read(scope).await.unwrap(), kept).await.unwrap()
}

/// Does something that nobody may: past the triggers, as the owner of the tables.
async fn tamper(world: &World, sql: &str) {
    match &world.owner {
        Db::Sqlite { writer, .. } => {
            for trigger in ["audit_log_stays", "audit_log_lasts"] {
                let drop = format!("DROP TRIGGER IF EXISTS {trigger}");
                sqlx::query(AssertSqlSafe(drop)).execute(writer).await.unwrap();
            }
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(writer).await.unwrap();
        }
        Db::Postgres(pool) => {
            sqlx::query("ALTER TABLE audit_log DISABLE TRIGGER ALL").execute(pool).await.unwrap();
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
        }
    }
}

#[test]
fn whoever_edits_deletes_reorders_or_cuts_off_entries_is_found() {
    on_both(async |world| {
        let deeds = [
            (
                "edit",
                "UPDATE audit_log SET details = '{}' WHERE brand_id = B AND seq = 3",
                "entry 3 is not what it was",
            ),
            ("delete", "DELETE FROM audit_log WHERE brand_id = B AND seq = 2", "entry 2 is missing"),
            (
                "reorder",
                "UPDATE audit_log SET object_id = 11 - object_id - 4 WHERE brand_id = B AND seq IN (3, 4)",
                "entry 3 is not what it was",
            ),
            (
                "cut off",
                "DELETE FROM audit_log WHERE brand_id = B AND seq > 3",
                "the last entries are missing",
            ),
            ("an address", "UPDATE audit_log SET origin = NULL WHERE brand_id = B AND seq = 1", "entry 1"),
        ];
        for (deed, sql, found) in deeds {
            let (scope, _) = sealed(&world, &deed.replace(' ', "-")).await;
            tamper(&world, &sql.replace('B', &scope.brand_id().to_string())).await;
            let Verdict::Broken(why) = verdict(&world, &scope, None).await else {
                panic!("{deed} is not found")
            };
            assert!(why.contains(found), "{deed}: {why}");
        }
        // Whoever cuts off the end and mends the head is found by the head that was kept elsewhere.
        let (scope, head) = sealed(&world, "mended").await;
        assert!(matches!(verdict(&world, &scope, Some(&head)).await, Verdict::Whole(..)));
        let brand = scope.brand_id().to_string();
        for sql in [
            "DELETE FROM audit_log WHERE brand_id = B AND seq > 3",
            "UPDATE audit_heads SET seq = 3, hash = (SELECT hash FROM audit_log WHERE brand_id = B AND seq = 3) WHERE brand_id = B",
        ] {
            tamper(&world, &sql.replace('B', &brand)).await;
        }
        assert!(
            matches!(verdict(&world, &scope, None).await, Verdict::Whole(..)),
            "from within it looks whole"
        );
        assert!(matches!(verdict(&world, &scope, Some(&head)).await, Verdict::Broken(_)));
    });
}

#[test]
fn the_app_itself_can_neither_change_nor_delete_an_entry() {
    on_both(async |world| {
        let (scope, _) = sealed(&world, "acme").await;
        for sql in [
            "UPDATE audit_log SET details = '{}' WHERE brand_id = B",
            "UPDATE audit_log SET seq = seq + 100 WHERE brand_id = B",
            "DELETE FROM audit_log WHERE brand_id = B",
        ] {
            let brand = scope.brand_id();
            let sql = AssertSqlSafe(sql.replace('B', &brand.to_string()));
            let refused = match &world.db {
                Db::Sqlite { writer, .. } => sqlx::query(sql).execute(writer).await.is_err(),
                Db::Postgres(pool) => {
                    let mut tx = pool.begin().await.unwrap();
                    let set = format!("SELECT set_config('app.brand_id', '{brand}', true)");
                    sqlx::query(AssertSqlSafe(set)).execute(&mut *tx).await.unwrap();
                    sqlx::query(sql).execute(&mut *tx).await.is_err()
                }
            };
            assert!(refused);
        }
    });
}

#[test]
fn what_tells_of_a_person_is_read_until_the_person_is_forgotten() {
    on_both(async |world| {
        let scope = world.brand("acme").await;
        let (person, other): (Id, Id) = (7, 8);
        let mut tx = world.db.write(&scope).await.unwrap();
        for id in [person, other] {
            let event =
                Event::new("coach.changed", "coach", id).about(id).with(json!({"after": {"name": "Ada"}}));
            audit::record(&mut tx, (&world.clock, &world.ids), event).await.unwrap();
        }
        tx.commit().await.unwrap();
        audit::seal(&world.db, &scope).await.unwrap();
        let read = async || {
            let mut tx = world.db.read(&scope).await.unwrap();
            let (entries, _) = audit::page(&mut tx, Filter::default(), 10, None).await.unwrap();
            entries.into_iter().map(|entry| entry.details.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(read().await, [true, true]);
        let mut tx = world.db.write(&scope).await.unwrap();
        audit::forget(&mut tx, person).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(read().await, [true, false], "newest first");
        assert!(matches!(verdict(&world, &scope, None).await, Verdict::Whole(_, 0)), "the chain is whole");
    });
}

#[test]
fn what_is_read_is_noted_and_added_in_batches_with_who_read_it() {
    on_both(async |world| {
        let (ours, theirs) = (world.brand("ours").await, world.brand("theirs").await);
        let reads = audit::Reads::new(world.clock.clone());
        for n in 0..2_500 {
            let scope = if n % 2 == 0 { &ours } else { &theirs };
            reads.note(scope, Event::new("coach.read", "coach", n)).unwrap();
        }
        reads.flush(&world.db, &world.ids).await.unwrap();
        for scope in [&ours, &theirs] {
            assert_eq!(audit::seal(&world.db, scope).await.unwrap(), 1_250);
        }
        // Two who seal at once take turns.
        for n in 0..50 {
            reads.note(&ours, Event::new("coach.read", "coach", n)).unwrap();
        }
        reads.flush(&world.db, &world.ids).await.unwrap();
        let (one, two) = tokio::join!(audit::seal(&world.db, &ours), audit::seal(&world.db, &ours));
        assert_eq!(one.unwrap() + two.unwrap(), 50);
        assert!(matches!(verdict(&world, &ours, None).await, Verdict::Whole(Head { seq: 1_300, .. }, 0)));
        // The same read again is counted; by somebody else, or with something else in it, it is another.
        let listed =
            |coaches: &[Id]| Event::new("candidates.listed", "job", 7).with(json!({"coaches": coaches}));
        let elsewhere = ours.clone().from(Some("203.0.113.7".parse().unwrap()));
        for (scope, coaches) in
            [(&ours, &[1, 2]), (&elsewhere, &[1, 2]), (&ours, &[1, 3]), (&ours, &[1, 2]), (&ours, &[1, 2])]
        {
            reads.note(scope, listed(coaches)).unwrap();
            world.clock.advance(TimeDelta::milliseconds(10));
        }
        reads.flush(&world.db, &world.ids).await.unwrap();
        let mut tx = world.db.read(&ours).await.unwrap();
        let filter = Filter { action: Some("candidates."), ..Filter::default() };
        let (entries, _) = audit::page(&mut tx, filter, 10, None).await.unwrap();
        let said: Vec<String> =
            entries.into_iter().rev().map(|entry| entry.details.unwrap().to_string()).collect();
        assert_eq!(said, [r#"{"coaches":[1,2],"times":3}"#, r#"{"coaches":[1,2]}"#, r#"{"coaches":[1,3]}"#]);
    });
}
