//! Organisations through HTTP, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use fithire_identity::Role;
use fithire_identity::testing::Staff;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Code;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{Client, World, on_both};
use fithire_orgs::{Located, NewBrand, api, create_brand, location, region};
use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::Value;

struct App<E> {
    client: Client<E>,
    token: String,
    brand_id: Id,
    foreign_id: Id,
}

/// A brand with two regions and five locations, another brand, and a coach's token for the first.
async fn app(world: &World) -> App<impl Endpoint> {
    let make = async |slug: &str| {
        let new = NewBrand {
            slug: slug.to_owned(),
            name: slug.to_uppercase(),
            time_zone: "America/New_York".to_owned(),
        };
        create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap()
    };
    let (brand_id, foreign_id) = (make("acme").await, make("canary").await);
    for (brand, names) in [
        (brand_id, ["Tribeca", "Soho", "Astoria", "Harlem", "Queens"]),
        (foreign_id, ["CANARY A", "CANARY B", "CANARY C", "CANARY D", "CANARY E"]),
    ] {
        let scope = BrandScope::mint(brand, Actor::System);
        let (ids, now) = (&world.ids, world.clock.now());
        let mut tx = world.db.write(&scope).await.unwrap();
        let regions = [
            region(&mut tx, ids, now, "North").await.unwrap(),
            region(&mut tx, ids, now, "South").await.unwrap(),
        ];
        assert_eq!(region(&mut tx, ids, now, "North").await.unwrap(), regions[0], "found again");
        for (place, name) in names.into_iter().enumerate() {
            let located = Located {
                name: name.to_owned(),
                time_zone: "America/New_York".to_owned(),
                postal_code: Some("10013".to_owned()),
                point: Some((40.72, -74.0)),
            };
            location(&mut tx, ids, now, regions[place % 2], located).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let staff = Staff::open(world).await;
    let scope = |brand| BrandScope::mint(brand, Actor::System);
    let token = staff.token(&scope(brand_id), "coach@acme.test", Role::Coach).await;
    let foreigner = staff.token(&scope(foreign_id), "coach@canary.test", Role::Coach).await;
    let service = OpenApiService::new(api::Api, "test", "1").data(world.db.clone()).data(staff.identity);
    App { client: Client::new(service, &foreigner), token, brand_id, foreign_id }
}

impl<E: Endpoint> App<E> {
    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.client.send("GET", path, &self.token, None).await
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

#[test]
fn a_token_opens_its_own_brand() {
    on_both(async |world| {
        let app = app(&world).await;
        let brands = app.json("/brands").await;
        assert_eq!(brands["items"].as_array().unwrap().len(), 1);
        assert_eq!(
            (brands["items"][0]["id"].as_i64(), brands["items"][0]["slug"].as_str()),
            (Some(app.brand_id), Some("acme"))
        );
        let regions = app.json(&format!("/brands/{}/regions", app.brand_id)).await;
        let north = regions["items"][0]["id"].as_i64().unwrap();
        let of_north = app.json(&format!("/brands/{}/locations?region_id={north}", app.brand_id)).await;
        let names: Vec<&str> =
            of_north["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Astoria", "Queens", "Tribeca"]);
    });
}

#[test]
fn pages_follow_one_another() {
    on_both(async |world| {
        let app = app(&world).await;
        let mut path = format!("/brands/{}/locations?limit=2", app.brand_id);
        let mut names = Vec::new();
        loop {
            let page = app.json(&path).await;
            names.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["name"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/brands/{}/locations?limit=2&cursor={cursor}", app.brand_id);
        }
        assert_eq!(names, ["Astoria", "Harlem", "Queens", "Soho", "Tribeca"]);
        for query in ["limit=0", "limit=101", "cursor=nonsense"] {
            let (status, body) = app.get(&format!("/brands/{}/locations?{query}", app.brand_id)).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {body}");
        }
    });
}

#[test]
fn another_brand_answers_like_one_that_is_not_there() {
    on_both(async |world| {
        let app = app(&world).await;
        for list in ["regions", "locations"] {
            let foreign = app.get(&format!("/brands/{}/{list}", app.foreign_id)).await;
            let absent = app.get(&format!("/brands/{}/{list}", app.foreign_id + 1_000)).await;
            assert_eq!(foreign.0, StatusCode::NOT_FOUND);
            assert_eq!(foreign, absent);
        }
    });
}

#[test]
fn a_slug_is_taken_once_and_has_a_form() {
    on_both(async |world| {
        let make = async |slug: &str| {
            let new =
                NewBrand { slug: slug.to_owned(), name: "Acme".to_owned(), time_zone: "UTC".to_owned() };
            create_brand(&world.db, &world.clock, &world.ids, new).await
        };
        make("acme").await.unwrap();
        assert_eq!(make("acme").await.unwrap_err().code, Code::Conflict);
        for slug in ["", "Acme", "a b", "größe"] {
            assert_eq!(make(slug).await.unwrap_err().errors[0].pointer, "/slug");
        }
    });
}
