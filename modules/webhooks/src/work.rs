//! Delivering: one message to one endpoint, tried until it is taken or a day has gone by.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::{Claimed, Outcome};
use sea_query::{Expr, ExprTrait};
use serde_json::json;
use sqlx::FromRow;

use crate::model::{FAILING, GONE, State, TEST, WebhookDeliveries, WebhookEndpoints};
use crate::publish::Due;
use crate::sender::{Answer, Message, Sender};

/// The kind of the tasks that [`deliver`] does.
pub const DELIVER: &str = "webhooks.deliver";

/// The waits between attempts, in seconds: 25 and a half hours, all in all.
const WAITS_S: [i64; 9] = [5, 60, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 36_000];
/// How often a message is tried.
#[expect(clippy::cast_possible_truncation, reason = "ten")]
pub(crate) const ATTEMPTS: u16 = WAITS_S.len() as u16 + 1;
/// The longest that a receiver may have us wait.
const LONGEST: TimeDelta = TimeDelta::hours(12);
/// An endpoint that has failed for so long without a success is switched off.
const FAILING_FOR: TimeDelta = TimeDelta::days(5);

/// A delivery and where it goes.
#[derive(FromRow)]
struct Row {
    endpoint_id: Id,
    kind: String,
    body: String,
    url: String,
    enabled: bool,
    failing_since: Option<DateTime<Utc>>,
    secret: String,
    former_secret: Option<String>,
    former_until: Option<DateTime<Utc>>,
}

/// What has come of an attempt, and what follows from it.
enum Verdict {
    Delivered,
    /// Tried again after a while.
    Again(TimeDelta),
    Failed,
    /// The receiver wants no message any more.
    Gone,
    /// Not sent at all, because the endpoint was switched off.
    Off,
}

/// What is kept of an attempt.
#[derive(Default)]
struct Kept {
    status: Option<u16>,
    answer: Option<String>,
    /// Why it was not taken.
    error: Option<String>,
}

/// Does a task of [`DELIVER`].
pub async fn deliver(db: &Db, tools: (&Clock, &Ids), sender: &Sender, task: &Claimed) -> Outcome {
    let Ok(due) = task.payload::<Due>() else {
        return Outcome::Abort("the payload names no delivery".to_owned());
    };
    attempt(db, tools, sender, (task, due)).await.unwrap_or_else(Outcome::from)
}

async fn attempt(
    db: &Db,
    tools: (&Clock, &Ids),
    sender: &Sender,
    (task, due): (&Claimed, Due),
) -> Result<Outcome, Problem> {
    // Nothing where it was removed, was sent again by another task, or has its end.
    let Some(row) = waiting(db, &task.scope, due).await? else { return Ok(Outcome::Done) };
    let (verdict, kept) = if row.enabled || row.kind == TEST {
        // Nobody's connection is held while a receiver thinks.
        let at = tools.0.now();
        let former =
            row.former_secret.as_deref().filter(|_| row.former_until.is_some_and(|until| at < until));
        let secrets = std::iter::once(&*row.secret).chain(former).collect();
        let id = due.delivery_id.to_string();
        let message = Message { url: &row.url, id, at, secrets, body: &row.body };
        judged(task, sender.send(&message).await)
    } else {
        let error = Some("the webhook was switched off before this could be sent".to_owned());
        (Verdict::Off, Kept { error, ..Kept::default() })
    };
    let why = kept.error.clone().unwrap_or_default();
    let mut tx = db.write(&task.scope).await?;
    // The endpoint's row before the delivery's, as whoever removes an endpoint takes them; and the audit log's after both.
    let off_because = note_endpoint(&mut tx, tools.0.now(), &row, &verdict).await?;
    note(&mut tx, tools.0.now(), due, (&verdict, kept)).await?;
    if let Some(because) = off_because {
        let event = audit::Event::new("webhook.switched_off", "webhook", row.endpoint_id);
        audit::record(&mut tx, tools, event.with(json!({"because": because}))).await?;
    }
    if let Verdict::Again(wait) = verdict {
        tx.commit().await?;
        return Ok(Outcome::Retry(why, Some(wait)));
    }
    task.finish(&mut tx).await?;
    tx.commit().await?;
    Ok(Outcome::Finished)
}

async fn waiting(db: &Db, scope: &BrandScope, due: Due) -> Result<Option<Row>, Problem> {
    use WebhookDeliveries::{Body, EndpointId, Id as Number, Kind, Round, State as Now};
    use WebhookEndpoints::{Enabled, FailingSince, FormerSecret, FormerUntil, Secret, Url};
    let mut tx = db.read(scope).await?;
    let mut select = tx.select(WebhookDeliveries::Table);
    let of = |column: WebhookDeliveries| Expr::col((WebhookDeliveries::Table, column));
    select
        .columns([EndpointId, Kind, Body].map(|column| (WebhookDeliveries::Table, column)))
        .columns(
            [Url, Enabled, FailingSince, Secret, FormerSecret, FormerUntil]
                .map(|column| (WebhookEndpoints::Table, column)),
        )
        .and_where(of(Number).eq(due.delivery_id))
        .and_where(of(Round).eq(due.round))
        .and_where(of(Now).eq(State::Waiting.as_str()));
    let its = Expr::col((WebhookEndpoints::Table, WebhookEndpoints::Id));
    tx.join(&mut select, WebhookEndpoints::Table, its.equals((WebhookDeliveries::Table, EndpointId)));
    Ok(tx.optional(&select).await?)
}

/// What follows from an answer, or from none.
fn judged(task: &Claimed, sent: Result<Answer, String>) -> (Verdict, Kept) {
    let (answer, error) = match sent {
        Ok(answer) if (200..300).contains(&answer.status) => {
            let kept = Kept { status: Some(answer.status), answer: Some(answer.text), error: None };
            return (Verdict::Delivered, kept);
        }
        Ok(answer) => {
            let more = match answer.status {
                300..400 => "; redirects are not followed",
                410 => ", so that the webhook was switched off",
                _ => "",
            };
            let error = format!("the receiver answered {}{more}", answer.status);
            (Some(answer), error)
        }
        Err(error) => (None, error),
    };
    let status = answer.as_ref().map(|answer| answer.status);
    let verdict = match status {
        Some(410) => Verdict::Gone,
        _ if task.is_last() => Verdict::Failed,
        Some(429 | 503) => {
            let asked = answer.as_ref().and_then(|answer| answer.retry_after);
            Verdict::Again(asked.unwrap_or_default().min(LONGEST).max(wait(task)))
        }
        _ => Verdict::Again(wait(task)),
    };
    (verdict, Kept { status, answer: answer.map(|answer| answer.text), error: Some(error) })
}

/// The wait before the next attempt, give or take a fifth, so that what failed together does not come back together.
fn wait(task: &Claimed) -> TimeDelta {
    let failed = usize::from(task.attempt).clamp(1, WAITS_S.len());
    let whole = WAITS_S[failed - 1] * 1_000;
    let seed = task.id.unsigned_abs() ^ u64::from(task.attempt);
    TimeDelta::milliseconds(fastrand::Rng::with_seed(seed).i64(whole * 4 / 5..=whole * 6 / 5))
}

/// Notes an attempt.
async fn note(
    tx: &mut Tx,
    now: DateTime<Utc>,
    due: Due,
    (verdict, kept): (&Verdict, Kept),
) -> Result<(), Problem> {
    let mut update = tx.update(WebhookDeliveries::Table);
    let (state, next_at) = match verdict {
        Verdict::Delivered => (State::Delivered, None),
        Verdict::Again(wait) => (State::Waiting, Some(now + *wait)),
        Verdict::Failed | Verdict::Gone | Verdict::Off => (State::Failed, None),
    };
    if !matches!(verdict, Verdict::Off) {
        let attempts = Expr::col(WebhookDeliveries::Attempts).add(1);
        update.value(WebhookDeliveries::Attempts, attempts).value(WebhookDeliveries::TriedAt, now);
    }
    update
        .value(WebhookDeliveries::State, state.as_str())
        .value(WebhookDeliveries::NextAt, next_at)
        .value(WebhookDeliveries::Status, kept.status.map(i32::from))
        .value(WebhookDeliveries::Answer, kept.answer)
        .value(WebhookDeliveries::Error, kept.error)
        .and_where(Expr::col(WebhookDeliveries::Id).eq(due.delivery_id))
        .and_where(Expr::col(WebhookDeliveries::Round).eq(due.round))
        .and_where(Expr::col(WebhookDeliveries::State).eq(State::Waiting.as_str()));
    tx.run(&update).await?;
    Ok(())
}

/// Notes how the endpoint fares; its row is written when that changes and not each time. A test that fails says nothing:
/// whoever sets an endpoint up is still at it. Answers why it was switched off where it was.
async fn note_endpoint(
    tx: &mut Tx,
    now: DateTime<Utc>,
    row: &Row,
    verdict: &Verdict,
) -> Result<Option<&'static str>, Problem> {
    let failing = row.enabled && row.kind != TEST;
    let mut update = tx.update(WebhookEndpoints::Table);
    let next = Expr::col(WebhookEndpoints::Revision).add(1);
    update
        .value(WebhookEndpoints::Revision, next)
        .and_where(Expr::col(WebhookEndpoints::Id).eq(row.endpoint_id));
    let since = || Expr::col(WebhookEndpoints::FailingSince);
    let off_because = match (verdict, row.failing_since) {
        (Verdict::Delivered, Some(_)) => {
            update.value(WebhookEndpoints::FailingSince, Option::<DateTime<Utc>>::None);
            None
        }
        (Verdict::Gone, _) if row.enabled => Some(GONE),
        (Verdict::Again(_) | Verdict::Failed, Some(since)) if failing && since <= now - FAILING_FOR => {
            Some(FAILING)
        }
        (Verdict::Again(_) | Verdict::Failed, None) if failing => {
            update.value(WebhookEndpoints::FailingSince, now).and_where(since().is_null());
            None
        }
        _ => return Ok(None),
    };
    if let Some(because) = off_because {
        update
            .value(WebhookEndpoints::Enabled, false)
            .value(WebhookEndpoints::OffBecause, because)
            .and_where(Expr::col(WebhookEndpoints::Enabled).eq(true));
        // Somebody may have switched it on again meanwhile, which counts from then.
        if because == FAILING {
            update.and_where(since().lte(now - FAILING_FOR));
        }
    }
    let changed = tx.run(&update).await?;
    Ok(off_because.filter(|_| changed == 1))
}
