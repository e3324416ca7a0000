//! Events become deliveries, in the transaction of what has happened.

use chrono::{DateTime, SecondsFormat, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::tasks::{self, NewTask};
use sea_query::{Expr, ExprTrait, LockType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{Kind, State, TEST, WebhookDeliveries, WebhookEndpoints, read_kinds};
use crate::work::{ATTEMPTS, DELIVER};

/// Something that has happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// When.
    pub at: DateTime<Utc>,
    /// Ids and figures. Whoever receives it asks the API for the rest, which shows it to whom it may be shown.
    pub data: Value,
}

/// The names of what differs between two objects, where nothing is the same as null: for an event that says what has changed and not to what.
#[must_use]
pub fn changed(before: &Value, after: &Value) -> Vec<String> {
    let keys = |value: &Value| value.as_object().map_or_else(Vec::new, |map| map.keys().cloned().collect());
    let mut names: Vec<String> = keys(before);
    names.extend(keys(after).into_iter().filter(|key| before.get(key).is_none()));
    names.retain(|key| before[key] != after[key]);
    names
}

/// Whether anybody would be told of anything: for whoever has to work out events first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn listens(tx: &mut Tx) -> Result<bool, Problem> {
    let mut select = tx.select(WebhookEndpoints::Table);
    select.column(WebhookEndpoints::Id).and_where(Expr::col(WebhookEndpoints::Enabled).eq(true)).limit(1);
    let row: Option<(Id,)> = tx.optional(&select).await?;
    Ok(row.is_some())
}

/// Tells the brand's endpoints of events, when this transaction is committed. Where no endpoint wants them, one question
/// is all that it costs.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn publish(tx: &mut Tx, tools: (&Clock, &Ids), events: Vec<Event>) -> Result<(), Problem> {
    if events.is_empty() {
        return Ok(());
    }
    let mut select = tx.select(WebhookEndpoints::Table);
    select
        .columns([WebhookEndpoints::Id, WebhookEndpoints::Kinds])
        .and_where(Expr::col(WebhookEndpoints::Enabled).eq(true));
    let endpoints: Vec<(Id, String)> = tx.all(&select).await?;
    let mut endpoints: Vec<(Id, Vec<Kind>)> =
        endpoints.into_iter().map(|(id, kinds)| (id, read_kinds(&kinds))).collect();
    endpoints.retain(|(_, kinds)| events.iter().any(|event| kinds.contains(&event.kind)));
    if endpoints.is_empty() {
        return Ok(());
    }
    // Whoever removes one waits for us, and we for them: then it is none of those that are left.
    let wanted = endpoints.iter().map(|(id, _)| *id);
    let mut select = tx.select(WebhookEndpoints::Table);
    select
        .column(WebhookEndpoints::Id)
        .and_where(Expr::col(WebhookEndpoints::Id).is_in(wanted))
        .lock(LockType::KeyShare);
    let kept: Vec<(Id,)> = tx.all(&select).await?;
    endpoints.retain(|(id, _)| kept.contains(&(*id,)));
    let mut new = Vec::new();
    for event in events {
        let wanted = endpoints.iter().filter(|(_, kinds)| kinds.contains(&event.kind));
        let body = body(event.kind.as_str(), event.at, event.data);
        new.extend(wanted.map(|(endpoint_id, _)| New {
            id: tools.1.next(),
            endpoint_id: *endpoint_id,
            kind: event.kind.as_str(),
            body: body.clone(),
        }));
    }
    add(tx, tools, new).await
}

/// Sends an endpoint a test; answers the delivery. It is tried once, because somebody waits for it.
pub(crate) async fn test(tx: &mut Tx, (clock, ids): (&Clock, &Ids), endpoint_id: Id) -> Result<Id, Problem> {
    let id = ids.next();
    let body = body(TEST, clock.now(), json!({"webhook_id": endpoint_id}));
    add(tx, (clock, ids), vec![New { id, endpoint_id, kind: TEST, body }]).await?;
    Ok(id)
}

/// The message, as it is sent each time.
fn body(kind: &str, at: DateTime<Utc>, data: Value) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    json!({"type": kind, "timestamp": at, "data": data}).to_string()
}

struct New {
    id: Id,
    endpoint_id: Id,
    kind: &'static str,
    body: String,
}

async fn add(tx: &mut Tx, (clock, ids): (&Clock, &Ids), new: Vec<New>) -> Result<(), Problem> {
    use WebhookDeliveries::{Body, CreatedAt, EndpointId, Id as Number, Kind, NextAt, State as Now};
    /// Deliveries in a statement; each has 8 values, and SQLite takes 32766 of them.
    const BATCH: usize = 1_000;
    let columns = [Number, EndpointId, Kind, Body, CreatedAt, Now, NextAt];
    let now = clock.now();
    let mut due = Vec::with_capacity(new.len());
    let mut new = new.into_iter().peekable();
    while new.peek().is_some() {
        let rows: Vec<Vec<sea_query::Value>> = new
            .by_ref()
            .take(BATCH)
            .map(|one| {
                due.push(task(one.kind, Due { delivery_id: one.id, round: 0 }));
                vec![
                    one.id.into(),
                    one.endpoint_id.into(),
                    one.kind.into(),
                    one.body.into(),
                    now.into(),
                    State::Waiting.as_str().into(),
                    now.into(),
                ]
            })
            .collect();
        tx.run(&tx.insert(&columns, rows)).await?;
    }
    tasks::enqueue_all(tx, (clock, ids), due).await
}

/// What a task is to deliver. A round is over when the delivery is sent again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) delivery_id: Id,
    pub(crate) round: i32,
}

/// The task that delivers it.
pub(crate) fn task(kind: &str, due: Due) -> NewTask {
    let task = NewTask::new(DELIVER, json!(due));
    if kind == TEST { task.at_most(1) } else { task.later().at_most(ATTEMPTS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_not_shown() {
        let names = |before, after| changed(&before, &after);
        assert_eq!(names(json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3, "c": null})), ["b"]);
        assert_eq!(names(json!({"a": 1}), json!({"c": 1})), ["a", "c"]);
        assert!(names(json!({"a": {"b": 1}}), json!({"a": {"b": 1}})).is_empty());
    }

    #[test]
    fn a_message_has_its_type_its_time_and_its_data() {
        let text = body("job.closed", "2026-11-23T12:00:00Z".parse().unwrap(), json!({"job_id": 15}));
        assert_eq!(
            text,
            r#"{"type":"job.closed","timestamp":"2026-11-23T12:00:00.000000Z","data":{"job_id":15}}"#
        );
    }
}
