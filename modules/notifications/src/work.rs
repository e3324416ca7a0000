//! The tasks that send messages: [`MAIL`] for what is told at once, [`DIGEST`] for the message of the day.
//!
//! A task first puts its notices into a bundle, in a transaction of its own; the bundle's name, its newest notice, is the
//! message's identity. Then it sends the message and waits for the answer, and at last notes in one transaction that it was
//! taken and that the task is done. Whatever ends the process between the two leaves a bundle that is sent again as the same
//! message, with the same Message-ID, by which receivers drop it. What is told meanwhile goes into another bundle. Two tasks of
//! one person do not run at once, because they have one key.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::mailbox_of;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::tasks::{Claimed, Outcome, enqueue};
use fithire_mail::{Mail, Refused};
use sea_query::{Expr, ExprTrait, Order, UpdateStatement};
use serde::Deserialize;

use crate::inbox::{brand_zone, locked, notices_of};
use crate::letter::Sender;
use crate::model::{Inboxes, NoticeRow, Notices, Way};
use crate::notify::{digest_task, mail_task};
use crate::preferences::token;

/// The kind of the task that sends what a person is told at once.
pub const MAIL: &str = "notifications.mail";
/// The kind of the task that sends a person the message of the day.
pub const DIGEST: &str = "notifications.digest";

/// Clocks of machines differ; a message that is due a moment later is due.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// Sends a person what waits to be sent at once. `origin` is where the pages are.
pub async fn mail(db: &Db, tools: (&Clock, &Ids), mail: &Mail, origin: &str, task: &Claimed) -> Outcome {
    carry(db, tools, (mail, origin), (task, Way::Mail)).await.unwrap_or_else(Outcome::from)
}

/// Sends a person the message of the day. `origin` is where the pages are.
pub async fn digest(db: &Db, tools: (&Clock, &Ids), mail: &Mail, origin: &str, task: &Claimed) -> Outcome {
    carry(db, tools, (mail, origin), (task, Way::Digest)).await.unwrap_or_else(Outcome::from)
}

#[derive(Deserialize)]
struct Payload {
    account_id: Id,
}

/// What is to be sent, by its bundles, in the order in which they were made.
struct Load<'s> {
    account_id: Id,
    sender: Sender<'s>,
    bundles: BTreeMap<Id, Vec<NoticeRow>>,
}

async fn carry(
    db: &Db,
    tools: (&Clock, &Ids),
    (mail, origin): (&Mail, &str),
    (task, way): (&Claimed, Way),
) -> Result<Outcome, Problem> {
    let Ok(Payload { account_id }) = task.payload() else {
        return Ok(Outcome::Abort("the payload names no account".to_owned()));
    };
    let mut tx = db.write(&task.scope).await?;
    let Some(load) = load(&mut tx, tools, way, (account_id, origin)).await? else {
        task.finish(&mut tx).await?;
        tx.commit().await?;
        return Ok(Outcome::Finished);
    };
    tx.commit().await?;
    let mut bundles = load.bundles.iter().peekable();
    while let Some((bundle, notices)) = bundles.next() {
        let message_id = format!("{}.{account_id}.{bundle}", task.scope.brand_id());
        let sent = mail.deliver(&load.sender.letter(message_id, notices)?).await;
        let mut tx = db.write(&task.scope).await?;
        locked(&mut tx, account_id).await?;
        match sent {
            Ok(()) => sent_out(&mut tx, (account_id, way), *bundle, tools.0.now()).await?,
            Err(Refused { permanent: true, .. }) => {
                refused(&mut tx, &load, way, tools.0.now()).await?;
                task.finish(&mut tx).await?;
                tx.commit().await?;
                return Ok(Outcome::Finished);
            }
            Err(Refused { cause, .. }) => return Ok(Outcome::Retry(cause, None)),
        }
        let is_last = bundles.peek().is_none();
        if is_last {
            task.finish(&mut tx).await?;
        }
        tx.commit().await?;
    }
    Ok(Outcome::Finished)
}

/// What there is to send, each notice in its bundle; nothing when there is nothing, or not now.
async fn load<'s>(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    way: Way,
    (account_id, origin): (Id, &'s str),
) -> Result<Option<Load<'s>>, Problem> {
    let now = tools.0.now();
    let Some(inbox) = locked(tx, account_id).await? else { return Ok(None) };
    let waiting = waiting(tx, account_id, way).await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let mailbox = mailbox_of(tx, account_id).await?;
    let address = mailbox.as_ref().filter(|mailbox| mailbox.is_confirmed()).and_then(|one| one.address());
    let refused = inbox.refused_at.is_some() && inbox.refused_email.as_deref() == address;
    let (Some(mailbox), Some(address), false) = (&mailbox, address, refused) else {
        tx.run(&settled(tx, account_id, way)).await?;
        return Ok(None);
    };
    let mut bundles: BTreeMap<Id, Vec<NoticeRow>> = BTreeMap::new();
    for row in &waiting {
        // Made by an attempt that was not the last.
        if let Some(bundle) = row.bundle {
            bundles.entry(bundle).or_default().push(row.clone());
        }
    }
    let wishes = inbox.wishes(brand_zone(tx).await?);
    let fresh: Vec<NoticeRow> = waiting.into_iter().filter(|row| row.bundle.is_none()).collect();
    let due = match (way, fresh.first()) {
        (Way::Digest, Some(oldest)) => wishes.digest_due(oldest.created_at),
        _ => wishes.mail_due(now),
    };
    if due > now + SKEW && !fresh.is_empty() {
        let later = if way == Way::Digest { digest_task } else { mail_task };
        enqueue(tx, tools, later(account_id, due)).await?;
    } else if let Some(newest) = fresh.iter().map(|row| row.id).max() {
        let mut update = of_account(tx, account_id);
        update
            .value(Notices::Bundle, newest)
            .and_where(Expr::col(Notices::Waits).eq(way.as_str()))
            .and_where(Expr::col(Notices::Bundle).is_null());
        tx.run(&update).await?;
        bundles.insert(newest, fresh);
    }
    if bundles.is_empty() {
        return Ok(None);
    }
    let sender = Sender {
        origin,
        brand: brand_name(tx).await?,
        name: mailbox.name.clone(),
        to: address.to_owned(),
        token: token(tx, &inbox).await?,
        is_digest: way == Way::Digest,
    };
    Ok(Some(Load { account_id, sender, bundles }))
}

/// The notices that wait for a message of one kind.
async fn waiting(tx: &mut Tx, account_id: Id, way: Way) -> Result<Vec<NoticeRow>, Problem> {
    let mut select = notices_of(tx, account_id);
    select.and_where(Expr::col(Notices::Waits).eq(way.as_str())).order_by(Notices::Seq, Order::Asc);
    Ok(tx.all(&select).await?)
}

fn of_account(tx: &Tx, account_id: Id) -> UpdateStatement {
    let mut update = tx.update(Notices::Table);
    update.and_where(Expr::col(Notices::AccountId).eq(account_id));
    update
}

/// Has nothing wait any more for a message of one kind.
fn settled(tx: &Tx, account_id: Id, way: Way) -> UpdateStatement {
    let mut update = of_account(tx, account_id);
    update.value(Notices::Waits, None::<String>).and_where(Expr::col(Notices::Waits).eq(way.as_str()));
    update
}

async fn sent_out(
    tx: &mut Tx,
    (account_id, way): (Id, Way),
    bundle: Id,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut update = settled(tx, account_id, way);
    update.value(Notices::MailedAt, now).and_where(Expr::col(Notices::Bundle).eq(bundle));
    tx.run(&update).await?;
    Ok(())
}

/// Notes that the address is refused; nothing more is sent to it until its person says so.
async fn refused(tx: &mut Tx, load: &Load<'_>, way: Way, now: DateTime<Utc>) -> Result<(), Problem> {
    let mut update = tx.update(Inboxes::Table);
    update
        .value(Inboxes::RefusedAt, now)
        .value(Inboxes::RefusedEmail, &*load.sender.to)
        .and_where(Expr::col(Inboxes::AccountId).eq(load.account_id));
    tx.run(&update).await?;
    tx.run(&settled(tx, load.account_id, way)).await?;
    tracing::info!(account.id = load.account_id, "an address was refused");
    Ok(())
}

async fn brand_name(tx: &mut Tx) -> Result<String, Problem> {
    let row: Option<(String,)> = tx.optional(&fithire_orgs::ask_name(tx)).await?;
    Ok(row.map(|(name,)| name).unwrap_or_default())
}
