//! Sign-in and tokens, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fuzzed;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use fithire_identity::testing::setup;
use fithire_identity::{
    Identity, Limits, ManageJobs, ManageMembers, NewAccount, Role, ViewCoaches, add_member, api,
    create_account, invite, retention,
};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Code;
use fithire_kernel::scope::{Allowed, BrandScope};
use fithire_kernel::testing::{World, on_both};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poem::http::StatusCode;
use poem::test::TestClient;
use poem::{Endpoint, EndpointExt};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

const ISSUER: &str = "https://fithire.test";
const PASSWORD: &str = "correct horse battery";

async fn identity(world: &World) -> Arc<Identity> {
    Arc::new(
        Identity::open(world.db.clone(), (world.clock.clone(), world.ids.clone()), setup(ISSUER))
            .await
            .unwrap(),
    )
}

async fn member(world: &World, scope: &BrandScope, email: &str, role: Role) -> Id {
    let new = NewAccount { email: email.to_owned(), name: email.to_owned(), password: PASSWORD.to_owned() };
    let id = create_account(&world.db, &world.clock, &world.ids, new).await.unwrap();
    add_member(&world.db, &world.clock, scope, id, role, Limits::default()).await.unwrap();
    id
}

fn client(identity: &Arc<Identity>) -> TestClient<impl Endpoint> {
    TestClient::new(OpenApiService::new(api::Api, "test", "1").data(identity.clone()))
}

#[test]
fn a_password_gives_a_token_for_one_brand() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "Ada@Example.test", Role::Manager).await;
        let client = client(&identity);
        let body = json!({"email": " ada@example.TEST", "password": PASSWORD});
        let response = client.post("/auth/token").body_json(&body).send().await;
        response.assert_status_is_ok();
        let answer: Value = response.json().await.value().deserialize();
        assert_eq!(
            (answer["token_type"].as_str(), answer["expires_in"].as_i64()),
            (Some("Bearer"), Some(3_600))
        );
        let caller = identity.caller(answer["access_token"].as_str().unwrap(), None).await.unwrap();
        assert_eq!(
            (caller.account_id(), caller.scope().brand_id(), caller.role()),
            (account, scope.brand_id(), Role::Manager)
        );

        // A second brand has to be named from now on; a brand of others never opens.
        let second = world.brand("second").await;
        let foreign = world.brand("foreign").await;
        add_member(&world.db, &world.clock, &second, account, Role::Coach, Limits::default()).await.unwrap();
        let sign_in =
            async |brand| identity.sign_in("ada@example.test", PASSWORD.to_owned(), brand, None).await;
        assert_eq!(sign_in(None).await.unwrap_err().errors[0].pointer, "/brand");
        let token = sign_in(Some(second.brand_id())).await.unwrap().access_token;
        assert_eq!(identity.caller(&token, None).await.unwrap().role(), Role::Coach);
        assert_eq!(sign_in(Some(foreign.brand_id())).await.unwrap_err().code, Code::Unauthenticated);
    });
}

#[test]
fn a_wrong_password_and_an_unknown_address_answer_alike() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        member(&world, &scope, "ada@example.test", Role::Coach).await;
        let client = client(&identity);
        let mut answers = Vec::new();
        for email in ["ada@example.test", "nobody@example.test"] {
            let body = json!({"email": email, "password": "not the password"});
            let response = client.post("/auth/token").body_json(&body).send().await;
            response.assert_status(StatusCode::UNAUTHORIZED);
            answers.push(response.0.into_body().into_string().await.unwrap());
        }
        assert_eq!(answers[0], answers[1]);
    });
}

#[test]
fn attempts_are_counted_by_account() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let client = client(&identity);
        let body = json!({"email": "ada@example.test", "password": "guess"});
        let mut refused = None;
        for _ in 0..12 {
            let response = client.post("/auth/token").body_json(&body).send().await;
            if response.0.status() == StatusCode::TOO_MANY_REQUESTS {
                refused = Some(response);
                break;
            }
        }
        let refused = refused.expect("the twelfth attempt within a minute is refused");
        let seconds: u64 = refused.0.header("Retry-After").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
    });
}

#[test]
fn what_someone_may_do_is_read_at_each_request() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "ada@example.test", Role::Admin).await;
        let token = identity.issue(account, scope.brand_id()).unwrap().access_token;
        let caller = identity.caller(&token, None).await.unwrap();
        assert!(caller.allowed::<ManageMembers>().is_ok() && caller.allowed::<ManageJobs>().is_ok());

        add_member(&world.db, &world.clock, &scope, account, Role::Coach, Limits::default()).await.unwrap();
        let caller = identity.caller(&token, None).await.unwrap();
        assert_eq!(caller.allowed::<ManageJobs>().unwrap_err().code, Code::Forbidden);
        assert_eq!(caller.allowed::<ViewCoaches>().unwrap_err().code, Code::Forbidden);

        // A token for a brand in which the account has no membership opens nothing.
        let other = world.brand("other").await;
        let token = identity.issue(account, other.brand_id()).unwrap().access_token;
        assert_eq!(identity.caller(&token, None).await.unwrap_err().code, Code::Unauthenticated);
    });
}

#[test]
fn only_our_own_tokens_of_now_are_taken() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "ada@example.test", Role::Manager).await;
        let good = identity.issue(account, scope.brand_id()).unwrap().access_token;
        let parts: Vec<&str> = good.split('.').collect();
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let kid = header["kid"].as_str().unwrap().to_owned();
        let refused = async |token: &str, why: &str| {
            let code = identity.caller(token, None).await.map(|_| ()).unwrap_err().code;
            assert_eq!(code, Code::Unauthenticated, "{why}");
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());

        refused("", "empty").await;
        refused("a.b.c", "no JSON").await;
        refused(&format!("{}.{}.", part(&json!({"alg": "none", "kid": kid})), parts[1]), "alg none").await;
        // The public key, which anyone can have, as the secret of a symmetric algorithm.
        let public = serde_json::to_vec(&identity.public_keys().keys[0]).unwrap();
        let symmetric = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        refused(
            &jsonwebtoken::encode(&symmetric, &claims, &EncodingKey::from_secret(&public)).unwrap(),
            "HS256",
        )
        .await;
        let mut tampered = claims.clone();
        tampered["brand"] = json!(scope.brand_id() + 1);
        refused(&format!("{}.{}.{}", parts[0], part(&tampered), parts[2]), "changed claims").await;

        // Signed by somebody else's key, under our id, under none, and under one that points elsewhere.
        let elsewhere =
            Identity::open(elsewhere(&world).await, (world.clock.clone(), world.ids.clone()), setup(ISSUER))
                .await
                .unwrap();
        let foreign = elsewhere.issue(account, scope.brand_id()).unwrap().access_token;
        refused(&foreign, "another installation's key").await;
        let foreign: Vec<&str> = foreign.split('.').collect();
        refused(&format!("{}.{}.{}", parts[0], foreign[1], foreign[2]), "another key under our id").await;

        // Our own key, but something else than we issue.
        let pem = signing_key(&world).await;
        let sign = |claims: &Value, header: Header| {
            jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()).unwrap()
        };
        let ours = || Header { kid: Some(kid.clone()), ..Header::new(Algorithm::ES256) };
        assert!(
            identity.caller(&sign(&claims, ours()), None).await.is_ok(),
            "the same claims again are right"
        );
        refused(&sign(&claims, Header::new(Algorithm::ES256)), "no kid").await;
        for key in ["iss", "sub", "brand", "nbf", "exp"] {
            let mut without = claims.clone();
            without.as_object_mut().unwrap().remove(key);
            refused(&sign(&without, ours()), key).await;
        }
        for (key, value) in [
            ("iss", json!("https://evil.test")),
            ("exp", json!("9999999999")),
            ("exp", json!(world.clock.now().timestamp() - 6)),
            ("exp", json!(i64::MAX)),
            ("nbf", json!(world.clock.now().timestamp() + 6)),
            ("sub", json!("x")),
            ("sub", json!(account)),
        ] {
            let mut other = claims.clone();
            other[key] = value;
            refused(&sign(&other, ours()), key).await;
        }
        world.clock.advance(TimeDelta::minutes(59));
        assert!(identity.caller(&good, None).await.is_ok());
        world.clock.advance(TimeDelta::minutes(2));
        refused(&good, "an hour and a minute later").await;
    });
}

#[test]
fn two_replicas_take_each_others_tokens_and_the_keys_are_public() {
    on_both(async |world| {
        let (one, two) = (identity(&world).await, identity(&world).await);
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "ada@example.test", Role::Manager).await;
        let token = one.issue(account, scope.brand_id()).unwrap().access_token;
        assert!(two.caller(&token, None).await.is_ok());
        let response = client(&two).get("/auth/jwks.json").send().await;
        let keys: Value = response.json().await.value().deserialize();
        assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
        assert_eq!(
            (keys["keys"][0]["alg"].as_str(), keys["keys"][0]["crv"].as_str()),
            (Some("ES256"), Some("P-256"))
        );
        assert!(keys["keys"][0].get("d").is_none(), "the private half stays here");
    });
}

#[test]
fn an_address_is_taken_once_and_short_passwords_are_not() {
    on_both(async |world| {
        let make = async |email: &str, password: &str| {
            let new =
                NewAccount { email: email.to_owned(), name: "Ada".to_owned(), password: password.to_owned() };
            create_account(&world.db, &world.clock, &world.ids, new).await
        };
        make("ada@example.test", PASSWORD).await.unwrap();
        assert_eq!(make("ADA@example.test", PASSWORD).await.unwrap_err().code, Code::Conflict);
        assert_eq!(make("ben@example.test", "short").await.unwrap_err().errors[0].pointer, "/password");
    });
}

/// Another installation's database.
async fn elsewhere(world: &World) -> fithire_kernel::db::Db {
    let folder = tempfile::tempdir().unwrap().keep();
    let db =
        fithire_kernel::db::Db::open(&format!("sqlite:{}/other-{}.db", folder.display(), world.ids.next()))
            .await
            .unwrap();
    db.migrate().await.unwrap();
    db
}

/// The private key, as only the database has it.
async fn signing_key(world: &World) -> String {
    let query = "SELECT private_pem FROM signing_keys";
    let (pem,): (String,) = match &world.owner {
        fithire_kernel::db::Db::Sqlite { writer, .. } => {
            sqlx::query_as(query).fetch_one(writer).await.unwrap()
        }
        fithire_kernel::db::Db::Postgres(pool) => sqlx::query_as(query).fetch_one(pool).await.unwrap(),
    };
    pem
}

#[test]
fn a_session_ends_when_nobody_uses_it_and_after_a_week_in_any_case() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "ada@acme.test", Role::Manager).await;
        let lives = async |cookie: &str| identity.session(cookie).await.unwrap().is_some();
        let idle = identity.open_session(account, scope.brand_id(), None).await.unwrap();
        assert!(lives(&idle).await);
        world.clock.advance(TimeDelta::hours(12) - TimeDelta::seconds(1));
        assert!(lives(&idle).await);
        world.clock.advance(TimeDelta::hours(12));
        assert!(!lives(&idle).await, "12 hours without a request");

        let busy = identity.open_session(account, scope.brand_id(), None).await.unwrap();
        for _ in 0..7 * 24 - 1 {
            world.clock.advance(TimeDelta::hours(1));
            assert!(lives(&busy).await);
        }
        world.clock.advance(TimeDelta::hours(1));
        assert!(!lives(&busy).await, "7 days, however busy");

        let closed = identity.open_session(account, scope.brand_id(), None).await.unwrap();
        identity.close_session(&closed).await.unwrap();
        assert!(!lives(&closed).await);
        // Only a member of the brand has a session in it, and what they may do is read at each request.
        let other = world.brand("other").await;
        assert!(identity.open_session(account, other.brand_id(), None).await.is_err());
        let now = identity.open_session(account, scope.brand_id(), None).await.unwrap();
        add_member(&world.db, &world.clock, &scope, account, Role::Coach, Limits::default()).await.unwrap();
        assert_eq!(identity.session(&now).await.unwrap().unwrap().role(), Role::Coach);
        for nonsense in ["", ".", "1.x", "x.y", &now.replace('.', "")] {
            assert!(!lives(nonsense).await, "{nonsense}");
        }
    });
}

#[test]
fn what_is_no_longer_needed_goes_by_the_schedule() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let identity = identity(&world).await;
        let ada = member(&world, &acme, "ada@acme.test", Role::Admin).await;
        let allowed = Allowed::mint(acme.clone(), Limits::default());
        let tools = (&world.clock, &world.ids);
        let invited = (Role::Coach, Limits::default());
        invite(&world.db, tools, &allowed, "bob@acme.test", invited).await.unwrap();
        let session = identity.open_session(ada, acme.brand_id(), None).await.unwrap();
        let follow = async || {
            let mut tx = world.db.write(&acme).await.unwrap();
            let removed = retention::tidy_brand(&mut tx, world.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            removed
        };
        assert_eq!(follow().await, 0, "everything is needed");
        assert!(identity.session(&session).await.unwrap().is_some());
        world.clock.advance(TimeDelta::hours(13));
        assert_eq!(follow().await, 1, "the session has ended");
        world.clock.advance(TimeDelta::days(36));
        assert_eq!(follow().await, 0, "an invitation that is over for a month, less a day");
        world.clock.advance(TimeDelta::days(2));
        assert_eq!((follow().await, follow().await), (1, 0));
        assert_eq!(retention::tidy(&world.db, &world.clock).await.unwrap(), 0);
    });
}
