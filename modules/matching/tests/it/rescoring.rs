//! Matches that are kept, beside the live ranking, whatever changes in between.

use chrono::TimeDelta;
use fithire_coaches::{REMIND, remind};
use fithire_identity::testing::Staff;
use fithire_identity::{Limits, Role};
use fithire_kernel::ids::Id;
use fithire_kernel::tasks::claims::turn;
use fithire_kernel::tasks::{Claimed, Outcome};
use fithire_kernel::testing::{World, on_both};
use fithire_matching::rescoring::{Done, Of, RESCORE, kept, rescore, rescore_task, tidy_brand};
use poem::Endpoint;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::{App, app, strong};

impl<E: Endpoint> App<E> {
    /// By a worker beside the first replica.
    async fn rescore(&self, world: &World) -> Done {
        rescore(&world.db, (&world.clock, &world.ids), &self.rankings[0], &self.scope).await.unwrap()
    }

    /// Coach and score of a job's matches as they are kept, best first.
    async fn kept(&self, world: &World, job: Id) -> Vec<(Id, i32)> {
        let mut tx = world.db.read(&self.scope).await.unwrap();
        let mut rows: Vec<_> = kept(&mut tx, Of::Job(job)).await.unwrap();
        rows.sort_by_key(|row| (-row.score, row.coach_id));
        rows.into_iter().map(|row| (row.coach_id, row.score)).collect()
    }

    /// The same as the live ranking of the other replica has it.
    async fn live(&self, job: Id) -> Vec<(Id, i32)> {
        let path = format!("/jobs/{job}/candidates?limit=100");
        let (status, page) = self.send_to(1, "GET", &path, &self.admin, None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let row = |row: &Value| {
            #[expect(clippy::cast_possible_truncation, reason = "a score is from 0 to 1")]
            let score = (row["fitscore"].as_f64().unwrap() * 10_000.0).round() as i32;
            (row["coach_id"].as_i64().unwrap(), score)
        };
        let mut rows: Vec<_> = page["candidates"].as_array().unwrap().iter().map(row).collect();
        rows.sort_by_key(|(coach, score)| (-score, *coach));
        rows
    }
}

/// A coach who is good enough for some jobs, in some way.
fn somebody(random: &mut fastrand::Rng) -> Value {
    let mut facts = strong();
    if random.u8(..4) == 0 {
        facts["lat"] = json!(34.05);
    }
    facts["radius_m"] = json!(random.u32(1_000..40_000));
    facts["positions"][0]["started_on"] = json!(format!("20{}-0{}-01", random.u8(18..26), random.u8(1..9)));
    facts["free"][0]["minutes"] = json!(u16::from(random.u8(1..17)) * 15);
    facts
}

#[test]
fn matches_are_the_live_ranking_whatever_changes() {
    on_both(async |world| {
        let mut random = fastrand::Rng::with_seed(7);
        let mut app = app(&world).await;
        let (mut jobs, mut coaches) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            jobs.push(app.job().await["id"].as_i64().unwrap());
        }
        for n in 0..12 {
            let coach = app.coach(&format!("Coach {n}"), somebody(&mut random)).await;
            coaches.push(coach["id"].as_i64().unwrap());
        }
        let (mut events, mut stood) = (0, 0);
        for round in 0..40 {
            let job = jobs[random.usize(..jobs.len())];
            let coach = coaches[random.usize(..coaches.len())];
            match random.u8(..10) {
                0 => {
                    let change = json!({"threshold": f64::from(random.u8(3..9)) / 10.0});
                    app.ok("PATCH", &format!("/jobs/{job}"), Some(&change)).await;
                }
                1 => {
                    let change = json!({"active": random.bool()});
                    app.ok("PATCH", &format!("/jobs/{job}"), Some(&change)).await;
                }
                2 => {
                    world.clock.advance(TimeDelta::days(random.i64(1..40)));
                    // The one before has expired.
                    let email = format!("admin-{round}@acme.test");
                    let staff = Staff::open(&world).await;
                    app.admin = staff.token(&app.scope, &email, Role::Admin).await;
                }
                3 if coaches.len() > 4 => {
                    coaches.retain(|id| *id != coach);
                    let mut tx = world.db.write(&app.scope).await.unwrap();
                    fithire_coaches::erase(&mut tx, (&world.clock, &world.ids), coach).await.unwrap();
                    tx.commit().await.unwrap();
                }
                4 => {
                    let made = app.coach("Somebody", somebody(&mut random)).await;
                    coaches.push(made["id"].as_i64().unwrap());
                }
                _ => {
                    let change = json!({"facts": somebody(&mut random)});
                    app.ok("PATCH", &format!("/coaches/{coach}"), Some(&change)).await;
                }
            }
            let done = app.rescore(&world).await;
            (events, stood) = (events + done.events, stood + done.jobs - done.ranked);
            let mut open = 0;
            for job in &jobs {
                let active = app.ok("GET", &format!("/jobs/{job}"), None).await["active"] == json!(true);
                open += usize::from(active);
                let expected = if active { app.live(*job).await } else { Vec::new() };
                assert_eq!(app.kept(&world, *job).await, expected);
            }
            assert_eq!(done.jobs, open);
            let again = app.rescore(&world).await;
            assert_eq!(again, Done { jobs: open, ranked: 0, events: 0 }, "nothing has changed");
        }
        assert!(events > 40 && stood > 10, "{events} {stood}");
        let count = async || world.count("match_events", app.scope.brand_id()).await;
        assert_eq!(count().await, events as u64);
        let mut tx = world.db.write(&app.scope).await.unwrap();
        world.clock.advance(TimeDelta::days(364) + TimeDelta::hours(23));
        tidy_brand(&mut tx, world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let lately = count().await;
        assert!(lately > 0 && lately < events as u64, "{lately} of {events} events are of the last year");
        let mut tx = world.db.write(&app.scope).await.unwrap();
        world.clock.advance(TimeDelta::days(1));
        tidy_brand(&mut tx, world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count().await, 0);
    });
}

#[test]
fn only_what_a_change_can_reach_is_ranked_again() {
    on_both(async |world| {
        let app = app(&world).await;
        let near = app.job().await["id"].as_i64().unwrap();
        app.job().await;
        let ada = app.coach("Ada", strong()).await["id"].as_i64().unwrap();
        let nobody = app.coach("Nobody", json!({})).await["id"].as_i64().unwrap();
        assert_eq!(app.rescore(&world).await, Done { jobs: 2, ranked: 2, events: 2 });
        let change = async |path: String, change: Value| {
            app.ok("PATCH", &path, Some(&change)).await;
            app.rescore(&world).await
        };
        // Nobody was no match, and is none.
        let still = change(format!("/coaches/{nobody}"), json!({"name": "Still nobody"})).await;
        assert_eq!(still, Done { jobs: 2, ranked: 0, events: 0 });
        let job = format!("/jobs/{near}");
        assert_eq!(change(job.clone(), json!({"title": "Another title"})).await.ranked, 0);
        assert_eq!(change(job, json!({"threshold": 0.4})).await, Done { jobs: 2, ranked: 1, events: 0 });
        let mut facts = strong();
        facts["radius_m"] = json!(100);
        // Too far away now: out of both lists.
        let left = change(format!("/coaches/{ada}"), json!({"facts": facts})).await;
        assert_eq!(left, Done { jobs: 2, ranked: 2, events: 2 });
        assert!(app.kept(&world, near).await.is_empty());
    });
}

async fn take<E: Endpoint>(app: &App<E>, world: &World, settled: &[(Claimed, Outcome)]) -> Vec<Claimed> {
    turn(&world.db, &app.scope, (&world.clock, &world.ids), (settled, 10)).await.unwrap()
}

#[test]
fn each_change_has_matches_worked_out_once_and_each_day_does() {
    on_both(async |world| {
        let app = app(&world).await;
        app.job().await;
        for n in 0..5 {
            app.coach(&format!("Coach {n}"), strong()).await;
        }
        let taken = take(&app, &world, &[]).await;
        assert_eq!(taken.iter().map(|task| &*task.kind).collect::<Vec<_>>(), [RESCORE], "once for all of it");
        let tools = (&world.clock, &world.ids);
        let outcome = rescore_task(&world.db, tools, &app.rankings[0], &taken[0]).await;
        assert_eq!(outcome, Outcome::Finished);
        assert_eq!(world.count("matches", app.scope.brand_id()).await, 5);
        assert!(take(&app, &world, &[]).await.is_empty());
        // Midnight in New York is 05:00 in UTC.
        world.clock.advance(TimeDelta::hours(16) + TimeDelta::minutes(59));
        assert!(take(&app, &world, &[]).await.is_empty());
        world.clock.advance(TimeDelta::minutes(1));
        let due: Vec<String> = take(&app, &world, &[]).await.into_iter().map(|task| task.kind).collect();
        assert_eq!(due, [RESCORE, REMIND]);
    });
}

/// What an account was told, by title, oldest first.
async fn told<E: Endpoint>(app: &App<E>, world: &World, account_id: Id) -> Vec<String> {
    let mut tx = world.db.read(&app.scope).await.unwrap();
    let told = fithire_notifications::told(&mut tx, account_id).await.unwrap();
    let mut titles: Vec<String> = told["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["title"].as_str().unwrap().to_owned())
        .collect();
    titles.sort();
    titles
}

#[test]
fn a_coach_is_told_once_of_a_new_match_a_lost_one_and_a_changed_job() {
    on_both(async |world| {
        let app = app(&world).await;
        let staff = Staff::open(&world).await;
        let ada = staff.member(&app.scope, "ada@acme.test", Role::Coach, Limits::default()).await;
        let coach = app.coach("Ada", strong()).await["id"].as_i64().unwrap();
        let mut tx = world.db.write(&app.scope).await.unwrap();
        fithire_coaches::link(&mut tx, coach, ada).await.unwrap();
        tx.commit().await.unwrap();
        let job = app.job().await["id"].as_i64().unwrap();
        app.rescore(&world).await;
        let new = "A job that fits you: Weekend HIIT Instructor".to_owned();
        assert_eq!(told(&app, &world, ada).await, std::slice::from_ref(&new));
        // In and out again and again is told once.
        let mut away = strong();
        away["radius_m"] = json!(100);
        for facts in [away.clone(), strong(), away, strong()] {
            app.ok("PATCH", &format!("/coaches/{coach}"), Some(&json!({"facts": facts}))).await;
            app.rescore(&world).await;
        }
        let lost = "No longer a match: Weekend HIIT Instructor".to_owned();
        assert_eq!(told(&app, &world, ada).await, [new.clone(), lost.clone()]);
        // What the job says is told when it says something else: by itself, and together with its score.
        for change in
            [json!({"pay": {"min": 50.0, "currency": "USD"}}), json!({"facts": {"modality": "hiit"}})]
        {
            app.ok("PATCH", &format!("/jobs/{job}"), Some(&change)).await;
            app.rescore(&world).await;
        }
        let changed = "Changed: Weekend HIIT Instructor".to_owned();
        assert_eq!(
            told(&app, &world, ada).await,
            [new.clone(), changed.clone(), changed.clone(), lost.clone()]
        );
        // A job that was there before anybody worked out matches is no news.
        let old = app.job().await["id"].as_i64().unwrap();
        world.clock.advance(TimeDelta::days(2));
        app.rescore(&world).await;
        assert!(app.kept(&world, old).await.iter().any(|(id, _)| *id == coach));
        assert_eq!(told(&app, &world, ada).await, [new, changed.clone(), changed, lost]);
    });
}

#[test]
fn coaches_are_reminded_each_day_of_what_ends_soon_and_once() {
    on_both(async |world| {
        let app = app(&world).await;
        let staff = Staff::open(&world).await;
        let ada = staff.member(&app.scope, "ada@acme.test", Role::Coach, Limits::default()).await;
        let mut facts = strong();
        facts["holdings"][0]["expires_on"] = json!("2026-12-25");
        let coach = app.coach("Ada", facts).await["id"].as_i64().unwrap();
        let mut tx = world.db.write(&app.scope).await.unwrap();
        fithire_coaches::link(&mut tx, coach, ada).await.unwrap();
        tx.commit().await.unwrap();
        let tools = (&world.clock, &world.ids);
        // The 23rd of November; each day's tasks are run in the morning.
        for _ in 0..35 {
            for task in take(&app, &world, &[]).await {
                let outcome = match &*task.kind {
                    RESCORE => rescore_task(&world.db, tools, &app.rankings[0], &task).await,
                    REMIND => remind(&world.db, tools, &task).await,
                    _ => continue,
                };
                assert_eq!(outcome, Outcome::Finished);
            }
            world.clock.advance(TimeDelta::days(1));
        }
        let ends = |soon: &str| format!("NASM-CPT ends {soon}");
        let on_the_way = ["today", "within a month", "within a week", "within three months"].map(ends);
        let all = [&on_the_way[..], &["NASM-CPT has expired".to_owned()]].concat();
        assert_eq!(told(&app, &world, ada).await, all);
    });
}
