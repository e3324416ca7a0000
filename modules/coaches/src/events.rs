//! What a brand's own programs are told of its coaches: which one, and the names of what has changed.

use chrono::{DateTime, Utc};
use fithire_kernel::ids::Id;
use fithire_webhooks::{Event, Kind};
use serde_json::{Value, json};

pub(crate) fn created(at: DateTime<Utc>, id: Id) -> Event {
    Event { kind: Kind::CoachCreated, at, data: json!({"coach_id": id}) }
}

/// Nothing where nothing has changed.
pub(crate) fn updated(at: DateTime<Utc>, id: Id, (before, after): (&Value, &Value)) -> Option<Event> {
    let changed = fithire_webhooks::changed(before, after);
    let data = json!({"coach_id": id, "changed": changed});
    (!changed.is_empty()).then_some(Event { kind: Kind::CoachUpdated, at, data })
}

pub(crate) fn erased(at: DateTime<Utc>, id: Id) -> Event {
    Event { kind: Kind::CoachErased, at, data: json!({"coach_id": id}) }
}
