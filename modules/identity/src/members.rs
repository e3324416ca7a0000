//! Accounts and their memberships.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_kernel::scope::{Allowed, BrandScope, Limits};
use poem_openapi::types::{Email, ParseFromParameter as _};
use sea_query::{Expr, ExprTrait, LockType, OnConflict, Order, SelectStatement};
use serde_json::json;
use sqlx::FromRow;

use crate::arrivals::note_removal;
use crate::model::{
    Accounts, Arrivals, EmailCodes, Identities, Invitations, ManageMembers, Memberships, Role,
};
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
    if let Err(detail) = check_password(&new.password) {
        wrong("/password", &detail);
    }
    errors
}

/// What is wrong with a password to be.
pub(crate) fn check_password(password: &str) -> Result<(), String> {
    if password.chars().count() < passwords::SHORTEST {
        Err(format!("is shorter than {} characters", passwords::SHORTEST))
    } else if password.len() > LONGEST_PASSWORD {
        Err("is too long".to_owned())
    } else {
        Ok(())
    }
}

/// An account to be that has been checked, with its password hashed: what takes long is done before a transaction.
#[derive(Debug)]
pub struct ReadyAccount {
    email: String,
    name: String,
    hash: String,
}

impl NewAccount {
    /// Checks it and hashes its password.
    ///
    /// # Errors
    /// Every field that is not right.
    pub async fn ready(self) -> Result<ReadyAccount, Problem> {
        let errors = check_account(&self);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(ReadyAccount {
            email: self.email.trim().to_lowercase(),
            name: self.name.trim().to_owned(),
            hash: passwords::hash(self.password).await?,
        })
    }
}

impl ReadyAccount {
    const COLUMNS: [Accounts; 5] =
        [Accounts::Id, Accounts::Email, Accounts::Name, Accounts::PasswordHash, Accounts::CreatedAt];

    fn row(self, id: Id, now: DateTime<Utc>) -> Vec<sea_query::Value> {
        vec![id.into(), self.email.into(), self.name.into(), self.hash.into(), now.into()]
    }

    /// Makes the account in a transaction and answers its id.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn create(self, tx: &mut Tx, (clock, ids): (&Clock, &Ids)) -> Result<Id, Problem> {
        let id = ids.next();
        let insert = tx.insert_global(&Self::COLUMNS, [self.row(id, clock.now())]);
        tx.run(&insert).await.map_err(taken)?;
        Ok(id)
    }
}

pub(crate) fn taken(error: fithire_kernel::db::Error) -> Problem {
    if breaks(&error, "accounts_email", "accounts.email") {
        Problem::new(Code::Conflict).because("an account with this e-mail address is there already")
    } else {
        error.into()
    }
}

/// Makes an account and answers its id.
///
/// # Errors
/// When a field is not right or the address is taken.
pub async fn create_account(db: &Db, clock: &Clock, ids: &Ids, new: NewAccount) -> Result<Id, Problem> {
    let (ready, id) = (new.ready().await?, ids.next());
    let mut tx = db.write_global().await?;
    let insert = tx.insert(&ReadyAccount::COLUMNS, [ready.row(id, clock.now())]);
    tx.run(&insert).await.map_err(taken)?;
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
    put(&mut tx, (clock, scope), account_id, (role, limits)).await?;
    tx.commit().await?;
    Ok(())
}

/// The same in a transaction.
pub(crate) async fn put(
    tx: &mut Tx,
    tools: (&Clock, &BrandScope),
    account_id: Id,
    what: (Role, Limits),
) -> Result<(), Problem> {
    use Memberships::{LocationId, RegionId};
    let changed = key().update_columns([Memberships::Role, RegionId, LocationId]).to_owned();
    put_member(tx, tools, account_id, what, changed).await
}

/// An account that has been recognised, or one to be.
pub(crate) enum Settled {
    Known(Id),
    New(ReadyAccount),
}

impl Settled {
    /// The account's id; a new one is made.
    pub(crate) async fn settle(self, tx: &mut Tx, tools: (&Clock, &Ids)) -> Result<Id, Problem> {
        match self {
            Self::Known(id) => Ok(id),
            Self::New(ready) => ready.create(tx, tools).await,
        }
    }
}

/// Changes what a member is and reaches.
///
/// # Errors
/// 404 when the account is no member; 409 when nobody would be left who looks after the brand.
pub async fn change_member(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    account_id: Id,
    (role, limits): (Role, Limits),
) -> Result<(), Problem> {
    let mut tx = db.write(allowed).await?;
    let before = member_of(&mut tx, account_id).await?;
    if role != Role::Admin || limits != Limits::default() {
        leave_an_admin(&mut tx, account_id).await?;
    }
    let mut update = tx.update(Memberships::Table);
    update
        .value(Memberships::Role, role.as_str())
        .value(Memberships::RegionId, limits.region_id)
        .value(Memberships::LocationId, limits.location_id)
        .and_where(Expr::col(Memberships::AccountId).eq(account_id));
    // Somebody may have been removed since they were read: nobody is brought back by a change.
    if tx.run(&update).await? == 0 {
        return Err(Problem::new(Code::NotFound));
    }
    let told = |role: &str, limits: Limits| json!({"role": role, "region": limits.region_id, "location": limits.location_id});
    let was = Limits { region_id: before.region_id, location_id: before.location_id };
    let event = Event::new("member.changed", "account", account_id)
        .changed(&told(&before.role, was), &told(role.as_str(), limits));
    audit::record(&mut tx, tools, event).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes somebody out of the brand, with their sessions; answers what they were. A profile of theirs stays the brand's.
///
/// # Errors
/// 404 when the account is no member; 409 when nobody would be left who looks after the brand.
pub async fn remove_member(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    account_id: Id,
) -> Result<Member, Problem> {
    let mut tx = db.write(allowed).await?;
    let member = member_of(&mut tx, account_id).await?;
    leave_an_admin(&mut tx, account_id).await?;
    leave(&mut tx, account_id).await?;
    note_removal(&mut tx, account_id, tools.0.now()).await?;
    end_invitations_of(&mut tx, account_id, tools.0.now()).await?;
    let event = Event::new("member.removed", "account", account_id).with(json!({"role": member.role}));
    audit::record(&mut tx, tools, event).await?;
    tx.commit().await?;
    Ok(member)
}

/// Ends what somebody who has gone has invited others, or themselves under another address, to.
pub(crate) async fn end_invitations_of(
    tx: &mut Tx,
    account_id: Id,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut update = tx.update(Invitations::Table);
    update
        .value(Invitations::EndedAt, now)
        .and_where(Expr::col(Invitations::CreatedBy).eq(account_id))
        .and_where(Expr::col(Invitations::EndedAt).is_null());
    tx.run(&update).await?;
    Ok(())
}

/// Ends a membership, with its sessions; whether there was one.
pub(crate) async fn leave(tx: &mut Tx, account_id: Id) -> Result<bool, Problem> {
    let brand_id = tx.scope().brand_id();
    let mut brands = brands_of(tx, account_id).await?;
    brands.retain(|brand| *brand != brand_id);
    let mut update = tx.update_global(Accounts::Table);
    update.value(Accounts::Brands, json!(brands).to_string());
    update.and_where(Expr::col(Accounts::Id).eq(account_id));
    tx.run(&update).await?;
    let mut delete = tx.delete(Memberships::Table);
    delete.and_where(Expr::col(Memberships::AccountId).eq(account_id));
    Ok(tx.run(&delete).await? == 1)
}

/// Takes an account out of the brand, with its sessions and invitations, because its person wants to be forgotten. What an
/// account without any other brand says of its person is emptied; its row stays, because another brand that its person
/// has left may still point to it.
///
/// # Errors
/// 404 when there is no such account.
pub async fn forget_member(tx: &mut Tx, tools: (&Clock, &Ids), account_id: Id) -> Result<(), Problem> {
    let mut select = tx.select_global(Accounts::Table);
    select.column(Accounts::Email).and_where(Expr::col(Accounts::Id).eq(account_id));
    let email: Option<(String,)> = tx.optional(&select).await?;
    let (email,) = email.ok_or_else(|| Problem::new(Code::NotFound))?;
    leave(tx, account_id).await?;
    let mut delete = tx.delete(Invitations::Table);
    delete.and_where(Expr::col(Invitations::Email).eq(email));
    tx.run(&delete).await?;
    forget_arrivals(tx, account_id).await?;
    end_invitations_of(tx, account_id, tools.0.now()).await?;
    empty_where_left(tx, tools.0.now(), account_id).await?;
    audit::record(tx, tools, Event::new("member.erased", "account", account_id)).await
}

/// Empties an account that has no brand any more of what it says of its person.
///
/// # Errors
/// 404 when there is no such account.
pub async fn empty_where_left(tx: &mut Tx, now: DateTime<Utc>, account_id: Id) -> Result<(), Problem> {
    if !brands_of(tx, account_id).await?.is_empty() {
        return Ok(());
    }
    let mut update = tx.update_global(Accounts::Table);
    update
        .value(Accounts::Email, format!("erased:{account_id}"))
        .value(Accounts::Name, "Erased")
        .value(Accounts::PasswordHash, None::<String>)
        .value(Accounts::Disabled, true)
        .value(Accounts::EraseAfter, None::<DateTime<Utc>>)
        .and_where(Expr::col(Accounts::Id).eq(account_id));
    tx.run(&update).await?;
    let mut delete = tx.delete_global(EmailCodes::Table);
    delete.and_where(Expr::col(EmailCodes::AccountId).eq(account_id));
    tx.run(&delete).await?;
    // By an issuer's number alone it is known that nothing older than this makes them anew.
    let mut update = tx.update_global(Identities::Table);
    update
        .value(Identities::AccountId, None::<Id>)
        .value(Identities::UpdatedAt, now)
        .and_where(Expr::col(Identities::AccountId).eq(account_id));
    tx.run(&update).await?;
    Ok(())
}

async fn forget_arrivals(tx: &mut Tx, account_id: Id) -> Result<(), Problem> {
    let mut select = tx.select_global(Identities::Table);
    select
        .columns([Identities::Issuer, Identities::Subject])
        .and_where(Expr::col(Identities::AccountId).eq(account_id));
    let identities: Vec<(String, String)> = tx.all(&select).await?;
    let removal = (String::new(), account_id.to_string());
    for (issuer, subject) in identities.into_iter().chain([removal]) {
        let mut delete = tx.delete(Arrivals::Table);
        delete
            .and_where(Expr::col(Arrivals::Issuer).eq(issuer))
            .and_where(Expr::col(Arrivals::Subject).eq(subject));
        tx.run(&delete).await?;
    }
    Ok(())
}

/// A member of the brand.
///
/// # Errors
/// 404 when the account is none.
pub async fn member_of(tx: &mut Tx, account_id: Id) -> Result<Member, Problem> {
    let mut select = listed(tx);
    select.and_where(Expr::col((Memberships::Table, Memberships::AccountId)).eq(account_id));
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Where a member can be written to.
#[derive(Clone, Debug, FromRow)]
pub struct Mailbox {
    /// What others see.
    pub name: String,
    email: String,
    confirmed_at: Option<DateTime<Utc>>,
}

impl Mailbox {
    /// The address, where there is one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        Some(&*self.email).filter(|email| email.contains('@'))
    }

    /// Whether its person has shown that it is theirs.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }
}

/// Where a member of the brand can be written to; nobody who is none, or may not sign in.
///
/// # Errors
/// When the database cannot be reached.
pub async fn mailbox_of(tx: &mut Tx, account_id: Id) -> Result<Option<Mailbox>, Problem> {
    let mut select = tx.select(Memberships::Table);
    let account =
        Expr::col((Accounts::Table, Accounts::Id)).equals((Memberships::Table, Memberships::AccountId));
    tx.join_global(&mut select, Accounts::Table, account);
    select
        .columns([Accounts::Name, Accounts::Email])
        .expr_as(Expr::col(Accounts::EmailConfirmedAt), "confirmed_at")
        .and_where(Expr::col(Memberships::AccountId).eq(account_id))
        .and_where(Expr::col(Accounts::Disabled).eq(false));
    Ok(tx.optional(&select).await?)
}

/// Those of the accounts that are members of the brand, and stay so until this transaction ends, which writes. On PostgreSQL
/// whoever removes one of them waits, and they are taken in one order, so that two who ask for the same people do not lock
/// each other out; SQLite has one writer.
///
/// # Errors
/// When the database cannot be reached.
pub async fn members_among(tx: &mut Tx, accounts: &[Id]) -> Result<BTreeSet<Id>, Problem> {
    let mut select = tx.select(Memberships::Table);
    select
        .column(Memberships::AccountId)
        .and_where(Expr::col(Memberships::AccountId).is_in(accounts.iter().copied()))
        .order_by(Memberships::AccountId, Order::Asc)
        .lock(LockType::KeyShare);
    let rows: Vec<(Id,)> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Has an account stay a member of the brand until this transaction ends: for whoever writes what goes with a membership, before
/// anything else that removing it takes.
///
/// # Errors
/// 401 when it is none any more: with the membership every session has ended.
pub async fn hold_member(tx: &mut Tx, account_id: Id) -> Result<(), Problem> {
    let held = members_among(tx, &[account_id]).await?;
    if held.is_empty() { Err(Problem::new(Code::Unauthenticated)) } else { Ok(()) }
}

/// Refuses to leave a brand without an admin who reaches all of it. The admins' rows are locked on PostgreSQL, so that
/// two who go at once do not both see the other, and in one order; whoever has locked them by [`members_among`] is not
/// waited for.
async fn leave_an_admin(tx: &mut Tx, but: Id) -> Result<(), Problem> {
    let mut select = tx.select(Memberships::Table);
    select
        .columns([Memberships::AccountId])
        .and_where(Expr::col(Memberships::Role).eq(Role::Admin.as_str()))
        .and_where(Expr::col(Memberships::RegionId).is_null())
        .and_where(Expr::col(Memberships::LocationId).is_null())
        .order_by(Memberships::AccountId, Order::Asc)
        .lock(LockType::NoKeyUpdate);
    let admins: Vec<(Id,)> = tx.all(&select).await?;
    if admins.iter().any(|(id,)| *id == but) && admins.len() == 1 {
        let told = "is the last admin; make somebody else one first";
        return Err(Problem::field("/role", told));
    }
    Ok(())
}

/// Makes an account a member in a transaction; whoever is one already stays what they are.
///
/// # Errors
/// When the account is not there.
pub async fn join(
    tx: &mut Tx,
    (clock, scope): (&Clock, &BrandScope),
    account_id: Id,
    role: Role,
) -> Result<(), Problem> {
    let unchanged = key().do_nothing().to_owned();
    put_member(tx, (clock, scope), account_id, (role, Limits::default()), unchanged).await
}

fn key() -> OnConflict {
    OnConflict::columns([Memberships::BrandId, Memberships::AccountId])
}

async fn put_member(
    tx: &mut Tx,
    (clock, scope): (&Clock, &BrandScope),
    account_id: Id,
    (role, limits): (Role, Limits),
    when_there: OnConflict,
) -> Result<(), Problem> {
    use Memberships::{AccountId, CreatedAt, LocationId, RegionId};
    let mut brands = brands_of(tx, account_id).await?;
    if !brands.contains(&scope.brand_id()) {
        brands.push(scope.brand_id());
        let mut update = tx.update_global(Accounts::Table);
        update.value(Accounts::Brands, json!(brands).to_string());
        update.and_where(Expr::col(Accounts::Id).eq(account_id));
        tx.run(&update).await?;
    }
    let columns = [AccountId, Memberships::Role, RegionId, LocationId, CreatedAt];
    let row = vec![
        account_id.into(),
        role.as_str().into(),
        limits.region_id.into(),
        limits.location_id.into(),
        clock.now().into(),
    ];
    let mut insert = tx.insert(&columns, [row]);
    insert.on_conflict(when_there);
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
    let mut select = listed(tx);
    if let Some(role) = role {
        select.and_where(Expr::col((Memberships::Table, Memberships::Role)).eq(role.as_str()));
    }
    let asked = Asked { list: "members", order: Order::Asc, limit, cursor };
    let ids = (Memberships::Table, Memberships::AccountId);
    asked.by_id(tx, select, ids, |member: &Member| member.account_id).await
}

/// Members with their accounts.
fn listed(tx: &Tx) -> SelectStatement {
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
        ]);
    select
}

/// What accounts are called; one that is gone is missing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn names(tx: &mut Tx, accounts: &[Id]) -> Result<BTreeMap<Id, String>, Problem> {
    let mut select = tx.select_global(Accounts::Table);
    select
        .columns([Accounts::Id, Accounts::Name])
        .and_where(Expr::col(Accounts::Id).is_in(accounts.iter().copied()));
    let rows: Vec<(Id, String)> = tx.all(&select).await?;
    Ok(rows.into_iter().collect())
}
