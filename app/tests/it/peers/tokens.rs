//! Tokens of Clerk's shape, made by another hand: which are taken, what they give, and what happens while keys change and
//! the issuer is away.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use fithire_identity::{Limits, Role, add_member, remove_member};
use fithire_kernel::scope::Allowed;
use fithire_kernel::testing::on_both;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{Configured, Peer, clerk};

/// Claims of a session, version 2.
fn session(user: &str) -> Value {
    json!({"sub": user, "azp": "https://app.acme.test", "sid": "sess_1", "v": 2, "sts": "active",
           "fva": [0, -1], "o": {"id": "org_acme", "slg": "acme", "rol": "admin"}})
}

fn with(user: &str, changes: &Value) -> Value {
    let mut claims = session(user);
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// Something that everybody of a brand may ask.
const OPEN: &str = "/api/v1/brands";
/// Something that coaches may not.
const FOR_MANAGERS: &str = "/api/v1/coaches";

#[test]
fn clerks_tokens_open_the_api_and_the_database_alone_says_what_they_may() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let issuer = Peer::start("issuer.mjs", &[]);
        let app = Configured::start(&world, &clerk(&issuer, ""));
        let token = issuer.token(&session("user_ada"));
        assert_eq!(app.status(OPEN, &token), 200, "{}", app.server.log());
        assert_eq!(app.status(FOR_MANAGERS, &token), 403, "what a token says of roles counts for nothing");
        let version_1 = with(
            "user_bob",
            &json!({"v": null, "o": null, "org_id": "org_acme", "org_role": "org:admin", "org_permissions": []}),
        );
        assert_eq!(app.status(OPEN, &issuer.token(&version_1)), 200);

        // Roles are read at each request; who was taken out stays out.
        let members = members(&world, &acme).await;
        assert_eq!(members.len(), 2, "{members:?}");
        let ada = members[0].0;
        add_member(&world.db, &world.clock, &acme, ada, Role::Manager, Limits::default()).await.unwrap();
        assert_eq!(app.status(FOR_MANAGERS, &token), 200);
        add_member(&world.db, &world.clock, &acme, ada, Role::Coach, Limits::default()).await.unwrap();
        assert_eq!(app.status(FOR_MANAGERS, &token), 403, "from the next request on");
        let admin = Allowed::mint(acme.clone(), Limits::default());
        // Somebody has to look after the brand.
        add_member(&world.db, &world.clock, &acme, members[1].0, Role::Admin, Limits::default())
            .await
            .unwrap();
        remove_member(&world.db, (&world.clock, &world.ids), &admin, ada).await.unwrap();
        assert_eq!(app.status(OPEN, &token), 403);
        assert_eq!(
            app.status(OPEN, &issuer.token(&session("user_ada"))),
            403,
            "a newer token is no way back"
        );
    });
}

/// Somebody who looks after a brand.
pub(super) async fn admin_of(
    world: &fithire_kernel::testing::World,
    scope: &fithire_kernel::scope::BrandScope,
) -> i64 {
    let staff = fithire_identity::testing::Staff::open(world).await;
    staff.member(scope, "boss@acme.test", Role::Admin, Limits::default()).await
}

/// The account of a member by its address.
pub(super) async fn account_of(
    world: &fithire_kernel::testing::World,
    scope: &fithire_kernel::scope::BrandScope,
    email: &str,
) -> i64 {
    members(world, scope).await.into_iter().find(|member| member.1 == email).unwrap().0
}

async fn members(
    world: &fithire_kernel::testing::World,
    scope: &fithire_kernel::scope::BrandScope,
) -> Vec<(i64, String)> {
    let mut tx = world.db.read(scope).await.unwrap();
    let (members, _) = fithire_identity::members(&mut tx, None, 100, None).await.unwrap();
    members.into_iter().map(|member| (member.account_id, member.email)).collect()
}

#[test]
fn a_token_that_is_not_right_in_every_way_opens_nothing() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let issuer = Peer::start("issuer.mjs", &[]);
        let app = Configured::start(&world, &clerk(&issuer, ""));
        let now = fithire_kernel::clock::Clock::System.now().timestamp();
        let wrong = [
            ("another party", json!({"azp": "https://evil.test"})),
            ("no party", json!({"azp": null})),
            ("a party of another type", json!({"azp": ["https://app.acme.test"]})),
            ("not signed in yet", json!({"sts": "pending"})),
            ("another organisation", json!({"o": {"id": "org_other"}})),
            ("an organisation of another type", json!({"o": "org_acme"})),
            ("another issuer", json!({"iss": "https://evil.test"})),
            ("no issuer", json!({"iss": null})),
            ("no subject", json!({"sub": null})),
            ("an empty subject", json!({"sub": ""})),
            ("a subject of another type", json!({"sub": 7})),
            ("no end", json!({"exp": null})),
            ("an end of another type", json!({"exp": "tomorrow"})),
            ("an end that is past", json!({"exp": now - 60})),
            ("no beginning", json!({"nbf": null})),
            ("a beginning to come", json!({"nbf": now + 600})),
            ("no time of issue", json!({"iat": null})),
            ("issued in the future", json!({"iat": now + 600})),
            ("an end beyond all time", json!({"exp": i64::MAX})),
        ];
        for (what, changes) in wrong {
            let token = issuer.token(&with("user_eve", &changes));
            assert_eq!(app.status(OPEN, &token), 401, "{what}");
        }
        // The header is not believed either.
        let good = issuer.token(&session("user_eve"));
        let parts: Vec<&str> = good.split('.').collect();
        let kid = jsonwebtoken::decode_header(&good).unwrap().kid.unwrap();
        let encoded = |value: &Value| encode(value.to_string().as_bytes());
        let none = encoded(&json!({"alg": "none", "kid": kid, "typ": "JWT"}));
        let pem = issuer.ask("GET", "/key", "");
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(pem.as_bytes());
        let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(&good).unwrap().claims;
        let symmetric = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
        let fetches = issuer.fetches();
        let forged = [
            ("none", format!("{none}.{}.", parts[1])),
            ("none with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("the public key as a secret", symmetric),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("another signature", format!("{}.{}.{}", parts[0], parts[1], encode(&[7; 256]))),
            ("other claims", format!("{}.{}.{}", parts[0], encoded(&session("user_boss")), parts[2])),
            ("another algorithm", issuer.token_with(&session("user_eve"), &json!({"alg": "RS512"}))),
            ("something critical", issuer.token_with(&session("user_eve"), &json!({"crit": ["b64"], "b64": true}))),
            ("no key", issuer.token_with(&session("user_eve"), &json!({"kid": null}))),
            (
                "a key that it brings along",
                issuer.token_with(
                    &session("user_eve"),
                    &json!({"kid": "mine", "jku": issuer.url, "x5u": issuer.url, "jwk": {"kty": "oct", "k": "eHg"}}),
                ),
            ),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("four parts", format!("{good}.x")),
            ("nothing", ".".repeat(2)),
        ];
        for (what, token) in forged {
            assert_eq!(app.status(OPEN, &token), 401, "{what}");
        }
        assert!(issuer.fetches() <= fetches + 1, "nothing that a header names is fetched");
        assert!(members(&world, &acme).await.is_empty(), "nobody came in");
        assert_eq!(app.status(OPEN, &good), 200, "the same token as it was");
    });
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn keys_change_and_the_issuer_goes_away_while_requests_run() {
    on_both(async |world| {
        // What is between us and the issuer does not depend on the database.
        if world.dialect != "SQLite" {
            return;
        }
        world.brand("acme").await;
        let issuer = Peer::start("issuer.mjs", &[]);
        let app = Configured::start(&world, &clerk(&issuer, ""));
        let first = issuer.token(&session("user_ada"));
        assert_eq!((app.status(OPEN, &first), issuer.fetches()), (200, 1));
        let current = RwLock::new(first.clone());
        let (running, asked, refused) = (AtomicBool::new(true), AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while running.load(Ordering::Relaxed) {
                        // Held while it is asked: nobody asks by a token that has been replaced.
                        let token = current.read().unwrap();
                        let is_fine = app.status(OPEN, &token) == 200;
                        drop(token);
                        asked.fetch_add(1, Ordering::Relaxed);
                        refused.fetch_add(u32::from(!is_fine), Ordering::Relaxed);
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            thread::sleep(Duration::from_secs(11));
            // A flood of made-up keys fetches once.
            for n in 0..200 {
                let token = issuer.token_with(&session("user_ada"), &json!({"kid": format!("made-up-{n}")}));
                assert_eq!(app.status(OPEN, &token), 401);
            }
            assert!(issuer.fetches() <= 3, "{} fetches", issuer.fetches());

            // Away: what is known serves; what is not known is neither taken nor called wrong.
            thread::sleep(Duration::from_secs(11));
            issuer.ask("POST", "/down", "");
            assert_eq!(
                app.status(OPEN, &issuer.token(&session("user_bob"))),
                200,
                "a new token, a known key"
            );
            let unknown = issuer.token_with(&session("user_ada"), &json!({"kid": "new"}));
            let answer = app.server.send("GET", OPEN, Some(&unknown), None);
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(answer.headers.contains_key("retry-after"));
            issuer.ask("POST", "/up", "");

            // Another key, and one of another kind: its first token has it fetched, and the one before is over.
            let mut before = first.clone();
            for rotate in ["/rotate", "/rotate?alg=ES256"] {
                issuer.ask("POST", rotate, "");
                thread::sleep(Duration::from_secs(11));
                let fetches = issuer.fetches();
                let next = issuer.token(&session("user_ada"));
                current.write().unwrap().clone_from(&next);
                thread::sleep(Duration::from_secs(1));
                assert_eq!((app.status(OPEN, &next), issuer.fetches()), (200, fetches + 1), "{rotate}");
                assert_eq!(app.status(OPEN, &before), 401, "its key is no longer published");
                before = next;
            }
            running.store(false, Ordering::Relaxed);
        });
        let (asked, refused) = (asked.into_inner(), refused.into_inner());
        #[expect(clippy::print_stdout, reason = "the count is what the test shows")]
        {
            println!("{asked} requests while the issuer went away and its keys changed, {refused} refused");
        }
        assert!(asked > 500 && refused == 0, "{refused} of {asked}");
    });
}
