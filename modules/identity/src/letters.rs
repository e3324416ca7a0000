//! Messages that prove an address, as tasks: asked for in the transaction of their cause, and sent until a mail server takes
//! them.
//!
//! A task says who is written to and why. The code of the link is made when the message is sent, so that it is nowhere but in
//! the message; each attempt makes another, and any of them works.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_mail::{Letter, Mail, Refused};
use sea_query::{Expr, ExprTrait};
use serde::{Deserialize, Serialize};

use crate::members::mailbox_of;
use crate::model::EmailCodes;
use crate::secret;

/// The kind of the task.
pub const LETTER: &str = "identity.letter";

/// What a link is for, and how long it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    Confirm,
    Reset,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Self::Confirm => TimeDelta::days(3),
            Self::Reset => TimeDelta::hours(1),
        }
    }

    /// Subject and text of the message, with the link of a code.
    pub(crate) fn words(self, origin: &str, (email, code): (&str, &str)) -> (&'static str, String) {
        match self {
            Self::Confirm => (
                "Confirm your e-mail address for FitHire",
                format!(
                    "Please confirm that this is your e-mail address:\n{origin}/confirm-email?code={code}\n\n\
                     The link works for three days. If you did not sign up for FitHire, there is nothing to do.\n"
                ),
            ),
            Self::Reset => (
                "Choose a new password for FitHire",
                format!(
                    "Somebody, probably you, asked for a new password for the FitHire account of {email}.\n\n\
                     Choose it here within an hour:\n{origin}/new-password?code={code}\n\n\
                     If it was not you, there is nothing to do: your password stays as it is.\n"
                ),
            ),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Payload {
    account_id: Id,
    purpose: Purpose,
}

/// Has a member written to, once this transaction commits.
pub(crate) async fn ask(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    account_id: Id,
    purpose: Purpose,
) -> Result<(), Problem> {
    let payload = serde_json::json!(Payload { account_id, purpose });
    enqueue(tx, tools, NewTask::new(LETTER, payload).keyed(format!("{}:{account_id}", purpose.as_str())))
        .await
}

/// Does the task. `origin` is where the pages are.
pub async fn letter(db: &Db, clock: &Clock, (mail, origin): (&Mail, &str), task: &Claimed) -> Outcome {
    send(db, clock, (mail, origin), task).await.unwrap_or_else(Outcome::from)
}

async fn send(
    db: &Db,
    clock: &Clock,
    (mail, origin): (&Mail, &str),
    task: &Claimed,
) -> Result<Outcome, Problem> {
    let Ok(Payload { account_id, purpose }) = task.payload() else {
        return Ok(Outcome::Abort("the payload names no account".to_owned()));
    };
    let mailbox = mailbox_of(&mut db.read(&task.scope).await?, account_id).await?;
    let needed = mailbox.filter(|mailbox| purpose == Purpose::Reset || !mailbox.is_confirmed());
    // Whoever has left, or has confirmed the address meanwhile, is written no message.
    let Some(to) = needed.as_ref().and_then(|mailbox| mailbox.address()) else { return Ok(Outcome::Done) };
    let code = code_for(db, clock.now(), (account_id, to), purpose).await?;
    let (subject, text) = purpose.words(origin, (to, &code));
    let letter = Letter {
        to: to.to_owned(),
        subject: subject.to_owned(),
        text,
        html: None,
        message_id: format!("{}.{}", task.scope.brand_id(), task.id),
        headers: Vec::new(),
    };
    Ok(match mail.deliver(&letter).await {
        Ok(()) => Outcome::Done,
        Err(Refused { permanent: true, cause }) => {
            tracing::info!(account.id = account_id, %cause, "an address was refused");
            Outcome::Done
        }
        Err(Refused { cause, .. }) => Outcome::Retry(cause, None),
    })
}

/// A new code, of which only the hash is kept.
pub(crate) async fn code_for(
    db: &Db,
    now: DateTime<Utc>,
    (account_id, email): (Id, &str),
    purpose: Purpose,
) -> Result<String, Problem> {
    use EmailCodes::{AccountId, Email, ExpiresAt, Purpose as For, SecretHash};
    let secret = secret::random();
    let mut tx = db.write_global().await?;
    // One that was sent before works on: whoever asks for another does not undo it for whoever reads it.
    let mut delete = tx.delete(EmailCodes::Table);
    delete.and_where(Expr::col(AccountId).eq(account_id)).and_where(Expr::col(ExpiresAt).lt(now));
    tx.run(&delete).await?;
    let row = vec![
        secret::hash(&secret).into(),
        account_id.into(),
        purpose.as_str().into(),
        email.into(),
        (now + purpose.lifetime()).into(),
    ];
    tx.run(&tx.insert(&[SecretHash, AccountId, For, Email, ExpiresAt], [row])).await?;
    tx.commit().await?;
    Ok(secret)
}
