//! Erasing what a brand keeps of a person: profile, files, kept scores, requests for review, what they said of themselves for
//! the report on adverse impact, what they were told, membership.

use fithire_identity::{forget_member, member_of};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};

use crate::{reviews, scores};

/// Whether the brand keeps anything of the person of an account: a profile, also of somebody who has left, or a membership.
///
/// # Errors
/// When the database cannot be reached.
pub async fn knows_person(tx: &mut Tx, account_id: Id) -> Result<bool, Problem> {
    if fithire_coaches::of_account(tx, account_id).await?.is_some() {
        return Ok(true);
    }
    match member_of(tx, account_id).await {
        Ok(_) => Ok(true),
        Err(problem) if problem.code == Code::NotFound => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// Erases what the brand keeps of the person of an account, all or nothing. The audit log stays whole and can no longer be
/// read of what it said of them.
///
/// # Errors
/// 404 when there is no such account.
pub async fn erase_person(tx: &mut Tx, tools: (&Clock, &Ids), account_id: Id) -> Result<(), Problem> {
    if let Some(id) = fithire_coaches::of_account(tx, account_id).await? {
        scores::erase(tx, id).await?;
        reviews::erase(tx, id).await?;
        fithire_media::erase(tx, tools, id).await?;
        fithire_impact::erase(tx, id).await?;
        fithire_coaches::erase(tx, tools, id).await?;
    }
    // The membership before the inbox, which goes with it: whoever tells them something takes the two in this order.
    forget_member(tx, tools, account_id).await?;
    fithire_notifications::erase(tx, account_id).await
}
