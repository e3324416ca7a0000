//! Requests that happen once: whoever sends one again with the same `Idempotency-Key` gets the first answer again.
//!
//! [`Once::run`] runs a request so that its effect, its key and its answer become durable in one transaction: what a killed process
//! leaves is all of it or nothing. A refusal that changed nothing is not kept, so that the request may be mended and sent again.
//!
//! A key belongs to its actor in its brand, and is kept for a day. Of a key only a hash is kept, and the answer is encrypted by
//! the key itself, because answers hold secrets that are shown once: who reads the table learns neither.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, TimeDelta, Utc};
use poem::Response;
use poem::http::StatusCode;
use poem::http::header::{self, HeaderName};
use sea_query::{Expr, ExprTrait, Iden, OnConflict};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;
use tokio::sync::OwnedMutexGuard;

use crate::db::{Claimed, Db, ScopedTable, Shared, Taken, Tx};
use crate::problem::{Code, Problem};
use crate::scope::{Actor, BrandScope};

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long whoever sends a request again waits for the one that is under way.
const WAIT: Duration = Duration::from_secs(10);
/// Characters of a key.
const LONGEST: usize = 255;

#[derive(Iden, Clone, Copy)]
enum IdempotencyKeys {
    Table,
    BrandId,
    KeyHash,
    RequestHash,
    Answer,
    CreatedAt,
}

impl ScopedTable for IdempotencyKeys {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What a client calls its request.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Reads the header: 1 to 255 visible ASCII characters, bare or as a structured field's string, in quotes.
    ///
    /// # Errors
    /// 400 that names the header.
    pub fn read(value: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(value).unwrap_or("\u{fffd}").trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let is_key = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
        if bare.is_empty() || bare.len() > LONGEST || !bare.chars().all(is_key) {
            let told = format!(
                "the header Idempotency-Key is not 1 to {LONGEST} visible ASCII characters without \" and \\"
            );
            return Err(Problem::new(Code::Malformed).because(told));
        }
        Ok(Self(bare.to_owned()))
    }

    /// By what it is known whose it is, for one actor of one brand.
    fn hash(&self, scope: &BrandScope) -> String {
        URL_SAFE_NO_PAD.encode(self.derived("key", scope))
    }

    fn cipher(&self, scope: &BrandScope) -> Option<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(&self.derived("answer", scope)).ok()
    }

    fn derived(&self, purpose: &str, scope: &BrandScope) -> [u8; 32] {
        let (brand, actor) = (scope.brand_id().to_string(), of(scope.actor()));
        hashed(&[purpose, &brand, &actor, &self.0].map(str::as_bytes))
    }
}

fn of(actor: Actor) -> String {
    match actor {
        Actor::Account(id) => format!("account {id}"),
        Actor::Key(id) => format!("key {id}"),
        Actor::System => "system".to_owned(),
    }
}

/// A hash of several parts, whose ends are told apart.
fn hashed(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The same as text.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(hashed(parts))
}

/// An answer as it is kept and given again.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// What of an answer is given again. Nothing, where something failed that trying again may mend: then nothing has happened.
    async fn of(mut response: Response) -> Result<(Response, Option<Self>), Problem> {
        const KEPT: [HeaderName; 4] =
            [header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::ETAG, header::LOCATION];
        if response.status().is_server_error() {
            return Ok((response, None));
        }
        let body = response.take_body().into_string().await.map_err(|error| Problem::internal(&error))?;
        let headers =
            KEPT.iter().filter_map(|name| Some((name, response.headers().get(name)?.to_str().ok()?)));
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_owned())).collect();
        let answer = Self { status: response.status().as_u16(), headers, body: body.clone() };
        response.set_body(body);
        Ok((response, Some(answer)))
    }

    fn again(self) -> Response {
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap_or_default());
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.header("Idempotency-Replayed", "true").body(self.body)
    }
}

#[derive(FromRow)]
struct Row {
    request_hash: String,
    answer: String,
}

/// Who waits for whom in this process, so that nobody holds a connection meanwhile.
#[derive(Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

/// The right to be the only one with a key in this process.
struct Pass {
    gates: Gates,
    key_hash: String,
    _alone: OwnedMutexGuard<()>,
}

impl Gates {
    async fn pass(&self, key_hash: &str) -> Result<Pass, Problem> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gates.entry(key_hash.to_owned()).or_default().clone()
        };
        let alone = tokio::time::timeout(WAIT, gate.lock_owned()).await;
        let pass =
            alone.map(|alone| Pass { gates: self.clone(), key_hash: key_hash.to_owned(), _alone: alone });
        pass.map_err(|_| under_way())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut gates = self.gates.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's, and the one of this pass: nobody waits.
        if gates.get(&self.key_hash).is_some_and(|gate| Arc::strong_count(gate) <= 2) {
            gates.remove(&self.key_hash);
        }
    }
}

fn under_way() -> Problem {
    let busy = Problem { retry_after: Some(1), ..Problem::new(Code::InProgress) };
    busy.because("the first request with this Idempotency-Key is not done yet; send it again in a moment")
}

fn reused() -> Problem {
    let told =
        "this Idempotency-Key was sent with another request, or you had other rights then; take a new key";
    Problem::new(Code::KeyReused).because(told)
}

/// A request that is to happen once.
pub struct Once<'o> {
    /// Where it happens.
    pub db: &'o Db,
    /// By whom, in which brand.
    pub scope: &'o BrandScope,
    /// What its client calls it.
    pub key: Key,
    /// A hash of everything that makes it this request and no other.
    pub request_hash: String,
    /// When it came.
    pub now: DateTime<Utc>,
}

impl Once<'_> {
    /// Runs the request, unless it has happened, and answers it.
    ///
    /// # Errors
    /// 409 when the key is another request's, or one with it is under way for longer than anybody waits.
    pub async fn run(
        self,
        gates: &Gates,
        request: impl Future<Output = Response>,
    ) -> Result<Response, Problem> {
        let key_hash = self.key.hash(self.scope);
        let _pass = gates.pass(&key_hash).await?;
        if let Some(before) = self.before(&key_hash).await? {
            return Ok(before.again());
        }
        let shared = Shared::new(self.scope, self.claim(&key_hash));
        let response = shared.within(request).await;
        match shared.take(self.scope) {
            Taken::Open(mut tx) => {
                let (response, answer) = Answer::of(response).await?;
                if let Some(answer) = answer {
                    self.keep(&mut tx, &key_hash, &answer).await?;
                    tx.commit().await?;
                }
                Ok(response)
            }
            Taken::Claimed(Claimed::Done) => Ok(self.before(&key_hash).await?.ok_or_else(under_way)?.again()),
            Taken::Claimed(Claimed::Busy) => Err(under_way()),
            // It believes to have written something, and has not.
            Taken::Broken if response.status().is_success() => {
                Err(Problem::internal(&"a request that happens once has lost what it wrote"))
            }
            Taken::Nothing | Taken::Broken => Ok(response),
        }
    }

    /// The statement that claims the key, and does nothing where somebody has it.
    fn claim(&self, key_hash: &str) -> sea_query::InsertStatement {
        use IdempotencyKeys::{Answer, BrandId, CreatedAt, KeyHash, RequestHash};
        let row = vec![key_hash.into(), self.request_hash.as_str().into(), "".into(), self.now.into()];
        let mut insert = self.db.within(self.scope).insert(&[KeyHash, RequestHash, Answer, CreatedAt], [row]);
        insert.on_conflict(OnConflict::columns([BrandId, KeyHash]).do_nothing().to_owned());
        insert
    }

    /// The answer to the same request, where there was one.
    async fn before(&self, key_hash: &str) -> Result<Option<Answer>, Problem> {
        let mut tx = self.db.read(self.scope).await?;
        let mut select = tx.select(IdempotencyKeys::Table);
        select
            .columns([IdempotencyKeys::RequestHash, IdempotencyKeys::Answer])
            .and_where(Expr::col(IdempotencyKeys::KeyHash).eq(key_hash));
        let Some(row) = tx.optional::<Row>(&select).await? else { return Ok(None) };
        if row.request_hash != self.request_hash {
            return Err(reused());
        }
        let answer = self.opened(&row.answer);
        answer.map(Some).ok_or_else(|| Problem::internal(&"an answer that was kept cannot be read"))
    }

    async fn keep(&self, tx: &mut Tx, key_hash: &str, answer: &Answer) -> Result<(), Problem> {
        let mut update = tx.update(IdempotencyKeys::Table);
        update
            .value(IdempotencyKeys::Answer, self.sealed(answer)?)
            .and_where(Expr::col(IdempotencyKeys::KeyHash).eq(key_hash));
        match tx.run(&update).await? {
            1 => Ok(()),
            _ => Err(Problem::internal(&"a request has lost its key")),
        }
    }

    fn sealed(&self, answer: &Answer) -> Result<String, Problem> {
        let json = serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))?;
        let nonce = XNonce::generate();
        let sealed = self.key.cipher(self.scope).and_then(|cipher| cipher.encrypt(&nonce, &*json).ok());
        let sealed = sealed.ok_or_else(|| Problem::internal(&"a key encrypts nothing"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    fn opened(&self, sealed: &str) -> Option<Answer> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(24)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let json = self.key.cipher(self.scope)?.decrypt(&nonce, sealed).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// Removes the keys of a brand whose day is over.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tidy_brand(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    let mut delete = tx.delete(IdempotencyKeys::Table);
    delete.and_where(Expr::col(IdempotencyKeys::CreatedAt).lt(now - KEPT));
    Ok(tx.run(&delete).await?)
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_key_is_bare_or_in_quotes() {
        assert_eq!(Key::read(b"\"8e03978e\"").unwrap().0, Key::read(b" 8e03978e ").unwrap().0);
        let long = [b'a'; 256];
        for wrong in [&b""[..], b"\"\"", b"a b", b"a\"b", b"\"a", b"\xff", "ü".as_bytes(), &long] {
            let problem = Key::read(wrong).map(|key| key.0).unwrap_err();
            assert_eq!(problem.code.status(), 400, "{wrong:?}");
            assert!(problem.detail.unwrap().contains("Idempotency-Key"));
        }
        assert_eq!(Key::read(&long[..255]).unwrap().0.len(), 255);
    }
}
