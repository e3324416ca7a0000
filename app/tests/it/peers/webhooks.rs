//! Messages of an issuer, signed by Svix's own library: what is taken, once and in any order, and what becomes of whom they
//! are about.

use std::sync::Barrier;
use std::thread;

use fithire_kernel::audit::{self, Filter};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::testing::{World, on_both};
use serde_json::{Value, json};

use super::{Configured, Peer, clerk};
use crate::server::{Answer, Server};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as it is sent.
struct Signed {
    id: String,
    timestamp: i64,
    signature: String,
    body: String,
}

impl Signed {
    fn new(signer: &mut Peer, id: &str, body: &Value, timestamp: i64) -> Self {
        let body = body.to_string();
        let signature =
            signer.sign(&json!({"secret": SECRET, "id": id, "timestamp": timestamp, "payload": body}));
        Self { id: id.to_owned(), timestamp, signature, body }
    }

    fn send(&self, server: &Server) -> Answer {
        self.send_as(server, &self.body)
    }

    fn send_as(&self, server: &Server, body: &str) -> Answer {
        let timestamp = self.timestamp.to_string();
        let headers =
            [("svix-id", &*self.id), ("svix-timestamp", &*timestamp), ("svix-signature", &*self.signature)];
        server.send_with("POST", "/api/v1/auth/webhook", &headers, Some(("application/json", body)))
    }
}

fn now() -> i64 {
    Clock::System.now().timestamp()
}

fn user(kind: &str, user: &str, updated_at: i64) -> Value {
    json!({"type": kind, "object": "event", "timestamp": updated_at, "data": {
        "id": user, "object": "user", "first_name": "Ada", "last_name": user, "updated_at": updated_at,
        "primary_email_address_id": "idn_1", "email_addresses": [
            {"id": "idn_1", "email_address": format!("{user}@acme.test"), "verification": {"status": "verified"}},
            {"id": "idn_2", "email_address": format!("{user}@other.test"), "verification": {"status": "unverified"}}]}})
}

fn deleted(user: &str, at: i64) -> Value {
    json!({"type": "user.deleted", "object": "event", "timestamp": at,
           "data": {"id": user, "object": "user", "deleted": true}})
}

fn belonging(kind: &str, user: &str, updated_at: i64) -> Value {
    json!({"type": format!("organizationMembership.{kind}"), "object": "event", "timestamp": updated_at + 1, "data": {
        "id": "orgmem_1", "object": "organization_membership", "role": "org:admin", "updated_at": updated_at,
        "organization": {"id": "org_acme", "name": "Acme"}, "public_user_data": {"user_id": user, "identifier": "x"}}})
}

fn start(world: &World, issuer: &Peer, more: &str) -> Configured {
    Configured::start(world, &clerk(issuer, &format!("webhook_secret = \"{SECRET}\"\n{more}")))
}

/// Members by address, with their role.
async fn members(world: &World, scope: &BrandScope) -> Vec<(String, String, String, bool)> {
    let mut tx = world.db.read(scope).await.unwrap();
    let (members, _) = fithire_identity::members(&mut tx, None, 100, None).await.unwrap();
    let mut members: Vec<_> =
        members.into_iter().map(|member| (member.email, member.name, member.role, member.disabled)).collect();
    members.sort();
    members
}

/// How often something is on record in a brand.
async fn recorded(world: &World, scope: &BrandScope, action: &str) -> usize {
    let mut tx = world.db.read(scope).await.unwrap();
    let (entries, _) = audit::page(&mut tx, Filter::default(), 10_000, None).await.unwrap();
    entries.iter().filter(|entry| entry.action == action).count()
}

#[test]
fn only_the_bytes_that_were_signed_are_taken_and_only_around_their_time() {
    on_both(async |world| {
        world.brand("acme").await;
        let (issuer, mut signer) = (Peer::start("issuer.mjs", &[]), Peer::signer());
        let app = start(&world, &issuer, "");
        let message = Signed::new(&mut signer, "msg_1", &user("user.created", "ada", 1_000), now());
        let mut refused = 0;
        for place in 0..message.body.len() {
            let mut bytes = message.body.clone().into_bytes();
            bytes[place] ^= 1;
            // Whatever cannot be sent as text was not signed as text either.
            let Ok(body) = String::from_utf8(bytes) else { continue };
            assert_eq!(message.send_as(&app.server, &body).status, 401, "byte {place}");
            refused += 1;
        }
        assert_eq!(refused, message.body.len());
        for (what, body) in [
            ("a space more", format!("{} ", message.body)),
            (
                "written another way",
                serde_json::from_str::<Value>(&message.body).unwrap()["data"].to_string(),
            ),
            ("nothing", String::new()),
        ] {
            assert_eq!(message.send_as(&app.server, &body).status, 401, "{what}");
        }
        for (what, other) in [
            ("another id", Signed { id: "msg_2".to_owned(), ..copy(&message) }),
            ("another time", Signed { timestamp: message.timestamp + 1, ..copy(&message) }),
            (
                "another version",
                Signed { signature: message.signature.replace("v1", "v2"), ..copy(&message) },
            ),
            ("no signature", Signed { signature: String::new(), ..copy(&message) }),
        ] {
            assert_eq!(other.send(&app.server).status, 401, "{what}");
        }
        let created = user("user.created", "ada", 1_000);
        for seconds in [-310, 310] {
            let other = Signed::new(&mut signer, "msg_3", &created, now() + seconds);
            assert_eq!(other.send(&app.server).status, 401, "{seconds} seconds from now");
        }
        let within = Signed::new(&mut signer, "msg_4", &created, now() - 280);
        assert_eq!(within.send(&app.server).status, 200);
        // A signature of two, as while a secret is changed.
        let two = Signed { signature: format!("v1,AAAA {}", message.signature), ..copy(&message) };
        assert_eq!(two.send(&app.server).status, 200);
        let told =
            Signed::new(&mut signer, "msg_5", &json!({"type": "user.created", "data": {"id": 7}}), now());
        let answer = told.send(&app.server);
        assert!(answer.status == 422 && answer.body.contains("/data"), "{}", answer.body);
        let other = Signed::new(&mut signer, "msg_6", &json!({"type": "sms.created", "data": {}}), now());
        assert_eq!(other.send(&app.server).status, 200, "what is none of our business is not sent again");
    });
}

fn copy(message: &Signed) -> Signed {
    Signed {
        id: message.id.clone(),
        timestamp: message.timestamp,
        signature: message.signature.clone(),
        body: message.body.clone(),
    }
}

#[test]
fn a_hundred_copies_at_once_take_effect_once() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let (issuer, mut signer) = (Peer::start("issuer.mjs", &[]), Peer::signer());
        let app = start(&world, &issuer, "");
        let created = Signed::new(&mut signer, "msg_u", &user("user.created", "ada", 1_000), now());
        assert_eq!(created.send(&app.server).status, 200);
        let message = Signed::new(&mut signer, "msg_1", &belonging("created", "ada", 2_000), now());
        let barrier = Barrier::new(100);
        let taken = thread::scope(|scope| {
            let one = || {
                barrier.wait();
                message.send(&app.server).status
            };
            let all: Vec<_> = (0..100).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<u16>>()
        });
        assert!(taken.iter().all(|status| *status == 200), "{taken:?}");
        assert_eq!(recorded(&world, &acme, "member.joined").await, 1, "of 100 copies");
        assert_eq!(members(&world, &acme).await.len(), 1);
        let kept = match &world.owner {
            Db::Sqlite { readers, .. } => {
                sqlx::query_as::<_, (i64,)>("SELECT count(*) FROM webhook_messages").fetch_one(readers).await
            }
            Db::Postgres(pool) => {
                sqlx::query_as("SELECT count(*) FROM webhook_messages").fetch_one(pool).await
            }
        };
        assert_eq!(kept.unwrap(), (2,));
    });
}

/// What is told of somebody, what happened and when, and whether they are a member in the end.
type Story = (&'static str, &'static [(&'static str, i64)], bool);

/// Every order of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..things.len() {
        let mut rest = things.to_vec();
        let one = rest.remove(first);
        all.extend(orders(&rest).into_iter().map(|order| [vec![one.clone()], order].concat()));
    }
    all
}

#[test]
fn messages_in_any_order_come_to_the_same() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let (issuer, mut signer) = (Peer::start("issuer.mjs", &[]), Peer::signer());
        let app = start(&world, &issuer, "");
        let stories: [Story; 3] = [
            ("joins", &[("made", 1_000), ("joined", 2_000), ("renamed", 3_000)], true),
            ("leaves", &[("made", 1_000), ("joined", 2_000), ("left", 3_000)], false),
            ("returns", &[("made", 1_000), ("joined", 2_000), ("left", 3_000), ("joined", 4_000)], true),
        ];
        let mut sent = 0;
        for (story, happened, belongs) in stories {
            for order in orders(happened) {
                sent += 1;
                let who = format!("{story}-{sent}");
                for (what, at) in &order {
                    let body = match *what {
                        "made" => user("user.created", &who, *at),
                        "renamed" => {
                            let mut body = user("user.updated", &who, *at);
                            body["data"]["first_name"] = json!("Augusta");
                            body
                        }
                        "joined" => belonging("created", &who, *at),
                        _ => belonging("deleted", &who, *at),
                    };
                    let id = format!("msg_{who}_{what}_{at}");
                    assert_eq!(Signed::new(&mut signer, &id, &body, now()).send(&app.server).status, 200);
                }
                let address = format!("{who}@acme.test");
                let member = members(&world, &acme).await.into_iter().find(|member| member.0 == address);
                assert_eq!(member.is_some(), belongs, "{order:?}");
                if story == "joins" {
                    assert_eq!(member.unwrap().1, format!("Augusta {who}"), "{order:?}: the newest name");
                }
                let token = issuer.token(&json!({"sub": who, "azp": "https://app.acme.test", "v": 2,
                    "o": {"id": "org_acme"}, "iat": 1}));
                let status = app.status("/api/v1/brands", &token);
                assert_eq!(status == 200, belongs, "{order:?}: {status}");
            }
        }
        assert_eq!(sent, 6 + 6 + 24);
    });
}

#[test]
fn whom_the_issuer_deletes_is_cut_off_at_once_and_kept_or_erased_as_configured() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let (issuer, mut signer) = (Peer::start("issuer.mjs", &[]), Peer::signer());
        let app = start(&world, &issuer, "deleted_users = \"erase\"");
        let token = |who: &str| {
            issuer
                .token(&json!({"sub": who, "azp": "https://app.acme.test", "v": 2, "o": {"id": "org_acme"}}))
        };
        let ada = token("ada");
        assert_eq!(app.status("/api/v1/brands", &ada), 200);
        let own = app.server.send(
            "POST",
            "/api/v1/coaches",
            Some(&ada),
            Some(("application/json", r#"{"name":"Ada","bio":"A secret of mine"}"#)),
        );
        assert_eq!(own.status, 200, "{}", own.body);
        let mut send =
            |id: &str, body: &Value| Signed::new(&mut signer, id, body, now()).send(&app.server).status;
        assert_eq!(send("msg_1", &deleted("ada", 5_000)), 200);
        assert_eq!(app.status("/api/v1/brands", &ada), 401, "from the next request on");
        assert_eq!(app.status("/api/v1/brands", &token("ada")), 401, "a newer token is no way back");
        assert_eq!(send("msg_2", &user("user.updated", "ada", 9_000)), 200);
        assert_eq!(send("msg_3", &belonging("created", "ada", 9_000)), 200);
        assert_eq!(app.status("/api/v1/brands", &token("ada")), 401, "nor is a message");
        // Somebody of whom we hear last things first.
        assert_eq!(send("msg_4", &deleted("bob", 5_000)), 200);
        assert_eq!(send("msg_5", &user("user.created", "bob", 1_000)), 200);
        assert_eq!(send("msg_6", &belonging("created", "bob", 2_000)), 200);
        assert_eq!(app.status("/api/v1/brands", &token("bob")), 401);
        assert_eq!(recorded(&world, &acme, "account.disabled").await, 1);
        assert_eq!(members(&world, &acme).await.iter().filter(|member| !member.3).count(), 0);
        assert!(texts(&world).await.contains("A secret of mine"), "kept until the schedule comes by");
        // The schedule is followed when the program starts, and each hour.
        let file = app.file().to_owned();
        let mut again = crate::server::configured(&world);
        again.arg("serve").arg("--port").arg("0").arg("--config").arg(&file);
        let second = Server::started(&mut again).0;
        super::until(20, "the erasure", || second.log().contains("somebody was erased"));
        assert!(!texts(&world).await.contains("A secret of mine"));
        assert_eq!(members(&world, &acme).await.len(), 0);
        assert_eq!(app.status("/api/v1/brands", &token("ada")), 401, "an old token makes nobody anew");
        drop(second);

        let keeping = start(&world, &issuer, "deleted_users = \"keep\"");
        let eve = token("eve");
        assert_eq!(keeping.status("/api/v1/brands", &eve), 200);
        let message = Signed::new(&mut signer, "msg_7", &deleted("eve", 5_000), now());
        assert_eq!(message.send(&keeping.server).status, 200);
        assert_eq!(keeping.status("/api/v1/brands", &eve), 401);
        assert_eq!(
            members(&world, &acme).await.len(),
            1,
            "what is hers stays, and she is marked as disabled"
        );
    });
}

/// What is known of coaches.
async fn texts(world: &World) -> String {
    let sql = "SELECT coalesce(bio, '') FROM coaches";
    let rows: Vec<(String,)> = match &world.owner {
        Db::Sqlite { readers, .. } => sqlx::query_as(sql).fetch_all(readers).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_as(sql).fetch_all(pool).await.unwrap(),
    };
    rows.into_iter().map(|(bio,)| bio).collect()
}

#[test]
fn who_was_shut_out_does_not_come_back_under_another_number_or_by_another_word() {
    on_both(async |world| {
        let acme = world.brand("acme").await;
        let (issuer, mut signer) = (Peer::start("issuer.mjs", &[]), Peer::signer());
        let app = start(&world, &issuer, "");
        let token = |who: &str, email: &str| {
            issuer.token(&json!({"sub": who, "azp": "https://app.acme.test", "v": 2, "o": {"id": "org_acme"},
                "email": email, "email_verified": true}))
        };
        let mut send =
            |id: &str, body: &Value| Signed::new(&mut signer, id, body, now()).send(&app.server).status;
        let brands = "/api/v1/brands";

        // Deleted, and here again with another number and the same address.
        assert_eq!(app.status(brands, &token("ada", "ada@acme.test")), 200);
        assert_eq!(send("msg_1", &deleted("ada", 5_000)), 200);
        let mut again = user("user.created", "ada2", 6_000);
        again["data"]["email_addresses"][0]["email_address"] = json!("ada@acme.test");
        assert_eq!(send("msg_2", &again), 200);
        assert_eq!(
            app.status(brands, &token("ada2", "ada@acme.test")),
            401,
            "a disabled account is opened by nothing"
        );
        assert!(members(&world, &acme).await.iter().all(|member| member.3));

        // Banned and let in again, by the same word alone.
        let bob = token("bob", "bob@acme.test");
        assert_eq!(app.status(brands, &bob), 200);
        let mut banned = user("user.updated", "bob", 7_000);
        banned["data"]["banned"] = json!(true);
        assert_eq!(send("msg_3", &banned), 200);
        assert_eq!(app.status(brands, &bob), 401);
        assert_eq!(send("msg_4", &user("user.updated", "bob", 8_000)), 200);
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        assert_eq!(app.status(brands, &bob), 401, "what was issued before stays void");
        assert_eq!(app.status(brands, &token("bob", "bob@acme.test")), 200);
        assert_eq!(recorded(&world, &acme, "account.enabled").await, 1);

        // A message makes an account, and opens none that is there.
        let mallory = user("user.created", "mallory", 9_000);
        let address = "victim@acme.test";
        let mut claims = mallory.clone();
        claims["data"]["email_addresses"][0]["email_address"] = json!(address);
        let new = fithire_identity::NewAccount {
            email: address.to_owned(),
            name: "Victim".to_owned(),
            password: fithire_identity::testing::PASSWORD.to_owned(),
        };
        fithire_identity::create_account(&world.db, &world.clock, &world.ids, new).await.unwrap();
        assert_eq!(send("msg_5", &claims), 200);
        assert_eq!(send("msg_6", &belonging("created", "mallory", 9_500)), 200);
        assert!(members(&world, &acme).await.iter().all(|member| member.0 != address));

        // Whoever is made a member by another way and then taken out does not come back by a token.
        let zoe = token("zoe", "zoe@acme.test");
        assert_eq!(app.status(brands, &zoe), 200);
        let boss = crate::peers::tokens::admin_of(&world, &acme).await;
        let account = crate::peers::tokens::account_of(&world, &acme, "zoe@acme.test").await;
        let admin = fithire_kernel::scope::Allowed::mint(acme.clone(), fithire_identity::Limits::default());
        fithire_identity::remove_member(&world.db, (&world.clock, &world.ids), &admin, account)
            .await
            .unwrap();
        assert_eq!(app.status(brands, &zoe), 403);
        // Told anew that she belongs, she does: she has left and come back.
        let later = now() * 1_000 + 60_000;
        assert_eq!(send("msg_7", &belonging("deleted", "zoe", later)), 200);
        assert_eq!(send("msg_8", &belonging("created", "zoe", later + 60_000)), 200);
        assert_eq!(app.status(brands, &zoe), 200);
        assert_ne!(boss, account);
    });
}
