//! Coaches are told what was decided of a certificate or a profile, and the brand's programs of a certificate, once the decision
//! has stood for a minute. What is taken back before that was never said.

use chrono::TimeDelta;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_notifications::{Kind, Notice, notify};
use fithire_webhooks::{Event, publish};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{ApprovalState, approval_of};
use crate::service::accounts_of;
use crate::verification::{Item, ItemState, item};

/// The task.
pub const TELL: &str = "coaches.tell";

/// How long a decision stands before anybody is told.
pub(crate) const TELL_AFTER: TimeDelta = TimeDelta::minutes(1);

/// What was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// An item, by its id.
    Certificate(Id),
    /// A profile, by its coach.
    Profile(Id),
}

#[derive(Serialize, Deserialize)]
struct Due {
    on: Subject,
    round: i32,
}

/// Has it told later, unless another round has begun by then.
pub(crate) async fn tell_later(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    on: Subject,
    round: i32,
) -> Result<(), Problem> {
    let due = tools.0.now() + TELL_AFTER;
    enqueue(tx, tools, NewTask::new(TELL, json!(Due { on, round })).later().due(due)).await
}

/// What a coach reads.
struct Words {
    coach_id: Id,
    title: String,
    text: String,
    path: &'static str,
}

/// Does the task.
pub async fn tell(db: &Db, (clock, ids): (&Clock, &Ids), task: &Claimed) -> Outcome {
    let ended = async {
        let due: Due = task.payload()?;
        let mut tx = db.write(&task.scope).await?;
        let words = match due.on {
            Subject::Certificate(id) => certificate(&mut tx, (clock, ids), (id, due.round)).await?,
            Subject::Profile(coach_id) => profile(&mut tx, (coach_id, due.round)).await?,
        };
        if let Some(Words { coach_id, title, text, path }) = words
            && let Some(account_id) = accounts_of(&mut tx, &[coach_id]).await?.remove(&coach_id)
        {
            let event = match due.on {
                Subject::Certificate(id) => format!("certificate:{id}:{}", due.round),
                Subject::Profile(id) => format!("profile:{id}:{}", due.round),
            };
            let kind = Kind::VerificationResult;
            let path = path.to_owned();
            notify(&mut tx, (clock, ids), vec![Notice { account_id, kind, event, title, text, path }])
                .await?;
        }
        task.finish(&mut tx).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match ended.await {
        Ok(()) => Outcome::Finished,
        Err(problem) => problem.into(),
    }
}

/// What is said of a certificate, if the round is still the one of the decision. Its coach may be gone.
async fn certificate(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    (id, round): (Id, i32),
) -> Result<Option<Words>, Problem> {
    let item = match item(tx, id).await {
        Ok(item) if item.round == round => item,
        Ok(_) => return Ok(None),
        Err(problem) if problem.code == Code::NotFound => return Ok(None),
        Err(problem) => return Err(problem),
    };
    if matches!(item.state, ItemState::Verified | ItemState::Rejected | ItemState::Revoked) {
        let data = json!({"coach_id": item.coach_id, "verification_id": item.id});
        let kind = fithire_webhooks::Kind::CertificateDecided;
        publish(tx, (clock, ids), vec![Event { kind, at: clock.now(), data }]).await?;
    }
    let (title, text) = words(&item);
    Ok(Some(Words { coach_id: item.coach_id, title, text, path: "/coach/profile/certifications" }))
}

fn words(item: &Item) -> (String, String) {
    let details = item.cert.details();
    let (code, title) = (details.code, details.title);
    let why = item.reason.as_deref().map(|why| format!(" The reason: {why}")).unwrap_or_default();
    match item.state {
        ItemState::Verified => {
            let until = item.valid_until.map_or_else(String::new, |day| format!(" until {day}"));
            (format!("{code} is verified"), format!("{title} counts in full{until}.{why}"))
        }
        ItemState::Rejected => (
            format!("{code} was not accepted"),
            format!(
                "Your document does not prove {title}.{why} Upload a better document, or take the claim away."
            ),
        ),
        ItemState::Revoked => (
            format!("{code} was revoked"),
            format!("{title} no longer counts.{why} Ask the issuer, or your brand if this is wrong."),
        ),
        ItemState::Withdrawn => (
            format!("{code} needs a document"),
            format!(
                "Without a document {title} counts in part only.{why} Upload your certificate to have it verified."
            ),
        ),
        ItemState::Pending => (
            format!("{code} is looked at again"),
            format!("The decision on {title} was taken back. You are told when there is a new one."),
        ),
    }
}

async fn profile(tx: &mut Tx, (coach_id, round): (Id, i32)) -> Result<Option<Words>, Problem> {
    let Some(approval) = approval_of(tx, coach_id).await?.filter(|now| now.round == round) else {
        return Ok(None);
    };
    let why = approval.reason.unwrap_or_default();
    let (title, text) = match approval.state {
        ApprovalState::Approved => {
            ("Your profile is approved", "Managers of your brand see that.".to_owned())
        }
        ApprovalState::Returned => {
            ("Your profile needs a change", format!("{why}\nChange it, and it is looked at again by itself."))
        }
        ApprovalState::Waiting => return Ok(None),
    };
    Ok(Some(Words { coach_id, title: title.to_owned(), text, path: "/coach/profile" }))
}
