//! A coach's document for a certification: it makes the holding pending, and waits in the queue.

use chrono::NaiveDate;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::catalog::Cert;
use fithire_scoring::facts::{Holding, HoldingState};
use serde_json::json;

use super::follow::withdraw;
use super::{ItemState, Verifications, open_of};
use crate::writing::Writing;

/// A document that a coach has uploaded.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it is.
    pub media_id: Id,
    /// Such as `application/pdf`.
    pub media_type: String,
    /// What it is to prove.
    pub code: Cert,
    /// The last day that it gives; nothing means for ever.
    pub expires_on: Option<NaiveDate>,
}

/// Puts a document into the queue. Whatever the coach has claimed of this certification so far is replaced by what the document
/// says: an earlier document that still waits is withdrawn, and a rejected one of the same last day gives way. What is verified
/// stays, so that a renewal takes nothing away.
///
/// # Errors
/// 404 when there is no such coach; 409 when this is verified already, or was revoked.
pub async fn submit(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    coach_id: Id,
    document: Document,
) -> Result<(), Problem> {
    let writing = Writing::of(tx, (clock, ids), coach_id).await?;
    let Document { media_id, media_type, code, expires_on } = document;
    let name = code.details().code;
    let mut new = writing.old.clone();
    let same = |holding: &&Holding| holding.code == code && holding.expires_on == expires_on;
    let told = match new.facts.holdings.iter().find(same).map(|holding| holding.state) {
        Some(HoldingState::Verified) => Some(format!("{name} with this last day is verified already")),
        Some(HoldingState::Revoked) => Some(format!(
            "{name} with this last day was revoked; ask your brand, or send a certificate with another last day"
        )),
        _ => None,
    };
    if let Some(told) = told {
        return Err(Problem::new(Code::Conflict).because(told));
    }
    let gives_way = |holding: &Holding| match holding.state {
        HoldingState::Claimed | HoldingState::Pending => holding.code == code,
        HoldingState::Rejected => holding.code == code && holding.expires_on == expires_on,
        HoldingState::Verified | HoldingState::Revoked => false,
    };
    new.facts.holdings.retain(|holding| !gives_way(holding));
    new.facts.holdings.push(Holding { code, state: HoldingState::Pending, expires_on });
    for item in open_of(tx, &[coach_id]).await?.remove(&coach_id).unwrap_or_default() {
        if item.cert == code {
            withdraw(tx, clock, &item, "Another document has taken its place").await?;
        }
    }
    // Before the facts are written, which would add an item without a document.
    let id = ids.next();
    add(tx, clock, (id, coach_id), (code, expires_on), Some((media_id, media_type))).await?;
    let details = json!({"coach": coach_id, "code": name, "media": media_id});
    audit::record(
        tx,
        (clock, ids),
        Event::new("certificate.submitted", "verification", id).with(details).about(coach_id),
    )
    .await?;
    writing.save(tx, (clock, ids), new).await
}

/// Adds an open item.
pub(super) async fn add(
    tx: &mut Tx,
    clock: &Clock,
    (id, coach_id): (Id, Id),
    (code, expires_on): (Cert, Option<NaiveDate>),
    document: Option<(Id, String)>,
) -> Result<(), Problem> {
    use Verifications::{CoachId, Code, ExpiresOn, Id as Key, MediaId, MediaType, State, SubmittedAt};
    let (media_id, media_type) = document.unzip();
    let row = vec![
        id.into(),
        coach_id.into(),
        code.details().code.into(),
        expires_on.into(),
        media_id.into(),
        media_type.into(),
        ItemState::Pending.as_str().into(),
        clock.now().into(),
    ];
    let columns = [Key, CoachId, Code, ExpiresOn, MediaId, MediaType, State, SubmittedAt];
    tx.run(&tx.insert(&columns, [row])).await?;
    Ok(())
}
