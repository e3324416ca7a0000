//! Documents of certificates: a document that was handed in makes its holding pending, until somebody has looked at it.

use chrono::NaiveDate;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::catalog::Cert;
use fithire_scoring::facts::{Holding, HoldingState};
use fithire_webhooks::publish;
use sea_query::{Expr, ExprTrait};
use serde_json::json;

use crate::events;
use crate::model::Coaches;
use crate::service::{next_revision, read, there, written};

/// A document that was handed in.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub media_id: Id,
    /// Its type, such as `application/pdf`.
    pub media_type: String,
    /// What it proves.
    pub code: Cert,
    /// The last day on which that is valid; nothing means for ever.
    pub expires_on: Option<NaiveDate>,
}

/// Takes a document: the holding is pending from now on, and is added where it is missing.
///
/// # Errors
/// 404 when there is no such coach; when the database refuses or cannot be reached.
pub async fn submit(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    coach_id: Id,
    document: Document,
) -> Result<(), Problem> {
    let revision = next_revision(tx, (clock, ids)).await?;
    let mut select = there(tx);
    select.column(Coaches::Facts).and_where(Expr::col(Coaches::Id).eq(coach_id));
    let row: Option<(String,)> = tx.optional(&select).await?;
    let (kept,) = row.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut facts = read(&kept)?;
    let holding =
        Holding { code: document.code, state: HoldingState::Pending, expires_on: document.expires_on };
    match facts.holdings.iter_mut().find(|held| held.code == document.code) {
        Some(held) => *held = holding,
        None => facts.holdings.push(holding),
    }
    let (before, after) = (json!({"facts": kept}), json!({"facts": written(&facts)?}));
    let mut update = tx.update(Coaches::Table);
    update
        .value(Coaches::Facts, written(&facts)?)
        .value(Coaches::Revision, revision)
        .value(Coaches::UpdatedAt, clock.now())
        .and_where(Expr::col(Coaches::Id).eq(coach_id));
    tx.run(&update).await?;
    let event = Event::new("coach.document", "coach", coach_id).about(coach_id).changed(&before, &after);
    audit::record(tx, (clock, ids), event).await?;
    let told_of = events::updated(clock.now(), coach_id, (&before, &after));
    publish(tx, (clock, ids), told_of.into_iter().collect()).await
}
