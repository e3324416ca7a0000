//! What becomes of one certificate, and what a ranking and its coach learn of it.

use chrono::TimeDelta;
use fithire_coaches::{Tag, tag, tags_of, take_back_tags, undo};
use fithire_kernel::problem::Code;
use fithire_kernel::testing::on_both;
use poem::Endpoint;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::{App, app, reviewer};

impl<E: Endpoint> App<E> {
    async fn job(&self, facts: Value) -> i64 {
        let job = json!({"title": "HIIT", "location_id": self.location_id, "threshold": 0, "facts": facts});
        self.ok("POST", "/jobs", &self.admin, job).await["id"].as_i64().unwrap()
    }

    /// What the candidate's card says of the certificates, in a group of the list.
    async fn said(&self, job: i64, show: &str) -> String {
        let path = format!("/jobs/{job}/candidates?show={show}");
        let page = self.ok("GET", &path, &self.admin, Value::Null).await;
        let explanation = &page["candidates"][0]["explanation"];
        [&explanation["strengths"], &explanation["gaps"]].map(Value::to_string).concat()
    }

    /// The coach's score for a job; nothing where they are not ranked.
    async fn score(&self, job: i64) -> Option<f64> {
        let path = format!("/jobs/{job}/candidates");
        let page = self.ok("GET", &path, &self.admin, Value::Null).await;
        page["candidates"].as_array().unwrap().first().map(|one| one["fitscore"].as_f64().unwrap())
    }
}

fn needs(code: &str) -> Value {
    json!({"starts_on": "2026-12-01", "modality": "hiit", "min_years": 1.0,
           "requirements": [{"any_of": [code], "kind": "required"}],
           "slots": [{"kind": "class", "day": 5, "start": "09:00", "minutes": 60}]})
}

#[test]
fn a_certificate_is_claimed_sent_verified_and_revoked_and_each_ranking_knows() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job(needs("NASM-CPT")).await;
        let claim = json!([{"code": "NASM-CPT", "state": "claimed", "expires_on": "2027-06-30"}]);
        let coach = app.profile(claim).await;
        assert!(app.pending("?kind=certificate").await.is_empty(), "a claim alone waits for nobody");
        let claimed = app.score(job).await;
        app.submit(&world, coach, "NASM-CPT", "2027-06-30").await.unwrap();
        let waiting = app.pending("?kind=certificate").await;
        assert_eq!(waiting.len(), 1);
        assert_eq!((&waiting[0]["name"], &waiting[0]["code"]), (&json!("Cleo"), &json!("NASM-CPT")));
        assert_eq!(waiting[0]["media_type"], "application/pdf");
        assert_eq!(app.holdings(coach).await[0]["state"], "pending");

        let id = waiting[0]["id"].clone();
        let (status, done) = app.decide(&app.admin, json!({"id": id, "decision": "verified"})).await;
        assert_eq!(status, StatusCode::OK, "{done}");
        assert_eq!((&done["state"], &done["valid_until"]), (&json!("verified"), &json!("2027-06-30")));
        let verified = app.score(job).await.expect("whoever has proved it is ranked");
        assert!(claimed.is_none_or(|claimed| verified > claimed), "{claimed:?} {verified}");
        assert!(app.pending("?kind=certificate").await.is_empty());

        let reason = json!({"coach_id": coach, "code": "NASM-CPT", "decision": "revoked", "reason": "The issuer says so"});
        let (status, gone) = app.decide(&app.admin, reason).await;
        assert_eq!((status, &gone["id"]), (StatusCode::OK, &id), "{gone}");
        assert_eq!(app.score(job).await, None, "the next look knows");
        let kept = json!([{"code": "NASM-CPT", "state": "revoked", "expires_on": "2027-06-30"}]);
        assert_eq!(app.holdings(coach).await, kept);
        // The same certificate does not come back by another upload.
        let again = app.submit(&world, coach, "NASM-CPT", "2027-06-30").await;
        assert_eq!(again.unwrap_err().code, Code::Conflict);
    });
}

#[test]
fn what_expires_before_the_class_does_not_count_in_full_although_it_is_verified() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job(needs("NASM-CPT")).await;
        let coach = app.profile(json!([{"code": "NASM-CPT", "state": "pending"}])).await;
        let decision = |last: &str| json!({"coach_id": coach, "code": "NASM-CPT", "decision": "verified", "expires_on": last});
        let verified = async |last: &str| {
            let (status, done) = app.decide(&app.admin, decision(last)).await;
            assert_eq!(status, StatusCode::OK, "{done}");
            app.score(job).await
        };
        assert_eq!(verified("2026-11-22").await, None, "it ended yesterday");
        let said = app.said(job, "ineligible").await;
        assert!(said.contains("NASM-CPT expired 2026-11-22"), "{said}");
        app.submit(&world, coach, "NASM-CPT", "2026-11-30").await.unwrap();
        let renewed =
            verified("2026-11-30").await.expect("it can be renewed before the class, the day after");
        let said = app.said(job, "ranked").await;
        assert!(said.contains("0/1 required certs met: NASM-CPT to be renewed before 2026-12-01"), "{said}");
        app.submit(&world, coach, "NASM-CPT", "2026-12-01").await.unwrap();
        let whole = verified("2026-12-01").await.unwrap();
        assert!(whole > renewed, "its last day is that of the class: {whole} {renewed}");
        let said = app.said(job, "ranked").await;
        assert!(said.contains("Required certs met"), "{said}");
    });
}

#[test]
fn a_rejected_document_says_why_and_a_better_one_takes_its_place() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([])).await;
        app.submit(&world, coach, "CPR-AED", "2027-06-30").await.unwrap();
        let id = app.pending("?kind=certificate").await[0]["id"].clone();
        assert_eq!(app.pending("?kind=certificate").await.len(), 1);
        let (status, problem) = app.decide(&app.admin, json!({"id": id, "decision": "rejected"})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["errors"][0]["pointer"], "/reason");
        let rejected = json!({"id": id, "decision": "rejected", "reason": "It cannot be read"});
        assert_eq!(app.decide(&app.admin, rejected).await.0, StatusCode::OK);
        world.clock.advance(TimeDelta::minutes(1));
        assert_eq!(app.told(&world).await, ["CPR-AED was not accepted"]);
        // The coach cannot talk it away by sending their profile again.
        let claim = json!([{"code": "CPR-AED", "state": "claimed", "expires_on": "2027-06-30"}]);
        app.change(coach, &app.coach, claim).await;
        assert_eq!(app.holdings(coach).await[0]["state"], "rejected");
        app.submit(&world, coach, "CPR-AED", "2027-06-30").await.unwrap();
        let holdings = app.holdings(coach).await;
        assert_eq!((holdings.as_array().unwrap().len(), &holdings[0]["state"]), (1, &json!("pending")));
        let verify =
            json!({"coach_id": coach, "code": "CPR-AED", "decision": "verified", "issued_on": "2025-06-30"});
        assert_eq!(app.decide(&app.admin, verify).await.0, StatusCode::OK);
        let again = app.submit(&world, coach, "CPR-AED", "2027-06-30").await;
        assert_eq!(again.unwrap_err().code, Code::Conflict, "it is verified");
        // A renewal waits beside it, and takes nothing away.
        app.submit(&world, coach, "CPR-AED", "2029-06-30").await.unwrap();
        let holdings = app.holdings(coach).await;
        let now: Vec<&str> =
            holdings.as_array().unwrap().iter().filter_map(|held| held["state"].as_str()).collect();
        assert_eq!(now, ["verified", "pending"]);
        let late =
            json!({"coach_id": coach, "code": "CPR-AED", "decision": "verified", "issued_on": "2099-01-01"});
        let (status, problem) = app.decide(&app.admin, late).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["errors"][0]["pointer"], "/issued_on");
    });
}

#[test]
fn a_decision_that_is_taken_back_within_a_minute_was_never_told() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([])).await;
        app.submit(&world, coach, "CPR-AED", "2027-06-30").await.unwrap();
        let waiting = app.pending("?kind=certificate").await[0].clone();
        let id = waiting["id"].as_i64().unwrap();
        let tools = (&world.clock, &world.ids);
        let ada = reviewer(&app.scope, 1);
        let verified = json!({"id": id, "decision": "verified", "expires_on": "2028-06-30"});
        let done = app.decide(&app.admin, verified.clone()).await.1;
        assert_eq!(app.holdings(coach).await[0]["expires_on"], "2028-06-30", "by the document");
        let round = i32::try_from(done["round"].as_i64().unwrap()).unwrap();
        let late = undo(&world.db, tools, &ada, (id, round - 1)).await;
        assert_eq!(late.unwrap_err().code, Code::Conflict, "another round");
        undo(&world.db, tools, &ada, (id, round)).await.unwrap();
        let before = json!([{"code": "CPR-AED", "state": "pending", "expires_on": "2027-06-30"}]);
        assert_eq!(app.holdings(coach).await, before);
        let again = app.pending("?kind=certificate").await[0].clone();
        assert_eq!((&again["id"], &again["since"]), (&waiting["id"], &waiting["since"]), "in its old place");
        world.clock.advance(TimeDelta::minutes(2));
        assert!(app.told(&world).await.is_empty());
        // One that has stood is told, and so is its end.
        let done = app.decide(&app.admin, verified).await.1;
        assert!(app.told(&world).await.is_empty(), "not yet");
        world.clock.advance(TimeDelta::minutes(1));
        assert_eq!(app.told(&world).await, ["CPR-AED is verified"]);
        let round = i32::try_from(done["round"].as_i64().unwrap()).unwrap();
        undo(&world.db, tools, &ada, (id, round)).await.unwrap();
        world.clock.advance(TimeDelta::minutes(1));
        let told = app.told(&world).await;
        assert!(told.len() == 2 && told.contains(&"CPR-AED is looked at again".to_owned()), "{told:?}");
        // Taking back a revocation leads to where it was.
        app.decide(&app.admin, json!({"id": id, "decision": "verified"})).await;
        let reason = json!({"id": id, "decision": "revoked", "reason": "By mistake"});
        let done = app.decide(&app.admin, reason).await.1;
        let round = i32::try_from(done["round"].as_i64().unwrap()).unwrap();
        let item = undo(&world.db, tools, &ada, (id, round)).await.unwrap();
        assert_eq!(item.state.as_str(), "verified");
        assert_eq!(app.holdings(coach).await[0]["state"], "verified");
    });
}

#[test]
fn what_was_only_claimed_is_claimed_again_when_its_decision_is_taken_back() {
    on_both(async |world| {
        let app = app(&world).await;
        let claim = json!([{"code": "CPR-AED", "state": "claimed", "expires_on": "2027-06-30"}]);
        let coach = app.profile(claim.clone()).await;
        let decision =
            json!({"coach_id": coach, "code": "CPR-AED", "decision": "verified", "expires_on": "2028-06-30"});
        let (status, done) = app.decide(&app.admin, decision).await;
        assert_eq!((status, &done["state"]), (StatusCode::OK, &json!("verified")), "{done}");
        assert_eq!(app.holdings(coach).await[0]["state"], "verified");
        let (id, round) = (done["id"].as_i64().unwrap(), done["round"].as_i64().unwrap());
        let round = i32::try_from(round).unwrap();
        let tools = (&world.clock, &world.ids);
        let item = undo(&world.db, tools, &reviewer(&app.scope, 1), (id, round)).await.unwrap();
        assert_eq!(item.state.as_str(), "withdrawn");
        assert_eq!(app.holdings(coach).await, claim);
        assert!(app.pending("?kind=certificate").await.is_empty(), "it waits for nobody, as before");
        // It can be decided again, and with its document it waits like any other.
        let decision = json!({"coach_id": coach, "code": "CPR-AED", "decision": "rejected", "reason": "Unknown to the issuer"});
        assert_eq!(app.decide(&app.admin, decision).await.0, StatusCode::OK);
        app.submit(&world, coach, "CPR-AED", "2027-06-30").await.unwrap();
        assert_eq!(app.pending("?kind=certificate").await.len(), 1);
    });
}

#[test]
fn what_a_reviewer_sees_in_a_video_goes_before_what_a_coach_says() {
    on_both(async |world| {
        let app = app(&world).await;
        let loud = json!({"modality": "hiit", "style": [{"dimension": "music", "level": 4}]});
        let job = app.job(loud).await;
        let coach = app.profile(json!([])).await;
        let before = app.score(job).await.unwrap();
        let ada = reviewer(&app.scope, 1);
        let tags = async |video: i64, tags: &[(i64, u8)]| {
            let one = |(at_ms, level): &(i64, u8)| Tag {
                at_ms: *at_ms,
                dimension: "music".to_owned(),
                level: *level,
            };
            let mut tx = world.db.write(&app.scope).await.unwrap();
            let tools = (&world.clock, &world.ids);
            let tags = tags.iter().map(one).collect();
            tag(&mut tx, tools, &ada, (coach, video), tags, |_| Ok(())).await?;
            tx.commit().await.map_err(fithire_kernel::problem::Problem::from)
        };
        tags(1, &[(1_000, 4), (2_500, 4), (9_000, 1)]).await.unwrap();
        let rated = async || {
            let path = format!("/coaches/{coach}");
            let coach = app.ok("GET", &path, &app.admin, Value::Null).await;
            let style = coach["facts"]["style"].as_array().unwrap().clone();
            style.iter().find(|one| one["source"] == "reviewer").map(|one| one["level"].as_u64().unwrap())
        };
        assert_eq!(rated().await, Some(4));
        assert!(app.score(job).await.unwrap() > before, "the next ranking knows");
        tags(2, &[(500, 1), (600, 1)]).await.unwrap();
        assert_eq!(rated().await, Some(1), "in the middle of both videos");
        tags(2, &[]).await.unwrap();
        assert_eq!(rated().await, Some(4));
        tags(1, &[]).await.unwrap();
        assert_eq!(rated().await, None);
        // The last saving of a video can be taken back once, with the rating that follows.
        tags(1, &[(1_000, 2)]).await.unwrap();
        tags(1, &[(3_000, 3), (4_000, 3)]).await.unwrap();
        let back = async || {
            let mut tx = world.db.write(&app.scope).await.unwrap();
            let tools = (&world.clock, &world.ids);
            take_back_tags(&mut tx, tools, &ada, (coach, 1), |_| Ok(())).await.unwrap();
            let left = tags_of(&mut tx, 1).await.unwrap();
            tx.commit().await.unwrap();
            left.into_iter().map(|tag| (tag.at_ms, tag.level)).collect::<Vec<_>>()
        };
        assert_eq!((back().await, rated().await), (vec![(1_000, 2)], Some(2)));
        assert_eq!((back().await, rated().await), (Vec::new(), None), "there is nothing before that");
        let wrong = tags(1, &[(-1, 5)]).await.unwrap_err();
        let pointers: Vec<&str> = wrong.errors.iter().map(|error| &*error.pointer).collect();
        assert_eq!(pointers, ["/tags/0/at_seconds", "/tags/0/level"]);
    });
}
