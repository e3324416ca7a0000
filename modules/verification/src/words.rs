//! Times and names as people read them.

use chrono::{DateTime, Utc};
use fithire_coaches::{Item, ItemState};
use fithire_kernel::ids::Id;

/// A moment.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something waits, in whole days: what is finer would be another text at each look.
pub(crate) fn days(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - since).num_days() {
        ..=0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// `NASM-CPT, Certified Personal Trainer (NASM)`.
pub(crate) fn certification(item: &Item) -> String {
    let details = item.cert.details();
    format!("{}, {} ({})", details.code, details.title, details.issuer)
}

/// Whose decision it was.
pub(crate) fn who(names: &std::collections::BTreeMap<Id, String>, account_id: Option<Id>) -> String {
    match account_id {
        Some(id) => names.get(&id).cloned().unwrap_or_else(|| "somebody who has left".to_owned()),
        None => "a program".to_owned(),
    }
}

/// A word and its tone.
pub(crate) fn state(state: ItemState) -> (&'static str, &'static str) {
    match state {
        ItemState::Pending => ("Waits", "wait"),
        ItemState::Verified => ("Verified", "good"),
        ItemState::Rejected => ("Rejected", "bad"),
        ItemState::Revoked => ("Revoked", "bad"),
        ItemState::Withdrawn => ("Withdrawn", ""),
    }
}
