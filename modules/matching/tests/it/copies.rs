//! The copies of coaches in memory: what is asked at once, while others save, of two brands, and after a while.

use fithire_coaches::{NewCoaches, put_all};
use fithire_kernel::testing::{World, on_both};
use fithire_matching::RankingSettings;
use futures_util::future::join_all;
use poem::Endpoint;
use poem::http::StatusCode;
use poem_openapi::types::ParseFromJSON as _;
use serde_json::{Value, json};

use crate::{App, app, app_with, strong};

impl<E: Endpoint> App<E> {
    async fn ranked(&self, replica: usize, job: &Value) -> Vec<(i64, String)> {
        let path = format!("/jobs/{}/candidates?limit=100", job["id"]);
        let (status, page) = self.send_to(replica, "GET", &path, &self.admin, None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let list = page["candidates"].as_array().unwrap();
        assert_eq!(page["total"], list.len());
        list.iter()
            .map(|one| (one["coach_id"].as_i64().unwrap(), one["name"].as_str().unwrap().to_owned()))
            .collect()
    }
}

async fn with_coaches(world: &World, count: usize, settings: RankingSettings) -> (App<impl Endpoint>, Value) {
    let app = app_with(world, settings).await;
    let job = app.job().await;
    for number in 0..count {
        app.coach(&format!("Coach {number}"), strong()).await;
    }
    (app, job)
}

#[test]
fn a_brand_that_nobody_has_read_yet_answers_many_at_once() {
    on_both(async |world| {
        let (app, job) = with_coaches(&world, 12, RankingSettings::default()).await;
        // More than there are connections to the database.
        let asked = (0..40).map(|_| app.ranked(0, &job));
        let answers = join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.len() == 12 && *answer == answers[0]));
        assert_eq!(app.rankings[0].held().0, 1);
    });
}

/// Readers on two replicas while coaches are saved: whoever asks after a save sees it, nobody sees an older list than they
/// have seen, and every list is one that was true at one moment.
#[test]
fn nobody_who_asks_after_a_save_is_shown_what_was_before() {
    const SAVES: usize = 40;
    on_both(async |world| {
        let (app, job) = with_coaches(&world, 5, RankingSettings::default()).await;
        let coach = app.ranked(0, &job).await[0].0;
        let saved = std::sync::atomic::AtomicUsize::new(0);
        let number = |list: &[(i64, String)]| -> usize {
            let name = &list.iter().find(|(id, _)| *id == coach).unwrap().1;
            name.strip_prefix("Coach ").unwrap().parse().unwrap()
        };
        let write = async {
            for round in 1..=SAVES {
                let change = json!({"name": format!("Coach {}", 100 + round)});
                let path = format!("/coaches/{coach}");
                let (status, _) = app.send_to(round % 2, "PATCH", &path, &app.admin, Some(&change)).await;
                assert_eq!(status, StatusCode::OK);
                saved.store(100 + round, std::sync::atomic::Ordering::SeqCst);
                let shown = app.ranked((round + 1) % 2, &job).await;
                assert_eq!(number(&shown), 100 + round);
            }
        };
        let read = |replica: usize| {
            let (app, job, saved, number) = (&app, &job, &saved, &number);
            async move {
                let mut seen = 0;
                while seen < 100 + SAVES {
                    let least = saved.load(std::sync::atomic::Ordering::SeqCst);
                    let shown = app.ranked(replica, job).await;
                    assert_eq!(shown.len(), 5);
                    let now = number(&shown);
                    assert!(now >= seen.max(least), "{now} after {seen}, with {least} saved");
                    seen = now;
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::join!(write, read(0), read(1), read(0));
    });
}

#[test]
fn idle_brands_are_dropped_and_read_again() {
    on_both(async |world| {
        let (app, job) = with_coaches(&world, 3, RankingSettings::default()).await;
        let before = app.ranked(0, &job).await;
        let rankings = &app.rankings[0];
        assert!(rankings.held().0 == 1 && rankings.held().1 > 0);
        // Asked for since the last time: kept. Not asked for: dropped.
        rankings.drop_idle();
        assert_eq!(rankings.held().0, 1);
        rankings.drop_idle();
        assert_eq!(rankings.held(), (0, 0));
        assert_eq!(app.ranked(0, &job).await, before);
        // What changes while nobody is in memory is not missed.
        rankings.drop_idle();
        rankings.drop_idle();
        let coach = before[0].0;
        let path = format!("/coaches/{coach}");
        let change = json!({"name": "Somebody Else", "facts": strong()});
        assert_eq!(app.send_to(1, "PATCH", &path, &app.admin, Some(&change)).await.0, StatusCode::OK);
        let after = app.ranked(0, &job).await;
        assert!(after.contains(&(coach, "Somebody Else".to_owned())), "{after:?}");
    });
}

/// Some are put into the copy, many make it read anew; both count into the memory that is held.
#[test]
fn an_import_is_ranked_and_counted() {
    const SOME: usize = 200;
    const MANY: usize = 4_500;
    on_both(async |world| {
        let (app, job) = with_coaches(&world, 3, RankingSettings::default()).await;
        let total = async || {
            let page = app.ok("GET", &format!("/jobs/{}/candidates?limit=1", job["id"]), None).await;
            (page["total"].as_u64().unwrap(), app.rankings[0].held().1)
        };
        let one = app.ranked(0, &job).await[0].0;
        let (_, mut before) = total().await;
        for (from, to) in [(0, SOME), (SOME, SOME + MANY)] {
            let coach = |n: usize| json!({"external_id": format!("C{n}"), "name": "New", "facts": strong()});
            let list = json!({"coaches": (from..to).map(coach).collect::<Vec<_>>()});
            let (coaches, _) = NewCoaches::parse_from_json(Some(list)).ok().unwrap().checked().unwrap();
            let mut tx = world.db.write(&app.scope).await.unwrap();
            let tools = (&world.clock, &world.ids);
            put_all(&mut tx, tools, coaches, &|_, new| new, &mut |_| ()).await.unwrap();
            tx.commit().await.unwrap();
            let (count, bytes) = total().await;
            assert_eq!(count, 3 + to as u64);
            assert!(bytes > before + 50 * (to - from), "{bytes} bytes after {before}");
            before = bytes;
        }
        let path = format!("/coaches/{one}");
        let change = json!({"facts": {"lat": 0, "lon": 0, "radius_m": 1}});
        assert_eq!(app.send_to(0, "PATCH", &path, &app.admin, Some(&change)).await.0, StatusCode::OK);
        assert_eq!(total().await.0, 2 + (SOME + MANY) as u64);
    });
}

#[test]
fn the_brand_asked_for_longest_ago_makes_room() {
    on_both(async |world| {
        let (app, job) = with_coaches(&world, 3, RankingSettings { memory_mb: 0 }).await;
        let before = app.ranked(0, &job).await;
        // The other brand asks for a job of its own.
        let (_, jobs) = app.send_to(0, "GET", "/jobs", &app.foreigner, None).await;
        let theirs = format!("/jobs/{}/candidates", jobs["items"][0]["id"]);
        assert_eq!(app.send_to(0, "GET", &theirs, &app.foreigner, None).await.0, StatusCode::OK);
        assert_eq!(app.rankings[0].held().0, 1);
        assert_eq!(app.ranked(0, &job).await, before);
        assert_eq!(app.rankings[0].held().0, 1);
    });
}

#[test]
fn whoever_is_erased_is_gone_from_the_next_list() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job().await;
        let coach = app.coach("Ada", strong()).await;
        assert_eq!(app.ranked(0, &job).await.len(), 1);
        let mut tx = world.db.write(&app.scope).await.unwrap();
        let id = coach["id"].as_i64().unwrap();
        fithire_coaches::erase(&mut tx, (&world.clock, &world.ids), id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(app.ranked(0, &job).await, []);
        assert_eq!(app.ranked(1, &job).await, []);
    });
}
