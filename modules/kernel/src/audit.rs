//! The audit log of a brand: who did what, on which object, before and after, from where.
//!
//! An entry is added by [`record`] in the transaction of what it tells of, so that the two happen together or not at all.
//! [`seal`] later gives each entry its place in a chain of hashes: nobody waits for anybody else's entry. Whoever edits,
//! deletes or reorders a sealed entry breaks the chain, which [`verify`] finds; whoever cuts off its end is found by a
//! head that was kept elsewhere ([`Head`]).
//!
//! What tells of a person is encrypted with that person's key. [`forget`] destroys the key: the chain stays whole, and
//! nobody reads what it said. Invariants: entries are never changed or deleted; actors and objects are ids, never names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_query::{Cond, Expr, ExprTrait, Iden, OnConflict, Order};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::FromRow;

use crate::clock::Clock;
use crate::db::{Db, ScopedTable, Tx};
use crate::ids::{Id, Ids};
use crate::paging::Asked;
use crate::problem::{Code, Problem};
use crate::scope::{Actor, BrandScope};

#[derive(Iden, Clone, Copy)]
enum AuditLog {
    Table,
    BrandId,
    Id,
    At,
    ActorKind,
    ActorId,
    Origin,
    Action,
    ObjectKind,
    ObjectId,
    SubjectId,
    Details,
    Seq,
    Hash,
}

impl ScopedTable for AuditLog {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum AuditHeads {
    Table,
    BrandId,
    Seq,
    Hash,
}

impl ScopedTable for AuditHeads {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
enum PersonKeys {
    Table,
    BrandId,
    PersonId,
    Key,
}

impl ScopedTable for PersonKeys {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Such as `job.changed`.
    pub action: &'static str,
    /// What it was done to: its kind, and its id where it has one.
    pub object: (&'static str, Option<Id>),
    /// The person of whom the details tell; they are encrypted with that person's key.
    pub subject: Option<Id>,
    /// Before and after, or whatever else is worth knowing.
    pub details: Value,
}

impl Event {
    /// An event on an object, with nothing more to say.
    #[must_use]
    pub fn new(action: &'static str, kind: &'static str, id: impl Into<Option<Id>>) -> Self {
        Self { action, object: (kind, id.into()), subject: None, details: json!({}) }
    }

    /// The same with what was and what is: only what differs is kept.
    #[must_use]
    pub fn changed(self, before: &Value, after: &Value) -> Self {
        let (mut was, mut is) = (Map::new(), Map::new());
        let keys =
            |value: &Value| value.as_object().map_or_else(Vec::new, |map| map.keys().cloned().collect());
        for key in keys(before).into_iter().chain(keys(after)) {
            if before.get(&key) != after.get(&key) {
                was.extend(before.get(&key).map(|value| (key.clone(), value.clone())));
                is.extend(after.get(&key).map(|value| (key.clone(), value.clone())));
            }
        }
        Self { details: json!({"before": was, "after": is}), ..self }
    }

    /// The same with details.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// The same, telling of a person.
    #[must_use]
    pub fn about(self, person_id: Id) -> Self {
        Self { subject: Some(person_id), ..self }
    }
}

/// Adds an entry for what the transaction does.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn record(tx: &mut Tx, (clock, ids): (&Clock, &Ids), event: Event) -> Result<(), Problem> {
    let scope = tx.scope().clone();
    add(tx, ids, vec![(scope, clock.now(), event)]).await
}

/// Adds entries of several actors in one brand.
async fn add(tx: &mut Tx, ids: &Ids, events: Vec<Noted>) -> Result<(), Problem> {
    use AuditLog::{
        Action, ActorId, ActorKind, At, Details, Id as Key, ObjectId, ObjectKind, Origin, SubjectId,
    };
    let mut rows = Vec::with_capacity(events.len());
    for (scope, at, event) in events {
        let (actor_kind, actor_id) = match scope.actor() {
            Actor::Account(id) => ("account", Some(id)),
            Actor::Key(id) => ("key", Some(id)),
            Actor::System => ("system", None),
        };
        let details = event.details.to_string();
        let details = match event.subject {
            Some(person_id) => encrypted(&key_of(tx, person_id).await?, &details)?,
            None => details,
        };
        rows.push(vec![
            ids.next().into(),
            at.into(),
            actor_kind.into(),
            actor_id.into(),
            scope.origin().map(|address| address.to_string()).into(),
            event.action.into(),
            event.object.0.into(),
            event.object.1.into(),
            event.subject.into(),
            details.into(),
        ]);
    }
    if !rows.is_empty() {
        let columns = [Key, At, ActorKind, ActorId, Origin, Action, ObjectKind, ObjectId, SubjectId, Details];
        tx.run(&tx.insert(&columns, rows)).await?;
    }
    Ok(())
}

/// Who did something, when, and what.
type Noted = (BrandScope, DateTime<Utc>, Event);

/// What was read, on its way to the log: reading does not write, so that it is noted here and added in batches. Whoever reads
/// the same again meanwhile, as a page does that follows changes, has one entry with how many times.
#[derive(Clone, Debug)]
pub struct Reads {
    clock: Clock,
    waiting: Arc<Mutex<HashMap<(BrandScope, Event), Times>>>,
}

/// When something was read first, and how many times.
type Times = (DateTime<Utc>, u64);

impl Reads {
    /// Nothing read yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, waiting: Arc::default() }
    }

    /// Notes that somebody reads something.
    ///
    /// # Errors
    /// When so much waits that it cannot be kept: what cannot be noted is not shown.
    pub fn note(&self, scope: &BrandScope, event: Event) -> Result<(), Problem> {
        /// Some minutes of a busy brand.
        const MOST: usize = 50_000;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            let told = "the log of who reads what cannot be written right now";
            return Err(Problem { retry_after: Some(5), ..Problem::new(Code::Unavailable) }.because(told));
        }
        waiting.entry((scope.clone(), event)).or_insert((self.clock.now(), 0)).1 += 1;
        Ok(())
    }

    /// Adds what was noted to the logs. What a database does not take now is kept for the next time.
    ///
    /// # Errors
    /// The first that a database said.
    pub async fn flush(&self, db: &Db, ids: &Ids) -> Result<(), Problem> {
        /// Entries in a statement; each has 11 values, and SQLite takes 32766 of them.
        const BATCH: usize = 1_000;
        let noted = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut noted: Vec<_> = noted.into_iter().collect();
        noted.sort_by_key(|((scope, _), (first, _))| (scope.brand_id(), *first));
        let mut outcome = Ok(());
        for of_brand in noted.chunk_by(|((a, _), _), ((b, _), _)| a.brand_id() == b.brand_id()) {
            for batch in of_brand.chunks(BATCH) {
                let written = async {
                    let mut tx = db.write(&batch[0].0.0).await?;
                    add(&mut tx, ids, batch.iter().cloned().map(entry).collect()).await?;
                    tx.commit().await.map_err(Problem::from)
                };
                if let Err(problem) = written.await {
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    for (read, (first, times)) in batch.iter().cloned() {
                        let kept = waiting.entry(read).or_insert((first, 0));
                        *kept = (Ord::min(kept.0, first), kept.1 + times);
                    }
                    outcome = Err(problem);
                }
            }
        }
        outcome
    }
}

/// An entry for what was read.
fn entry(((scope, mut event), (first, times)): ((BrandScope, Event), Times)) -> Noted {
    if times > 1
        && let Some(details) = event.details.as_object_mut()
    {
        details.insert("times".to_owned(), times.into());
    }
    (scope, first, event)
}

/// The key of a person, made when there is none. Of two who make one at once, the first is taken.
async fn key_of(tx: &mut Tx, person_id: Id) -> Result<String, Problem> {
    if let Some(key) = known_key(tx, person_id).await? {
        return Ok(key);
    }
    let key = URL_SAFE_NO_PAD.encode(Key::<XChaCha20Poly1305>::generate());
    let mut insert =
        tx.insert(&[PersonKeys::PersonId, PersonKeys::Key], [vec![person_id.into(), key.into()]]);
    let same = OnConflict::columns([PersonKeys::BrandId, PersonKeys::PersonId])
        .update_column(PersonKeys::PersonId)
        .to_owned();
    insert.on_conflict(same).returning_col(PersonKeys::Key);
    let row: Option<(String,)> = tx.optional(&insert).await?;
    row.map(|(key,)| key).ok_or_else(|| Problem::internal(&"an upsert returned no row"))
}

async fn known_key(tx: &mut Tx, person_id: Id) -> Result<Option<String>, Problem> {
    let mut select = tx.select(PersonKeys::Table);
    select.column(PersonKeys::Key).and_where(Expr::col(PersonKeys::PersonId).eq(person_id));
    let row: Option<(String,)> = tx.optional(&select).await?;
    Ok(row.map(|(key,)| key))
}

/// Destroys the key of a person: what the log says of them is not read again, and the chain stays whole.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn forget(tx: &mut Tx, person_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(PersonKeys::Table);
    delete.and_where(Expr::col(PersonKeys::PersonId).eq(person_id));
    tx.run(&delete).await?;
    Ok(())
}

fn cipher(key: &str) -> Option<XChaCha20Poly1305> {
    XChaCha20Poly1305::new_from_slice(&URL_SAFE_NO_PAD.decode(key).ok()?).ok()
}

/// A nonce and what it encrypts.
fn encrypted(key: &str, text: &str) -> Result<String, Problem> {
    let nonce = XNonce::generate();
    let sealed = cipher(key).and_then(|cipher| cipher.encrypt(&nonce, text.as_bytes()).ok());
    let sealed = sealed.ok_or_else(|| Problem::internal(&"a person's key encrypts nothing"))?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

fn decrypted(key: &str, sealed: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(24)?;
    let nonce = XNonce::try_from(nonce).ok()?;
    String::from_utf8(cipher(key)?.decrypt(&nonce, sealed).ok()?).ok()
}

#[derive(FromRow)]
struct Row {
    id: Id,
    at: DateTime<Utc>,
    actor_kind: String,
    actor_id: Option<Id>,
    origin: Option<String>,
    action: String,
    object_kind: String,
    object_id: Option<Id>,
    subject_id: Option<Id>,
    details: String,
    seq: Option<i64>,
    hash: Option<String>,
}

const COLUMNS: [AuditLog; 12] = [
    AuditLog::Id,
    AuditLog::At,
    AuditLog::ActorKind,
    AuditLog::ActorId,
    AuditLog::Origin,
    AuditLog::Action,
    AuditLog::ObjectKind,
    AuditLog::ObjectId,
    AuditLog::SubjectId,
    AuditLog::Details,
    AuditLog::Seq,
    AuditLog::Hash,
];

impl Row {
    /// The hash of this entry at a place after another: of one JSON text with everything in it.
    fn hash_after(&self, before: &str, brand_id: Id, seq: i64) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let whole = json!([
            before,
            brand_id,
            seq,
            self.id,
            at,
            self.actor_kind,
            self.actor_id,
            self.origin,
            self.action,
            self.object_kind,
            self.object_id,
            self.subject_id,
            self.details
        ]);
        URL_SAFE_NO_PAD.encode(Sha256::digest(whole.to_string()))
    }
}

/// The end of a brand's chain. Kept elsewhere, it shows later that nothing before it was cut off.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Head {
    /// How many entries are sealed.
    pub seq: i64,
    /// The hash of the last one.
    pub hash: String,
}

impl Head {
    fn none() -> Self {
        Self { seq: 0, hash: String::new() }
    }
}

/// The end of the chain, which is there once anything is sealed.
///
/// # Errors
/// When the database cannot be reached.
pub async fn head(tx: &mut Tx) -> Result<Option<Head>, Problem> {
    let mut select = tx.select(AuditHeads::Table);
    select.columns([AuditHeads::Seq, AuditHeads::Hash]);
    Ok(tx.optional(&select).await?)
}

/// Seals entries in batches until none is left; answers how many. Two who seal at once take turns.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn seal(db: &Db, scope: &BrandScope) -> Result<u64, Problem> {
    /// Entries in a transaction.
    const BATCH: u64 = 500;
    let mut sealed = 0;
    loop {
        let mut tx = db.read(scope).await?;
        let mut select = tx.select(AuditLog::Table);
        select.column(AuditLog::Id).and_where(Expr::col(AuditLog::Seq).is_null()).limit(1);
        let waiting: Option<(Id,)> = tx.optional(&select).await?;
        drop(tx);
        if waiting.is_none() {
            return Ok(sealed);
        }
        let mut tx = db.write(scope).await?;
        let columns = [AuditHeads::Seq, AuditHeads::Hash];
        let mut insert = tx.insert(&columns, [vec![0_i64.into(), "".into()]]);
        insert.on_conflict(OnConflict::column(AuditHeads::BrandId).do_nothing().to_owned());
        tx.run(&insert).await?;
        let mut select = tx.select(AuditHeads::Table);
        select.columns(columns).lock_exclusive();
        let mut head: Head = tx.optional(&select).await?.unwrap_or_else(Head::none);
        let mut select = tx.select(AuditLog::Table);
        select
            .columns(COLUMNS)
            .and_where(Expr::col(AuditLog::Seq).is_null())
            .order_by(AuditLog::Id, Order::Asc)
            .limit(BATCH);
        let rows: Vec<Row> = tx.all(&select).await?;
        for row in rows {
            let seq = head.seq + 1;
            let hash = row.hash_after(&head.hash, scope.brand_id(), seq);
            let mut update = tx.update(AuditLog::Table);
            update
                .value(AuditLog::Seq, seq)
                .value(AuditLog::Hash, hash.clone())
                .and_where(Expr::col(AuditLog::Id).eq(row.id));
            tx.run(&update).await?;
            head = Head { seq, hash };
            sealed += 1;
        }
        let mut update = tx.update(AuditHeads::Table);
        update.value(AuditHeads::Seq, head.seq).value(AuditHeads::Hash, head.hash);
        tx.run(&update).await?;
        tx.commit().await?;
    }
}

/// What came of walking a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds up to this head; so many entries wait to be sealed.
    Whole(Head, u64),
    /// It does not; why.
    Broken(String),
}

/// Walks the chain of a brand from its beginning, and holds it against a head that was kept elsewhere.
///
/// # Errors
/// When the database cannot be reached.
pub async fn verify(tx: &mut Tx, kept: Option<&Head>) -> Result<Verdict, Problem> {
    /// Entries that are read at once.
    const BATCH: u64 = 5_000;
    let brand_id = tx.scope().brand_id();
    let mut walked = Head::none();
    let mut met = kept.is_none_or(|kept| *kept == walked);
    loop {
        let mut select = tx.select(AuditLog::Table);
        select
            .columns(COLUMNS)
            .and_where(Expr::col(AuditLog::Seq).gt(walked.seq))
            .order_by(AuditLog::Seq, Order::Asc)
            .limit(BATCH);
        let rows: Vec<Row> = tx.all(&select).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let seq = walked.seq + 1;
            if row.seq != Some(seq) {
                return Ok(Verdict::Broken(format!("entry {seq} is missing")));
            }
            let hash = row.hash_after(&walked.hash, brand_id, seq);
            if row.hash.as_deref() != Some(&hash) {
                return Ok(Verdict::Broken(format!("entry {seq} is not what it was, or not in its place")));
            }
            walked = Head { seq, hash };
            met |= kept == Some(&walked);
        }
    }
    if head(tx).await?.is_some_and(|head| head != walked) {
        return Ok(Verdict::Broken(format!(
            "the last entries are missing: the chain ends at {}",
            walked.seq
        )));
    }
    if !met {
        let told = "the chain does not hold the head that was kept: it was cut off and written anew";
        return Ok(Verdict::Broken(told.to_owned()));
    }
    let mut select = tx.select(AuditLog::Table);
    select.expr(Expr::col(AuditLog::Id).count()).and_where(Expr::col(AuditLog::Seq).is_null());
    let waiting: Option<(i64,)> = tx.optional(&select).await?;
    Ok(Verdict::Whole(walked, waiting.map_or(0, |(count,)| count.unsigned_abs())))
}

/// An entry as an admin reads it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// `account`, `key` or `system`.
    pub actor_kind: String,
    /// The account or key.
    pub actor_id: Option<Id>,
    /// From where.
    pub origin: Option<String>,
    /// Such as `job.changed`.
    pub action: String,
    /// Such as `job`.
    pub object_kind: String,
    /// Which.
    pub object_id: Option<Id>,
    /// Before and after; `None` where the person of whom it tells was forgotten.
    pub details: Option<Value>,
    /// Its place in the chain, once it is sealed.
    pub seq: Option<i64>,
}

/// Which entries are listed; nothing lists every one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'f> {
    /// The beginning of an action, such as `job.`.
    pub action: Option<&'f str>,
    /// An object.
    pub object_id: Option<Id>,
    /// An actor.
    pub actor_id: Option<Id>,
    /// The person of whom it tells.
    pub subject_id: Option<Id>,
}

/// A page of entries, newest first.
///
/// # Errors
/// When the cursor is not of this list or the database cannot be reached.
pub async fn page(
    tx: &mut Tx,
    filter: Filter<'_>,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<Entry>, Option<String>), Problem> {
    let mut select = tx.select(AuditLog::Table);
    select.columns(COLUMNS);
    if let Some(action) = filter.action {
        select.and_where(
            Expr::col(AuditLog::Action).like(format!("{}%", action.replace(['%', '_', '\\'], ""))),
        );
    }
    let ids = Cond::all()
        .add_option(filter.object_id.map(|id| Expr::col(AuditLog::ObjectId).eq(id)))
        .add_option(filter.actor_id.map(|id| Expr::col(AuditLog::ActorId).eq(id)))
        .add_option(filter.subject_id.map(|id| Expr::col(AuditLog::SubjectId).eq(id)));
    select.cond_where(ids);
    let asked = Asked { list: "audit", order: Order::Desc, limit, cursor };
    let (rows, next) = asked.by_id(tx, select, AuditLog::Id, |row: &Row| row.id).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let details = match row.subject_id {
            None => Some(row.details),
            Some(person_id) => known_key(tx, person_id).await?.and_then(|key| decrypted(&key, &row.details)),
        };
        entries.push(Entry {
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            origin: row.origin,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            details: details.and_then(|details| serde_json::from_str(&details).ok()),
            seq: row.seq,
        });
    }
    Ok((entries, next))
}
