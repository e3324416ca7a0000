//! The table of tasks, step by step: keys, attempts, waits, clocks that are set, and what an admin does.

use std::collections::BTreeSet;
use std::slice::from_ref;

use chrono::TimeDelta;
use fithire_kernel::audit;
use fithire_kernel::problem::Code;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::claims::{beat, leases, mend_clock, next_due, revoke, turn};
use fithire_kernel::tasks::desk::{Listing, discard, list, replay};
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_kernel::testing::{World, on_both};
use serde_json::json;

use crate::{brand, left};

async fn put(world: &World, scope: &BrandScope, task: NewTask) {
    let mut tx = world.db.write(scope).await.unwrap();
    enqueue(&mut tx, (&world.clock, &world.ids), task).await.unwrap();
    tx.commit().await.unwrap();
}

async fn take(world: &World, scope: &BrandScope, settled: &[(Claimed, Outcome)]) -> Vec<Claimed> {
    turn(&world.db, scope, (&world.clock, &world.ids), (settled, 10)).await.unwrap()
}

fn test(kind: &'static str) -> NewTask {
    NewTask::new(kind, json!({"n": 1}))
}

#[test]
fn what_somebody_waits_for_goes_first_and_what_is_not_due_waits() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let now = world.clock.now();
        put(&world, &scope, test("digest").later()).await;
        put(&world, &scope, test("tomorrow").due(now + TimeDelta::days(1))).await;
        put(&world, &scope, test("soon")).await;
        let kinds = |taken: &[Claimed]| taken.iter().map(|task| task.kind.clone()).collect::<Vec<_>>();
        let taken = take(&world, &scope, &[]).await;
        assert_eq!(kinds(&taken), ["soon", "digest"]);
        assert_eq!(next_due(&world.db, &scope).await.unwrap(), Some(now + TimeDelta::days(1)));
        let other = brand(&world, "other").await;
        assert_eq!(next_due(&world.db, &other).await.unwrap(), None);
        world.clock.advance(TimeDelta::days(1));
        let done: Vec<_> = taken.into_iter().map(|task| (task, Outcome::Done)).collect();
        assert_eq!(kinds(&take(&world, &scope, &done).await), ["tomorrow"]);
        assert_eq!(left(&world, &scope).await.running, 1);
    });
}

#[test]
fn what_is_done_is_removed_and_nothing_else() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        for _ in 0..3 {
            put(&world, &scope, test("soon")).await;
        }
        put(&world, &scope, test("digest").later()).await;
        let mut taken = take(&world, &scope, &[]).await;
        assert_eq!(taken.len(), 4);
        let numbers: BTreeSet<_> =
            leases(&world.db, &scope).await.unwrap().into_iter().map(|lease| lease.lease).collect();
        assert_eq!(numbers.len(), 2, "each claim has a number of its own");
        for running in (0..4).rev() {
            let done = [(taken.pop().unwrap(), Outcome::Done)];
            assert!(take(&world, &scope, &done).await.is_empty());
            let left = left(&world, &scope).await;
            assert_eq!((left.running, left.total()), (running, running));
            // Saying it again does no harm.
            take(&world, &scope, &done).await;
            assert_eq!(self::left(&world, &scope).await, left);
        }
    });
}

#[test]
fn of_those_with_a_key_one_waits() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        let later = world.clock.now() + TimeDelta::hours(1);
        put(&world, &scope, test("keyed").keyed("7").due(later)).await;
        put(&world, &scope, test("keyed").keyed("7")).await;
        put(&world, &scope, test("keyed").keyed("7").due(later)).await;
        put(&world, &scope, test("keyed").keyed("8")).await;
        put(&world, &scope, test("other").keyed("7")).await;
        let taken = take(&world, &scope, &[]).await;
        assert_eq!(taken.len(), 3, "the soonest time counts");
        // While it runs, another may wait.
        put(&world, &scope, test("keyed").keyed("7")).await;
        assert_eq!(next_due(&world.db, &scope).await.unwrap(), None);
        assert!(take(&world, &scope, &[]).await.is_empty(), "one of them runs at a time");
        let first = taken.iter().find(|task| task.kind == "keyed").unwrap().clone();
        let failed = [(first, Outcome::Retry("no luck".to_owned(), None))];
        assert!(take(&world, &scope, &failed).await.is_empty(), "the one that waits has taken over the wait");
        let left = left(&world, &scope).await;
        assert_eq!((left.waiting, left.retrying, left.running), (0, 1, 2), "{left:?}");
        world.clock.advance(TimeDelta::seconds(2));
        let again = take(&world, &scope, &[]).await;
        assert_eq!((again.len(), again[0].attempt), (1, 2), "it fails as often as the two together");
    });
}

#[test]
fn a_lease_that_was_lost_says_and_commits_nothing() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        put(&world, &scope, test("test").at_most(2)).await;
        let first = take(&world, &scope, &[]).await.remove(0);
        let standing = leases(&world.db, &scope).await.unwrap().remove(0);
        assert!(beat(&world.db, &scope, from_ref(&first)).await.unwrap().is_empty());
        // It has shown life since it was looked at.
        revoke(&world.db, &scope, &world.clock, standing).await.unwrap();
        assert_eq!(left(&world, &scope).await.running, 1);
        let standing = leases(&world.db, &scope).await.unwrap().remove(0);
        revoke(&world.db, &scope, &world.clock, standing).await.unwrap();
        assert_eq!(beat(&world.db, &scope, from_ref(&first)).await.unwrap(), [first.id]);
        let mut tx = world.db.write(&scope).await.unwrap();
        assert!(first.finish(&mut tx).await.is_err());
        drop(tx);
        world.clock.advance(TimeDelta::seconds(2));
        let second = take(&world, &scope, &[(first, Outcome::Done)]).await.remove(0);
        assert_eq!(second.attempt, 2, "whoever lost it does not end it");
        let standing = leases(&world.db, &scope).await.unwrap().remove(0);
        revoke(&world.db, &scope, &world.clock, standing).await.unwrap();
        let mut tx = world.db.read(&scope).await.unwrap();
        let (dead, _) = list(&mut tx, Listing::Dead, None).await.unwrap();
        assert_eq!(dead[0].error.as_deref(), Some("whoever ran it has ended or has stopped answering"));
    });
}

#[test]
fn waits_grow_and_a_clock_that_is_set_back_makes_none_longer() {
    on_both(async |world| {
        let scope = brand(&world, "acme").await;
        put(&world, &scope, test("test")).await;
        let mut task = take(&world, &scope, &[]).await.remove(0);
        for attempt in 1..12_u16 {
            assert_eq!(task.attempt, attempt);
            let wait = task.wait().num_milliseconds();
            let whole = (1_000_i64 << (attempt - 1)).min(3_600_000);
            assert!((whole / 2..=whole * 3 / 2).contains(&wait), "{attempt}: {wait}");
            let failed = [(task, Outcome::Retry("no luck".to_owned(), None))];
            assert!(take(&world, &scope, &failed).await.is_empty());
            world.clock.advance(TimeDelta::milliseconds(wait));
            task = take(&world, &scope, &[]).await.remove(0);
        }
        let failed = [(task, Outcome::Retry("no luck".to_owned(), None))];
        take(&world, &scope, &failed).await;
        assert_eq!(left(&world, &scope).await.dead, 1, "the twelfth attempt is the last");
        put(&world, &scope, test("back").due(world.clock.now() + TimeDelta::minutes(5))).await;
        world.clock.advance(-TimeDelta::days(1));
        assert!(take(&world, &scope, &[]).await.is_empty());
        mend_clock(&world.db, &scope, &world.clock).await.unwrap();
        assert_eq!(take(&world, &scope, &[]).await.len(), 1);
        // A clock that goes as it should mends nothing.
        put(&world, &scope, test("fine").due(world.clock.now() + TimeDelta::minutes(5))).await;
        mend_clock(&world.db, &scope, &world.clock).await.unwrap();
        assert!(take(&world, &scope, &[]).await.is_empty());
    });
}

#[test]
fn an_admin_replays_and_discards_what_is_dead_and_it_is_on_record() {
    on_both(async |world| {
        let (scope, other) = (brand(&world, "acme").await, brand(&world, "other").await);
        let tools = (&world.clock, &world.ids);
        for kind in ["one", "two"] {
            put(&world, &scope, test(kind).keyed("1")).await;
        }
        let taken = take(&world, &scope, &[]).await;
        let ids: Vec<_> = taken.iter().map(|task| task.id).collect();
        let dead: Vec<_> = taken.into_iter().map(|task| (task, Outcome::Abort("no".to_owned()))).collect();
        take(&world, &scope, &dead).await;
        let mut tx = world.db.write(&other).await.unwrap();
        assert_eq!(replay(&mut tx, tools, ids[0]).await.unwrap_err().code, Code::NotFound);
        assert_eq!(discard(&mut tx, tools, ids[0], "why not").await.unwrap_err().code, Code::NotFound);
        drop(tx);
        // Another of its kind and key waits by now: one of them is enough.
        put(&world, &scope, test("two").keyed("1")).await;
        let mut tx = world.db.write(&scope).await.unwrap();
        assert_eq!(discard(&mut tx, tools, ids[0], "  ").await.unwrap_err().errors[0].pointer, "/reason");
        discard(&mut tx, tools, ids[0], "the job is gone").await.unwrap();
        replay(&mut tx, tools, ids[1]).await.unwrap();
        tx.commit().await.unwrap();
        let taken = take(&world, &scope, &[]).await;
        assert_eq!(taken.iter().map(|task| (&*task.kind, task.attempt)).collect::<Vec<_>>(), [("two", 1)]);
        assert_eq!(left(&world, &scope).await.total(), 1);
        let mut tx = world.db.read(&scope).await.unwrap();
        let (found, _) = audit::page(&mut tx, audit::Filter::default(), 10, None).await.unwrap();
        let mut actions: Vec<_> = found.iter().map(|entry| &*entry.action).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["task.discarded", "task.replayed"]);
    });
}
