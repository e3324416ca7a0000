//! What can be done with coaches.

use fithire_identity::{Caller, ManageCoaches, ViewCoaches};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging;
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_scoring::exchange::read_facts;
use fithire_scoring::facts;
use poem_openapi::types::ToJSON;
use sea_query::{Expr, ExprTrait, OnConflict, Order};
use sqlx::FromRow;

use crate::model::{
    CoachChange, CoachFacts, CoachHoldingState, CoachRatingSource, CoachRevisions, Coaches, NewCoach, Row,
    Scored,
};

/// The revision of a brand's coaches; 0 before the first write.
///
/// # Errors
/// When the database cannot be reached.
pub async fn revision(tx: &mut Tx) -> Result<i64, Problem> {
    let mut select = tx.select(CoachRevisions::Table);
    select.column(CoachRevisions::Revision);
    let row: Option<(i64,)> = tx.optional(&select).await?;
    Ok(row.map_or(0, |(revision,)| revision))
}

/// The next revision, for what this transaction writes. It is taken before the rows are, so that writers follow one
/// another and no reader sees a revision without its rows.
async fn next_revision(tx: &mut Tx) -> Result<i64, Problem> {
    let mut insert = tx.insert(&[CoachRevisions::Revision], [vec![1_i64.into()]]);
    let next = Expr::col((CoachRevisions::Table, CoachRevisions::Revision)).add(1);
    let bump = OnConflict::column(CoachRevisions::BrandId).value(CoachRevisions::Revision, next).to_owned();
    insert.on_conflict(bump).returning_col(CoachRevisions::Revision);
    let row: Option<(i64,)> = tx.optional(&insert).await?;
    row.map(|(revision,)| revision).ok_or_else(|| Problem::internal(&"a revision returned no row"))
}

#[derive(FromRow)]
struct ScoredRow {
    id: Id,
    name: String,
    facts: String,
}

/// The coaches that were written after a revision, by id.
///
/// # Errors
/// When the database cannot be reached or holds facts that cannot be read.
pub async fn changed_since(tx: &mut Tx, revision: i64) -> Result<Vec<Scored>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select
        .columns([Coaches::Id, Coaches::Name, Coaches::Facts])
        .and_where(Expr::col(Coaches::Revision).gt(revision))
        .order_by(Coaches::Id, Order::Asc);
    let rows: Vec<ScoredRow> = tx.all(&select).await?;
    let read = |row: ScoredRow| {
        let facts = serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
        Ok(Scored { id: row.id, name: row.name, facts })
    };
    rows.into_iter().map(read).collect()
}

/// Adds coaches in one transaction, for imports and demonstrations; answers their ids, in order.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn insert_all(
    tx: &mut Tx,
    clock: &Clock,
    ids: &Ids,
    coaches: &[(String, facts::Coach)],
) -> Result<Vec<Id>, Problem> {
    /// Rows in a statement; each has 7 values, and PostgreSQL takes 65535 of them.
    const AT_ONCE: usize = 1_000;
    let revision = next_revision(tx).await?;
    let mut made = Vec::with_capacity(coaches.len());
    for chunk in coaches.chunks(AT_ONCE) {
        let mut rows = Vec::with_capacity(chunk.len());
        for (name, facts) in chunk {
            let id = ids.next();
            made.push(id);
            rows.push(row(id, name, facts, revision, clock)?);
        }
        tx.run(&tx.insert(&COLUMNS, rows)).await?;
    }
    Ok(made)
}

/// Gives a coach's profile to an account.
///
/// # Errors
/// 404 when the brand has no such coach; when the account has a profile already.
pub async fn link(tx: &mut Tx, id: Id, account_id: Id) -> Result<(), Problem> {
    let mut update = tx.update(Coaches::Table);
    update.value(Coaches::AccountId, account_id).and_where(Expr::col(Coaches::Id).eq(id));
    match tx.run(&update).await? {
        0 => Err(Problem::new(Code::NotFound)),
        _ => Ok(()),
    }
}

const COLUMNS: [Coaches; 6] =
    [Coaches::Id, Coaches::Name, Coaches::Facts, Coaches::Revision, Coaches::CreatedAt, Coaches::UpdatedAt];

fn row(
    id: Id,
    name: &str,
    facts: &facts::Coach,
    revision: i64,
    clock: &Clock,
) -> Result<Vec<sea_query::Value>, Problem> {
    let now = clock.now();
    Ok(vec![id.into(), name.into(), written(facts)?.into(), revision.into(), now.into(), now.into()])
}

fn written(facts: &facts::Coach) -> Result<String, Problem> {
    serde_json::to_string(facts).map_err(|error| Problem::internal(&error))
}

/// Makes a coach and answers its id. A coach's own account makes its own profile, once.
pub(crate) async fn create(
    db: &Db,
    clock: &Clock,
    ids: &Ids,
    caller: &Caller,
    new: NewCoach,
) -> Result<Id, Problem> {
    let manages = caller.allowed::<ManageCoaches>().is_ok();
    let facts = facts_of(new.facts.as_ref(), manages)?;
    let account_id = (!manages).then(|| caller.account_id());
    let mut tx = db.write(caller.scope()).await?;
    let revision = next_revision(&mut tx).await?;
    let id = ids.next();
    let mut values = row(id, &new.name, &facts, revision, clock)?;
    values.extend([
        account_id.into(),
        new.external_id.into(),
        new.email.into(),
        new.phone.into(),
        new.bio.into(),
    ]);
    let more = [Coaches::AccountId, Coaches::ExternalId, Coaches::Email, Coaches::Phone, Coaches::Bio];
    let columns: Vec<Coaches> = COLUMNS.into_iter().chain(more).collect();
    tx.run(&tx.insert(&columns, [values])).await.map_err(|error| {
        if breaks(&error, "coaches_external_id", "coaches.brand_id, coaches.external_id") {
            Problem::new(Code::Conflict).because("a coach with this external_id is there already")
        } else if breaks(&error, "coaches_account", "coaches.brand_id, coaches.account_id") {
            Problem::new(Code::Conflict).because("your account has a profile already; change that one")
        } else {
            error.into()
        }
    })?;
    tx.commit().await?;
    Ok(id)
}

/// The coach of an id, as far as the caller may see it: managers see every one, a coach their own.
pub(crate) async fn find(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let mut select = tx.select(Coaches::Table);
    select.columns(SHOWN).and_where(Expr::col(Coaches::Id).eq(id));
    if caller.allowed::<ViewCoaches>().is_err() {
        select.and_where(Expr::col(Coaches::AccountId).eq(caller.account_id()));
    }
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// A coach as a ranking needs it, as far as the caller may see it.
///
/// # Errors
/// 404 when there is none of that id, or it is not the caller's to see.
pub async fn visible(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Scored, Problem> {
    let row = find(tx, caller, id).await?;
    let facts = serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
    Ok(Scored { id: row.id, name: row.name, facts })
}

const SHOWN: [Coaches; 7] = [
    Coaches::Id,
    Coaches::ExternalId,
    Coaches::Name,
    Coaches::Email,
    Coaches::Phone,
    Coaches::Bio,
    Coaches::Facts,
];

/// Changes a coach that the caller may change.
pub(crate) async fn change(
    db: &Db,
    clock: &Clock,
    caller: &Caller,
    id: Id,
    change: CoachChange,
) -> Result<(), Problem> {
    let manages = caller.allowed::<ManageCoaches>().is_ok();
    let facts = match &change.facts {
        Some(facts) => Some(written(&facts_of(Some(facts), manages)?)?),
        None => None,
    };
    let mut tx = db.write(caller.scope()).await?;
    let revision = next_revision(&mut tx).await?;
    let mut update = tx.update(Coaches::Table);
    update
        .value(Coaches::Revision, revision)
        .value(Coaches::UpdatedAt, clock.now())
        .and_where(Expr::col(Coaches::Id).eq(id));
    let texts = [
        (Coaches::Name, change.name),
        (Coaches::Email, change.email),
        (Coaches::Phone, change.phone),
        (Coaches::Bio, change.bio),
        (Coaches::Facts, facts),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            update.value(column, text);
        }
    }
    if !manages {
        update.and_where(Expr::col(Coaches::AccountId).eq(caller.account_id()));
    }
    if tx.run(&update).await? == 0 {
        return Err(Problem::new(Code::NotFound));
    }
    tx.commit().await?;
    Ok(())
}

/// A page of the brand's coaches by id.
pub(crate) async fn page(
    tx: &mut Tx,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let mut select = tx.select(Coaches::Table);
    select.columns(SHOWN).order_by(Coaches::Id, Order::Asc).limit(limit + 1);
    if let Some(cursor) = cursor {
        select.and_where(Expr::col(Coaches::Id).gt(paging::after::<Id>("coaches", cursor)?));
    }
    let rows = tx.all(&select).await?;
    Ok(paging::page("coaches", rows, limit, |row: &Row| row.id))
}

/// What is scored, read from what the API was sent: every problem with its pointer.
fn facts_of(sent: Option<&CoachFacts>, manages: bool) -> Result<facts::Coach, Problem> {
    let Some(sent) = sent else { return Ok(facts::Coach::default()) };
    let mut errors = if manages { Vec::new() } else { reserved(sent) };
    match read_facts(&sent.to_json().unwrap_or_default()) {
        Ok(facts) if errors.is_empty() => return Ok(facts),
        Ok(_) => {}
        Err(problems) => errors.extend(
            problems
                .into_iter()
                .map(|problem| FieldError { pointer: problem.pointer("/facts"), detail: problem.message }),
        ),
    }
    Err(Problem::invalid(errors))
}

/// What a coach may not say of themselves.
fn reserved(sent: &CoachFacts) -> Vec<FieldError> {
    let error = |pointer: String, detail: &str| FieldError { pointer, detail: detail.to_owned() };
    let own = [CoachHoldingState::Claimed, CoachHoldingState::Pending];
    let holdings =
        sent.holdings.iter().flatten().enumerate().filter(|(_, holding)| !own.contains(&holding.state));
    let ratings = sent
        .style
        .iter()
        .flatten()
        .enumerate()
        .filter(|(_, rating)| rating.source != CoachRatingSource::SelfRated);
    let mut errors: Vec<FieldError> = holdings
        .map(|(n, _)| {
            error(format!("/facts/holdings/{n}/state"), "is decided by a reviewer; send claimed or pending")
        })
        .chain(ratings.map(|(n, _)| error(format!("/facts/style/{n}/source"), "is a reviewer's; send self")))
        .collect();
    if sent.engagement.is_some() {
        errors.push(error("/facts/engagement".to_owned(), "is counted by FitHire and cannot be sent"));
    }
    errors
}
