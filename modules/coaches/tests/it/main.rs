//! Coaches through HTTP, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fithire_coaches::{Profile, api, changed_since, put_all, revision};
use fithire_identity::Role;
use fithire_identity::testing::Staff;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::testing::{CANARY, Client, World, on_both};
use fithire_scoring::facts::{Coach, Rating, Source};
use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

struct App<E> {
    client: Client<E>,
    scope: BrandScope,
    admin: String,
    coach: String,
    foreigner: String,
}

async fn app(world: &World) -> App<impl Endpoint> {
    let (scope, canary) = (world.brand("acme").await, world.brand("canary").await);
    let staff = Staff::open(world).await;
    let admin = staff.token(&scope, "admin@acme.test", Role::Admin).await;
    let coach = staff.token(&scope, "coach@acme.test", Role::Coach).await;
    let foreigner = staff.token(&canary, "admin@canary.test", Role::Admin).await;
    let mut tx = world.db.write(&canary).await.unwrap();
    let theirs = Profile { name: CANARY.to_owned(), ..Profile::default() };
    put_all(&mut tx, (&world.clock, &world.ids), vec![theirs], &|_, new| new, &mut |_| {}).await.unwrap();
    tx.commit().await.unwrap();
    let service = OpenApiService::new(api::Api, "test", "1")
        .data(world.db.clone())
        .data(world.clock.clone())
        .data(world.ids.clone())
        .data(fithire_kernel::audit::Reads::new(world.clock.clone()))
        .data(staff.identity);
    App { client: Client::new(service, &foreigner), scope, admin, coach, foreigner }
}

impl<E: Endpoint> App<E> {
    async fn send(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.client.send(method, path, token, body.as_ref()).await
    }
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[test]
fn a_coach_is_made_read_changed_and_listed() {
    on_both(async |world| {
        let app = app(&world).await;
        let new = json!({"name": "Zoë 🧘 Müller", "external_id": "c1", "bio": "'; DROP TABLE coaches; --\n{{ 7*7 }}", "facts": {
            "lat": 40.7163, "lon": -74.008_600_000_000_01, "tz": "America/New_York", "radius_m": 15000,
            "holdings": [{"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"}],
            "positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
            "free": [{"day": 5, "start": "08:00", "minutes": 240}], "engagement": {"done": 3}
        }});
        let (status, made) = app.send("POST", "/coaches", &app.admin, Some(new.clone())).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        for key in ["name", "external_id", "bio"] {
            assert_eq!(made[key], new[key], "nothing is lost");
        }
        assert_eq!(made["facts"]["lon"], new["facts"]["lon"], "to the last digit");
        let path = format!("/coaches/{}", made["id"]);
        assert_eq!(app.send("GET", &path, &app.admin, None).await.1, made);

        let (status, changed) =
            app.send("PATCH", &path, &app.admin, Some(json!({"facts": {"free": []}}))).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(changed["name"], made["name"]);
        assert_eq!((changed["facts"]["free"].clone(), changed["facts"].get("lat")), (json!([]), None));
        let (_, page) = app.send("GET", "/coaches?limit=1", &app.admin, None).await;
        assert_eq!(page, json!({"items": [changed], "next_cursor": null}));

        let (status, again) = app.send("POST", "/coaches", &app.admin, Some(new)).await;
        assert_eq!((status, again["code"].as_str()), (StatusCode::CONFLICT, Some("conflict")));
    });
}

#[test]
fn every_field_of_the_facts_that_is_not_right_is_named() {
    on_both(async |world| {
        let app = app(&world).await;
        let facts = json!({
            "holdings": [{"code": "NASM-CTP", "state": "verified"}, {"code": "CPR-AED", "state": "sure"}],
            "positions": [{"modality": "hiit", "started_on": "2024-02-30"}], "free": [{"day": 1, "start": "9:00", "minutes": 60}]
        });
        let (status, problem) =
            app.send("POST", "/coaches", &app.admin, Some(json!({"name": "", "facts": facts, "x": 1}))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(pointers(&problem), ["/name", "/facts/holdings/1/state", "/x"]);
        // The shape is right now; the rules of the score remain.
        let facts = json!({
            "holdings": [{"code": "NASM-CTP", "state": "verified"}],
            "positions": [{"modality": "hiit", "started_on": "2024-02-30"}], "free": [{"day": 1, "start": "9:00", "minutes": 60}]
        });
        let (_, problem) =
            app.send("POST", "/coaches", &app.admin, Some(json!({"name": "Ada", "facts": facts}))).await;
        assert_eq!(
            pointers(&problem),
            ["/facts/holdings/0/code", "/facts/positions/0/started_on", "/facts/free/0/start"]
        );
    });
}

#[test]
fn a_coach_has_their_own_profile_and_does_not_verify_themselves() {
    on_both(async |world| {
        let app = app(&world).await;
        let boast = json!({"name": "Ada", "facts": {
            "holdings": [{"code": "CPR-AED", "state": "claimed"}, {"code": "NASM-CPT", "state": "verified"}],
            "style": [{"dimension": "music", "level": 4, "source": "reviewer"}], "engagement": {"done": 100}
        }});
        let (status, problem) = app.send("POST", "/coaches", &app.coach, Some(boast)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            pointers(&problem),
            ["/facts/holdings/1/state", "/facts/style/0/source", "/facts/engagement"]
        );

        let (status, own) = app.send("POST", "/coaches", &app.coach, Some(json!({"name": "Ada"}))).await;
        assert_eq!(status, StatusCode::OK, "{own}");
        assert_eq!(
            app.send("POST", "/coaches", &app.coach, Some(json!({"name": "Ada"}))).await.0,
            StatusCode::CONFLICT
        );
        let (_, other) = app.send("POST", "/coaches", &app.admin, Some(json!({"name": "Ben"}))).await;
        assert_eq!(app.send("GET", "/coaches", &app.coach, None).await.0, StatusCode::FORBIDDEN);
        let change = || Some(json!({"name": "Changed"}));
        for (token, id) in
            [(&app.coach, &other["id"]), (&app.foreigner, &other["id"]), (&app.foreigner, &own["id"])]
        {
            for (method, body) in [("GET", None), ("PATCH", change())] {
                let foreign = app.send(method, &format!("/coaches/{id}"), token, body.clone()).await;
                let absent = app.send(method, "/coaches/1", token, body).await;
                assert_eq!(foreign.0, StatusCode::NOT_FOUND);
                assert_eq!(foreign, absent, "not yours and not there answer alike");
            }
        }
        assert_eq!(
            app.send("PATCH", &format!("/coaches/{}", own["id"]), &app.coach, change()).await.0,
            StatusCode::OK
        );
    });
}

#[test]
fn ratings_are_fifty_at_most_unless_there_are_more_already() {
    on_both(async |world| {
        let app = app(&world).await;
        let rated = |count: usize| {
            let one = |n| json!({"dimension": format!("d{n}"), "level": 2, "source": "self"});
            json!({"name": "Ada", "facts": {"style": (0..count).map(one).collect::<Vec<_>>()}})
        };
        let (status, coach) = app.send("POST", "/coaches", &app.admin, Some(rated(50))).await;
        assert_eq!(status, StatusCode::OK);
        let path = format!("/coaches/{}", coach["id"]);
        for (method, path) in [("POST", "/coaches"), ("PATCH", &*path)] {
            let (status, problem) = app.send(method, path, &app.admin, Some(rated(51))).await;
            assert_eq!(
                (status, pointers(&problem)),
                (StatusCode::UNPROCESSABLE_ENTITY, vec!["/facts/style"])
            );
        }
        // Of before there was a limit, or of reviewers besides: what was read may be written back, and become less.
        let mut tx = world.db.write(&app.scope).await.unwrap();
        let style =
            (0..60).map(|n| Rating { dimension: format!("d{n}"), level: 1, source: Source::SelfRated });
        let facts = Coach { style: style.collect(), ..Coach::default() };
        let many = Profile {
            external_id: Some("m".to_owned()),
            name: "Eve".to_owned(),
            facts,
            ..Profile::default()
        };
        put_all(&mut tx, (&world.clock, &world.ids), vec![many], &|_, new| new, &mut |_| {}).await.unwrap();
        tx.commit().await.unwrap();
        let (_, list) = app.send("GET", "/coaches", &app.admin, None).await;
        let eve = list["items"].as_array().unwrap().iter().find(|coach| coach["name"] == "Eve").unwrap();
        let path = format!("/coaches/{}", eve["id"]);
        for (count, expected) in [(60, 200), (61, 422), (55, 200), (56, 422)] {
            assert_eq!(app.send("PATCH", &path, &app.admin, Some(rated(count))).await.0, expected, "{count}");
        }
    });
}

#[test]
fn a_revision_shows_what_was_written_since() {
    on_both(async |world| {
        let app = app(&world).await;
        let many = |name: &str| -> Vec<Profile> {
            let coach = |n: u32| Profile {
                external_id: Some(format!("c{n}")),
                name: format!("{name} {n}"),
                ..Profile::default()
            };
            (0..2_500).map(coach).collect()
        };
        let mut tx = world.db.write(&app.scope).await.unwrap();
        let mut done = Vec::new();
        let counts =
            put_all(&mut tx, (&world.clock, &world.ids), many("First"), &|_, new| new, &mut |n| done.push(n))
                .await;
        assert_eq!((counts, done), (Ok((2_500, 0)), vec![1_000, 2_000, 2_500]));
        tx.commit().await.unwrap();
        let mut tx = world.db.read(&app.scope).await.unwrap();
        let before = revision(&mut tx).await.unwrap();
        let all = changed_since(&mut tx, 0, None).await.unwrap();
        assert_eq!(all.len(), 2_500);
        drop(tx);
        let path = format!("/coaches/{}", all[7].id);
        let facts = json!({"facts": {"free": [], "engagement": {"done": 5}}});
        assert_eq!(app.send("PATCH", &path, &app.admin, Some(facts)).await.0, StatusCode::OK);
        let mut tx = world.db.read(&app.scope).await.unwrap();
        assert!(revision(&mut tx).await.unwrap() > before);
        let changed = changed_since(&mut tx, before, None).await.unwrap();
        let facts = &changed[0].now.as_ref().unwrap().facts;
        assert_eq!((changed.len(), changed[0].id, facts.free.as_deref()), (1, all[7].id, Some(&[][..])));
        drop(tx);

        // The same external ids again change the coaches that have them; what FitHire counts stays.
        let mut tx = world.db.write(&app.scope).await.unwrap();
        let counts =
            put_all(&mut tx, (&world.clock, &world.ids), many("Second"), &|_, new| new, &mut |_| {}).await;
        assert_eq!(counts, Ok((0, 2_500)));
        tx.commit().await.unwrap();
        let again = app.send("GET", &path, &app.admin, None).await.1;
        assert_eq!((&again["id"], again["name"].as_str()), (&json!(all[7].id), Some("Second 7")));
        assert_eq!((&again["facts"]["engagement"]["done"], again["facts"].get("free")), (&json!(5), None));
    });
}

#[test]
fn what_others_decided_of_a_coach_is_neither_lost_nor_laundered() {
    on_both(async |world| {
        let app = app(&world).await;
        let own = app.send("POST", "/coaches", &app.coach, Some(json!({"name": "Ada"}))).await.1;
        let path = format!("/coaches/{}", own["id"]);
        let verified = json!({"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"});
        let revoked = json!({"code": "CPR-AED", "state": "revoked", "expires_on": "2027-01-31"});
        let watched = json!({"dimension": "music", "level": 1, "source": "reviewer"});
        let counted = json!({"done": 9});
        let decided = json!({"holdings": [verified, revoked], "style": [watched], "engagement": counted});
        assert_eq!(
            app.send("PATCH", &path, &app.admin, Some(json!({"facts": decided}))).await.0,
            StatusCode::OK
        );

        let claim = |code: &str, until: &str| json!({"code": code, "state": "claimed", "expires_on": until});
        let sent = json!({"facts": {"holdings": [claim("NASM-CPT", "2027-06-30"), claim("CPR-AED", "2027-01-31"), claim("CPR-AED", "2028-01-31")]}});
        let (status, changed) = app.send("PATCH", &path, &app.coach, Some(sent)).await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        let facts = &changed["facts"];
        assert_eq!(facts["holdings"], json!([verified, revoked, claim("CPR-AED", "2028-01-31")]));
        assert_eq!((&facts["style"], &facts["engagement"]["done"]), (&json!([watched]), &json!(9)));
        // What was read can be sent back as it is.
        let again = app.send("PATCH", &path, &app.coach, Some(json!({"facts": facts}))).await;
        assert_eq!((again.0, &again.1["facts"]), (StatusCode::OK, facts));
        let (status, problem) =
            app.send("PATCH", &path, &app.coach, Some(json!({"facts": {"engagement": {"done": 99}}}))).await;
        assert_eq!(
            (status, pointers(&problem)),
            (StatusCode::UNPROCESSABLE_ENTITY, vec!["/facts/engagement"])
        );
    });
}
