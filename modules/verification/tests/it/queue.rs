//! The queue: what comes into it and leaves it, in which order, and who may take what.

use chrono::TimeDelta;
use fithire_coaches::{Profile, claim, claim_next, put_all, release};
use fithire_kernel::problem::Code;
use fithire_kernel::testing::on_both;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::{app, reviewer};

fn pending(code: &str, last: &str) -> Value {
    json!({"code": code, "state": "pending", "expires_on": last})
}

#[test]
fn open_items_say_what_the_profile_says() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([pending("CPR-AED", "2027-06-30")])).await;
        let listed = async || -> Vec<(i64, String, String)> {
            let items = app.pending("?kind=certificate").await;
            let said = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
            items
                .iter()
                .map(|item| (item["id"].as_i64().unwrap(), said(item, "code"), said(item, "expires_on")))
                .collect()
        };
        let first = listed().await;
        assert_eq!(first.len(), 1);
        // The same holding with another last day is the same item.
        app.change(coach, &app.coach, json!([pending("CPR-AED", "2028-06-30")])).await;
        assert_eq!(listed().await, [(first[0].0, "CPR-AED".to_owned(), "2028-06-30".to_owned())]);
        app.change(
            coach,
            &app.coach,
            json!([pending("CPR-AED", "2028-06-30"), pending("ACE-CPT", "2027-01-01")]),
        )
        .await;
        assert_eq!(listed().await.len(), 2);
        // A document takes the place of the item that had none.
        app.submit(&world, coach, "CPR-AED", "2028-06-30").await.unwrap();
        let now = listed().await;
        assert!(now.len() == 2 && now.iter().all(|item| item.0 != first[0].0), "{now:?}");
        // What is claimed no longer, or decided in the profile itself by a program that may review, leaves the queue.
        let decided = json!([{"code": "CPR-AED", "state": "verified", "expires_on": "2028-06-30"}]);
        app.change(coach, &app.other, decided).await;
        assert!(listed().await.is_empty());
        let (status, problem) = app.decide(&app.admin, json!({"id": now[0].0, "decision": "verified"})).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(problem["detail"].as_str().unwrap().contains("no longer claimed"), "{problem}");
        let (status, problem) = app.decide(&app.admin, json!({"id": now[1].0, "decision": "verified"})).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(problem["detail"].as_str().unwrap().contains("in the profile itself"), "{problem}");
    });
}

#[test]
fn a_file_brings_its_certificates_and_a_second_one_brings_none_twice() {
    on_both(async |world| {
        let app = app(&world).await;
        let import = async |holdings: &[&str]| {
            let profiles = holdings.iter().enumerate().map(|(n, last)| Profile {
                external_id: Some(format!("c{n}")),
                name: format!("Coach {n}"),
                facts: serde_json::from_value(json!({"holdings": [pending("CPR-AED", last)]})).unwrap(),
                ..Profile::default()
            });
            let mut tx = world.db.write(&app.scope).await.unwrap();
            let tools = (&world.clock, &world.ids);
            put_all(&mut tx, tools, profiles.collect(), &|_, new| new, &mut |_| {}).await.unwrap();
            tx.commit().await.unwrap();
            let items = app.pending("?kind=certificate&limit=100").await;
            items.iter().map(|item| item["expires_on"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(import(&["2027-01-01", "2027-01-02"]).await, ["2027-01-01", "2027-01-02"]);
        assert_eq!(
            import(&["2027-01-01", "2028-01-02", "2027-01-03"]).await,
            ["2027-01-01", "2028-01-02", "2027-01-03"]
        );
    });
}

#[test]
fn what_waits_is_listed_oldest_first_page_by_page_of_both_kinds() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach =
            app.profile(json!([pending("CPR-AED", "2027-06-30"), pending("ACE-CPT", "2027-01-01")])).await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/admin/pending?limit=1{cursor}");
            let page = app.ok("GET", &path, &app.admin, Value::Null).await;
            for item in page["items"].as_array().unwrap() {
                assert_eq!(item["coach_id"], coach);
                seen.push((item["kind"].clone(), item["code"].clone()));
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let kinds: Vec<&str> = seen.iter().map(|(kind, _)| kind.as_str().unwrap()).collect();
        assert_eq!(kinds, ["certificate", "certificate", "profile"]);
        assert_eq!((&seen[0].1, &seen[1].1), (&json!("CPR-AED"), &json!("ACE-CPT")));
        assert_eq!(app.pending("?kind=profile").await.len(), 1);
        for (path, token) in [("/admin/pending", &app.manager), ("/admin/pending", &app.coach)] {
            assert_eq!(app.send("GET", path, token, Value::Null).await.0, StatusCode::FORBIDDEN);
        }
        let (status, problem) =
            app.decide(&app.admin, json!({"decision": "verified", "expires_on": "soon"})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let pointers: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/expires_on", "/id"]);
        // Days that a lax reader takes, and the profile could not be read with.
        for day in ["0000-01-01", "-999-01-01", "+2028-1-01"] {
            let decision =
                json!({"coach_id": coach, "code": "CPR-AED", "decision": "verified", "expires_on": day});
            let (status, problem) = app.decide(&app.admin, decision).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!("/expires_on")),
                "{day}"
            );
        }
        let unknown = json!({"coach_id": coach, "code": "RYT-200", "decision": "verified"});
        let (status, problem) = app.decide(&app.admin, unknown).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("/code"))
        );
    });
}

#[test]
fn two_who_decide_at_once_are_one_who_has_and_one_who_is_told_by_whom() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([pending("CPR-AED", "2027-06-30")])).await;
        let id = app.pending("?kind=certificate").await[0]["id"].clone();
        let verified = json!({"id": id, "decision": "verified"});
        let rejected = json!({"id": id, "decision": "rejected", "reason": "It cannot be read"});
        let (one, other) = tokio::join!(app.decide(&app.admin, verified), app.decide(&app.other, rejected));
        let (won, lost, winner) = match one.0 {
            StatusCode::OK => (one, other, "ada@acme.test has verified it"),
            _ => (other, one, "bea@acme.test has rejected it"),
        };
        assert_eq!((won.0, lost.0), (StatusCode::OK, StatusCode::CONFLICT), "{} {}", won.1, lost.1);
        assert!(lost.1["detail"].as_str().unwrap().starts_with(winner), "{}", lost.1);
        assert_eq!(app.holdings(coach).await[0]["state"], won.1["state"]);
    });
}

#[test]
fn an_item_is_one_reviewers_for_ten_minutes() {
    on_both(async |world| {
        let app = app(&world).await;
        app.profile(json!([pending("CPR-AED", "2027-06-30"), pending("ACE-CPT", "2027-01-01")])).await;
        let ids: Vec<i64> =
            app.pending("?kind=certificate").await.iter().map(|item| item["id"].as_i64().unwrap()).collect();
        let (db, clock) = (&world.db, &world.clock);
        let me = async |email: &str| {
            let staff = fithire_identity::testing::Staff::open(&world).await;
            let password = fithire_identity::testing::PASSWORD.to_owned();
            let known = staff.identity.recognise(email, password, None).await.unwrap();
            reviewer(&app.scope, known.account_id)
        };
        let (ada, bea) = (me("ada@acme.test").await, me("bea@acme.test").await);
        assert_eq!(claim_next(db, clock, &ada, (None, false)).await.unwrap(), Some(ids[0]));
        assert_eq!(claim_next(db, clock, &bea, (None, false)).await.unwrap(), Some(ids[1]), "not Ada's");
        let refused = claim(db, clock, &bea, ids[0]).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert!(refused.detail.unwrap().starts_with("ada@acme.test is looking at it until "));
        let listed = app.pending("?kind=certificate").await;
        assert_eq!(listed[0]["claimed_by"], "ada@acme.test");
        let (status, problem) = app.decide(&app.other, json!({"id": ids[0], "decision": "verified"})).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
        // Renewed, it lasts from then on; over, it is anybody's.
        clock.advance(TimeDelta::minutes(9));
        claim(db, clock, &ada, ids[0]).await.unwrap();
        clock.advance(TimeDelta::minutes(9));
        assert!(claim(db, clock, &bea, ids[0]).await.is_err());
        clock.advance(TimeDelta::minutes(1));
        claim(db, clock, &bea, ids[0]).await.unwrap();
        // Nobody frees what is somebody else's.
        release(db, &ada, ids[0]).await.unwrap();
        assert!(claim(db, clock, &ada, ids[0]).await.is_err());
        release(db, &bea, ids[0]).await.unwrap();
        assert_eq!(claim_next(db, clock, &ada, (Some(ids[1]), false)).await.unwrap(), None);
        assert_eq!(claim_next(db, clock, &ada, (Some(ids[1]), true)).await.unwrap(), Some(ids[0]), "around");
    });
}

#[test]
fn a_profile_is_approved_returned_with_a_reason_and_comes_back_when_it_is_changed() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([])).await;
        let path = format!("/admin/coaches/{coach}");
        let (status, problem) = app.send("PATCH", &path, &app.admin, json!({"approval": "returned"})).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("/reason"))
        );
        let returned = json!({"approval": "returned", "reason": "Say where you teach", "round": 0});
        let now = app.ok("PATCH", &path, &app.admin, returned.clone()).await;
        assert_eq!((&now["approval"], &now["round"]), (&json!("returned"), &json!(1)));
        let (status, problem) = app.send("PATCH", &path, &app.other, returned).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(
            problem["detail"].as_str().unwrap().starts_with("ada@acme.test has made it returned"),
            "{problem}"
        );
        assert!(app.pending("").await.is_empty());
        world.clock.advance(TimeDelta::minutes(1));
        assert_eq!(app.told(&world).await, ["Your profile needs a change"]);
        app.change(coach, &app.coach, json!([])).await;
        assert_eq!(app.pending("?kind=profile").await.len(), 1);
        app.ok("PATCH", &path, &app.admin, json!({"approval": "approved"})).await;
        assert!(app.pending("").await.is_empty());
        world.clock.advance(TimeDelta::minutes(1));
        assert_eq!(app.told(&world).await.len(), 2);
        // What the brand makes itself waits for nobody, and can be returned all the same.
        let made = app.ok("POST", "/coaches", &app.manager, json!({"name": "Dan"})).await["id"].clone();
        assert!(app.pending("").await.is_empty());
        let returned = json!({"approval": "returned", "reason": "Who is this?"});
        app.ok("PATCH", &format!("/admin/coaches/{made}"), &app.admin, returned).await;
        for absent in ["/admin/coaches/1", &format!("/admin/coaches/{}", i64::MAX >> 11)] {
            let (status, _) = app.send("PATCH", absent, &app.admin, json!({"approval": "approved"})).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
        assert_eq!(
            app.send("PATCH", &path, &app.manager, json!({"approval": "approved"})).await.0,
            StatusCode::FORBIDDEN
        );
    });
}

#[test]
fn nobody_decides_past_the_desk_who_may_not_review() {
    on_both(async |world| {
        let app = app(&world).await;
        let coach = app.profile(json!([pending("CPR-AED", "2027-06-30")])).await;
        let path = format!("/coaches/{coach}");
        let with = |state: &str| json!({"facts": {"holdings": [{"code": "CPR-AED", "state": state, "expires_on": "2027-06-30"}]}});
        let pointer = json!("/facts/holdings/0/state");
        for (token, state) in [
            (&app.manager, "verified"),
            (&app.manager, "rejected"),
            (&app.manager, "revoked"),
            (&app.coach, "verified"),
        ] {
            let (status, problem) = app.send("PATCH", &path, token, with(state)).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &pointer),
                "{problem}"
            );
            assert!(problem["errors"][0]["detail"].as_str().unwrap().starts_with("is decided by a reviewer"));
        }
        let new = json!({"name": "Dan", "facts": with("verified")["facts"]});
        let (status, problem) = app.send("POST", "/coaches", &app.manager, new).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &pointer));
        let seen = json!({"facts": {"style": [{"dimension": "music", "level": 4, "source": "reviewer"}]}});
        let (status, problem) = app.send("PATCH", &path, &app.manager, seen).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("/facts/style/0/source"))
        );
        assert_eq!(
            app.holdings(coach).await,
            json!([pending("CPR-AED", "2027-06-30")]),
            "nothing has changed"
        );

        // What a reviewer has decided, a manager neither takes away nor talks round.
        app.change(coach, &app.admin, with("revoked")["facts"]["holdings"].clone()).await;
        let revoked = app.holdings(coach).await;
        app.change(coach, &app.manager, with("claimed")["facts"]["holdings"].clone()).await;
        assert_eq!(app.holdings(coach).await, revoked);
        app.change(coach, &app.manager, json!([])).await;
        assert_eq!(app.holdings(coach).await, revoked);
    });
}
