//! Certificates that somebody has to look at, and what was decided of them.
//!
//! An *item* is one certificate that a coach claims, with its document or without one yet. It is open while it is pending, and
//! exactly then the coach's facts hold the same certification with the same last day as pending ([`follow`] sees to it). A
//! reviewer claims an item so that nobody else works on it; a claim ends by itself ([`claims`]). A decision changes item and
//! facts in one transaction, and can be taken back ([`decisions`]).
//!
//! Items are ordered by id, which is their age. What is decided stays as history until the coach is erased.

mod claims;
mod decisions;
mod documents;
mod follow;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_kernel::db::{ScopedTable, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::catalog::Cert;
use sea_query::{Expr, ExprTrait, Iden, Order, SelectStatement};
use sqlx::FromRow;

pub use claims::{CLAIM_MINUTES, claim, claim_next, neighbours, release};
pub use decisions::{Decision, Verdict, Which, decide, undo};
pub use documents::{Document, submit};
pub(crate) use follow::{Moved, follow};

use crate::model::Coaches;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Verifications {
    Table,
    BrandId,
    Id,
    CoachId,
    Code,
    ExpiresOn,
    MediaId,
    MediaType,
    State,
    Was,
    Round,
    Reason,
    SubmittedAt,
    ClaimedBy,
    ClaimedUntil,
    DecidedBy,
    DecidedAt,
    IssuedOn,
    ValidUntil,
    WasClaimed,
}

impl ScopedTable for Verifications {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// It waits for a reviewer.
    Pending,
    /// The document proves it.
    Verified,
    /// The document does not.
    Rejected,
    /// The issuer took it back.
    Revoked,
    /// The coach no longer claims it, or claims it by another document.
    Withdrawn,
}

impl ItemState {
    const ALL: [Self; 5] = [Self::Pending, Self::Verified, Self::Rejected, Self::Revoked, Self::Withdrawn];

    /// As the database and the API have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| Problem::internal(&"an item is in a state that is none"))
    }
}

/// An item with its coach's name.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id, and its place in the queue.
    pub id: Id,
    /// Whose it is.
    pub coach_id: Id,
    /// What people call the coach.
    pub coach: String,
    /// What is claimed.
    pub cert: Cert,
    /// The last day that the coach has given; nothing means for ever.
    pub expires_on: Option<NaiveDate>,
    /// The document and its type; nothing where there is none yet.
    pub document: Option<(Id, String)>,
    /// What has become of it.
    pub state: ItemState,
    /// Rises with every decision.
    pub round: i32,
    /// Why, where somebody has said why.
    pub reason: Option<String>,
    /// Since when it waits, or has waited.
    pub submitted_at: DateTime<Utc>,
    /// Who looks at it, and until when.
    pub claim: Option<(Id, DateTime<Utc>)>,
    /// The account that decided; nothing for a program or the coach.
    pub decided_by: Option<Id>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// The day of issue, where the reviewer has noted it.
    pub issued_on: Option<NaiveDate>,
    /// The last day that counts by the decision.
    pub valid_until: Option<NaiveDate>,
    /// The state to which the decision can be taken back.
    pub(crate) was: Option<ItemState>,
    /// Whether it was decided on before anybody had asked for that: the coach claimed it, and it waited for nobody.
    was_claimed: bool,
}

impl Item {
    /// Who looks at it at this moment.
    #[must_use]
    pub fn claimed_by(&self, now: DateTime<Utc>) -> Option<Id> {
        self.claim.filter(|(_, until)| *until > now).map(|(account_id, _)| account_id)
    }
}

#[derive(FromRow)]
struct Row {
    id: Id,
    coach_id: Id,
    name: String,
    code: String,
    expires_on: Option<NaiveDate>,
    media_id: Option<Id>,
    media_type: Option<String>,
    state: String,
    was: Option<String>,
    round: i32,
    reason: Option<String>,
    submitted_at: DateTime<Utc>,
    claimed_by: Option<Id>,
    claimed_until: Option<DateTime<Utc>>,
    decided_by: Option<Id>,
    decided_at: Option<DateTime<Utc>>,
    issued_on: Option<NaiveDate>,
    valid_until: Option<NaiveDate>,
    was_claimed: bool,
}

impl Row {
    fn item(self) -> Result<Item, Problem> {
        Ok(Item {
            id: self.id,
            coach_id: self.coach_id,
            coach: self.name,
            cert: Cert::named(&self.code).map_err(|error| Problem::internal(&error))?,
            expires_on: self.expires_on,
            document: self.media_id.zip(self.media_type),
            state: ItemState::read(&self.state)?,
            round: self.round,
            reason: self.reason,
            submitted_at: self.submitted_at,
            claim: self.claimed_by.zip(self.claimed_until),
            decided_by: self.decided_by,
            decided_at: self.decided_at,
            issued_on: self.issued_on,
            valid_until: self.valid_until,
            was: self.was.as_deref().map(ItemState::read).transpose()?,
            was_claimed: self.was_claimed,
        })
    }
}

fn select(tx: &Tx) -> SelectStatement {
    use Verifications as V;
    let mut select = tx.select(V::Table);
    let own = [
        V::Id,
        V::CoachId,
        V::Code,
        V::ExpiresOn,
        V::MediaId,
        V::MediaType,
        V::State,
        V::Was,
        V::Round,
        V::Reason,
        V::SubmittedAt,
        V::ClaimedBy,
        V::ClaimedUntil,
        V::DecidedBy,
        V::DecidedAt,
        V::IssuedOn,
        V::ValidUntil,
        V::WasClaimed,
    ];
    select.columns(own.map(|column| (V::Table, column))).column((Coaches::Table, Coaches::Name));
    let its = Expr::col((Coaches::Table, Coaches::Id)).equals((V::Table, V::CoachId));
    tx.join(&mut select, Coaches::Table, its);
    select
}

async fn read(tx: &mut Tx, select: &SelectStatement) -> Result<Vec<Item>, Problem> {
    let rows: Vec<Row> = tx.all(select).await?;
    rows.into_iter().map(Row::item).collect()
}

/// Open items, oldest first, after one of them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn queue(tx: &mut Tx, after: Option<Id>, limit: u64) -> Result<Vec<Item>, Problem> {
    let mut select = select(tx);
    select
        .and_where(Expr::col((Verifications::Table, Verifications::State)).eq(ItemState::Pending.as_str()))
        .order_by((Verifications::Table, Verifications::Id), Order::Asc)
        .limit(limit);
    if let Some(after) = after {
        select.and_where(Expr::col((Verifications::Table, Verifications::Id)).gt(after));
    }
    read(tx, &select).await
}

/// How many items are open, and since when the oldest is.
///
/// # Errors
/// When the database cannot be reached.
pub async fn waiting_items(tx: &mut Tx) -> Result<crate::approval::Waiting, Problem> {
    let mut count = tx.select(Verifications::Table);
    count
        .expr(Expr::col(Verifications::Id).count())
        .and_where(Expr::col(Verifications::State).eq(ItemState::Pending.as_str()));
    let row: Option<(i64,)> = tx.optional(&count).await?;
    let oldest = queue(tx, None, 1).await?.first().map(|item| item.submitted_at);
    Ok(crate::approval::Waiting { count: row.map_or(0, |(count,)| count), oldest })
}

/// The item of an id.
///
/// # Errors
/// 404 when there is none.
pub async fn item(tx: &mut Tx, id: Id) -> Result<Item, Problem> {
    let mut select = select(tx);
    select.and_where(Expr::col((Verifications::Table, Verifications::Id)).eq(id));
    read(tx, &select).await?.pop().ok_or_else(|| Problem::new(Code::NotFound))
}

/// Every item of a coach, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn items_of(tx: &mut Tx, coach_id: Id) -> Result<Vec<Item>, Problem> {
    let mut select = select(tx);
    select
        .and_where(Expr::col((Verifications::Table, Verifications::CoachId)).eq(coach_id))
        .order_by((Verifications::Table, Verifications::Id), Order::Desc);
    read(tx, &select).await
}

/// The open items of coaches, oldest first.
async fn open_of(tx: &mut Tx, coaches: &[Id]) -> Result<BTreeMap<Id, Vec<Item>>, Problem> {
    let mut open: BTreeMap<Id, Vec<Item>> = BTreeMap::new();
    if coaches.is_empty() {
        return Ok(open);
    }
    let mut select = select(tx);
    select
        .and_where(Expr::col((Verifications::Table, Verifications::State)).eq(ItemState::Pending.as_str()))
        .and_where(Expr::col((Verifications::Table, Verifications::CoachId)).is_in(coaches.iter().copied()))
        .order_by((Verifications::Table, Verifications::Id), Order::Asc);
    for item in read(tx, &select).await? {
        open.entry(item.coach_id).or_default().push(item);
    }
    Ok(open)
}

/// Removes everything of a coach.
pub(crate) async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(Verifications::Table);
    delete.and_where(Expr::col(Verifications::CoachId).eq(coach_id));
    tx.run(&delete).await?;
    Ok(())
}
