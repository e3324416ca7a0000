//! Accounts and their memberships.

use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem, breaks};
use fithire_kernel::scope::{BrandScope, Limits};
use sea_query::{Expr, ExprTrait};
use sqlx::FromRow;

use crate::model::{Accounts, Memberships, Role};
use crate::passwords;

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

/// Makes an account and answers its id.
///
/// # Errors
/// When the address is taken or the password is too short.
pub async fn create_account(db: &Db, clock: &Clock, ids: &Ids, new: NewAccount) -> Result<Id, Problem> {
    if new.password.chars().count() < passwords::SHORTEST {
        return Err(Problem::field(
            "/password",
            format!("is shorter than {} characters", passwords::SHORTEST),
        ));
    }
    let id = ids.next();
    let hash = passwords::hash(new.password).await?;
    let mut tx = db.write_global().await?;
    let columns =
        [Accounts::Id, Accounts::Email, Accounts::Name, Accounts::PasswordHash, Accounts::CreatedAt];
    let row =
        vec![id.into(), new.email.to_lowercase().into(), new.name.into(), hash.into(), clock.now().into()];
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
