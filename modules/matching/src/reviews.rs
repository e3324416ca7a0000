//! Requests that a person looks at a score: a coach asks with a reason, a manager answers with one. The score itself does
//! not change: an override is what a person decides beside it, on record with their name.

use chrono::{DateTime, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem, breaks};
use sea_query::{Expr, ExprTrait, Iden, Order};
use serde_json::json;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
enum ReviewRequests {
    Table,
    BrandId,
    Id,
    JobId,
    CoachId,
    Text,
    AskedAt,
    Outcome,
    Answer,
    AnsweredBy,
    AnsweredAt,
}

impl ScopedTable for ReviewRequests {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// A request, with its answer where it has one.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) job_id: Id,
    pub(crate) coach_id: Id,
    pub(crate) text: String,
    pub(crate) asked_at: DateTime<Utc>,
    pub(crate) outcome: Option<String>,
    pub(crate) answer: Option<String>,
}

const SHOWN: [ReviewRequests; 7] = [
    ReviewRequests::Id,
    ReviewRequests::JobId,
    ReviewRequests::CoachId,
    ReviewRequests::Text,
    ReviewRequests::AskedAt,
    ReviewRequests::Outcome,
    ReviewRequests::Answer,
];

/// A reason in words.
fn reason(pointer: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text.chars().count() {
        0 => Err(Problem::field(pointer, "is missing; a sentence will do")),
        1..=2_000 if !text.contains(control) => Ok(text.to_owned()),
        _ => Err(Problem::field(pointer, "is longer than 2000 characters, or has some that cannot be shown")),
    }
}

/// Asks that a person looks at a coach's score for a job.
pub(crate) async fn ask(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    (job_id, coach_id): (Id, Id),
    text: &str,
) -> Result<(), Problem> {
    use ReviewRequests::{AskedAt, CoachId, Id as Key, JobId, Text};
    let (id, text) = (ids.next(), reason("/text", text)?);
    let row = vec![id.into(), job_id.into(), coach_id.into(), text.into(), clock.now().into()];
    tx.run(&tx.insert(&[Key, JobId, CoachId, Text, AskedAt], [row])).await.map_err(|error| {
        let columns = "review_requests.brand_id, review_requests.job_id, review_requests.coach_id";
        if breaks(&error, "review_requests_open", columns) {
            Problem::new(Code::Conflict).because("you have asked already; somebody will answer")
        } else {
            error.into()
        }
    })?;
    let event = Event::new("review.asked", "job", job_id).with(json!({"coach": coach_id, "request": id}));
    audit::record(tx, (clock, ids), event).await
}

/// The requests of a coach for a job, newest first.
pub(crate) async fn of_pair(tx: &mut Tx, job_id: Id, coach_id: Id) -> Result<Vec<Request>, Problem> {
    let mut select = tx.select(ReviewRequests::Table);
    select
        .columns(SHOWN)
        .and_where(Expr::col(ReviewRequests::JobId).eq(job_id))
        .and_where(Expr::col(ReviewRequests::CoachId).eq(coach_id))
        .order_by(ReviewRequests::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

/// Every request of a coach.
pub(crate) async fn of_coach(tx: &mut Tx, coach_id: Id) -> Result<Vec<Request>, Problem> {
    let mut select = tx.select(ReviewRequests::Table);
    select.columns(SHOWN).and_where(Expr::col(ReviewRequests::CoachId).eq(coach_id));
    Ok(tx.all(&select).await?)
}

/// The requests that wait for an answer, oldest first.
pub(crate) async fn open(tx: &mut Tx) -> Result<Vec<Request>, Problem> {
    let mut select = tx.select(ReviewRequests::Table);
    select
        .columns(SHOWN)
        .and_where(Expr::col(ReviewRequests::AnsweredAt).is_null())
        .order_by(ReviewRequests::Id, Order::Asc);
    Ok(tx.all(&select).await?)
}

/// The job of a request, and whether it has its answer already; nobody else answers it until this transaction ends.
pub(crate) async fn to_answer(tx: &mut Tx, id: Id) -> Result<(Id, bool), Problem> {
    let mut select = tx.select(ReviewRequests::Table);
    select
        .columns([ReviewRequests::JobId, ReviewRequests::AnsweredAt])
        .and_where(Expr::col(ReviewRequests::Id).eq(id))
        .lock_exclusive();
    let row: Option<(Id, Option<DateTime<Utc>>)> = tx.optional(&select).await?;
    let (job_id, answered_at) = row.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok((job_id, answered_at.is_some()))
}

/// Answers a request: the score's consequence is upheld, or overridden.
pub(crate) async fn answer(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    id: Id,
    (by, outcome, text): (Id, &str, &str),
) -> Result<(), Problem> {
    if !matches!(outcome, "upheld" | "overridden") {
        return Err(Problem::field("/outcome", "is missing; say whether it is upheld or overridden"));
    }
    let mut update = tx.update(ReviewRequests::Table);
    update
        .value(ReviewRequests::Outcome, outcome)
        .value(ReviewRequests::Answer, reason("/answer", text)?)
        .value(ReviewRequests::AnsweredBy, by)
        .value(ReviewRequests::AnsweredAt, clock.now())
        .and_where(Expr::col(ReviewRequests::Id).eq(id))
        .and_where(Expr::col(ReviewRequests::AnsweredAt).is_null());
    if tx.run(&update).await? == 0 {
        return Err(Problem::new(Code::NotFound));
    }
    let event = Event::new("review.answered", "request", id).with(json!({"outcome": outcome}));
    audit::record(tx, (clock, ids), event).await
}

/// Erases what a coach wrote in requests; that some were answered stays, and nobody is left to answer the others.
pub(crate) async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(ReviewRequests::Table);
    delete
        .and_where(Expr::col(ReviewRequests::CoachId).eq(coach_id))
        .and_where(Expr::col(ReviewRequests::AnsweredAt).is_null());
    tx.run(&delete).await?;
    let mut update = tx.update(ReviewRequests::Table);
    update.value(ReviewRequests::Text, "").and_where(Expr::col(ReviewRequests::CoachId).eq(coach_id));
    tx.run(&update).await?;
    Ok(())
}
