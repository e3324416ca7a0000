//! Accounts and their memberships.

use chrono::{DateTime, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging;
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_kernel::scope::{BrandScope, Limits};
use poem_openapi::types::{Email, ParseFromParameter as _};
use sea_query::{Expr, ExprTrait, Order};
use sqlx::FromRow;

use crate::model::{Accounts, Memberships, Role};
use crate::passwords;
use crate::tokens::LONGEST_PASSWORD;

/// Someone who may sign in.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Signs in with this; kept in lower case.
    pub email: String,
    /// What others see.
    pub name: String,
    /// At least 12 characters.
    pub password: String,
}

/// Every field of an account to be that is not right.
#[must_use]
pub fn check_account(new: &NewAccount) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: &str, detail: &str| {
        errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() });
    };
    if new.name.trim().is_empty() || new.name.chars().count() > 200 || new.name.contains(char::is_control) {
        wrong("/name", "is not a name of 1 to 200 characters");
    }
    if new.email.chars().count() > 320 || Email::parse_from_parameter(new.email.trim()).is_err() {
        wrong("/email", "is not an e-mail address");
    }
    if new.password.chars().count() < passwords::SHORTEST {
        wrong("/password", &format!("is shorter than {} characters", passwords::SHORTEST));
    } else if new.password.len() > LONGEST_PASSWORD {
        wrong("/password", "is too long");
    }
    errors
}

/// Makes an account and answers its id.
///
/// # Errors
/// When a field is not right or the address is taken.
pub async fn create_account(db: &Db, clock: &Clock, ids: &Ids, new: NewAccount) -> Result<Id, Problem> {
    let errors = check_account(&new);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let id = ids.next();
    let hash = passwords::hash(new.password).await?;
    let mut tx = db.write_global().await?;
    let columns =
        [Accounts::Id, Accounts::Email, Accounts::Name, Accounts::PasswordHash, Accounts::CreatedAt];
    let row = vec![
        id.into(),
        new.email.trim().to_lowercase().into(),
        new.name.trim().into(),
        hash.into(),
        clock.now().into(),
    ];
    tx.run(&tx.insert(&columns, [row])).await.map_err(|error| {
        if breaks(&error, "accounts_email", "accounts.email") {
            Problem::new(Code::Conflict).because("an account with this e-mail address is there already")
        } else {
            error.into()
        }
    })?;
    tx.commit().await?;
    Ok(id)
}

/// Gives an account a role in the scope's brand, or another role than it had.
///
/// # Errors
/// When the account is not there, or a limit names no region or location of the brand.
pub async fn add_member(
    db: &Db,
    clock: &Clock,
    scope: &BrandScope,
    account_id: Id,
    role: Role,
    limits: Limits,
) -> Result<(), Problem> {
    let mut tx = db.write(scope).await?;
    let mut brands = brands_of(&mut tx, account_id).await?;
    if !brands.contains(&scope.brand_id()) {
        brands.push(scope.brand_id());
        let mut update = tx.update_global(Accounts::Table);
        update.value(Accounts::Brands, serde_json::json!(brands).to_string());
        update.and_where(Expr::col(Accounts::Id).eq(account_id));
        tx.run(&update).await?;
    }
    put_membership(&mut tx, clock, account_id, role, limits).await?;
    tx.commit().await?;
    Ok(())
}

async fn put_membership(
    tx: &mut Tx,
    clock: &Clock,
    account_id: Id,
    role: Role,
    limits: Limits,
) -> Result<(), Problem> {
    use Memberships::{AccountId, BrandId, CreatedAt, LocationId, RegionId};
    let columns = [AccountId, Memberships::Role, RegionId, LocationId, CreatedAt];
    let row = vec![
        account_id.into(),
        role.as_str().into(),
        limits.region_id.into(),
        limits.location_id.into(),
        clock.now().into(),
    ];
    let mut insert = tx.insert(&columns, [row]);
    let key = sea_query::OnConflict::columns([BrandId, AccountId]);
    insert.on_conflict(key.clone().update_columns([Memberships::Role, RegionId, LocationId]).to_owned());
    tx.run(&insert).await?;
    Ok(())
}

#[derive(FromRow)]
struct Brands {
    brands: String,
}

/// The brands in which an account has a membership. The row is locked on PostgreSQL, so that two memberships that are
/// made at once are both listed; SQLite has one writer.
async fn brands_of(tx: &mut Tx, account_id: Id) -> Result<Vec<Id>, Problem> {
    let mut select = tx.select_global(Accounts::Table);
    select.column(Accounts::Brands).and_where(Expr::col(Accounts::Id).eq(account_id)).lock_exclusive();
    let row: Brands = tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    serde_json::from_str(&row.brands).map_err(|error| Problem::internal(&error))
}

/// A member of the brand, for people.
#[derive(Clone, Debug, FromRow)]
pub struct Member {
    /// The account.
    pub account_id: Id,
    /// What others see.
    pub name: String,
    /// Signs in with this.
    pub email: String,
    /// coach, manager or admin.
    pub role: String,
    /// The only region that the role reaches.
    pub region_id: Option<Id>,
    /// The only location that the role reaches.
    pub location_id: Option<Id>,
    /// Whether the account may not sign in.
    pub disabled: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A page of the brand's members by account, of one role where it is given.
///
/// # Errors
/// When the cursor is not of this list or the database cannot be reached.
pub async fn members(
    tx: &mut Tx,
    role: Option<Role>,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<Member>, Option<String>), Problem> {
    let mut select = tx.select(Memberships::Table);
    let account =
        Expr::col((Accounts::Table, Accounts::Id)).equals((Memberships::Table, Memberships::AccountId));
    tx.join_global(&mut select, Accounts::Table, account);
    select
        .columns([
            (Memberships::Table, Memberships::AccountId),
            (Memberships::Table, Memberships::Role),
            (Memberships::Table, Memberships::RegionId),
            (Memberships::Table, Memberships::LocationId),
            (Memberships::Table, Memberships::CreatedAt),
        ])
        .columns([
            (Accounts::Table, Accounts::Name),
            (Accounts::Table, Accounts::Email),
            (Accounts::Table, Accounts::Disabled),
        ])
        .order_by((Memberships::Table, Memberships::AccountId), Order::Asc)
        .limit(limit + 1);
    if let Some(role) = role {
        select.and_where(Expr::col((Memberships::Table, Memberships::Role)).eq(role.as_str()));
    }
    if let Some(cursor) = cursor {
        let after = paging::after::<Id>("members", cursor)?;
        select.and_where(Expr::col((Memberships::Table, Memberships::AccountId)).gt(after));
    }
    let rows = tx.all(&select).await?;
    Ok(paging::page("members", rows, limit, |member: &Member| member.account_id))
}
