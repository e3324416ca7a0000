//! Tokens and messages that nobody has signed, and messages that somebody has signed and nobody would write: refused, never a
//! failure of ours. `just soak` tries much more of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fithire_identity::testing::setup;
use fithire_identity::{Identity, Issuer, IssuerSettings, Role};
use fithire_kernel::clock::Clock;
use fithire_kernel::problem::Code;
use fithire_kernel::testing::{World, on_both};
use poem::http::StatusCode;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{ISSUER, client, identity, member};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Values of a strategy; the same ones in each run, and as many as the runner is told.
fn made<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let made = |_| strategy.new_tree(&mut runner).expect("it can be made").current();
    (0..Config::default().cases).map(made).collect()
}

/// Any JSON, with words that tokens and messages have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(user|org|mem)_[0-9a-z]{0,6}|admin|[^a-z]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let field = "id|user_id|organization|public_user_data|email_addresses|updated_at|role|o|[a-z]{1,4}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn no_token_but_the_one_that_was_signed_opens() {
    on_both(async |world| {
        let identity = identity(&world).await;
        let scope = world.brand("acme").await;
        let account = member(&world, &scope, "ada@example.test", Role::Manager).await;
        let token = identity.issue(account, scope.brand_id()).unwrap().access_token;
        assert!(identity.caller(&token, None).await.is_ok());
        let refused = async |token: &str| {
            let error = identity.caller(token, None).await.map(|_| ()).unwrap_err();
            assert_eq!(error.code, Code::Unauthenticated, "{token}: {error:?}");
        };

        // Another letter in any place, one more and one less.
        let edits = (any::<prop::sample::Index>(), "[A-Za-z0-9_.=-]", 0..3_u8);
        for (at, letter, how) in made(&edits) {
            let place = at.index(token.len());
            let mut changed = token.clone();
            match how {
                0 => changed.replace_range(place..=place, &letter),
                1 => changed.insert_str(place, &letter),
                _ => drop(changed.remove(place)),
            }
            if changed != token {
                refused(&changed).await;
            }
        }
        // Headers and claims of any kind, with the signature of the right one and with others.
        let parts: Vec<&str> = token.split('.').collect();
        let kid: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
        for (header, claims, ours) in made(&(value(), value(), any::<bool>())) {
            let header = if ours { kid.clone() } else { header };
            let pack = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            refused(&format!("{}.{}.{}", pack(&header), pack(&claims), parts[2])).await;
            refused(&format!("{}.{}.", pack(&header), pack(&claims))).await;
        }
        for text in made(&"(fhk_)?[ -~\u{e9}.]{0,60}") {
            refused(&text).await;
        }
    });
}

/// An installation with an issuer that sends messages.
async fn with_messages(world: &World) -> Arc<Identity> {
    let settings = json!({"name": "clerk", "kind": "clerk", "issuer": "https://clerk.test",
        "authorized_parties": ["https://app.test"], "webhook_secret": SECRET});
    let mut setup = setup(ISSUER);
    let settings: IssuerSettings = serde_json::from_value(settings).unwrap();
    setup.issuers = vec![Issuer::new(settings, |_| None, world.clock.clone()).unwrap()];
    Arc::new(Identity::open(world.db.clone(), (world.clock.clone(), world.ids.clone()), setup).await.unwrap())
}

#[test]
fn a_message_is_taken_as_it_was_signed_or_not_at_all() {
    on_both(async |world| {
        let identity = with_messages(&world).await;
        let client = client(&identity);
        let signer = Webhook::new(SECRET).unwrap();
        let send = async |id: &str, at: &str, signature: &str, body: Vec<u8>| {
            let request = client.post("/auth/webhook").header("svix-id", id).header("svix-timestamp", at);
            let request = request.header("svix-signature", signature).content_type("application/json");
            request.body(body).send().await.0.status()
        };
        let kind = prop_oneof![
            "user\\.(created|updated|deleted)",
            "organizationMembership\\.(created|updated|deleted)",
            "[a-z.]{0,8}"
        ];
        let messages = (kind, value(), value(), any::<prop::sample::Index>(), 1..=255_u8);
        let mut taken = 0;
        for (number, (kind, data, timestamp, at, flip)) in made(&messages).into_iter().enumerate() {
            // The library that checks signatures asks the machine for the time, and all of them may take longer than one may.
            let now = Clock::System.now().timestamp();
            let (id, text) = (format!("msg_{number}"), now.to_string());
            let body = json!({"type": kind, "data": data, "timestamp": timestamp}).to_string().into_bytes();
            let signature = signer.sign(&id, now, &body).unwrap();
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= flip;
            assert_eq!(send(&id, &text, &signature, changed).await, StatusCode::UNAUTHORIZED);
            assert_eq!(send("msg_x", &text, &signature, body.clone()).await, StatusCode::UNAUTHORIZED);
            assert_eq!(
                send(&id, &(now - 1).to_string(), &signature, body.clone()).await,
                StatusCode::UNAUTHORIZED
            );
            let answered = send(&id, &text, &signature, body.clone()).await;
            let known = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
            assert!(known.contains(&answered), "{answered}: {}", String::from_utf8_lossy(&body));
            taken += usize::from(answered == StatusCode::OK);
        }
        assert!(taken > 0, "some of them are messages");
        for (id, at, signature) in made(&("[!-~]{0,12}", "[0-9-]{0,22}|[!-~]{0,8}", "(v1,)?[!-~ ]{0,60}")) {
            assert_eq!(send(&id, &at, &signature, b"{}".to_vec()).await, StatusCode::UNAUTHORIZED);
        }
    });
}
