//! The life of a certificate, of a profile and of tags through HTTP, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use fithire_coaches::{Document, TELL, submit, tell};
use fithire_identity::testing::Staff;
use fithire_identity::{Limits, ReviewCoaches, Role};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, Allowed, BrandScope};
use fithire_kernel::tasks::Outcome;
use fithire_kernel::tasks::claims::turn;
use fithire_kernel::testing::{Client, World};
use fithire_matching::{RankingSettings, Rankings};
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use fithire_scoring::catalog::Cert;
use fithire_scoring::preset::Presets;
use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

mod life;
mod queue;

struct App<E> {
    client: Client<E>,
    scope: BrandScope,
    location_id: Id,
    admin: String,
    other: String,
    manager: String,
    coach: String,
    coach_account: Id,
}

async fn app(world: &World) -> App<impl Endpoint> {
    let World { db, clock, ids, .. } = world;
    let staff = Staff::open(world).await;
    let new = NewBrand { slug: "acme".to_owned(), name: "Acme".to_owned(), time_zone: "UTC".to_owned() };
    let scope = BrandScope::mint(create_brand(db, clock, ids, new).await.unwrap(), Actor::System);
    let mut tx = db.write(&scope).await.unwrap();
    let region_id = region(&mut tx, ids, clock.now(), "North").await.unwrap();
    let point = Some((40.7163, -74.0086));
    let located = Located { name: "Pier".to_owned(), time_zone: "UTC".to_owned(), postal_code: None, point };
    let location_id = location(&mut tx, ids, clock.now(), region_id, located).await.unwrap();
    fithire_orgs::add_dimension(&mut tx, (clock, ids), ("music", "quiet", "loud")).await.unwrap();
    tx.commit().await.unwrap();
    let coach_account = staff.member(&scope, "coach@acme.test", Role::Coach, Limits::default()).await;
    let admin = staff.token(&scope, "ada@acme.test", Role::Admin).await;
    let other = staff.token(&scope, "bea@acme.test", Role::Admin).await;
    let manager = staff.token(&scope, "manager@acme.test", Role::Manager).await;
    let coach = staff.token_of(&scope, coach_account);
    let presets = Arc::new(Presets::builtin());
    let rankings = Arc::new(Rankings::new(db.clone(), presets.clone(), RankingSettings::default()));
    let operations = (
        fithire_coaches::api::Api,
        fithire_jobs::api::Api,
        fithire_matching::api::Api,
        fithire_verification::api::Api,
    );
    let service = OpenApiService::new(operations, "test", "1")
        .data(db.clone())
        .data(clock.clone())
        .data(ids.clone())
        .data(fithire_kernel::audit::Reads::new(clock.clone()))
        .data(staff.identity.clone())
        .data(presets)
        .data(rankings);
    let client = Client::new(service, &admin);
    App { client, scope, location_id, admin, other, manager, coach, coach_account }
}

impl<E: Endpoint> App<E> {
    async fn send(&self, method: &str, path: &str, token: &str, body: Value) -> (StatusCode, Value) {
        let body = Some(&body).filter(|body| !body.is_null());
        self.client.send(method, path, token, body).await
    }

    async fn ok(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, path, token, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    /// The coach's own profile, with these holdings; its id.
    async fn profile(&self, holdings: Value) -> Id {
        let profile = json!({"name": "Cleo", "facts": facts(holdings)});
        self.ok("POST", "/coaches", &self.coach, profile).await["id"].as_i64().unwrap()
    }

    async fn change(&self, coach_id: Id, token: &str, holdings: Value) -> Value {
        let change = json!({"facts": facts(holdings)});
        self.ok("PATCH", &format!("/coaches/{coach_id}"), token, change).await
    }

    async fn holdings(&self, coach_id: Id) -> Value {
        let coach = self.ok("GET", &format!("/coaches/{coach_id}"), &self.admin, Value::Null).await;
        coach["facts"]["holdings"].clone()
    }

    async fn pending(&self, query: &str) -> Vec<Value> {
        let page = self.ok("GET", &format!("/admin/pending{query}"), &self.admin, Value::Null).await;
        page["items"].as_array().unwrap().clone()
    }

    async fn decide(&self, token: &str, decision: Value) -> (StatusCode, Value) {
        self.send("POST", "/admin/verify-cert", token, decision).await
    }

    /// Sends a coach's document in a transaction of its own, as an upload does.
    async fn submit(&self, world: &World, coach_id: Id, code: &str, last: &str) -> Result<(), Problem> {
        let document = Document {
            media_id: world.ids.next(),
            media_type: "application/pdf".to_owned(),
            code: Cert::named(code).unwrap(),
            expires_on: Some(last.parse().unwrap()),
        };
        let mut tx = world.db.write(&self.scope).await.unwrap();
        submit(&mut tx, (&world.clock, &world.ids), coach_id, document).await?;
        tx.commit().await.map_err(Problem::from)
    }

    /// Does what is due, and says what the coach has been told so far.
    async fn told(&self, world: &World) -> Vec<String> {
        let World { db, clock, ids, .. } = world;
        let mut settled = Vec::new();
        loop {
            let tasks = turn(db, &self.scope, (clock, ids), (&settled, 10)).await.unwrap();
            if tasks.is_empty() {
                break;
            }
            settled.clear();
            for task in tasks {
                let outcome = if task.kind == TELL {
                    tell(db, (clock, ids), &task).await
                } else {
                    Outcome::Abort("not looked at here".to_owned())
                };
                settled.push((task, outcome));
            }
        }
        let mut tx = db.read(&self.scope).await.unwrap();
        let told = fithire_notifications::told(&mut tx, self.coach_account).await.unwrap();
        let notices = told["notices"].as_array().unwrap().iter();
        notices.map(|one| one["title"].as_str().unwrap().to_owned()).collect()
    }
}

fn facts(holdings: Value) -> Value {
    json!({
        "lat": 40.73, "lon": -73.99, "tz": "UTC", "radius_m": 15000, "holdings": holdings,
        "positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
        "free": [{"day": 5, "start": "08:00", "minutes": 240}],
        "style": [{"dimension": "music", "level": 0, "source": "self"}]
    })
}

/// The proof that somebody reviews, for what is called without a request.
fn reviewer(scope: &BrandScope, account_id: Id) -> Allowed<ReviewCoaches> {
    let scope = BrandScope::mint(scope.brand_id(), Actor::Account(account_id));
    Allowed::mint(scope, Limits::default())
}
