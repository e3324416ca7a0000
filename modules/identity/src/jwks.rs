//! An issuer's keys, kept for as long as they may be.
//!
//! Keys that are known serve at once; when they are older than [`FRESH`] they are fetched again meanwhile. A `kid` that is
//! not known has them fetched, at most once in [`INTERVAL`] whatever arrives. While the issuer cannot be reached, known keys
//! serve until `max_stale`; then nothing is taken, and the answer is 503.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::problem::{Code, Problem};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// How long keys serve without being looked at again.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// The least time between two fetches.
const INTERVAL: TimeDelta = TimeDelta::seconds(10);
/// How long a peer may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read.
const MOST: usize = 1 << 20;
/// Shorter RSA keys are not taken (RFC 7518, 3.3), in bytes of the modulus.
const SHORTEST_RSA: usize = 2048 / 8;

/// Where keys are.
pub(crate) enum Source {
    At(String),
    /// In a document that says where.
    DiscoveredAt(String),
}

/// A key and what it may have signed by.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) decoding: DecodingKey,
    pub(crate) algorithms: &'static [Algorithm],
}

#[derive(Default)]
struct Known {
    keys: BTreeMap<String, Key>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
    /// Whether the last try failed.
    failed: bool,
}

pub(crate) struct KeySet {
    source: Source,
    max_stale: TimeDelta,
    http: reqwest::Client,
    clock: Clock,
    known: Mutex<Known>,
    /// One fetches; others wait for what it brings.
    turn: tokio::sync::Mutex<()>,
}

/// A client of issuers: it follows nothing to elsewhere, and waits for nobody for long.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // A second call finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("FitHire")
        .build()
}

/// A JSON document of a peer.
async fn document(http: &reqwest::Client, url: &str) -> Result<Value, String> {
    let mut response = http
        .get(url)
        .header("Accept", "application/json")
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| error.without_url().to_string())?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST {
            return Err("the answer is too long".to_owned());
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

impl KeySet {
    pub(crate) fn new(source: Source, max_stale: TimeDelta, http: reqwest::Client, clock: Clock) -> Self {
        Self { source, max_stale, http, clock, known: Mutex::default(), turn: tokio::sync::Mutex::new(()) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of that id; nothing when the issuer has none.
    ///
    /// # Errors
    /// 503 when it cannot be said.
    pub(crate) async fn key(self: &Arc<Self>, kid: &str) -> Result<Option<Key>, Problem> {
        let now = self.clock.now();
        let (key, age) = self.look(kid, now);
        if let (Some(key), Some(age)) = (key, age) {
            if age >= FRESH && self.may_try(now) {
                let again = self.clone();
                tokio::spawn(async move { again.fetch(now).await });
            }
            return Ok(Some(key));
        }
        let _turn = self.turn.lock().await;
        // Whoever was before us may have brought it.
        if let (Some(key), _) = self.look(kid, now) {
            return Ok(Some(key));
        }
        if self.may_try(now) {
            // On its own: whoever hangs up does not stop what others wait for.
            let again = self.clone();
            let fetched = tokio::spawn(async move { again.fetch(now).await });
            fetched.await.map_err(|error| Problem::internal(&error))?;
        }
        match self.look(kid, now) {
            (Some(key), _) => Ok(Some(key)),
            (None, Some(_)) if !self.known().failed => Ok(None),
            _ => Err(Problem { retry_after: Some(10), ..Problem::new(Code::Unavailable) }
                .because("the issuer of this token cannot be reached")),
        }
    }

    /// A key, and how old the keys are, where they may still serve.
    fn look(&self, kid: &str, now: DateTime<Utc>) -> (Option<Key>, Option<TimeDelta>) {
        let known = self.known();
        let age = known.fetched_at.map(|at| now - at).filter(|age| *age < self.max_stale);
        (known.keys.get(kid).cloned().filter(|_| age.is_some()), age)
    }

    /// Whether it is time to try again; whoever is told so does.
    fn may_try(&self, now: DateTime<Utc>) -> bool {
        let mut known = self.known();
        let due = known.tried_at.is_none_or(|at| now - at >= INTERVAL);
        if due {
            known.tried_at = Some(now);
        }
        due
    }

    async fn fetch(&self, now: DateTime<Utc>) {
        let url = match &self.source {
            Source::At(url) => Ok(url.clone()),
            Source::DiscoveredAt(url) => document(&self.http, url).await.and_then(|document| {
                let url = document.get("jwks_uri").and_then(Value::as_str);
                url.map(str::to_owned).ok_or_else(|| "the discovery names no jwks_uri".to_owned())
            }),
        };
        let fetched = match url {
            Ok(url) => document(&self.http, &url).await,
            Err(cause) => Err(cause),
        };
        let keys = fetched.and_then(|set| {
            let keys = set.get("keys").and_then(Value::as_array).ok_or("the answer is no set of keys")?;
            Ok(keys.iter().filter_map(read).collect::<BTreeMap<_, _>>())
        });
        let mut known = self.known();
        known.failed = keys.is_err();
        match keys {
            Ok(keys) => {
                known.keys = keys;
                known.fetched_at = Some(now);
            }
            Err(cause) => tracing::warn!(%cause, "the keys of an issuer cannot be fetched"),
        }
    }
}

/// A published key with its id, when it is one that signs by an algorithm that we take.
pub(crate) fn read(published: &Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(published.clone()).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let algorithms = algorithms(&jwk)?;
    Some((jwk.common.key_id.clone()?, Key { decoding: DecodingKey::from_jwk(&jwk).ok()?, algorithms }))
}

fn is_of(length: usize, encoded: &str) -> bool {
    URL_SAFE_NO_PAD.decode(encoded).is_ok_and(|bytes| bytes.len() == length)
}

/// What a key may sign by: what it says, where that is right for its type, and otherwise what its type can do.
fn algorithms(jwk: &Jwk) -> Option<&'static [Algorithm]> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    const RSA: &[Algorithm] = &[RS256, RS384, RS512, PS256, PS384, PS512];
    let by_type: &'static [Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => {
            let modulus = URL_SAFE_NO_PAD.decode(&key.n).ok()?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            (length >= SHORTEST_RSA).then_some(RSA)?
        }
        AlgorithmParameters::EllipticCurve(key) => {
            let (length, by): (usize, &'static [Algorithm]) = match key.curve {
                EllipticCurve::P256 => (32, &[ES256]),
                EllipticCurve::P384 => (48, &[ES384]),
                _ => return None,
            };
            (is_of(length, &key.x) && is_of(length, &key.y)).then_some(by)?
        }
        // The library panics at a key of another length.
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            is_of(32, &key.x).then_some(&[EdDSA])?
        }
        // A secret that is published is none.
        _ => return None,
    };
    let Some(said) = jwk.common.key_algorithm else { return Some(by_type) };
    let only: &'static [Algorithm] = match said {
        KeyAlgorithm::RS256 => &[RS256],
        KeyAlgorithm::RS384 => &[RS384],
        KeyAlgorithm::RS512 => &[RS512],
        KeyAlgorithm::PS256 => &[PS256],
        KeyAlgorithm::PS384 => &[PS384],
        KeyAlgorithm::PS512 => &[PS512],
        KeyAlgorithm::ES256 => &[ES256],
        KeyAlgorithm::ES384 => &[ES384],
        KeyAlgorithm::EdDSA => &[EdDSA],
        _ => return None,
    };
    only.iter().all(|one| by_type.contains(one)).then_some(only)
}

#[cfg(test)]
mod tests;
