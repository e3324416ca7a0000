//! `/webhooks`: endpoints, their secrets, their log, and sending again.

use chrono::{DateTime, Utc};
use fithire_identity::{ManageWebhooks, Signed};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::etag::{IfMatch, Tagged};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::Problem;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};
use serde_json::Value;

use crate::deliveries;
use crate::endpoints::{self, Change, Sent};
use crate::model::{Delivery as Row, Endpoint, Kind, State};
use crate::sender::Sender;

/// The operations on webhooks.
pub struct Api;

/// Where a program is told of what happens.
#[derive(Object)]
struct Webhook {
    id: Id,
    url: String,
    /// Which events are sent there.
    kinds: Vec<Kind>,
    /// Whether they are sent.
    enabled: bool,
    /// Why FitHire has switched it off: `gone` (it answered 410) or `failing` (for five days).
    #[oai(skip_serializing_if_is_none)]
    off_because: Option<String>,
    /// Since when no message was taken.
    #[oai(skip_serializing_if_is_none)]
    failing_since: Option<DateTime<Utc>>,
    /// Until when messages are signed by the former secret, too.
    #[oai(skip_serializing_if_is_none)]
    former_secret_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// A webhook with its secret, which is not shown again.
#[derive(Object)]
struct WebhookWithSecret {
    #[oai(flatten)]
    webhook: Webhook,
    /// What verifies its messages: `whsec_…`.
    secret: String,
}

/// Every webhook of the brand.
#[derive(Object)]
struct Webhooks {
    items: Vec<Webhook>,
    /// Always null: there are 50 at most.
    next_cursor: Option<String>,
}

/// A message to a webhook.
#[derive(Object)]
struct Delivery {
    /// The header `webhook-id` of the message, each time that it is sent.
    id: Id,
    /// Such as `match.entered`, or `webhook.test`.
    kind: String,
    state: State,
    created_at: DateTime<Utc>,
    /// How often it was tried, since it was last sent anew.
    attempts: i32,
    #[oai(skip_serializing_if_is_none)]
    tried_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    #[oai(skip_serializing_if_is_none)]
    next_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer.
    #[oai(skip_serializing_if_is_none)]
    status: Option<i32>,
    /// The first 4 KB of the last answer.
    #[oai(skip_serializing_if_is_none)]
    answer: Option<String>,
    /// Why it was not taken.
    #[oai(skip_serializing_if_is_none)]
    error: Option<String>,
    /// What is sent.
    body: Value,
}

/// A page of a log.
#[derive(Object)]
struct Deliveries {
    items: Vec<Delivery>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

impl From<Endpoint> for Webhook {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            kinds: endpoint.kinds(),
            url: endpoint.url,
            enabled: endpoint.enabled,
            off_because: endpoint.off_because,
            failing_since: endpoint.failing_since,
            former_secret_until: endpoint.former_until,
            created_at: endpoint.created_at,
        }
    }
}

impl Webhook {
    /// With the revision that it shows.
    fn tagged(endpoint: Endpoint) -> Tagged<Self> {
        let revision = endpoint.revision;
        Tagged(endpoint.into(), revision)
    }
}

impl From<(Endpoint, String)> for WebhookWithSecret {
    fn from((endpoint, secret): (Endpoint, String)) -> Self {
        Self { webhook: endpoint.into(), secret }
    }
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            state: State::read(&row.state).unwrap_or(State::Failed),
            created_at: row.created_at,
            attempts: row.attempts,
            tried_at: row.tried_at,
            next_at: row.next_at,
            status: row.status,
            answer: row.answer,
            error: row.error,
            body: serde_json::from_str(&row.body).unwrap_or(Value::Null),
        }
    }
}

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Where a brand's own programs are told of events, and what came of each message.
    Webhooks,
}

#[OpenApi(tag = "Tag::Webhooks")]
impl Api {
    /// Webhooks of the brand, newest first
    #[oai(path = "/webhooks", method = "get", operation_id = "list_webhooks")]
    async fn list_webhooks(&self, signed: Signed, db: Data<&Db>) -> Result<Json<Webhooks>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let mut tx = db.read(&allowed).await?;
        let items = endpoints::list(&mut tx).await?.into_iter().map(Webhook::from).collect();
        Ok(Json(Webhooks { items, next_cursor: None }))
    }

    /// Create a webhook
    ///
    /// The answer has the secret that verifies its messages (Standard Webhooks). It is not shown again.
    #[oai(
        path = "/webhooks",
        method = "post",
        operation_id = "create_webhook",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the webhook is made once."
        )
    )]
    async fn create_webhook(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        sender: Data<&Sender>,
        webhook: Body<Sent>,
    ) -> Result<Json<WebhookWithSecret>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let made = endpoints::create(&db, (&clock, &ids), &sender, &allowed, webhook.0).await?;
        Ok(Json(made.into()))
    }

    /// A webhook
    #[oai(path = "/webhooks/:id", method = "get", operation_id = "get_webhook")]
    async fn get_webhook(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
    ) -> Result<Tagged<Webhook>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let mut tx = db.read(&allowed).await?;
        Ok(Webhook::tagged(endpoints::find(&mut tx, id.0).await?))
    }

    /// Change a webhook
    ///
    /// What is missing stays as it is; `kinds` are replaced whole.
    #[oai(
        path = "/webhooks/:id",
        method = "patch",
        operation_id = "change_webhook",
        request_header(
            name = "If-Match",
            ty = "Option<String>",
            description = "The ETag of the state that the change was made from, or `*`; missing is 428, another state 412."
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "one per part of the request")]
    async fn change_webhook(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        sender: Data<&Sender>,
        made_from: IfMatch,
        id: Path<Id>,
        change: Body<Change>,
    ) -> Result<Tagged<Webhook>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let made_from = made_from.needed()?;
        let which = (id.0, &made_from);
        let changed = endpoints::change(&db, (&clock, &ids), (&sender, &allowed), which, change.0).await?;
        Ok(Webhook::tagged(changed))
    }

    /// Delete a webhook
    ///
    /// With its log. What was on its way to it is not sent. The answer is the webhook as it was.
    #[oai(
        path = "/webhooks/:id",
        method = "delete",
        operation_id = "delete_webhook",
        request_header(
            name = "If-Match",
            ty = "Option<String>",
            description = "Only in this state, by its ETag; another one is 412."
        )
    )]
    async fn delete_webhook(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        made_from: IfMatch,
        id: Path<Id>,
    ) -> Result<Tagged<Webhook>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let which = (id.0, &made_from);
        Ok(Webhook::tagged(endpoints::remove(&db, (&clock, &ids), &allowed, which).await?))
    }

    /// Give a webhook a new secret
    ///
    /// Messages are signed by both secrets for 24 hours, so that a receiver can be changed in between.
    #[oai(
        path = "/webhooks/:id/rotate",
        method = "post",
        operation_id = "rotate_webhook_secret",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, there is one new secret."
        )
    )]
    async fn rotate_webhook_secret(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
    ) -> Result<Json<WebhookWithSecret>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        Ok(Json(endpoints::rotate(&db, (&clock, &ids), &allowed, id.0).await?.into()))
    }

    /// Send a test
    ///
    /// A message of the type `webhook.test`, tried once, also to a webhook that is switched off. Its delivery says what came
    /// of it.
    #[oai(
        path = "/webhooks/:id/test",
        method = "post",
        operation_id = "test_webhook",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the test is sent once."
        )
    )]
    async fn test_webhook(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
    ) -> Result<Json<Delivery>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        Ok(Json(deliveries::test(&db, (&clock, &ids), &allowed, id.0).await?.into()))
    }

    /// Deliveries to a webhook, newest first
    ///
    /// They are kept for 30 days.
    #[oai(path = "/webhooks/:id/deliveries", method = "get", operation_id = "list_webhook_deliveries")]
    async fn list_webhook_deliveries(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
        /// Only those of which this has become.
        state: Query<Option<State>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Deliveries>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let mut tx = db.read(&allowed).await?;
        endpoints::find(&mut tx, id.0).await?;
        let place = (page_size(limit.0)?, cursor.0.as_deref());
        let (rows, next_cursor) = deliveries::page(&mut tx, (id.0, state.0), place).await?;
        Ok(Json(Deliveries { items: rows.into_iter().map(Delivery::from).collect(), next_cursor }))
    }

    /// Send a delivery again
    ///
    /// Whatever has become of it: with the same id and body, and all of its attempts.
    #[oai(
        path = "/webhooks/:id/deliveries/:delivery_id/replay",
        method = "post",
        operation_id = "replay_webhook_delivery",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the delivery is sent anew once."
        )
    )]
    async fn replay_webhook_delivery(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
        delivery_id: Path<Id>,
    ) -> Result<Json<Delivery>, Problem> {
        let allowed = signed.0.allowed::<ManageWebhooks>()?;
        let which = (id.0, delivery_id.0);
        Ok(Json(deliveries::replay(&db, (&clock, &ids), &allowed, which).await?.into()))
    }
}
