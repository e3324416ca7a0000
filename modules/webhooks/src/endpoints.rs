//! Endpoints: where a brand's programs want to be told, of what, and with which secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::{ManageWebhooks, random_secret};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::etag::IfMatch;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use poem_openapi::Object;
use sea_query::{Expr, ExprTrait, LockType, Order, SelectStatement, SimpleExpr};
use serde_json::{Value, json};

use crate::model::{Endpoint, Kind, WebhookDeliveries, WebhookEndpoints, kept_kinds};
use crate::sender::Sender;

/// How many endpoints a brand has at most: each event is a message to every one that wants it.
const MOST: usize = 50;
/// How long messages are signed by the former secret, too.
const FORMER_FOR: TimeDelta = TimeDelta::hours(24);

/// A webhook to be.
#[derive(Clone, Debug, Object)]
#[oai(rename = "NewWebhook", deny_unknown_fields)]
pub(crate) struct Sent {
    /// Where messages are sent: `https://…`, on port 443 or one from 1024 on, and an address of the public internet.
    #[oai(validator(min_length = 1, max_length = 2000))]
    pub(crate) url: String,
    /// Which events are sent there.
    #[oai(validator(min_items = 1, max_items = 50))]
    pub(crate) kinds: Vec<Kind>,
    /// Whether they are sent; they are unless it says false.
    pub(crate) enabled: Option<bool>,
}

/// What changes; what is missing stays as it is.
#[derive(Clone, Debug, Object)]
#[oai(rename = "WebhookChange", deny_unknown_fields)]
pub(crate) struct Change {
    /// Where messages are sent.
    #[oai(validator(min_length = 1, max_length = 2000))]
    pub(crate) url: Option<String>,
    /// Which events are sent there.
    #[oai(validator(min_items = 1, max_items = 50))]
    pub(crate) kinds: Option<Vec<Kind>>,
    /// Whether they are sent. Switching it on forgets that it failed.
    pub(crate) enabled: Option<bool>,
}

/// Every endpoint, newest first.
pub(crate) async fn list(tx: &mut Tx) -> Result<Vec<Endpoint>, Problem> {
    let mut select = tx.select(WebhookEndpoints::Table);
    select.columns(Endpoint::COLUMNS).order_by(WebhookEndpoints::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

/// The endpoint of an id.
pub(crate) async fn find(tx: &mut Tx, id: Id) -> Result<Endpoint, Problem> {
    tx.optional(&asked(tx, id)).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// The same for whoever sends to it: nobody removes it until the transaction ends.
pub(crate) async fn find_to_send(tx: &mut Tx, id: Id) -> Result<Endpoint, Problem> {
    let mut select = asked(tx, id);
    select.lock(LockType::KeyShare);
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// The same for whoever changes or removes it, in the state that the change was made from: nobody else does until the
/// transaction ends. Whoever removes it waits for those who send to it, and they for it.
async fn find_to_change(
    tx: &mut Tx,
    (id, made_from): (Id, &IfMatch),
    lock: LockType,
) -> Result<Endpoint, Problem> {
    let mut select = asked(tx, id);
    select.lock(lock);
    let found: Option<Endpoint> = tx.optional(&select).await?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    made_from.check(found.revision)?;
    Ok(found)
}

fn asked(tx: &Tx, id: Id) -> SelectStatement {
    let mut select = tx.select(WebhookEndpoints::Table);
    select.columns(Endpoint::COLUMNS).and_where(Expr::col(WebhookEndpoints::Id).eq(id));
    select
}

fn next_revision() -> SimpleExpr {
    Expr::col(WebhookEndpoints::Revision).add(1)
}

/// What the audit log says of one.
fn known(endpoint: &Endpoint) -> Value {
    let kinds: Vec<&str> = endpoint.kinds().into_iter().map(Kind::as_str).collect();
    json!({"url": endpoint.url, "kinds": kinds.join(", "), "enabled": endpoint.enabled})
}

/// A secret as the specification writes it.
fn fresh_secret() -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(random_secret()).map_err(|error| Problem::internal(&error))?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

fn checked(sender: &Sender, url: &str) -> Result<(), Problem> {
    sender.check(url).map_err(|wrong| Problem::field("/url", wrong))
}

/// Makes an endpoint, and answers it with its secret, which is not to be had again.
///
/// # Errors
/// 422 when its URL may not be sent to; 409 when the brand has as many as it may.
pub(crate) async fn create(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    sender: &Sender,
    allowed: &Allowed<ManageWebhooks>,
    sent: Sent,
) -> Result<(Endpoint, String), Problem> {
    use WebhookEndpoints::{CreatedAt, Enabled, Id as Number, Kinds, Secret, Url};
    checked(sender, &sent.url)?;
    let (id, secret) = (ids.next(), fresh_secret()?);
    let mut tx = db.write(allowed).await?;
    if list(&mut tx).await?.len() >= MOST {
        let told =
            format!("the brand has {MOST} webhooks, which is as many as it may have; delete one first");
        return Err(Problem::new(Code::Conflict).because(told));
    }
    let row = vec![
        id.into(),
        sent.url.into(),
        kept_kinds(&sent.kinds).into(),
        sent.enabled.unwrap_or(true).into(),
        secret.clone().into(),
        clock.now().into(),
    ];
    tx.run(&tx.insert(&[Number, Url, Kinds, Enabled, Secret, CreatedAt], [row])).await?;
    let endpoint = find(&mut tx, id).await?;
    let event = Event::new("webhook.created", "webhook", id).changed(&json!({}), &known(&endpoint));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok((endpoint, secret))
}

/// Changes an endpoint.
///
/// # Errors
/// 404 when there is none of that id, 412 when it is in another state; 422 when its URL may not be sent to.
pub(crate) async fn change(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    (sender, allowed): (&Sender, &Allowed<ManageWebhooks>),
    (id, made_from): (Id, &IfMatch),
    change: Change,
) -> Result<Endpoint, Problem> {
    let mut tx = db.write(allowed).await?;
    let before = find_to_change(&mut tx, (id, made_from), LockType::NoKeyUpdate).await?;
    if let Some(url) = &change.url {
        checked(sender, url)?;
    }
    let mut update = tx.update(WebhookEndpoints::Table);
    update
        .value(WebhookEndpoints::Revision, next_revision())
        .value(WebhookEndpoints::Url, change.url.unwrap_or_else(|| before.url.clone()))
        .value(WebhookEndpoints::Kinds, kept_kinds(&change.kinds.unwrap_or_else(|| before.kinds())))
        .and_where(Expr::col(WebhookEndpoints::Id).eq(id));
    if let Some(enabled) = change.enabled {
        update.value(WebhookEndpoints::Enabled, enabled);
        if enabled != before.enabled {
            update
                .value(WebhookEndpoints::OffBecause, Option::<String>::None)
                .value(WebhookEndpoints::FailingSince, Option::<DateTime<Utc>>::None);
        }
    }
    tx.run(&update).await?;
    let after = find(&mut tx, id).await?;
    let event = Event::new("webhook.changed", "webhook", id).changed(&known(&before), &known(&after));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(after)
}

/// Gives an endpoint another secret, and answers it, which is not to be had again. The former one signs for another day; one
/// before that does no more.
///
/// # Errors
/// 404 when there is none of that id.
pub(crate) async fn rotate(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageWebhooks>,
    id: Id,
) -> Result<(Endpoint, String), Problem> {
    let secret = fresh_secret()?;
    let mut tx = db.write(allowed).await?;
    find(&mut tx, id).await?;
    let mut update = tx.update(WebhookEndpoints::Table);
    update
        .value(WebhookEndpoints::Revision, next_revision())
        .value(WebhookEndpoints::FormerSecret, Expr::col(WebhookEndpoints::Secret))
        .value(WebhookEndpoints::FormerUntil, clock.now() + FORMER_FOR)
        .value(WebhookEndpoints::Secret, secret.clone())
        .and_where(Expr::col(WebhookEndpoints::Id).eq(id));
    tx.run(&update).await?;
    let endpoint = find(&mut tx, id).await?;
    audit::record(&mut tx, (clock, ids), Event::new("webhook.secret_rotated", "webhook", id)).await?;
    tx.commit().await?;
    Ok((endpoint, secret))
}

/// Removes an endpoint with its log; what was on its way to it is not sent. Answers what it was.
///
/// # Errors
/// 404 when there is none of that id.
pub(crate) async fn remove(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageWebhooks>,
    which: (Id, &IfMatch),
) -> Result<Endpoint, Problem> {
    let id = which.0;
    let mut tx = db.write(allowed).await?;
    let endpoint = find_to_change(&mut tx, which, LockType::Update).await?;
    let mut deliveries = tx.delete(WebhookDeliveries::Table);
    deliveries.and_where(Expr::col(WebhookDeliveries::EndpointId).eq(id));
    tx.run(&deliveries).await?;
    let mut delete = tx.delete(WebhookEndpoints::Table);
    delete.and_where(Expr::col(WebhookEndpoints::Id).eq(id));
    tx.run(&delete).await?;
    let event = Event::new("webhook.deleted", "webhook", id).changed(&known(&endpoint), &json!({}));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(endpoint)
}
