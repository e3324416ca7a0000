//! What a brand's own programs are told of its jobs: which one, where, and the names of what has changed.

use chrono::{DateTime, Utc};
use fithire_kernel::ids::Id;
use fithire_webhooks::{Event, Kind};
use serde_json::{Value, json};

pub(crate) fn created(at: DateTime<Utc>, id: Id, location_id: Id) -> Event {
    Event { kind: Kind::JobCreated, at, data: json!({"job_id": id, "location_id": location_id}) }
}

/// What follows from a change: nothing where there is none. That a job is closed is an event of its own; that it looks for
/// coaches again is a change.
pub(crate) fn changed(at: DateTime<Utc>, id: Id, (before, after): (&Value, &Value)) -> Vec<Event> {
    let mut changed = fithire_webhooks::changed(before, after);
    let location_id = &after["location_id"];
    let closed = before["active"] == true && after["active"] == false;
    changed.retain(|name| !(closed && name == "active"));
    let data = json!({"job_id": id, "location_id": location_id, "changed": changed});
    let updated = (!changed.is_empty()).then_some(Event { kind: Kind::JobUpdated, at, data });
    let data = json!({"job_id": id, "location_id": location_id});
    let closed = closed.then_some(Event { kind: Kind::JobClosed, at, data });
    updated.into_iter().chain(closed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_is_closed_and_changed_tells_of_both() {
        let kinds = |before: Value, after: Value| {
            let events = changed(DateTime::UNIX_EPOCH, 15, (&before, &after));
            events
                .into_iter()
                .map(|event| (event.kind.as_str(), event.data["changed"].clone()))
                .collect::<Vec<_>>()
        };
        let job = |title: &str, active| json!({"title": title, "active": active});
        assert_eq!(kinds(job("A", true), job("A", true)), []);
        assert_eq!(kinds(job("A", true), job("B", true)), [("job.updated", json!(["title"]))]);
        assert_eq!(kinds(job("A", false), job("A", true)), [("job.updated", json!(["active"]))]);
        assert_eq!(kinds(job("A", true), job("A", false)), [("job.closed", json!(null))]);
        let both = [("job.updated", json!(["title"])), ("job.closed", json!(null))];
        assert_eq!(kinds(job("A", true), job("B", false)), both);
    }
}
