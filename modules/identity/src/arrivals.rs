//! People who come by another issuer: their account, and how they become members.
//!
//! Tokens and messages of an issuer arrive in any order and some never do, so that each is taken for what it proves at its
//! time: the newest evidence of whether somebody belongs to a brand counts, and a deletion is final. Somebody who belongs
//! becomes a member once; whom an admin has taken out stays out until they are invited.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::db::{GlobalTx, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope};
use sea_query::{Expr, ExprTrait, OnConflict, UpdateStatement};
use serde_json::json;
use sqlx::FromRow;

use crate::guard::Caller;
use crate::invitations;
use crate::issuers::{Admits, Evidence, Issuer};
use crate::members::{join, put, taken};
use crate::model::{Accounts, Arrivals, Identities, Role};
use crate::tokens::Identity;

/// What nobody has said anything about yet.
const NEVER: DateTime<Utc> = DateTime::UNIX_EPOCH;

#[derive(FromRow)]
struct IdentityRow {
    account_id: Option<Id>,
    deleted: bool,
    updated_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Owner {
    id: Id,
    brands: String,
    disabled: bool,
    email_confirmed_at: Option<DateTime<Utc>>,
}

/// What an account was for an identity: known before, made for it, or somebody's that it now opens, with its brands.
pub(crate) enum Settled {
    Known(Id),
    Linked(Id, Vec<Id>),
}

/// An account as somebody's other name leads to it.
#[derive(FromRow)]
pub(crate) struct Account {
    pub(crate) id: Id,
    brands: String,
    disabled: bool,
    signed_out_at: Option<DateTime<Utc>>,
    linked_at: Option<DateTime<Utc>>,
}

impl Account {
    /// Since when something counts that was issued at a time: the account was signed out when it was linked, and what links
    /// it is older than that.
    pub(crate) fn counts_from(&self, issued_at: DateTime<Utc>) -> DateTime<Utc> {
        match self.linked_at {
            Some(linked_at) if self.signed_out_at == Some(linked_at) => linked_at + TimeDelta::seconds(1),
            _ => issued_at,
        }
    }

    pub(crate) fn brands(&self) -> Vec<Id> {
        serde_json::from_str(&self.brands).unwrap_or_default()
    }
}

/// What was last heard of somebody's belonging to the brand.
#[derive(FromRow)]
struct Heard {
    belongs: bool,
    at: DateTime<Utc>,
    joined: bool,
}

impl Identity {
    /// Whom a token of another issuer lets in, with what they may do now.
    pub(crate) async fn arrived(
        &self,
        issuer: &Issuer,
        evidence: &Evidence,
        address: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        let refused = || Problem::new(Code::Unauthenticated).because("the token is not valid; sign in again");
        let account = self.account_behind(issuer, evidence).await?.ok_or_else(refused)?;
        let since = account.counts_from(evidence.issued_at);
        let only = match account.brands()[..] {
            [only] => Some(only),
            _ => None,
        };
        let brand_id = evidence.organisation.or(issuer.brand_id).or(only);
        let brand_id = brand_id.ok_or_else(|| {
            Problem::new(Code::Forbidden).because("the token names no organisation that is a brand here")
        })?;
        if let Some(caller) = self.member(account.id, brand_id, since).await? {
            return Ok(caller);
        }
        self.admit(issuer, evidence, (account.id, brand_id), address).await?;
        self.member(account.id, brand_id, since).await?.ok_or_else(refused)
    }

    /// The account of whom a token is for, made by the first; nobody when the issuer has deleted them, the account is
    /// disabled, or it was signed out everywhere since.
    pub(crate) async fn account_behind(
        &self,
        issuer: &Issuer,
        evidence: &Evidence,
    ) -> Result<Option<Account>, Problem> {
        let name = &issuer.settings.name;
        let mut found = self.account_named(name, &evidence.subject).await?;
        if found.is_none() {
            let person = (evidence.name.as_deref(), evidence.email.as_deref());
            let identity = (&**name, &*evidence.subject);
            match self.settle_now(identity, person, evidence.issued_at).await {
                // Somebody else has just taken the address: it is theirs now, and seen so.
                Err(problem) if problem.code == Code::Conflict => {
                    self.settle_now(identity, person, evidence.issued_at).await
                }
                settled => settled,
            }?;
            found = self.account_named(name, &evidence.subject).await?;
        }
        Ok(found.filter(|account| {
            let since = account.counts_from(evidence.issued_at);
            !account.disabled && account.signed_out_at.is_none_or(|at| issued_after(since, at))
        }))
    }

    async fn settle_now(
        &self,
        identity: (&str, &str),
        person: (Option<&str>, Option<&str>),
        issued_at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let mut tx = self.db.write_global().await?;
        match self.settle(&mut tx, identity, person, Some(issued_at)).await? {
            Some(Settled::Linked(account_id, brands)) => {
                let event =
                    Event::new("account.linked", "account", account_id).with(json!({"issuer": identity.0}));
                self.record_everywhere(tx, (Actor::Account(account_id), brands), event, None).await
            }
            _ => Ok(tx.commit().await?),
        }
    }

    async fn account_named(&self, issuer: &str, subject: &str) -> Result<Option<Account>, Problem> {
        let mut tx = self.db.read_global().await?;
        let mut select = tx.select(Identities::Table);
        let account =
            Expr::col((Accounts::Table, Accounts::Id)).equals((Identities::Table, Identities::AccountId));
        tx.join(&mut select, Accounts::Table, account);
        select
            .columns([Accounts::Id, Accounts::Brands, Accounts::Disabled, Accounts::SignedOutAt])
            .column(Identities::LinkedAt)
            .and_where(Expr::col(Identities::Issuer).eq(issuer))
            .and_where(Expr::col(Identities::Subject).eq(subject))
            .and_where(Expr::col(Identities::Deleted).eq(false));
        Ok(tx.optional(&select).await?)
    }

    /// The account of an identity, made where there is none; nobody's when the issuer has deleted it. `issued_at` is when a
    /// token was, and nothing for a message. A verified address opens the account that has it, by a token alone: by that its
    /// person is here. A disabled account is opened by nothing. Whom somebody was before they were erased here is known by
    /// its time, and made anew by a newer token alone.
    pub(crate) async fn settle(
        &self,
        tx: &mut GlobalTx,
        identity: (&str, &str),
        (name, email): (Option<&str>, Option<&str>),
        issued_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Settled>, Problem> {
        let row = known(tx, identity).await?;
        if row.deleted {
            return Ok(None);
        }
        if let Some(account_id) = row.account_id {
            return Ok(Some(Settled::Known(account_id)));
        }
        if row.updated_at != NEVER && issued_at.is_none_or(|at| at <= row.updated_at) {
            return Ok(None);
        }
        let email = email.map(|email| email.trim().to_lowercase());
        let owner = match &email {
            Some(email) => owner_of(tx, email).await?,
            None => None,
        };
        let settled = match owner {
            Some(owner) if owner.disabled || issued_at.is_none() => return Ok(None),
            Some(owner) => {
                self.take_over(tx, identity, &owner).await?;
                Settled::Linked(owner.id, serde_json::from_str(&owner.brands).unwrap_or_default())
            }
            None => Settled::Known(self.new_account(tx, name, email).await?),
        };
        let (Settled::Known(account_id) | Settled::Linked(account_id, _)) = &settled;
        let mut update = of(tx, identity);
        update.value(Identities::AccountId, *account_id);
        tx.run(&update).await?;
        tracing::info!(account.id = account_id, issuer = identity.0, "somebody has come by an issuer");
        Ok(Some(settled))
    }

    /// Lets an identity into an account. Where nobody has confirmed the account's address so far, whoever made it may be
    /// somebody else: its password and its sessions end.
    async fn take_over(
        &self,
        tx: &mut GlobalTx,
        identity: (&str, &str),
        owner: &Owner,
    ) -> Result<(), Problem> {
        if owner.email_confirmed_at.is_none() {
            let now = self.clock.now();
            let mut update = tx.update(Accounts::Table);
            update
                .value(Accounts::PasswordHash, None::<String>)
                .value(Accounts::SignedOutAt, now)
                .value(Accounts::EmailConfirmedAt, now)
                .and_where(Expr::col(Accounts::Id).eq(owner.id));
            tx.run(&update).await?;
            let mut update = of(tx, identity);
            update.value(Identities::LinkedAt, now);
            tx.run(&update).await?;
        }
        Ok(())
    }

    async fn new_account(
        &self,
        tx: &mut GlobalTx,
        name: Option<&str>,
        email: Option<String>,
    ) -> Result<Id, Problem> {
        let (id, now) = (self.ids.next(), self.clock.now());
        let called = name.and_then(plain);
        let called = called.or(email.as_deref().and_then(|email| email.split('@').next()).and_then(plain));
        let called = called.unwrap_or_else(|| "New member".to_owned());
        let columns =
            [Accounts::Id, Accounts::Email, Accounts::Name, Accounts::CreatedAt, Accounts::EmailConfirmedAt];
        let confirmed = email.is_some().then_some(now);
        let email = email.unwrap_or_else(|| format!("none:{id}"));
        let row = vec![id.into(), email.into(), called.into(), now.into(), confirmed.into()];
        tx.run(&tx.insert(&columns, [row])).await.map_err(taken)?;
        Ok(id)
    }

    /// Makes somebody a member of a brand for what a token proves.
    ///
    /// # Errors
    /// 403 when it does not prove enough.
    pub(crate) async fn admit(
        &self,
        issuer: &Issuer,
        evidence: &Evidence,
        (account_id, brand_id): (Id, Id),
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        let scope = BrandScope::mint(brand_id, Actor::System).from(address);
        let identity = (&*issuer.settings.name, &*evidence.subject);
        let mut tx = self.db.write(&scope).await?;
        let heard = heard_of(&mut tx, identity).await?;
        let invitation = match &evidence.email {
            Some(email) => invitations::end_of_address(&mut tx, &self.clock, email).await?,
            None => None,
        };
        // Whoever was taken out since comes back by what was heard since.
        let since = removed_at(&mut tx, account_id).await?;
        let waits = heard.belongs && !heard.joined && heard.at > since;
        let anew = !heard.belongs && evidence.issued_at > heard.at && heard.at >= since;
        let belongs = evidence.organisation == Some(brand_id) && (waits || anew);
        let everyone = issuer.settings.admits == Admits::Everyone && issuer.brand_id == Some(brand_id);
        let open = everyone && heard.at == NEVER && since == NEVER;
        let by = match &invitation {
            Some(_) => "invitation",
            None if belongs => "organisation",
            None if open => "issuer",
            None => {
                let told = "you are not a member of this brand; ask one of its admins to invite you";
                return Err(Problem::new(Code::Forbidden).because(told));
            }
        };
        match invitation {
            Some(what) => put(&mut tx, (&self.clock, &scope), account_id, what).await?,
            None => join(&mut tx, (&self.clock, &scope), account_id, Role::Coach).await?,
        }
        let at = std::cmp::max(evidence.issued_at, heard.at);
        let heard = Heard { belongs: true, at, joined: true };
        note(&mut tx, identity, &heard).await?;
        let event = Event::new("member.joined", "account", account_id)
            .with(json!({"by": by, "issuer": issuer.settings.name}));
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes what an issuer says of somebody's belonging to the brand of the transaction, unless something newer is known;
    /// of two things said for the same moment the leaving counts.
    pub(crate) async fn hear(
        &self,
        tx: &mut Tx,
        identity: (&str, &str),
        (belongs, at): (bool, DateTime<Utc>),
    ) -> Result<(), Problem> {
        let before = heard_of(tx, identity).await?;
        if at < before.at || (at == before.at && (belongs || !before.belongs)) {
            return Ok(());
        }
        let mut heard = Heard { belongs, at, joined: before.joined && belongs };
        // Read now that the row is held: whoever makes the account meanwhile comes after us.
        if let Some(account_id) = account_id_of(tx, identity).await? {
            if belongs && !heard.joined && at > removed_at(tx, account_id).await? {
                self.join_by(tx, identity.0, account_id).await?;
                heard.joined = true;
            }
            if !belongs {
                self.leave_by(tx, identity.0, account_id).await?;
            }
        }
        note(tx, identity, &heard).await
    }

    /// Makes somebody whose account has just become known a member, where it was said before that they belong.
    pub(crate) async fn join_where_expected(
        &self,
        tx: &mut Tx,
        identity: (&str, &str),
        account_id: Id,
    ) -> Result<(), Problem> {
        let heard = heard_of(tx, identity).await?;
        if heard.belongs && !heard.joined && heard.at > removed_at(tx, account_id).await? {
            self.join_by(tx, identity.0, account_id).await?;
            note(tx, identity, &Heard { joined: true, ..heard }).await?;
        }
        Ok(())
    }

    async fn join_by(&self, tx: &mut Tx, issuer: &str, account_id: Id) -> Result<(), Problem> {
        let scope = tx.scope().clone();
        join(tx, (&self.clock, &scope), account_id, Role::Coach).await?;
        let event = Event::new("member.joined", "account", account_id)
            .with(json!({"by": "organisation", "issuer": issuer}));
        audit::record(tx, (&self.clock, &self.ids), event).await
    }

    async fn leave_by(&self, tx: &mut Tx, issuer: &str, account_id: Id) -> Result<(), Problem> {
        if crate::members::leave(tx, account_id).await? {
            let event = Event::new("member.removed", "account", account_id)
                .with(json!({"by": "organisation", "issuer": issuer}));
            audit::record(tx, (&self.clock, &self.ids), event).await?;
        }
        Ok(())
    }

    /// Changes what an account says of its person, as an issuer says it now, unless something newer is known; answers whether
    /// it has been disabled or enabled by that, and its brands. An address is taken over where it is believed, nobody else has
    /// it, and the account signs in by no password of its own.
    pub(crate) async fn update_person(
        &self,
        tx: &mut GlobalTx,
        identity: (&str, &str),
        (name, email, banned): (Option<&str>, Option<&str>, bool),
        at: DateTime<Utc>,
    ) -> Result<Option<(bool, Vec<Id>)>, Problem> {
        let row = known(tx, identity).await?;
        let Some(account_id) = row.account_id.filter(|_| !row.deleted && at > row.updated_at) else {
            return Ok(None);
        };
        let mut update = of(tx, identity);
        update.value(Identities::UpdatedAt, at).value(Identities::Banned, banned);
        tx.run(&update).await?;
        let now = self.clock.now();
        if let Some(name) = name.and_then(plain) {
            let mut update = tx.update(Accounts::Table);
            update.value(Accounts::Name, name).and_where(Expr::col(Accounts::Id).eq(account_id));
            tx.run(&update).await?;
        }
        if let Some(email) = email.map(|email| email.trim().to_lowercase())
            && owner_of(tx, &email).await?.is_none()
        {
            let mut update = tx.update(Accounts::Table);
            update
                .value(Accounts::Email, email)
                .value(Accounts::EmailConfirmedAt, now)
                .and_where(Expr::col(Accounts::Id).eq(account_id))
                .and_where(Expr::col(Accounts::PasswordHash).is_null());
            tx.run(&update).await.map_err(taken)?;
        }
        // One issuer's word is enough to shut somebody out, and none undoes another's.
        let mut select = tx.select(Identities::Table);
        let shut = Expr::col(Identities::Banned).eq(true).or(Expr::col(Identities::Deleted).eq(true));
        select
            .column(Identities::Subject)
            .and_where(Expr::col(Identities::AccountId).eq(account_id))
            .and_where(shut)
            .limit(1);
        let shut: Option<(String,)> = tx.optional(&select).await?;
        self.disable(tx, account_id, shut.is_some()).await
    }

    /// Disables an account, with everything that is open, or enables it; nothing when it is so already.
    async fn disable(
        &self,
        tx: &mut GlobalTx,
        account_id: Id,
        disabled: bool,
    ) -> Result<Option<(bool, Vec<Id>)>, Problem> {
        let mut update = tx.update(Accounts::Table);
        update
            .value(Accounts::Disabled, disabled)
            .and_where(Expr::col(Accounts::Id).eq(account_id))
            .and_where(Expr::col(Accounts::Disabled).ne(disabled));
        if disabled {
            update.value(Accounts::SignedOutAt, self.clock.now());
        }
        if tx.run(&update).await? == 0 {
            return Ok(None);
        }
        Ok(Some((disabled, brands_listed(tx, account_id).await?)))
    }

    /// Cuts somebody off whom an issuer has deleted, for good; answers the account and its brands. With `erase` their data
    /// is erased when the schedule next comes by.
    pub(crate) async fn cut_off(
        &self,
        tx: &mut GlobalTx,
        identity: (&str, &str),
        erase: bool,
    ) -> Result<Option<(Id, Vec<Id>)>, Problem> {
        let row = known(tx, identity).await?;
        let mut update = of(tx, identity);
        update.value(Identities::Deleted, true);
        tx.run(&update).await?;
        let Some(account_id) = row.account_id.filter(|_| !row.deleted) else { return Ok(None) };
        if erase {
            let mut update = tx.update(Accounts::Table);
            update
                .value(Accounts::EraseAfter, self.clock.now())
                .and_where(Expr::col(Accounts::Id).eq(account_id));
            tx.run(&update).await?;
        }
        let cut = self.disable(tx, account_id, true).await?;
        Ok(cut.map(|(_, brands)| (account_id, brands)))
    }
}

/// Whether something was issued after a moment. Tokens say whole seconds: one of the same second may be older.
pub(crate) fn issued_after(issued_at: DateTime<Utc>, moment: DateTime<Utc>) -> bool {
    issued_at > moment
}

/// A name as others may see it, where it is one.
fn plain(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The account behind an identity; nobody's when the issuer has deleted it.
async fn account_id_of(tx: &mut Tx, identity: (&str, &str)) -> Result<Option<Id>, Problem> {
    let mut select = tx.select_global(Identities::Table);
    select
        .columns([Identities::AccountId, Identities::Deleted, Identities::UpdatedAt])
        .and_where(Expr::col(Identities::Issuer).eq(identity.0))
        .and_where(Expr::col(Identities::Subject).eq(identity.1));
    let row: Option<IdentityRow> = tx.optional(&select).await?;
    Ok(row.filter(|row| !row.deleted).and_then(|row| row.account_id))
}

/// Changes an identity.
fn of(tx: &GlobalTx, (issuer, subject): (&str, &str)) -> UpdateStatement {
    let mut update = tx.update(Identities::Table);
    update
        .and_where(Expr::col(Identities::Issuer).eq(issuer))
        .and_where(Expr::col(Identities::Subject).eq(subject));
    update
}

/// Notes that an admin has taken an account out of the brand.
pub(crate) async fn note_removal(tx: &mut Tx, account_id: Id, at: DateTime<Utc>) -> Result<(), Problem> {
    let subject = account_id.to_string();
    heard_of(tx, ("", &subject)).await?;
    note(tx, ("", &subject), &Heard { belongs: false, at, joined: false }).await
}

/// When an admin last took an account out of the brand.
async fn removed_at(tx: &mut Tx, account_id: Id) -> Result<DateTime<Utc>, Problem> {
    let mut select = tx.select(Arrivals::Table);
    select
        .column(Arrivals::HeardAt)
        .and_where(Expr::col(Arrivals::Issuer).eq(""))
        .and_where(Expr::col(Arrivals::Subject).eq(account_id.to_string()));
    let row: Option<(DateTime<Utc>,)> = tx.optional(&select).await?;
    Ok(row.map_or(NEVER, |(at,)| at))
}

/// The brands in which an account has a membership.
pub(crate) async fn brands_listed(tx: &mut GlobalTx, account_id: Id) -> Result<Vec<Id>, Problem> {
    let mut select = tx.select(Accounts::Table);
    select.column(Accounts::Brands).and_where(Expr::col(Accounts::Id).eq(account_id));
    let brands: Option<(String,)> = tx.optional(&select).await?;
    Ok(brands.and_then(|(brands,)| serde_json::from_str(&brands).ok()).unwrap_or_default())
}

async fn owner_of(tx: &mut GlobalTx, email: &str) -> Result<Option<Owner>, Problem> {
    let mut select = tx.select(Accounts::Table);
    select
        .columns([Accounts::Id, Accounts::Brands, Accounts::Disabled, Accounts::EmailConfirmedAt])
        .and_where(Expr::col(Accounts::Email).eq(email))
        .lock_exclusive();
    Ok(tx.optional(&select).await?)
}

/// The row of an identity, made where there is none, and held until the transaction ends: what else arrives of the same
/// person waits.
async fn known(tx: &mut GlobalTx, (issuer, subject): (&str, &str)) -> Result<IdentityRow, Problem> {
    use Identities::{AccountId, Deleted, Issuer as By, Subject, UpdatedAt};
    let mut insert =
        tx.insert(&[By, Subject, UpdatedAt], [vec![issuer.into(), subject.into(), NEVER.into()]]);
    insert.on_conflict(OnConflict::columns([By, Subject]).do_nothing().to_owned());
    tx.run(&insert).await?;
    let mut select = tx.select(Identities::Table);
    select
        .columns([AccountId, Deleted, UpdatedAt])
        .and_where(Expr::col(By).eq(issuer))
        .and_where(Expr::col(Subject).eq(subject))
        .lock_exclusive();
    let row: Option<IdentityRow> = tx.optional(&select).await?;
    row.ok_or_else(|| Problem::internal(&"an identity that was written is not there"))
}

/// What was heard of somebody in the brand; the row is made and held like that of an identity.
async fn heard_of(tx: &mut Tx, (issuer, subject): (&str, &str)) -> Result<Heard, Problem> {
    use Arrivals::{Belongs, HeardAt, Issuer as By, Joined, Subject};
    let row = vec![issuer.into(), subject.into(), false.into(), NEVER.into()];
    let mut insert = tx.insert(&[By, Subject, Belongs, HeardAt], [row]);
    let key = OnConflict::columns([Arrivals::BrandId, By, Subject]).do_nothing().to_owned();
    insert.on_conflict(key);
    tx.run(&insert).await?;
    let mut select = tx.select(Arrivals::Table);
    select
        .columns([Belongs, Joined])
        .expr_as(Expr::col(HeardAt), "at")
        .and_where(Expr::col(By).eq(issuer))
        .and_where(Expr::col(Subject).eq(subject))
        .lock_exclusive();
    let row: Option<Heard> = tx.optional(&select).await?;
    row.ok_or_else(|| Problem::internal(&"an arrival that was written is not there"))
}

async fn note(tx: &mut Tx, (issuer, subject): (&str, &str), heard: &Heard) -> Result<(), Problem> {
    let mut update = tx.update(Arrivals::Table);
    update
        .value(Arrivals::Belongs, heard.belongs)
        .value(Arrivals::HeardAt, heard.at)
        .value(Arrivals::Joined, heard.joined)
        .and_where(Expr::col(Arrivals::Issuer).eq(issuer))
        .and_where(Expr::col(Arrivals::Subject).eq(subject));
    tx.run(&update).await?;
    Ok(())
}
