//! Jobs, candidates and matches through HTTP, on both databases; each app is two replicas on one database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use fithire_identity::{Identity, Limits, NewAccount, Role, add_member, create_account};
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_matching::Rankings;
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use fithire_scoring::exchange::{Question, explained};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::{Presets, builtin};
use poem::http::StatusCode;
use poem::test::TestClient;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

struct App<E> {
    replicas: [TestClient<E>; 2],
    location_id: Id,
    manager: String,
    coach: String,
    foreigner: String,
}

async fn app(world: &World) -> App<impl Endpoint> {
    let identity = Identity::open(world.db.clone(), world.clock.clone(), "https://fithire.test".to_owned())
        .await
        .unwrap();
    let make = async |slug: &str| {
        let new = NewBrand {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            time_zone: "America/New_York".to_owned(),
        };
        BrandScope::mint(create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap(), Actor::System)
    };
    let (scope, foreign) = (make("acme").await, make("canary").await);
    let token = async |scope: &BrandScope, email: &str, role| {
        let new = NewAccount {
            email: email.to_owned(),
            name: email.to_owned(),
            password: "correct horse battery".to_owned(),
        };
        let account = create_account(&world.db, &world.clock, &world.ids, new).await.unwrap();
        add_member(&world.db, &world.clock, scope, account, role, Limits::default()).await.unwrap();
        identity.issue(account, scope.brand_id()).unwrap().access_token
    };
    let manager = token(&scope, "manager@acme.test", Role::Manager).await;
    let coach = token(&scope, "coach@acme.test", Role::Coach).await;
    let foreigner = token(&foreign, "manager@canary.test", Role::Manager).await;
    let mut tx = world.db.write(&scope).await.unwrap();
    let north = region(&mut tx, &world.ids, world.clock.now(), "North").await.unwrap();
    let tribeca = Located {
        name: "NYC Tribeca".to_owned(),
        time_zone: "America/New_York".to_owned(),
        postal_code: None,
        point: Some((40.7163, -74.0086)),
    };
    let location_id = location(&mut tx, &world.ids, world.clock.now(), north, tribeca).await.unwrap();
    tx.commit().await.unwrap();
    let identity = Arc::new(identity);
    let replica = || {
        let operations = (fithire_coaches::api::Api, fithire_jobs::api::Api, fithire_matching::api::Api);
        let service = OpenApiService::new(operations, "test", "1");
        TestClient::new(
            service
                .data(world.db.clone())
                .data(world.clock.clone())
                .data(world.ids.clone())
                .data(identity.clone())
                .data(Arc::new(Rankings::new(Presets::builtin()))),
        )
    };
    App { replicas: [replica(), replica()], location_id, manager, coach, foreigner }
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
        let client = &self.replicas[replica];
        let mut request = match method {
            "POST" => client.post(path),
            "PATCH" => client.patch(path),
            "DELETE" => client.delete(path),
            _ => client.get(path),
        };
        request = request.header("Authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.body_json(body);
        }
        let response = request.send().await;
        let status = response.0.status();
        (status, serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap())
    }

    async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.send_to(0, method, path, &self.manager, body).await;
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
                .send_to(there, "PATCH", &format!("/coaches/{}", coach["id"]), &app.manager, Some(&facts))
                .await;
            assert_eq!(saved.0, StatusCode::OK);
            let (_, page) = app.send_to(here, "GET", &path, &app.manager, None).await;
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
        let (status, problem) = app.send_to(0, "POST", "/jobs", &app.manager, Some(&job)).await;
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
