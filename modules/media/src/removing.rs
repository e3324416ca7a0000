//! Removing files: by whoever may, and with whom they belong to.

use fithire_identity::{Caller, ManageBrand};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use sea_query::LockType;
use serde_json::json;

use crate::access::row_to_hold;
use crate::lookup::rows_to_remove;
use crate::model::{Kind, Row, State};
use crate::removals::remove_rows;

/// Removes a file with its links. A document that was handed in is what a decision rests on: only an admin removes it, and a
/// better one takes its place by being handed in.
pub(crate) async fn remove(db: &Db, tools: (&Clock, &Ids), caller: &Caller, id: Id) -> Result<Row, Problem> {
    let mut tx = db.write(caller.scope()).await?;
    // Whoever attaches it at this moment is waited for: its object is another one then.
    let row = row_to_hold(&mut tx, caller, (id, LockType::Update)).await?;
    let handed_in = (row.kind()?, row.state()?) == (Kind::Certificate, State::Attached);
    if handed_in && caller.allowed::<ManageBrand>().is_err() {
        let told =
            "this document was handed in for review; upload a better one, or ask an admin to remove it";
        return Err(Problem::new(Code::Conflict).because(told));
    }
    let event = Event::new("media.removed", "media", id).about(row.coach_id);
    let event = event.with(json!({"kind": row.kind()?.as_str(), "state": row.state()?.as_str()}));
    audit::record(&mut tx, tools, event).await?;
    remove_rows(&mut tx, tools, std::slice::from_ref(&row)).await?;
    tx.commit().await?;
    Ok(row)
}

/// Removes every file of a coach, for whoever erases them.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn erase(tx: &mut Tx, tools: (&Clock, &Ids), coach_id: Id) -> Result<(), Problem> {
    let rows = rows_to_remove(tx, coach_id).await?;
    remove_rows(tx, tools, &rows).await
}
