//! Jobs, candidates and matches through HTTP, on both databases; each app is two replicas on one database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use fithire_identity::testing::Staff;
use fithire_identity::{Limits, Role};
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{CANARY, Client, World, on_both};
use fithire_matching::{RankingSettings, Rankings};
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use fithire_scoring::exchange::{Question, explained};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::{Presets, builtin};
use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

mod copies;
mod rescoring;

struct App<E> {
    replicas: [Client<E>; 2],
    rankings: [Arc<Rankings>; 2],
    scope: BrandScope,
    location_id: Id,
    admin: String,
    coach: String,
    foreigner: String,
}

/// A location of a brand, and who may do and say everything there.
async fn brand(world: &World, staff: &Staff<'_>, slug: &str, place: &str) -> (BrandScope, Id, String) {
    let new =
        NewBrand { slug: slug.to_owned(), name: slug.to_owned(), time_zone: "America/New_York".to_owned() };
    let id = create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap();
    let scope = BrandScope::mint(id, Actor::System);
    let location_id = located(world, &scope, "North", place).await;
    let admin = staff.token(&scope, &format!("admin@{slug}.test"), Role::Admin).await;
    (scope, location_id, admin)
}

async fn located(world: &World, scope: &BrandScope, in_region: &str, place: &str) -> Id {
    let mut tx = world.db.write(scope).await.unwrap();
    let region_id = region(&mut tx, &world.ids, world.clock.now(), in_region).await.unwrap();
    let located = Located {
        name: place.to_owned(),
        time_zone: "America/New_York".to_owned(),
        postal_code: None,
        point: Some((40.7163, -74.0086)),
    };
    let id = location(&mut tx, &world.ids, world.clock.now(), region_id, located).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn app(world: &World) -> App<impl Endpoint> {
    app_with(world, RankingSettings::default()).await
}

async fn app_with(world: &World, settings: RankingSettings) -> App<impl Endpoint> {
    let staff = Staff::open(world).await;
    let (scope, location_id, admin) = brand(world, &staff, "acme", "NYC Tribeca").await;
    let coach = staff.token(&scope, "coach@acme.test", Role::Coach).await;
    let (_, theirs, foreigner) = brand(world, &staff, "canary", CANARY).await;
    let presets = Arc::new(Presets::builtin());
    let rankings = || Arc::new(Rankings::new(world.db.clone(), presets.clone(), settings));
    let rankings = [rankings(), rankings()];
    let replica = |rankings: &Arc<Rankings>| {
        let operations = (fithire_coaches::api::Api, fithire_jobs::api::Api, fithire_matching::api::Api);
        let service = OpenApiService::new(operations, "test", "1");
        let app = service
            .data(world.db.clone())
            .data(world.clock.clone())
            .data(world.ids.clone())
            .data(fithire_kernel::audit::Reads::new(world.clock.clone()))
            .data(staff.identity.clone())
            .data(presets.clone())
            .data(rankings.clone());
        Client::new(app, &foreigner)
    };
    let app = App {
        replicas: [replica(&rankings[0]), replica(&rankings[1])],
        rankings,
        scope,
        location_id,
        admin,
        coach,
        foreigner: foreigner.clone(),
    };
    let job = json!({"title": CANARY, "location_id": theirs});
    let coach = json!({"name": CANARY, "facts": strong()});
    for (path, body) in [("/jobs", job), ("/coaches", coach)] {
        assert_eq!(app.send_to(0, "POST", path, &foreigner, Some(&body)).await.0, StatusCode::OK);
    }
    app
}

impl<E: Endpoint> App<E> {
    async fn send_to(
        &self,
        replica: usize,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        self.replicas[replica].send(method, path, token, body).await
    }

    async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.send_to(0, method, path, &self.admin, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    async fn job(&self) -> Value {
        let job = json!({"title": "Weekend HIIT Instructor", "location_id": self.location_id, "threshold": 0.5, "facts": {
            "starts_on": "2026-12-01", "modality": "hiit", "min_years": 1.5,
            "requirements": [{"any_of": ["NASM-CPT", "ACE-CPT"], "kind": "required"}],
            "slots": [{"kind": "class", "day": 5, "start": "09:00", "minutes": 60}]
        }});
        self.ok("POST", "/jobs", Some(&job)).await
    }

    async fn coach(&self, name: &str, facts: Value) -> Value {
        self.ok("POST", "/coaches", Some(&json!({"name": name, "facts": facts}))).await
    }
}

fn strong() -> Value {
    json!({
        "lat": 40.73, "lon": -73.99, "tz": "America/New_York", "radius_m": 15000,
        "holdings": [{"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"}],
        "positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
        "free": [{"day": 5, "start": "08:00", "minutes": 240}]
    })
}

#[test]
fn candidates_are_ranked_with_the_very_scores_of_the_exchange_format() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job().await;
        let ada = app.coach("Ada", strong()).await;
        app.coach("Nobody", json!({})).await;
        let page = app.ok("GET", &format!("/jobs/{}/candidates", job["id"]), None).await;
        let count = |key: &str| page[key].as_i64().unwrap();
        assert_eq!((count("total"), count("below_threshold"), count("ineligible")), (1, 0, 1));
        assert_eq!((page["threshold"].as_f64(), page["next_cursor"].is_null()), (Some(0.5), true));
        let first = &page["candidates"][0];
        assert_eq!((&first["coach_id"], first["name"].as_str()), (&ada["id"], Some("Ada")));
        assert_eq!(first["explanation"]["strengths"][0], "Required certs met");

        let mut facts = job["facts"].clone();
        facts["lat"] = json!(40.7163);
        facts["lon"] = json!(-74.0086);
        facts["tz"] = json!("America/New_York");
        let line = json!({"as_of": "2026-11-23", "job": facts, "coach": strong()}).to_string();
        let question = Question::read(&line).unwrap();
        let plan = Plan::compile(builtin().named("balanced").unwrap(), &question.job, question.as_of);
        let expected = explained(&plan.explain(&question.coach));
        assert_eq!(first["fitscore"], expected["score"]);
        for key in [
            "range",
            "coverage",
            "eligibility",
            "blockers",
            "distance_m",
            "explanation",
            "advice",
            "provenance",
        ] {
            assert_eq!(first[key], expected[key], "{key}");
        }
        for component in first["components"].as_array().unwrap() {
            let same = &expected["components"][component["key"].as_str().unwrap()];
            for (key, value) in same.as_object().unwrap() {
                assert_eq!(&component[key], value, "{key}");
            }
        }
        let ineligible =
            app.ok("GET", &format!("/jobs/{}/candidates?show=ineligible", job["id"]), None).await;
        assert_eq!(
            (ineligible["candidates"][0]["name"].as_str(), ineligible["total"].as_i64()),
            (Some("Nobody"), Some(1))
        );
    });
}

#[test]
fn what_is_saved_on_one_replica_is_ranked_by_the_next_request_on_the_other() {
    on_both(async |world| {
        let app = app(&world).await;
        let path = format!("/jobs/{}/candidates", app.job().await["id"]);
        let coach = app.coach("Ada", json!({})).await;
        for round in 0..6 {
            let (there, here) = (round % 2, (round + 1) % 2);
            let strong_now = round % 2 == 0;
            let facts = json!({"facts": if strong_now { strong() } else { json!({}) }});
            let saved = app
                .send_to(there, "PATCH", &format!("/coaches/{}", coach["id"]), &app.admin, Some(&facts))
                .await;
            assert_eq!(saved.0, StatusCode::OK);
            let (_, page) = app.send_to(here, "GET", &path, &app.admin, None).await;
            assert_eq!(page["total"].as_i64(), Some(i64::from(strong_now)), "round {round}");
        }
    });
}

#[test]
fn the_matches_of_a_coach_have_the_shape_that_was_promised() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job().await;
        let coach = app.coach("Ada", strong()).await;
        let page =
            app.ok("GET", &format!("/coaches/{}/matches?limit=20&min_score=0.6", coach["id"]), None).await;
        let found = &page["matches"][0];
        assert_eq!(
            (&found["job_id"], found["title"].as_str()),
            (&job["id"], Some("Weekend HIIT Instructor"))
        );
        assert_eq!(
            (found["location"].as_str(), page["total"].as_i64(), page["threshold"].as_f64()),
            (Some("NYC Tribeca"), Some(1), Some(0.6))
        );
        assert!(found["fitscore"].as_f64() >= Some(0.6));
        assert!(
            found["explanation"]["strengths"].as_array().unwrap().contains(&json!("1/1 availability match"))
        );
        assert_eq!(found["explanation"]["gaps"], json!([]));

        let deactivated = app.ok("DELETE", &format!("/jobs/{}", job["id"]), None).await;
        assert_eq!(deactivated["active"], false);
        let page = app.ok("GET", &format!("/coaches/{}/matches", coach["id"]), None).await;
        assert_eq!((page["total"].as_i64(), page["matches"].as_array().map(Vec::len)), (Some(0), Some(0)));
    });
}

#[test]
fn pages_of_candidates_follow_one_another() {
    on_both(async |world| {
        let app = app(&world).await;
        let path = format!("/jobs/{}/candidates?limit=2", app.job().await["id"]);
        for place in 0..5 {
            let mut facts = strong();
            facts["lat"] = json!(40.72 + f64::from(place) / 100.0);
            app.coach(&format!("Coach {place}"), facts).await;
        }
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.ok("GET", &format!("{path}{cursor}"), None).await;
            names.extend(
                page["candidates"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["name"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(names, ["Coach 0", "Coach 1", "Coach 2", "Coach 3", "Coach 4"]);
    });
}

#[test]
fn another_brands_job_answers_like_one_that_is_not_there() {
    on_both(async |world| {
        let app = app(&world).await;
        let (job, coach) = (app.job().await, app.coach("Ada", strong()).await);
        let change = json!({"title": "Taken"});
        let cases = [
            ("GET", format!("/jobs/{}", job["id"]), "/jobs/1", None),
            ("PATCH", format!("/jobs/{}", job["id"]), "/jobs/1", Some(&change)),
            ("DELETE", format!("/jobs/{}", job["id"]), "/jobs/1", None),
            ("GET", format!("/jobs/{}/candidates", job["id"]), "/jobs/1/candidates", None),
            ("GET", format!("/coaches/{}/matches", coach["id"]), "/coaches/1/matches", None),
        ];
        for (method, foreign, absent, body) in cases {
            let foreign = app.send_to(0, method, &foreign, &app.foreigner, body).await;
            assert_eq!(foreign.0, StatusCode::NOT_FOUND, "{method} {absent}");
            assert_eq!(foreign, app.send_to(0, method, absent, &app.foreigner, body).await);
        }
        // Nor can a job of theirs be put at a place of ours.
        let job = json!({"title": "Theirs", "location_id": app.location_id});
        let (status, problem) = app.send_to(0, "POST", "/jobs", &app.foreigner, Some(&job)).await;
        assert_eq!(
            (status, problem["errors"][0]["pointer"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some("/location_id"))
        );
    });
}

#[test]
fn a_coach_does_not_manage_jobs_nor_see_candidates() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job().await;
        let (path, candidates) = (format!("/jobs/{}", job["id"]), format!("/jobs/{}/candidates", job["id"]));
        let change = json!({"title": "Mine"});
        assert_eq!(
            app.send_to(0, "GET", &path, &app.coach, None).await.0,
            StatusCode::OK,
            "jobs are there to be seen"
        );
        for (method, path, body) in
            [("PATCH", &path, Some(&change)), ("DELETE", &path, None), ("GET", &candidates, None)]
        {
            assert_eq!(
                app.send_to(0, method, path, &app.coach, body).await.0,
                StatusCode::FORBIDDEN,
                "{method} {path}"
            );
        }
    });
}

#[test]
fn every_field_of_a_job_that_is_not_right_is_named() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = json!({"title": "HIIT", "location_id": 1, "preset": "ballanced", "threshold": 0.12345, "facts": {
            "modality": "hitt", "requirements": [{"any_of": ["NASM-CTP"], "kind": "required"}],
            "slots": [{"kind": "class", "day": 5, "start": "09:10", "minutes": 60}]
        }});
        let (status, problem) = app.send_to(0, "POST", "/jobs", &app.admin, Some(&job)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let pointers: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(
            pointers,
            [
                "/facts/requirements/0/any_of/0",
                "/facts/slots/0/start",
                "/preset",
                "/threshold",
                "/location_id"
            ]
        );
        let job = app.job().await;
        let changed = app
            .ok(
                "PATCH",
                &format!("/jobs/{}", job["id"]),
                Some(&json!({"title": "Changed", "threshold": 0.7})),
            )
            .await;
        assert_eq!((changed["title"].as_str(), changed["threshold"].as_f64()), (Some("Changed"), Some(0.7)));
        assert_eq!(changed["facts"], job["facts"]);
        let listed = app.ok("GET", "/jobs", None).await;
        assert_eq!(listed, json!({"items": [changed], "next_cursor": null}));
    });
}

#[test]
fn a_manager_reaches_the_jobs_of_their_region_and_location_only() {
    on_both(async |world| {
        let app = app(&world).await;
        let staff = Staff::open(&world).await;
        let elsewhere = located(&world, &app.scope, "South", "Miami Beach").await;
        let near = app.job().await;
        let job = json!({"title": "Far", "location_id": elsewhere});
        let far = app.ok("POST", "/jobs", Some(&job)).await;
        let coach = app.coach("Ada", strong()).await;
        let mut tx = world.db.write(&app.scope).await.unwrap();
        let south = region(&mut tx, &world.ids, world.clock.now(), "South").await.unwrap();
        drop(tx);
        for (name, limits) in [
            ("region", Limits { region_id: Some(south), location_id: None }),
            ("location", Limits { region_id: None, location_id: Some(elsewhere) }),
        ] {
            let account = staff.member(&app.scope, &format!("{name}@acme.test"), Role::Manager, limits).await;
            let token = staff.token_of(&app.scope, account);
            let listed = app.send_to(0, "GET", "/jobs", &token, None).await.1;
            let titles: Vec<&str> = listed["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["title"].as_str().unwrap())
                .collect();
            assert_eq!(titles, ["Far"], "{name}");
            let change = json!({"title": "Mine"});
            for (method, path, body) in [
                ("GET", "", None),
                ("PATCH", "", Some(&change)),
                ("DELETE", "", None),
                ("GET", "/candidates", None),
                ("GET", &format!("/candidates/{}", coach["id"]), None),
            ] {
                let outside = format!("/jobs/{}{path}", near["id"]);
                let outside = app.send_to(0, method, &outside, &token, body).await;
                assert_eq!(outside.0, StatusCode::NOT_FOUND, "{name} {method} {path}");
                assert_eq!(outside, app.send_to(0, method, &format!("/jobs/1{path}"), &token, body).await);
            }
            // A pair with it, a kept score of it, a match with it: neither.
            let outside = format!("/coaches/{}/matches/{}", coach["id"], near["id"]);
            assert_eq!(app.send_to(0, "GET", &outside, &token, None).await.0, StatusCode::NOT_FOUND);
            let pair = json!({"job_id": near["id"], "coach_id": coach["id"]});
            let kept = app.ok("POST", "/scores", Some(&pair)).await;
            for path in ["", "/replay"] {
                let outside = format!("/scores/{}{path}", kept["id"]);
                assert_eq!(app.send_to(0, "GET", &outside, &token, None).await.0, StatusCode::NOT_FOUND);
            }
            let (status, problem) = app.send_to(0, "POST", "/scores", &token, Some(&pair)).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!("/job_id"))
            );
            let matches = format!("/coaches/{}/matches?min_score=0", coach["id"]);
            let matches = app.send_to(0, "GET", &matches, &token, None).await.1;
            assert!(matches["matches"].as_array().unwrap().iter().all(|job| job["job_id"] == far["id"]));
            let moved = json!({"location_id": app.location_id});
            for (method, path, body) in [
                ("PATCH", format!("/jobs/{}", far["id"]), moved),
                ("POST", "/jobs".to_owned(), json!({"title": "There", "location_id": app.location_id})),
            ] {
                let (status, problem) = app.send_to(0, method, &path, &token, Some(&body)).await;
                assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
                assert_eq!(problem["errors"][0]["pointer"], "/location_id");
            }
            let renamed = app
                .send_to(0, "PATCH", &format!("/jobs/{}", far["id"]), &token, Some(&json!({"title": "Far"})))
                .await;
            assert_eq!(renamed.0, StatusCode::OK);
        }
    });
}

#[test]
fn what_if_ranks_by_other_weights_and_saves_nothing() {
    on_both(async |world| {
        let app = app(&world).await;
        let path = format!("/jobs/{}/candidates", app.job().await["id"]);
        let mut near = strong();
        near["positions"] = json!([]);
        let mut far = strong();
        far["lat"] = json!(40.84);
        app.coach("Near", near).await;
        app.coach("Far", far).await;
        let first = async |query: &str| {
            app.ok("GET", &format!("{path}?min_score=0{query}"), None).await["candidates"][0]["name"].clone()
        };
        let before = app.ok("GET", &path, None).await;
        assert_eq!(first("&weights=experience:0,location:100").await, "Near");
        assert_eq!(first("&weights=experience:100,location:0").await, "Far");
        let page =
            app.ok("GET", &format!("{path}?min_score=0&weights=experience:90,location:10"), None).await;
        let one = &page["candidates"][0];
        assert_ne!(one["provenance"]["preset_hash"], before["candidates"][0]["provenance"]["preset_hash"]);
        let pair = format!("{path}/{}?weights=experience:90,location:10", one["coach_id"]);
        assert_eq!(app.ok("GET", &pair, None).await["fitscore"], one["fitscore"]);
        for (weights, told) in [
            ("experience", "where a sub-score and a number belong"),
            ("experiense:1", "did you mean"),
            ("experience:1,experience:2", "names experience twice"),
            ("culture:100", "more than 0.15"),
            ("experience:NaN", "is not a number"),
        ] {
            let answer = app.send_to(0, "GET", &format!("{path}?weights={weights}"), &app.admin, None).await;
            assert_eq!(answer.0, StatusCode::UNPROCESSABLE_ENTITY, "{weights}");
            assert_eq!(answer.1["errors"][0]["pointer"], "weights");
            let detail = answer.1["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(told), "{detail}");
        }
        assert_eq!(app.ok("GET", &path, None).await, before);
    });
}

#[test]
fn any_pair_says_why_not() {
    on_both(async |world| {
        let app = app(&world).await;
        let job = app.job().await;
        let ada = app.coach("Ada", strong()).await;
        let mut cert = strong();
        cert["holdings"] = json!([]);
        let without = app.coach("Ben", cert).await;
        let group = async |coach: &Value| {
            let by_job =
                app.ok("GET", &format!("/jobs/{}/candidates/{}", job["id"], coach["id"]), None).await;
            let by_coach =
                app.ok("GET", &format!("/coaches/{}/matches/{}", coach["id"], job["id"]), None).await;
            assert_eq!(by_job, by_coach);
            by_job
        };
        let (ada, ben) = (group(&ada).await, group(&without).await);
        assert_eq!((&ada["group"], &ben["group"]), (&json!("ranked"), &json!("ineligible")));
        assert_eq!((&ben["blockers"], &ben["title"]), (&json!(["certifications"]), &job["title"]));
        assert!(!ben["explanation"]["gaps"].as_array().unwrap().is_empty());
        // A coach sees their own pairs and nobody else's.
        let own = app.send_to(0, "POST", "/coaches", &app.coach, Some(&json!({"name": "Own"}))).await.1;
        let path = |coach: &Value| format!("/coaches/{}/matches/{}", coach["id"], job["id"]);
        assert_eq!(app.send_to(0, "GET", &path(&own), &app.coach, None).await.0, StatusCode::OK);
        assert_eq!(app.send_to(0, "GET", &path(&without), &app.coach, None).await.0, StatusCode::NOT_FOUND);
    });
}

#[test]
fn a_kept_score_is_replayed_to_the_bit_whatever_has_changed_since() {
    on_both(async |world| {
        let app = app(&world).await;
        let (job, coach) = (app.job().await, app.coach("Ada", strong()).await);
        let pair = json!({"job_id": job["id"], "coach_id": coach["id"]});
        let kept = app.ok("POST", "/scores", Some(&pair)).await;
        let live =
            app.ok("GET", &format!("/jobs/{}/candidates", job["id"]), None).await["candidates"][0].clone();
        assert_eq!(kept["fitscore"], live["fitscore"]);
        for token in [&app.foreigner, &app.coach] {
            for path in ["", "/replay"] {
                let theirs =
                    app.send_to(0, "GET", &format!("/scores/{}{path}", kept["id"]), token, None).await;
                assert_eq!(theirs.0, StatusCode::NOT_FOUND);
                assert_eq!(theirs, app.send_to(0, "GET", &format!("/scores/1{path}"), token, None).await);
            }
        }
        // What it rests on is stored once; then everything changes.
        app.ok("POST", "/scores", Some(&pair)).await;
        app.ok("PATCH", &format!("/coaches/{}", coach["id"]), Some(&json!({"facts": {}}))).await;
        app.ok("PATCH", &format!("/jobs/{}", job["id"]), Some(&json!({"facts": {}, "preset": "local-team"})))
            .await;
        world.clock.advance(chrono::TimeDelta::days(400));
        let staff = Staff::open(&world).await;
        let manager = staff.token(&app.scope, "later@acme.test", Role::Manager).await;
        let get = async |path: String| app.send_to(1, "GET", &path, &manager, None).await;
        let path = format!("/scores/{}", kept["id"]);
        assert_eq!(get(path.clone()).await, (StatusCode::OK, kept.clone()));
        let (status, replay) = get(format!("{path}/replay")).await;
        assert_eq!((status, &replay["same"], &replay["differs"]), (StatusCode::OK, &json!(true), &json!([])));
        assert_eq!(replay["fitscore"], kept["fitscore"]);
        assert_eq!(replay["replayed"]["components"], kept["components"]);
        let (status, problem) =
            app.send_to(0, "POST", "/scores", &manager, Some(&json!({"job_id": 1, "coach_id": 1}))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["errors"][0]["pointer"], "/job_id");
    });
}
