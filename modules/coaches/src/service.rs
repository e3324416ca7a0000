//! What is known of coaches, as far as somebody may see it.

use std::collections::BTreeMap;

use fithire_identity::{Caller, ViewCoaches};
use fithire_kernel::db::Tx;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::facts;
use sea_query::{Expr, ExprTrait, SelectStatement};

use crate::model::{Coaches, Pay, Profile, Row, Scored};

impl Row {
    /// Everything that the row says.
    pub(crate) fn profile(self) -> Result<Profile, Problem> {
        Ok(Profile {
            facts: read(&self.facts)?,
            external_id: self.external_id,
            name: self.name,
            email: self.email,
            phone: self.phone,
            bio: self.bio,
            languages: self.languages,
            postal_code: self.postal_code,
            city: self.city,
            region: self.region,
            country: self.country,
            pay: Pay { kind: self.pay_type, min: self.pay_min, currency: self.currency },
        })
    }
}

/// Everything of a coach, as far as the caller may see it.
///
/// # Errors
/// 404 when there is none of that id, or it is not the caller's to see.
pub async fn profile(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Profile, Problem> {
    find(tx, caller, id).await?.profile()
}

/// Facts as they are kept.
pub(crate) fn read(facts: &str) -> Result<facts::Coach, Problem> {
    serde_json::from_str(facts).map_err(|error| Problem::internal(&error))
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

/// The coach of an id, as far as the caller may see it: managers see every one, a coach their own.
pub(crate) async fn find(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let mut select = there(tx);
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
    Ok(Scored { id: row.id, name: row.name, facts: read(&row.facts)? })
}

/// Everything of the caller's own profile, if the account has one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn own_profile(tx: &mut Tx, caller: &Caller) -> Result<Option<(Id, Profile)>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select.columns(SHOWN).and_where(Expr::col(Coaches::AccountId).eq(caller.account_id()));
    let row: Option<Row> = tx.optional(&select).await?;
    row.map(|row| Ok((row.id, row.profile()?))).transpose()
}

/// The profile that an account has in the brand, by its id.
///
/// # Errors
/// When the database cannot be reached.
pub async fn of_account(tx: &mut Tx, account_id: Id) -> Result<Option<Id>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select.column(Coaches::Id).and_where(Expr::col(Coaches::AccountId).eq(account_id));
    let row: Option<(Id,)> = tx.optional(&select).await?;
    Ok(row.map(|(id,)| id))
}

/// The accounts of coaches who have one, by coach.
///
/// # Errors
/// When the database cannot be reached.
pub async fn accounts_of(tx: &mut Tx, coaches: &[Id]) -> Result<BTreeMap<Id, Id>, Problem> {
    /// Ids in a statement.
    const AT_ONCE: usize = 10_000;
    let mut accounts = BTreeMap::new();
    for coaches in coaches.chunks(AT_ONCE) {
        let mut select = tx.select(Coaches::Table);
        select
            .columns([Coaches::Id, Coaches::AccountId])
            .and_where(Expr::col(Coaches::AccountId).is_not_null())
            .and_where(Expr::col(Coaches::Id).is_in(coaches.iter().copied()));
        let rows: Vec<(Id, Id)> = tx.all(&select).await?;
        accounts.extend(rows);
    }
    Ok(accounts)
}

/// How many coaches the brand has.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count(tx: &mut Tx) -> Result<i64, Problem> {
    let mut select = there(tx);
    select.expr(Expr::col(Coaches::Id).count());
    let row: Option<(i64,)> = tx.optional(&select).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What a ranking needs of the caller's own profile, if the account has one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn own(tx: &mut Tx, caller: &Caller) -> Result<Option<Scored>, Problem> {
    let own = own_profile(tx, caller).await?;
    Ok(own.map(|(id, profile)| Scored { id, name: profile.name, facts: profile.facts }))
}

/// The coaches that are there.
pub(crate) fn there(tx: &Tx) -> SelectStatement {
    let mut select = tx.select(Coaches::Table);
    select.and_where(Expr::col(Coaches::Erased).eq(false));
    select
}

pub(crate) const SHOWN: [Coaches; 17] = [
    Coaches::Id,
    Coaches::ExternalId,
    Coaches::Name,
    Coaches::Email,
    Coaches::Phone,
    Coaches::Bio,
    Coaches::Languages,
    Coaches::PostalCode,
    Coaches::City,
    Coaches::Region,
    Coaches::Country,
    Coaches::PayType,
    Coaches::PayMin,
    Coaches::Currency,
    Coaches::Facts,
    Coaches::Revision,
    Coaches::UpdatedAt,
];
