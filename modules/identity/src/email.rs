//! What is proved by an address: confirming it, and a new password for whoever forgot theirs.
//!
//! A link in a message has a code that works once and not for long; of it only the hash is kept. Whether an address has an
//! account shows neither in an answer nor in its time: the message is written after the answer.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::db::{GlobalTx, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope};
use sea_query::{Expr, ExprTrait};
use sqlx::FromRow;

use crate::arrivals::brands_listed;
use crate::guard::Caller;
use crate::letters::{self, Purpose, code_for};
use crate::members::check_password;
use crate::model::{Accounts, EmailCodes};
use crate::passwords;
use crate::secret;
use crate::tokens::{Identity, LONGEST_EMAIL};

#[derive(FromRow)]
struct CodeRow {
    account_id: Id,
    email: String,
    expires_at: DateTime<Utc>,
}

/// What an account says of its person, for that person.
#[derive(Clone, Debug, FromRow)]
pub struct OwnAccount {
    /// What others see.
    pub name: String,
    /// Signs in with this; `none:…` where there is none.
    pub email: String,
    /// Whether there is a password.
    pub has_password: bool,
    /// When its person has shown that the address is theirs.
    pub email_confirmed_at: Option<DateTime<Utc>>,
}

impl OwnAccount {
    /// The address, where there is one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        Some(&*self.email).filter(|email| email.contains('@'))
    }
}

impl Identity {
    /// Sends whoever has the address a link to a new password, if somebody has.
    ///
    /// # Errors
    /// 429 after too many attempts.
    pub fn forgotten(self: &Arc<Self>, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        if email.len() > LONGEST_EMAIL {
            return Ok(());
        }
        let email = email.trim().to_lowercase();
        if !email.contains('@') {
            return Err(Problem::field("/email", "is not an e-mail address"));
        }
        self.throttle_address(address)?;
        // Whose mailbox somebody wants to fill is not told either.
        if self.resets.check(&email, "too many messages").is_err() {
            return Ok(());
        }
        let identity = self.clone();
        tokio::spawn(async move {
            if let Err(problem) = identity.send_reset(&email).await {
                tracing::error!(%problem, "a link to a new password could not be sent");
            }
        });
        Ok(())
    }

    async fn send_reset(&self, email: &str) -> Result<(), Problem> {
        let Some(account) = self.account(email).await?.filter(|account| !account.disabled) else {
            return Ok(());
        };
        let mut tx = self.db.read_global().await?;
        let brands = brands_listed(&mut tx, account.id).await?;
        tx.commit().await?;
        let Some(brand_id) = brands.first() else {
            // Nobody's queue is theirs; they may be about to take up an invitation.
            let code = code_for(&self.db, self.clock.now(), (account.id, email), Purpose::Reset).await?;
            let (subject, text) = Purpose::Reset.words(&self.origin, (email, &code));
            self.mail.send(email, subject, text);
            return Ok(());
        };
        self.ask_for(*brand_id, account.id, Purpose::Reset).await
    }

    async fn ask_for(&self, brand_id: Id, account_id: Id, purpose: Purpose) -> Result<(), Problem> {
        let mut tx = self.db.write(&BrandScope::mint(brand_id, Actor::System)).await?;
        letters::ask(&mut tx, (&self.clock, &self.ids), account_id, purpose).await?;
        Ok(tx.commit().await?)
    }

    /// The same again, for somebody who is signed in.
    ///
    /// # Errors
    /// 429 after too many attempts.
    pub async fn ask_again(&self, caller: &Caller) -> Result<(), Problem> {
        let own = self.own_account(caller.account_id()).await?;
        let Some(email) = own.address().filter(|_| own.email_confirmed_at.is_none()) else { return Ok(()) };
        self.throttle(&email.to_owned(), caller.scope().origin())?;
        self.ask_for(caller.scope().brand_id(), caller.account_id(), Purpose::Confirm).await
    }

    /// Whether a link to a new password works.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn may_reset(&self, code: &str) -> Result<bool, Problem> {
        let mut tx = self.db.read_global().await?;
        Ok(self.code(&mut tx, code, Purpose::Reset).await?.is_some())
    }

    async fn code(
        &self,
        tx: &mut GlobalTx,
        code: &str,
        purpose: Purpose,
    ) -> Result<Option<CodeRow>, Problem> {
        let mut select = tx.select(EmailCodes::Table);
        select
            .columns([EmailCodes::AccountId, EmailCodes::Email, EmailCodes::ExpiresAt])
            .and_where(Expr::col(EmailCodes::SecretHash).eq(secret::hash(code)))
            .and_where(Expr::col(EmailCodes::Purpose).eq(purpose.as_str()));
        let row: Option<CodeRow> = tx.optional(&select).await?;
        Ok(row.filter(|row| self.clock.now() < row.expires_at))
    }

    /// Uses a code up; nothing when it does not work, or somebody has used it meanwhile.
    async fn used(
        &self,
        tx: &mut GlobalTx,
        code: &str,
        purpose: Purpose,
    ) -> Result<Option<CodeRow>, Problem> {
        let Some(row) = self.code(tx, code, purpose).await? else { return Ok(None) };
        let mut delete = tx.delete(EmailCodes::Table);
        delete.and_where(Expr::col(EmailCodes::SecretHash).eq(secret::hash(code)));
        let first = tx.run(&delete).await? == 1;
        Ok(Some(row).filter(|_| first))
    }

    /// Confirms the address to which a code was sent, by somebody who can sign in to its account: whoever was sent a message
    /// about an account that somebody else has made does not confirm it for them.
    ///
    /// # Errors
    /// 404 when the code does not work for the account.
    pub async fn confirm(&self, account_id: Id, code: &str) -> Result<(), Problem> {
        let mut tx = self.db.write_global().await?;
        let row = self.used(&mut tx, code, Purpose::Confirm).await?;
        let row = row.filter(|row| row.account_id == account_id);
        let row = row.ok_or_else(|| Problem::new(Code::NotFound))?;
        let mut update = tx.update(Accounts::Table);
        update
            .value(Accounts::EmailConfirmedAt, self.clock.now())
            .and_where(Expr::col(Accounts::Id).eq(row.account_id))
            .and_where(Expr::col(Accounts::Email).eq(row.email));
        tx.run(&update).await?;
        Ok(tx.commit().await?)
    }

    /// Sets the password of the account to whose address a code was sent, which is confirmed by that, and signs it out
    /// everywhere.
    ///
    /// # Errors
    /// 404 when the code does not work; when the password is too short.
    pub async fn reset(&self, code: &str, password: String, address: Option<IpAddr>) -> Result<(), Problem> {
        check_password(&password).map_err(|detail| Problem::field("/password", detail))?;
        let hash = passwords::hash(password).await?;
        let mut tx = self.db.write_global().await?;
        let row = self.used(&mut tx, code, Purpose::Reset).await?;
        let row = row.ok_or_else(|| Problem::new(Code::NotFound))?;
        let mut update = tx.update(Accounts::Table);
        update
            .value(Accounts::EmailConfirmedAt, self.clock.now())
            .and_where(Expr::col(Accounts::Id).eq(row.account_id))
            .and_where(Expr::col(Accounts::Email).eq(row.email));
        if tx.run(&update).await? == 0 {
            return Err(Problem::new(Code::NotFound));
        }
        self.put_password(tx, row.account_id, hash, address).await
    }

    /// Changes the password of somebody who is signed in and knows the one before; signs them out everywhere. Whoever has
    /// none is sent a link to one: a session alone does not prove whose account it is.
    ///
    /// # Errors
    /// When either is not right; 429 after too many attempts.
    pub async fn change_password(
        &self,
        account_id: Id,
        (before, password): (String, String),
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        check_password(&password).map_err(|detail| Problem::field("/password", detail))?;
        let own = self.own_account(account_id).await?;
        let known = self.recognise(&own.email, before, address).await;
        known.map_err(|problem| match problem.code {
            Code::Unauthenticated => Problem::field("/before", "is not your password"),
            _ => problem,
        })?;
        let hash = passwords::hash(password).await?;
        self.put_password(self.db.write_global().await?, account_id, hash, address).await
    }

    async fn put_password(
        &self,
        mut tx: GlobalTx,
        account_id: Id,
        hash: String,
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        let mut update = tx.update(Accounts::Table);
        update
            .value(Accounts::PasswordHash, hash)
            .value(Accounts::SignedOutAt, self.clock.now())
            .and_where(Expr::col(Accounts::Id).eq(account_id));
        tx.run(&update).await?;
        let mut delete = tx.delete(EmailCodes::Table);
        delete
            .and_where(Expr::col(EmailCodes::AccountId).eq(account_id))
            .and_where(Expr::col(EmailCodes::Purpose).eq(Purpose::Reset.as_str()));
        tx.run(&delete).await?;
        let brands = brands_listed(&mut tx, account_id).await?;
        let event = Event::new("password.changed", "account", account_id);
        self.record_everywhere(tx, (Actor::Account(account_id), brands), event, address).await
    }

    /// Records in every brand of an account what has happened to it, and commits.
    pub(crate) async fn record_everywhere(
        &self,
        tx: GlobalTx,
        (actor, brands): (Actor, Vec<Id>),
        event: Event,
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        let scope = |brand_id| BrandScope::mint(brand_id, actor).from(address);
        let Some((first, rest)) = brands.split_first() else { return Ok(tx.commit().await?) };
        let mut tx: Tx = tx.enter(&scope(*first)).await?;
        audit::record(&mut tx, (&self.clock, &self.ids), event.clone()).await?;
        for brand_id in rest {
            tx = tx.enter(&scope(*brand_id)).await?;
            audit::record(&mut tx, (&self.clock, &self.ids), event.clone()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What an account says of its person.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn own_account(&self, account_id: Id) -> Result<OwnAccount, Problem> {
        let mut tx = self.db.read_global().await?;
        let mut select = tx.select(Accounts::Table);
        select
            .columns([Accounts::Name, Accounts::Email, Accounts::EmailConfirmedAt])
            .expr_as(Expr::col(Accounts::PasswordHash).is_not_null(), "has_password")
            .and_where(Expr::col(Accounts::Id).eq(account_id));
        tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
    }
}
