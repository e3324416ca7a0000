//! The log of deliveries: what was sent, what came of it, and sending it again.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use fithire_kernel::tasks;
use sea_query::{Cond, Expr, ExprTrait, Order};
use serde_json::json;

use fithire_identity::ManageWebhooks;

use crate::endpoints::find_to_send;
use crate::model::{Delivery, State, WebhookDeliveries};
use crate::publish::{self, Due};

/// How long a delivery is kept.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(30);
/// Failed deliveries that are sent again at once.
const AT_ONCE: u64 = 5_000;

/// Removes deliveries that are older than 30 days.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tidy_brand(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    let mut delete = tx.delete(WebhookDeliveries::Table);
    delete.and_where(Expr::col(WebhookDeliveries::CreatedAt).lt(now - KEPT));
    Ok(tx.run(&delete).await?)
}

/// A page of the deliveries to an endpoint, newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    (endpoint_id, state): (Id, Option<State>),
    (limit, cursor): (u64, Option<&str>),
) -> Result<(Vec<Delivery>, Option<String>), Problem> {
    let mut select = tx.select(WebhookDeliveries::Table);
    select.columns(Delivery::COLUMNS).and_where(Expr::col(WebhookDeliveries::EndpointId).eq(endpoint_id));
    if let Some(state) = state {
        select.and_where(Expr::col(WebhookDeliveries::State).eq(state.as_str()));
    }
    let asked = Asked { list: "deliveries", order: Order::Desc, limit, cursor };
    asked.by_id(tx, select, WebhookDeliveries::Id, |row: &Delivery| row.id).await
}

/// A delivery to an endpoint; one to another endpoint answers like one that is not there.
pub(crate) async fn one(tx: &mut Tx, endpoint_id: Id, id: Id) -> Result<Delivery, Problem> {
    let mut select = tx.select(WebhookDeliveries::Table);
    select
        .columns(Delivery::COLUMNS)
        .and_where(Expr::col(WebhookDeliveries::EndpointId).eq(endpoint_id))
        .and_where(Expr::col(WebhookDeliveries::Id).eq(id));
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// How an endpoint fares: how many deliveries have failed, and the newest one.
pub(crate) async fn fares(tx: &mut Tx, endpoint_id: Id) -> Result<(u64, Option<Delivery>), Problem> {
    let mut select = tx.select(WebhookDeliveries::Table);
    select
        .expr(Expr::col(WebhookDeliveries::Id).count())
        .and_where(Expr::col(WebhookDeliveries::EndpointId).eq(endpoint_id))
        .and_where(Expr::col(WebhookDeliveries::State).eq(State::Failed.as_str()));
    let failed: Option<(i64,)> = tx.optional(&select).await?;
    let (newest, _) = page(tx, (endpoint_id, None), (1, None)).await?;
    Ok((failed.map_or(0, |(count,)| count.unsigned_abs()), newest.into_iter().next()))
}

/// Sends an endpoint a test; it may be switched off. Answers the delivery.
///
/// # Errors
/// 404 when there is no such endpoint.
pub(crate) async fn test(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageWebhooks>,
    endpoint_id: Id,
) -> Result<Delivery, Problem> {
    let mut tx = db.write(allowed).await?;
    find_to_send(&mut tx, endpoint_id).await?;
    let id = publish::test(&mut tx, tools, endpoint_id).await?;
    let event = Event::new("webhook.tested", "webhook", endpoint_id).with(json!({"delivery_id": id}));
    audit::record(&mut tx, tools, event).await?;
    let delivery = one(&mut tx, endpoint_id, id).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Sends a delivery again, whatever has become of it: with the same id and body, and all of its attempts.
///
/// # Errors
/// 404 when there is no such delivery to the endpoint; 409 when that is switched off.
pub(crate) async fn replay(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageWebhooks>,
    (endpoint_id, id): (Id, Id),
) -> Result<Delivery, Problem> {
    let mut tx = db.write(allowed).await?;
    let endpoint = find_to_send(&mut tx, endpoint_id).await?;
    one(&mut tx, endpoint_id, id).await?;
    is_on(endpoint.enabled)?;
    again(&mut tx, tools, Cond::all().add(Expr::col(WebhookDeliveries::Id).eq(id))).await?;
    let event = Event::new("webhook.replayed", "webhook", endpoint_id).with(json!({"delivery_id": id}));
    audit::record(&mut tx, tools, event).await?;
    let delivery = one(&mut tx, endpoint_id, id).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Sends again what has failed since then, the oldest first, some thousands at once. Answers how many, and whether more are
/// left.
///
/// # Errors
/// 404 when there is no such endpoint; 409 when it is switched off.
pub(crate) async fn replay_failed(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageWebhooks>,
    (endpoint_id, since): (Id, DateTime<Utc>),
) -> Result<(u64, bool), Problem> {
    /// Ids in a statement.
    const BATCH: usize = 1_000;
    let mut tx = db.write(allowed).await?;
    is_on(find_to_send(&mut tx, endpoint_id).await?.enabled)?;
    let mut select = tx.select(WebhookDeliveries::Table);
    select
        .column(WebhookDeliveries::Id)
        .and_where(Expr::col(WebhookDeliveries::EndpointId).eq(endpoint_id))
        .and_where(Expr::col(WebhookDeliveries::State).eq(State::Failed.as_str()))
        .and_where(Expr::col(WebhookDeliveries::CreatedAt).gte(since))
        .order_by(WebhookDeliveries::Id, Order::Asc)
        .limit(AT_ONCE + 1);
    let failed: Vec<(Id,)> = tx.all(&select).await?;
    let more = failed.len() as u64 > AT_ONCE;
    let ids: Vec<Id> = failed.into_iter().map(|(id,)| id).collect();
    let ids = &ids[..ids.len() - usize::from(more)];
    let mut sent = 0;
    for batch in ids.chunks(BATCH) {
        let these = Expr::col(WebhookDeliveries::Id).is_in(batch.iter().copied());
        sent += again(&mut tx, tools, Cond::all().add(these)).await?;
    }
    let details = json!({"since": since, "deliveries": sent});
    audit::record(&mut tx, tools, Event::new("webhook.replayed", "webhook", endpoint_id).with(details))
        .await?;
    tx.commit().await?;
    Ok((sent, more))
}

fn is_on(enabled: bool) -> Result<(), Problem> {
    if enabled {
        return Ok(());
    }
    Err(Problem::new(Code::Conflict)
        .because("this webhook is switched off; switch it on before you send again"))
}

/// Begins a new round of deliveries; tasks of the round before do nothing any more.
async fn again(tx: &mut Tx, (clock, ids): (&Clock, &Ids), which: Cond) -> Result<u64, Problem> {
    let now = clock.now();
    let mut update = tx.update(WebhookDeliveries::Table);
    update
        .value(WebhookDeliveries::State, State::Waiting.as_str())
        .value(WebhookDeliveries::Round, Expr::col(WebhookDeliveries::Round).add(1))
        .value(WebhookDeliveries::Attempts, 0)
        .value(WebhookDeliveries::NextAt, now)
        .value(WebhookDeliveries::TriedAt, Option::<DateTime<Utc>>::None)
        .value(WebhookDeliveries::Status, Option::<i32>::None)
        .value(WebhookDeliveries::Answer, Option::<String>::None)
        .value(WebhookDeliveries::Error, Option::<String>::None)
        .cond_where(which)
        .returning(sea_query::Query::returning().columns([
            WebhookDeliveries::Id,
            WebhookDeliveries::Round,
            WebhookDeliveries::Kind,
        ]));
    let rounds: Vec<(Id, i32, String)> = tx.all(&update).await?;
    let due =
        rounds.iter().map(|(id, round, kind)| publish::task(kind, Due { delivery_id: *id, round: *round }));
    tasks::enqueue_all(tx, (clock, ids), due.collect()).await?;
    Ok(rounds.len() as u64)
}
