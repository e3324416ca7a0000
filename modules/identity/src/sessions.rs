//! Sessions of the pages: kept in the database, opened by a secret that only its cookie has.
//!
//! A cookie is `BRAND.SECRET`; the database holds the secret's SHA-256. A session ends [`IDLE`] after its last
//! request, [`LONGEST`] after it began, and when it is closed. Signing in always makes a new one.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::db::{ScopedTable, Tx, Within};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, BrandScope};
use sea_query::{Expr, ExprTrait, Iden, SelectStatement};
use sqlx::FromRow;

use crate::guard::Caller;
use crate::members::hold_member;
use crate::secret;
use crate::tokens::Identity;

/// A session that nobody uses ends.
pub(crate) const IDLE: TimeDelta = TimeDelta::hours(12);
/// No session lasts longer.
pub(crate) const LONGEST: TimeDelta = TimeDelta::days(7);
/// How exactly the last use is known: not every request writes.
const NOTICED: TimeDelta = TimeDelta::minutes(5);

#[derive(Iden, Clone, Copy)]
enum Sessions {
    Table,
    BrandId,
    SecretHash,
    AccountId,
    CreatedAt,
    SeenAt,
}

impl ScopedTable for Sessions {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow)]
struct Row {
    account_id: Id,
    created_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
}

impl Row {
    fn lasts(&self, now: DateTime<Utc>) -> bool {
        now - self.seen_at < IDLE && now - self.created_at < LONGEST
    }
}

/// Asks how much an account has been told that it has not read, in the round trip that a page makes anyway; the select gives
/// one number or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bell(pub fn(&Within, Id) -> SelectStatement);

impl Identity {
    /// Opens a session and answers its cookie. Sessions that have ended are removed.
    ///
    /// # Errors
    /// 401 when the account has no membership in the brand.
    pub async fn open_session(
        &self,
        account_id: Id,
        brand_id: Id,
        address: Option<IpAddr>,
    ) -> Result<String, Problem> {
        self.open_session_since((account_id, brand_id), self.clock.now(), address).await
    }

    /// The same for somebody who was recognised a moment ago, or goes on from a session that was opened then: it ends with
    /// that one, and by whatever has signed the account out since.
    ///
    /// # Errors
    /// 401 when the account has no membership in the brand.
    pub async fn open_session_since(
        &self,
        (account_id, brand_id): (Id, Id),
        since: DateTime<Utc>,
        address: Option<IpAddr>,
    ) -> Result<String, Problem> {
        let scope = BrandScope::mint(brand_id, Actor::Account(account_id)).from(address);
        let (secret, now) = (secret::random(), self.clock.now());
        let mut tx = self.db.write(&scope).await?;
        // The membership first, as whoever removes it takes it before its sessions.
        hold_member(&mut tx, account_id).await?;
        remove_ended(&mut tx, now).await?;
        let columns = [Sessions::SecretHash, Sessions::AccountId, Sessions::CreatedAt, Sessions::SeenAt];
        let row = vec![secret::hash(&secret).into(), account_id.into(), since.into(), now.into()];
        tx.run(&tx.insert(&columns, [row])).await?;
        let event = Event::new("session.opened", "account", account_id);
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        tx.commit().await?;
        Ok(format!("{brand_id}.{secret}"))
    }

    /// Whose session a cookie opens, with what they may do now; nobody's when it has ended.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn session(&self, cookie: &str) -> Result<Option<Caller>, Problem> {
        Ok(self.session_with(cookie, None).await?.map(|(caller, _)| caller))
    }

    /// The same, with how much they have not read where a bell is there to ask.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub(crate) async fn session_with(
        &self,
        cookie: &str,
        bell: Option<Bell>,
    ) -> Result<Option<(Caller, i64)>, Problem> {
        let Some((scope, hash)) = parts(cookie) else { return Ok(None) };
        let mut tx = self.db.read(&scope).await?;
        let mut select = tx.select(Sessions::Table);
        select
            .columns([Sessions::AccountId, Sessions::CreatedAt, Sessions::SeenAt])
            .and_where(Expr::col(Sessions::SecretHash).eq(&hash));
        let row: Option<Row> = tx.optional(&select).await?;
        drop(tx);
        let now = self.clock.now();
        let Some(row) = row.filter(|row| row.lasts(now)) else { return Ok(None) };
        if now - row.seen_at > NOTICED {
            // Someone else may be writing for long; the next request notices it, then.
            if let Err(error) = self.notice(&scope, &hash, now).await {
                tracing::debug!(%error, "the use of a session was not noticed");
            }
        }
        self.member_with((row.account_id, scope.brand_id()), row.created_at, bell).await
    }

    /// The same without being a use of the session: for what a page asks by itself, which must not keep a session open that
    /// nobody uses.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub(crate) async fn session_unnoticed(&self, cookie: &str) -> Result<Option<Caller>, Problem> {
        let Some((scope, hash)) = parts(cookie) else { return Ok(None) };
        let within = self.db.within(&scope);
        let mut select = within.select(Sessions::Table);
        select
            .columns([Sessions::AccountId, Sessions::CreatedAt, Sessions::SeenAt])
            .and_where(Expr::col(Sessions::SecretHash).eq(&hash));
        let row: Option<Row> = self.db.glimpse(&within, &[select]).await?.optional()?;
        match row.filter(|row| row.lasts(self.clock.now())) {
            Some(row) => self.member(row.account_id, scope.brand_id(), row.created_at).await,
            None => Ok(None),
        }
    }

    async fn notice(&self, scope: &BrandScope, hash: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        let mut tx = self.db.write(scope).await?;
        let mut update = tx.update(Sessions::Table);
        update.value(Sessions::SeenAt, now).and_where(Expr::col(Sessions::SecretHash).eq(hash));
        tx.run(&update).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Closes a session; closing one that has ended is no error.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn close_session(&self, cookie: &str) -> Result<(), Problem> {
        let Some((scope, hash)) = parts(cookie) else { return Ok(()) };
        let mut tx = self.db.write(&scope).await?;
        let mut delete = tx.delete(Sessions::Table);
        delete.and_where(Expr::col(Sessions::SecretHash).eq(hash));
        tx.run(&delete).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Removes every session of the brand that has ended.
pub(crate) async fn remove_ended(tx: &mut Tx, now: DateTime<Utc>) -> Result<u64, Problem> {
    let mut delete = tx.delete(Sessions::Table);
    let ended =
        Expr::col(Sessions::SeenAt).lt(now - IDLE).or(Expr::col(Sessions::CreatedAt).lt(now - LONGEST));
    delete.and_where(ended);
    Ok(tx.run(&delete).await?)
}

/// The brand in which a cookie's session is looked up, which proves nothing yet, and the hash to look for.
fn parts(cookie: &str) -> Option<(BrandScope, String)> {
    let (brand, secret) = cookie.split_once('.')?;
    Some((BrandScope::mint(brand.parse().ok()?, Actor::System), secret::hash(secret)))
}
