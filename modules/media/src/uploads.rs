//! Uploads: a signed URL first, the file straight to the store, and then its confirmation.
//!
//! What is confirmed is copied within the store to a place that no URL to upload to was ever signed for, and the copy is looked at:
//! so what is shown is what was looked at, whatever somebody puts where they may still put something. Of a picture the copy is
//! made here, without what it says of where and when it was taken ([`bare`]).

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::Document;
use fithire_identity::{Caller, random_secret};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_scoring::catalog::Cert;
use fithire_scoring::date;
use sea_query::{Expr, ExprTrait, LockType};
use serde_json::json;

use crate::access::{coach_to_change, upload_to_change, upload_to_hold};
use crate::bare::bare;
use crate::lookup::row;
use crate::model::{Files, Kind, Row, State, name_of};
use crate::removals::{self, Removal, sweep_given_up};
use crate::sniff;
use crate::store::{Part, Store, UPLOAD_LASTS};

/// What operations on files work with.
#[derive(Clone, Copy)]
pub(crate) struct With<'w> {
    pub(crate) db: &'w Db,
    pub(crate) clock: &'w Clock,
    pub(crate) ids: &'w Ids,
    pub(crate) store: &'w Store,
}

impl<'w> With<'w> {
    fn tools(self) -> (&'w Clock, &'w Ids) {
        (self.clock, self.ids)
    }
}

/// A file that somebody wants to upload.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: i64,
    /// What a document proves, and until when.
    pub(crate) code: Option<String>,
    pub(crate) expires_on: Option<String>,
}

/// Where a file goes.
#[derive(Clone, Debug)]
pub(crate) enum Urls {
    /// To one URL, whole.
    Whole(String),
    /// In parts of this length; the last one may be shorter.
    Parts {
        /// Bytes of each.
        part_bytes: i64,
        /// Numbers of those that are there.
        there: Vec<i32>,
        /// Number, length and URL of each that is not.
        missing: Vec<(i32, i64, String)>,
    },
}

/// An upload with where it goes until when.
pub(crate) struct Upload {
    pub(crate) row: Row,
    pub(crate) urls: Urls,
}

/// Larger files go in parts, so that a connection that breaks costs one of them.
const IN_PARTS: i64 = 50 << 20;
/// Bytes of a part.
const PART: i64 = 16 << 20;
/// Uploads of a coach that may wait at once.
const MOST_WAITING: u64 = 10;

/// Begins an upload.
pub(crate) async fn begin(
    with: With<'_>,
    caller: &Caller,
    coach_id: Id,
    wanted: Wanted,
) -> Result<Upload, Problem> {
    let proves = checked(&wanted)?;
    let mut tx = with.db.read(caller.scope()).await?;
    coach_to_change(&mut tx, caller, coach_id).await?;
    check_limits(&mut tx, coach_id, wanted.kind).await?;
    drop(tx);
    // Signing asks nobody; whoever is given a URL should be able to use it.
    with.store.ask().await?;
    let key = fresh_key(caller.scope().brand_id());
    let in_parts = wanted.bytes > IN_PARTS;
    let upload_ref =
        if in_parts { Some(with.store.begin_parts(&key, &wanted.media_type).await?) } else { None };
    let mut tx = with.db.write(caller.scope()).await?;
    coach_to_change(&mut tx, caller, coach_id).await?;
    let id = with.ids.next();
    let now = with.clock.now();
    let row = vec![
        id.into(),
        coach_id.into(),
        wanted.kind.as_str().into(),
        wanted.media_type.into(),
        wanted.bytes.into(),
        wanted.name.into(),
        State::Waiting.as_str().into(),
        key.into(),
        upload_ref.into(),
        wanted.code.filter(|_| proves.is_some()).into(),
        proves.and_then(|(_, expires_on)| expires_on).into(),
        None::<String>.into(),
        now.into(),
        (now + UPLOAD_LASTS).into(),
    ];
    tx.run(&tx.insert(&Row::COLUMNS, [row])).await?;
    let event = Event::new("media.begun", "media", id).about(coach_id);
    let event = event.with(json!({"kind": wanted.kind.as_str(), "bytes": wanted.bytes}));
    audit::record(&mut tx, with.tools(), event).await?;
    sweep_given_up(&mut tx, with.tools()).await?;
    let row = find(&mut tx, id).await?;
    tx.commit().await?;
    let urls = urls(with, &row).await?;
    Ok(Upload { row, urls })
}

/// Goes on with an upload: what is missing, with URLs that work for another hour.
pub(crate) async fn resume(
    with: With<'_>,
    caller: &Caller,
    (coach_id, id): (Id, Id),
) -> Result<Upload, Problem> {
    let mut tx = with.db.write(caller.scope()).await?;
    // Whoever removes it must know until when somebody may put something there.
    let row = upload_to_hold(&mut tx, caller, (coach_id, id), LockType::NoKeyUpdate).await?;
    match row.state()? {
        State::Waiting => {}
        State::Attached => return Err(Problem::new(Code::Conflict).because("this file is there already")),
        State::Quarantined => return Err(refusal(&row)),
    }
    let until = with.clock.now() + UPLOAD_LASTS;
    let mut update = tx.update(Files::Table);
    update.value(Files::UrlUntil, until).and_where(Expr::col(Files::Id).eq(id));
    tx.run(&update).await?;
    tx.commit().await?;
    let row = Row { url_until: until, ..row };
    let urls = urls(with, &row).await?;
    Ok(Upload { row, urls })
}

/// Confirms an upload: the file is there, has its length and type, and is what it says. Twice is as good as once.
pub(crate) async fn confirm(
    with: With<'_>,
    caller: &Caller,
    (coach_id, id): (Id, Id),
) -> Result<Row, Problem> {
    let mut tx = with.db.read(caller.scope()).await?;
    let row = upload_to_change(&mut tx, caller, (coach_id, id)).await?;
    match row.state()? {
        State::Waiting => check_room(&mut tx, coach_id, row.kind()?).await?,
        State::Attached => return Ok(row),
        State::Quarantined => return Err(refusal(&row)),
    }
    drop(tx);
    put_together(with, &row).await?;
    let Some(head) = with.store.head(row.key()?).await? else {
        // A store that has lost its place has no file either.
        with.store.ask().await?;
        let told = "the file has not arrived; send it to the URL of the upload first";
        return Err(Problem::new(Code::Conflict).because(told));
    };
    if head.bytes != row.bytes {
        let why = format!("it has {} bytes, and not the {} that were said", head.bytes, row.bytes);
        return quarantine(with, caller, &row, (None, why)).await;
    }
    if head.media_type != row.media_type {
        let why = format!("it was sent as {}, not {}", head.media_type, row.media_type);
        return quarantine(with, caller, &row, (None, why)).await;
    }
    let copy = place_for_copy(with, caller).await?;
    let copied = if row.media_type.starts_with("image/") {
        bared(with, &row, &copy).await?
    } else {
        copied(with, &row, &copy).await?
    };
    match copied {
        Err(why) => quarantine(with, caller, &row, (Some(&copy), why)).await,
        Ok(bytes) => attach(with, caller, &row, (copy, bytes)).await,
    }
}

/// Where a file will be shown from; what is there is removed again unless it is attached.
async fn place_for_copy(with: With<'_>, caller: &Caller) -> Result<String, Problem> {
    let copy = fresh_key(caller.scope().brand_id());
    let due_at = with.clock.now() + UPLOAD_LASTS;
    let mut tx = with.db.write(caller.scope()).await?;
    removals::add(&mut tx, with.tools(), Removal { key: &copy, upload_ref: None, due_at, until_at: due_at })
        .await?;
    tx.commit().await?;
    Ok(copy)
}

/// How long a copy is that may be shown, or why it may not.
type Copied = Result<i64, String>;

/// Copies a file within the store and looks at the copy.
async fn copied(with: With<'_>, row: &Row, copy: &str) -> Result<Copied, Problem> {
    /// What is enough to tell types apart.
    const BEGINNING: i64 = 1_024;
    if !with.store.copy(row.key()?, copy, &row.media_type).await? {
        return Err(gone());
    }
    let same = with.store.head(copy).await?.is_some_and(|head| head.bytes == row.bytes);
    let beginning = with.store.beginning(copy, BEGINNING).await?.unwrap_or_default();
    Ok(match sniff::wrong(&row.media_type, &beginning) {
        Some(why) => Err(why),
        None if same => Ok(row.bytes),
        None => Err("it changed while it was looked at".to_owned()),
    })
}

/// Puts a picture where it will be shown from, without what it says of itself. What is put is what was looked at.
async fn bared(with: With<'_>, row: &Row, copy: &str) -> Result<Copied, Problem> {
    let room = with.store.room().await?;
    let picture = with.store.beginning(row.key()?, row.bytes).await?.ok_or_else(gone)?;
    if let Some(why) = sniff::wrong(&row.media_type, &picture) {
        return Ok(Err(why));
    }
    let Some(picture) = bare(&row.media_type, picture) else {
        return Ok(Err(format!("it is no whole {}", name_of(&row.media_type))));
    };
    let bytes = i64::try_from(picture.len()).map_err(|error| Problem::internal(&error))?;
    with.store.put(copy, &row.media_type, picture).await?;
    drop(room);
    Ok(Ok(bytes))
}

/// Somebody else has confirmed it, and what they have copied was removed.
fn gone() -> Problem {
    Problem::new(Code::Conflict).because("the file is being confirmed already")
}

/// Puts the parts of a file together, where it came in parts and that was not done before.
async fn put_together(with: With<'_>, row: &Row) -> Result<(), Problem> {
    let Some(upload_ref) = row.upload_ref.as_deref() else { return Ok(()) };
    let whole = (row.key()?, upload_ref);
    let Some(parts) = with.store.parts(whole.0, whole.1).await? else { return Ok(()) };
    let missing: Vec<String> = missing(row.bytes, &parts).map(|(number, _)| number.to_string()).collect();
    if missing.is_empty() {
        return with.store.put_together(whole, parts).await;
    }
    let told = format!("parts of the file have not arrived: {}; send them first", missing.join(", "));
    Err(Problem::new(Code::Conflict).because(told))
}

/// The parts of a file of a length: number and length of each.
fn parts_of(bytes: i64) -> impl Iterator<Item = (i32, i64)> {
    let starts = (0..bytes).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
    (1..).zip(starts).map(move |(number, start)| (number, Ord::min(PART, bytes - start)))
}

/// The parts that are not there in their full length.
fn missing(bytes: i64, there: &[Part]) -> impl Iterator<Item = (i32, i64)> {
    parts_of(bytes)
        .filter(|(number, length)| !there.iter().any(|part| part.number == *number && part.bytes == *length))
}

async fn urls(with: With<'_>, row: &Row) -> Result<Urls, Problem> {
    let (key, now) = (row.key()?, row.url_until - UPLOAD_LASTS);
    let Some(upload_ref) = row.upload_ref.as_deref() else {
        return Ok(Urls::Whole(with.store.put_url(key, (&row.media_type, row.bytes), now).await?));
    };
    let parts = with.store.parts(key, upload_ref).await?.unwrap_or_default();
    let mut wanting = Vec::new();
    for (number, length) in missing(row.bytes, &parts) {
        let url = with.store.part_url((key, upload_ref), (number, length), now).await?;
        wanting.push((number, length, url));
    }
    let is_missing = |number: &i32| wanting.iter().any(|(other, ..)| other == number);
    let there = parts_of(row.bytes).map(|(number, _)| number).filter(|number| !is_missing(number)).collect();
    Ok(Urls::Parts { part_bytes: PART, there, missing: wanting })
}

/// Attaches a file whose copy is what it should be.
async fn attach(
    with: With<'_>,
    caller: &Caller,
    row: &Row,
    (copy, bytes): (String, i64),
) -> Result<Row, Problem> {
    let mut tx = with.db.write(caller.scope()).await?;
    // Who was removed meanwhile gets no file any more.
    coach_to_change(&mut tx, caller, row.coach_id).await?;
    let mut update = tx.update(Files::Table);
    update
        .value(Files::State, State::Attached.as_str())
        .value(Files::ObjectKey, copy.clone())
        .value(Files::Bytes, bytes)
        .value(Files::UploadRef, None::<String>)
        .and_where(Expr::col(Files::Id).eq(row.id))
        .and_where(Expr::col(Files::State).eq(State::Waiting.as_str()));
    if tx.run(&update).await? == 0 {
        removals::hasten(&mut tx, with.tools(), &copy).await?;
        let decided = decided(&mut tx, row.id).await;
        tx.commit().await?;
        return decided;
    }
    check_room_of(&mut tx, row.coach_id, row.kind()?, 1).await?;
    removals::cancel(&mut tx, &copy).await?;
    // Somebody may have gone on with it while it was copied, and then there are later URLs to the old place.
    let attached = find(&mut tx, row.id).await?;
    let (due_at, until_at) = (with.clock.now(), attached.url_until);
    let gone = Removal { key: row.key()?, upload_ref: row.upload_ref.as_deref(), due_at, until_at };
    removals::add(&mut tx, with.tools(), gone).await?;
    if let Some(code) = &row.code {
        let document = Document {
            media_id: row.id,
            media_type: row.media_type.clone(),
            code: Cert::named(code).map_err(|wrong| Problem::internal(&wrong))?,
            expires_on: row.expires_on,
        };
        fithire_coaches::submit(&mut tx, with.tools(), row.coach_id, document).await?;
    }
    let event = Event::new("media.attached", "media", row.id).about(row.coach_id);
    let event = event.with(json!({"kind": row.kind()?.as_str(), "media_type": row.media_type}));
    audit::record(&mut tx, with.tools(), event).await?;
    tx.commit().await?;
    Ok(attached)
}

/// Keeps a file from being shown, ever: it is removed, and the reason stays.
async fn quarantine(
    with: With<'_>,
    caller: &Caller,
    row: &Row,
    (copy, why): (Option<&str>, String),
) -> Result<Row, Problem> {
    let mut tx = with.db.write(caller.scope()).await?;
    let mut update = tx.update(Files::Table);
    update
        .value(Files::State, State::Quarantined.as_str())
        .value(Files::ObjectKey, None::<String>)
        .value(Files::UploadRef, None::<String>)
        .value(Files::Refused, why.clone())
        .and_where(Expr::col(Files::Id).eq(row.id))
        .and_where(Expr::col(Files::State).eq(State::Waiting.as_str()));
    let is_first = tx.run(&update).await? == 1;
    if let Some(copy) = copy {
        removals::hasten(&mut tx, with.tools(), copy).await?;
    }
    if !is_first {
        let decided = decided(&mut tx, row.id).await;
        tx.commit().await?;
        return decided;
    }
    let refused = find(&mut tx, row.id).await?;
    let (due_at, until_at) = (with.clock.now(), refused.url_until);
    let gone = Removal { key: row.key()?, upload_ref: row.upload_ref.as_deref(), due_at, until_at };
    removals::add(&mut tx, with.tools(), gone).await?;
    let event = Event::new("media.quarantined", "media", row.id).about(row.coach_id);
    audit::record(&mut tx, with.tools(), event.with(json!({"why": why}))).await?;
    tx.commit().await?;
    tracing::warn!(media.id = row.id, "an upload is not what it was said to be");
    Err(refusal(&refused))
}

/// What somebody else has decided who confirmed at the same time.
async fn decided(tx: &mut Tx, id: Id) -> Result<Row, Problem> {
    let row = find(tx, id).await?;
    match row.state()? {
        State::Attached => Ok(row),
        State::Quarantined => Err(refusal(&row)),
        State::Waiting => Err(Problem::internal(&"an upload waits that was decided")),
    }
}

/// Why a file was not taken.
fn refusal(row: &Row) -> Problem {
    let why = row.refused.as_deref().unwrap_or("it is not what it was said to be");
    Problem::field("/upload_id", format!("{} was refused and removed: {why}", row.name))
}

async fn find(tx: &mut Tx, id: Id) -> Result<Row, Problem> {
    row(tx, id).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// A place in the store that nobody can guess, and that says nothing but the brand.
fn fresh_key(brand_id: Id) -> String {
    format!("{brand_id}/{}", random_secret())
}

/// What a document proves and until when; nothing for what is no document.
type Proves = Option<(Cert, Option<NaiveDate>)>;

/// Holds a wish against what may be; every field that does not fit is named.
fn checked(wanted: &Wanted) -> Result<Proves, Problem> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: &str, detail: String| {
        errors.push(FieldError { pointer: pointer.to_owned(), detail });
    };
    if wanted.name.trim().is_empty() || wanted.name.chars().any(char::is_control) {
        wrong("/file_name", "is not the name of a file".to_owned());
    }
    let types = wanted.kind.types();
    if !types.iter().any(|(media_type, _)| *media_type == wanted.media_type) {
        let names: Vec<&str> = types.iter().map(|(media_type, _)| *media_type).collect();
        wrong("/content_type", format!("is none of {}", names.join(", ")));
    }
    let most = wanted.kind.most_bytes();
    if !(1..=most).contains(&wanted.bytes) {
        let most = format!("is not from 1 to {most}: {} have {} MB at most", wanted.kind.words(), most >> 20);
        wrong("/size", most);
    }
    let mut proves = None;
    if wanted.kind == Kind::Certificate {
        match wanted.code.as_deref().map(Cert::named) {
            Some(Ok(code)) => proves = Some((code, None)),
            Some(Err(unknown)) => wrong("/code", unknown),
            None => wrong("/code", "is missing: which certification does the document prove?".to_owned()),
        }
        match wanted.expires_on.as_deref().map(date::parse) {
            Some(Ok(day)) => proves = proves.map(|(code, _)| (code, Some(day))),
            Some(Err(told)) => wrong("/expires_on", told),
            None => {}
        }
    } else {
        for (pointer, given) in [("/code", &wanted.code), ("/expires_on", &wanted.expires_on)] {
            if given.is_some() {
                wrong(pointer, "is for documents of certificates alone".to_owned());
            }
        }
    }
    if errors.is_empty() { Ok(proves) } else { Err(Problem::invalid(errors)) }
}

async fn count(tx: &mut Tx, coach_id: Id, state: State, kind: Option<Kind>) -> Result<u64, Problem> {
    let mut select = tx.select(Files::Table);
    select
        .expr(Expr::col(Files::Id).count())
        .and_where(Expr::col(Files::CoachId).eq(coach_id))
        .and_where(Expr::col(Files::State).eq(state.as_str()));
    if let Some(kind) = kind {
        select.and_where(Expr::col(Files::Kind).eq(kind.as_str()));
    }
    let row: Option<(i64,)> = tx.optional(&select).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Two who begin at once may both be let in: the limits keep a store from being filled, not from one file more.
async fn check_limits(tx: &mut Tx, coach_id: Id, kind: Kind) -> Result<(), Problem> {
    if count(tx, coach_id, State::Waiting, None).await? >= MOST_WAITING {
        let told = format!("{MOST_WAITING} uploads wait already; finish or remove one of them first");
        return Err(Problem::new(Code::Conflict).because(told));
    }
    check_room(tx, coach_id, kind).await
}

async fn check_room(tx: &mut Tx, coach_id: Id, kind: Kind) -> Result<(), Problem> {
    check_room_of(tx, coach_id, kind, 0).await
}

/// Whether there is room for one more of a kind than are counted beyond what is new.
async fn check_room_of(tx: &mut Tx, coach_id: Id, kind: Kind, new: u64) -> Result<(), Problem> {
    let most = kind.most();
    if count(tx, coach_id, State::Attached, Some(kind)).await? < most + new {
        return Ok(());
    }
    let told = format!("there are {most} {} already, which is the most; remove one first", kind.words());
    Err(Problem::new(Code::Conflict).because(told))
}

/// When the URLs of an upload end.
pub(crate) fn until(row: &Row) -> DateTime<Utc> {
    row.url_until
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        for bytes in [1, PART - 1, PART, PART + 1, IN_PARTS + 1, 500 << 20] {
            let parts: Vec<_> = parts_of(bytes).collect();
            assert_eq!(parts.iter().map(|(_, length)| length).sum::<i64>(), bytes);
            assert!(parts.iter().all(|(_, length)| (1..=PART).contains(length)));
            assert!(parts.iter().map(|(number, _)| *number).eq(1..=i32::try_from(parts.len()).unwrap()));
        }
    }
}
