//! Telling people: notices, their numbers, what wakes streams, and the tasks that send messages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fithire_identity::members_among;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::tasks::{NewTask, enqueue_all};
use fithire_scoring::facts::Zone;
use sea_query::{Alias, Expr, ExprTrait, OnConflict};
use serde_json::json;

use crate::inbox::{brand_zone, inboxes_of, tell};
use crate::model::{InboxRow, Inboxes, Kind, Notices, Told, Way, Wishes};
use crate::work::{DIGEST, MAIL};

/// Something that a person is told.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Who is told. Who is no member of the brand is told nothing.
    pub account_id: Id,
    /// What it is about.
    pub kind: Kind,
    /// What happened, such as `match:7:42`: each account is told of it once.
    pub event: String,
    /// A short sentence, without a secret.
    pub title: String,
    /// More, or nothing.
    pub text: String,
    /// The page of ours that it leads to, such as `/coach/matches/7`.
    pub path: String,
}

/// Notices that are told at once; each has 8 values in a statement, and SQLite takes 32766 of them.
const BATCH: usize = 1_000;
const LONGEST_EVENT: usize = 200;
const LONGEST_TITLE: usize = 200;
const LONGEST_TEXT: usize = 2_000;

/// Tells people what has happened, once the transaction is committed, each of each event once ever.
///
/// # Errors
/// When the database refuses or cannot be reached; when a notice leads away from our pages.
pub async fn notify(tx: &mut Tx, tools: (&Clock, &Ids), notices: Vec<Notice>) -> Result<(), Problem> {
    // In one order for everybody, so that two who tell the same people wait for each other and do not lock each other out.
    let mut told: BTreeMap<(Id, String), Notice> = BTreeMap::new();
    for notice in notices {
        check(&notice)?;
        told.entry((notice.account_id, notice.event.clone())).or_insert(notice);
    }
    if told.is_empty() {
        return Ok(());
    }
    let zone = brand_zone(tx).await?;
    let told: Vec<Notice> = told.into_values().collect();
    for batch in told.chunks(BATCH) {
        let fresh = fresh(tx, batch).await?;
        tell_all(tx, tools, zone, fresh).await?;
    }
    Ok(())
}

fn check(notice: &Notice) -> Result<(), Problem> {
    let own = notice.path.starts_with('/')
        && !notice.path[1..].starts_with(['/', '\\'])
        && !notice.path.contains(|c: char| c.is_control() || c == '\\');
    if own && notice.event.len() <= LONGEST_EVENT {
        return Ok(());
    }
    Err(Problem::internal(&format!("a notice of the kind {} is none", notice.kind.as_str())))
}

/// Those that nobody has told their people before. Whoever tells the same at the same time waits here.
async fn fresh<'n>(tx: &mut Tx, batch: &'n [Notice]) -> Result<Vec<&'n Notice>, Problem> {
    let accounts: BTreeSet<Id> = batch.iter().map(|notice| notice.account_id).collect();
    let members = members_among(tx, &accounts.into_iter().collect::<Vec<_>>()).await?;
    let batch: Vec<&Notice> = batch.iter().filter(|notice| members.contains(&notice.account_id)).collect();
    if batch.is_empty() {
        return Ok(batch);
    }
    let rows = batch.iter().map(|notice| vec![notice.account_id.into(), notice.event.clone().into()]);
    let mut insert = tx.insert(&[Told::AccountId, Told::Event], rows);
    insert
        .on_conflict(
            OnConflict::columns([Told::BrandId, Told::AccountId, Told::Event]).do_nothing().to_owned(),
        )
        .returning(sea_query::Query::returning().columns([Told::AccountId, Told::Event]));
    let fresh: Vec<(Id, String)> = tx.all(&insert).await?;
    let fresh: BTreeSet<(Id, String)> = fresh.into_iter().collect();
    Ok(batch
        .into_iter()
        .filter(|notice| fresh.contains(&(notice.account_id, notice.event.clone())))
        .collect())
}

/// Puts notices into inboxes, wakes who looks, and adds the tasks of their messages.
async fn tell_all(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    zone: Zone,
    notices: Vec<&Notice>,
) -> Result<(), Problem> {
    use Notices::{AccountId, CreatedAt, Id as Number, Kind, Path, Seq, Text, Title, Waits};
    let accounts: BTreeSet<Id> = notices.iter().map(|notice| notice.account_id).collect();
    let inboxes = inboxes_of(tx, &accounts.into_iter().collect::<Vec<_>>()).await?;
    let inbox = |account_id| {
        let row = inboxes.get(&account_id).cloned().unwrap_or_else(|| InboxRow::empty(account_id));
        row.wishes(zone)
    };
    let wishes: BTreeMap<Id, Wishes> =
        notices.iter().map(|notice| (notice.account_id, inbox(notice.account_id))).collect();
    let notices: Vec<(&Notice, Way)> = notices
        .into_iter()
        .map(|notice| (notice, wishes[&notice.account_id].way(notice.kind)))
        .filter(|(_, way)| *way != Way::Nothing)
        .collect();
    if notices.is_empty() {
        return Ok(());
    }
    let mut next = take_numbers(tx, &notices).await?;
    let now = clock.now();
    let row = |(notice, way): &(&Notice, Way)| {
        let seq = next.entry(notice.account_id).or_default();
        *seq += 1;
        vec![
            ids.next().into(),
            notice.account_id.into(),
            (*seq).into(),
            notice.kind.as_str().into(),
            line(&notice.title, LONGEST_TITLE).into(),
            line(&notice.text, LONGEST_TEXT).into(),
            notice.path.clone().into(),
            now.into(),
            way.waits().into(),
        ]
    };
    let rows: Vec<_> = notices.iter().map(row).collect();
    tx.run(&tx.insert(&[Number, AccountId, Seq, Kind, Title, Text, Path, CreatedAt, Waits], rows)).await?;
    let mut tasks = Vec::new();
    for (notice, way) in &notices {
        let (account_id, wishes) = (notice.account_id, &wishes[&notice.account_id]);
        tell(tx, account_id);
        match way {
            Way::Mail => tasks.push(mail_task(account_id, wishes.mail_due(now))),
            Way::Digest => tasks.push(digest_task(account_id, wishes.digest_due(now))),
            Way::App | Way::Nothing => {}
        }
    }
    enqueue_all(tx, (clock, ids), tasks).await
}

/// Takes the next numbers of inboxes, which are theirs alone until this commits; answers the last ones before them.
async fn take_numbers(tx: &mut Tx, notices: &[(&Notice, Way)]) -> Result<BTreeMap<Id, i64>, Problem> {
    use Inboxes::{AccountId, LastSeq, Unread};
    let mut counts: BTreeMap<Id, i64> = BTreeMap::new();
    for (notice, _) in notices {
        *counts.entry(notice.account_id).or_default() += 1;
    }
    let rows = counts.iter().map(|(account_id, n)| vec![(*account_id).into(), (*n).into(), (*n).into()]);
    let mut insert = tx.insert(&[AccountId, LastSeq, Unread], rows);
    let plus = |column: Inboxes| {
        Expr::col((Inboxes::Table, column)).add(Expr::col((Alias::new("excluded"), column)))
    };
    let more = OnConflict::columns([Inboxes::BrandId, AccountId])
        .value(LastSeq, plus(LastSeq))
        .value(Unread, plus(Unread))
        .to_owned();
    insert.on_conflict(more).returning(sea_query::Query::returning().columns([AccountId, LastSeq]));
    let last: Vec<(Id, i64)> = tx.all(&insert).await?;
    Ok(last.into_iter().map(|(account_id, last)| (account_id, last - counts[&account_id])).collect())
}

/// A text in one line, of a length that can be read.
fn line(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// The task that sends what waits for a message.
pub(crate) fn mail_task(account_id: Id, due: DateTime<Utc>) -> NewTask {
    of_account(MAIL, account_id).due(due)
}

/// The task that sends the message of the day.
pub(crate) fn digest_task(account_id: Id, due: DateTime<Utc>) -> NewTask {
    of_account(DIGEST, account_id).due(due).later()
}

fn of_account(kind: &'static str, account_id: Id) -> NewTask {
    NewTask::new(kind, json!({"account_id": account_id})).keyed(account_id.to_string())
}

/// Notes where somebody lives, as far as another module knows: for whoever has not said it on the page of preferences.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn lives_in(tx: &mut Tx, account_id: Id, zone: Option<Zone>) -> Result<(), Problem> {
    if members_among(tx, &[account_id]).await?.is_empty() {
        return Ok(());
    }
    let name = zone.map(Zone::name);
    let mut insert =
        tx.insert(&[Inboxes::AccountId, Inboxes::HomeZone], [vec![account_id.into(), name.into()]]);
    let moved = OnConflict::columns([Inboxes::BrandId, Inboxes::AccountId])
        .update_column(Inboxes::HomeZone)
        .to_owned();
    insert.on_conflict(moved);
    tx.run(&insert).await?;
    Ok(())
}
