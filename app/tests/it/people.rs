//! Two brands with everything in them, for tests of who reaches what: one that is tested, and the canary, whose every
//! text must never be shown to the other.

use fithire_identity::testing::Staff;
use fithire_identity::{Limits, Role};
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::World;
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use serde_json::{Value, json};

use crate::server::{Server, configured};

/// A running server with two brands.
pub(crate) struct People {
    pub(crate) server: Server,
    pub(crate) ours: Things,
    pub(crate) theirs: Things,
}

/// One of each in a brand, and tokens for each role.
pub(crate) struct Things {
    /// By what they are: brand, region, location, job, coach, score.
    pub(crate) ids: Vec<(&'static str, Id)>,
    /// The texts of this brand hold it.
    pub(crate) mark: &'static str,
    /// By role.
    pub(crate) tokens: Vec<(&'static str, String)>,
}

impl Things {
    pub(crate) fn id(&self, what: &str) -> Id {
        self.ids.iter().find(|(name, _)| *name == what).unwrap().1
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        &self.tokens.iter().find(|(name, _)| *name == role).unwrap().1
    }
}

/// The address under which a role of a brand signs in.
pub(crate) fn email(role: &str, mark: &str) -> String {
    format!("{role}@{}.test", mark.to_lowercase())
}

pub(crate) async fn people(world: &World) -> People {
    let made = [make(world, "ACME").await, make(world, fithire_kernel::testing::CANARY).await];
    let server = Server::on(&mut configured(world));
    let [ours, theirs] = made.map(|(scope, mut things)| {
        things.tokens = ["coach", "manager", "admin"]
            .map(|role| (role, server.token_of(&email(role, things.mark))))
            .into();
        fill(&server, &scope, &mut things);
        things
    });
    People { server, ours, theirs }
}

/// A brand with a location and a member of each role.
async fn make(world: &World, mark: &'static str) -> (BrandScope, Things) {
    let World { db, clock, ids, .. } = world;
    let new = NewBrand { slug: mark.to_lowercase(), name: mark.to_owned(), time_zone: "UTC".to_owned() };
    let brand_id = create_brand(db, clock, ids, new).await.unwrap();
    let scope = BrandScope::mint(brand_id, Actor::System);
    let mut tx = db.write(&scope).await.unwrap();
    let region_id = region(&mut tx, ids, clock.now(), mark).await.unwrap();
    let located =
        Located { name: mark.to_owned(), time_zone: "UTC".to_owned(), postal_code: None, point: None };
    let location_id = location(&mut tx, ids, clock.now(), region_id, located).await.unwrap();
    tx.commit().await.unwrap();
    let staff = Staff::open(world).await;
    for (name, role) in [("coach", Role::Coach), ("manager", Role::Manager), ("admin", Role::Admin)] {
        staff.member(&scope, &email(name, mark), role, Limits::default()).await;
    }
    let ids = vec![("brand", brand_id), ("region", region_id), ("location", location_id)];
    (scope, Things { ids, mark, tokens: Vec::new() })
}

/// Adds a job, a coach and a kept score through the API.
fn fill(server: &Server, _scope: &BrandScope, things: &mut Things) {
    let mark = things.mark;
    let job = json!({"title": mark, "description": mark, "location_id": things.id("location"), "threshold": 0,
                     "facts": {"modality": "hiit"}});
    let coach = json!({"name": mark, "bio": mark, "email": email("someone", mark),
                       "facts": {"positions": [{"modality": "hiit", "started_on": "2023-02-01"}]}});
    let token = things.token("admin").to_owned();
    let mut add = |what: &'static str, path: &str, body: Value| {
        let answer = server.send("POST", path, Some(&token), Some(("application/json", &body.to_string())));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = answer.json()["id"].as_i64().unwrap();
        things.ids.push((what, id));
        id
    };
    let job_id = add("job", "/api/v1/jobs", job);
    let coach_id = add("coach", "/api/v1/coaches", coach);
    add("score", "/api/v1/scores", json!({"job_id": job_id, "coach_id": coach_id}));
}
