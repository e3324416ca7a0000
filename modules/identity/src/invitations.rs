//! Invitations: somebody with an address may become a member with a role and limits, by a link that works once and for a
//! week. Of the link's secret only the hash is kept.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, Allowed, BrandScope, Limits};
use poem_openapi::types::{Email, ParseFromParameter as _};
use sea_query::{Expr, ExprTrait, Order};
use serde_json::json;
use sqlx::FromRow;

use crate::letters::{self, Purpose};
use crate::members::{NewAccount, Settled, put};
use crate::model::{Invitations, ManageMembers, Role};
use crate::secret;
use crate::tokens::Identity;

/// How long a link works.
const LIFETIME: TimeDelta = TimeDelta::days(7);

/// An invitation that may still be taken up.
#[derive(Clone, Debug, FromRow)]
pub struct Invitation {
    /// Its number.
    pub id: Id,
    /// Whom it is for.
    pub email: String,
    /// What they become.
    pub role: String,
    /// The only region that they reach.
    pub region_id: Option<Id>,
    /// The only location that they reach.
    pub location_id: Option<Id>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

const SHOWN: [Invitations; 6] = [
    Invitations::Id,
    Invitations::Email,
    Invitations::Role,
    Invitations::RegionId,
    Invitations::LocationId,
    Invitations::ExpiresAt,
];

/// Invites somebody and answers the code of the link, which is not to be had again.
///
/// # Errors
/// When the address is none, or a limit names no region or location of the brand.
pub async fn invite(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    email: &str,
    (role, limits): (Role, Limits),
) -> Result<String, Problem> {
    use Invitations::{CreatedAt, CreatedBy, ExpiresAt, Id as Number, LocationId, RegionId, SecretHash};
    let email = email.trim().to_lowercase();
    if email.chars().count() > 320 || Email::parse_from_parameter(&email).is_err() {
        return Err(Problem::field("/email", "is not an e-mail address"));
    }
    let (id, secret, now) = (ids.next(), secret::random(), clock.now());
    let created_by = match allowed.actor() {
        Actor::Account(id) => Some(id),
        Actor::Key(_) | Actor::System => None,
    };
    let columns = [
        Number,
        Invitations::Email,
        Invitations::Role,
        RegionId,
        LocationId,
        SecretHash,
        CreatedBy,
        CreatedAt,
        ExpiresAt,
    ];
    let row = vec![
        id.into(),
        email.clone().into(),
        role.as_str().into(),
        limits.region_id.into(),
        limits.location_id.into(),
        secret::hash(&secret).into(),
        created_by.into(),
        now.into(),
        (now + LIFETIME).into(),
    ];
    let mut tx = db.write(allowed).await?;
    // Another invitation of the same person takes the place of the one before.
    let mut update = tx.update(Invitations::Table);
    update
        .value(Invitations::EndedAt, now)
        .and_where(Expr::col(Invitations::Email).eq(email))
        .and_where(Expr::col(Invitations::EndedAt).is_null());
    tx.run(&update).await?;
    tx.run(&tx.insert(&columns, [row])).await?;
    let event = Event::new("member.invited", "invitation", id).with(json!({"role": role.as_str()}));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(format!("{}.{secret}", allowed.brand_id()))
}

/// The invitations that may still be taken up, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn invitations(tx: &mut Tx, clock: &Clock) -> Result<Vec<Invitation>, Problem> {
    let mut select = tx.select(Invitations::Table);
    select
        .columns(SHOWN)
        .and_where(Expr::col(Invitations::EndedAt).is_null())
        .and_where(Expr::col(Invitations::ExpiresAt).gt(clock.now()))
        .order_by(Invitations::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

/// Takes an invitation back.
///
/// # Errors
/// 404 when there is none of that number that may still be taken up.
pub async fn take_back(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    id: Id,
) -> Result<(), Problem> {
    let mut tx = db.write(allowed).await?;
    if !end(&mut tx, clock, id).await? {
        return Err(Problem::new(Code::NotFound));
    }
    audit::record(&mut tx, (clock, ids), Event::new("invitation.ended", "invitation", id)).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends an invitation; whether it still worked.
async fn end(tx: &mut Tx, clock: &Clock, id: Id) -> Result<bool, Problem> {
    let mut update = tx.update(Invitations::Table);
    update
        .value(Invitations::EndedAt, clock.now())
        .and_where(Expr::col(Invitations::Id).eq(id))
        .and_where(Expr::col(Invitations::EndedAt).is_null());
    Ok(tx.run(&update).await? == 1)
}

/// Takes up the invitation of an address that somebody has been shown to have, where there is one that works; answers what
/// it gives.
pub(crate) async fn end_of_address(
    tx: &mut Tx,
    clock: &Clock,
    email: &str,
) -> Result<Option<(Role, Limits)>, Problem> {
    let email = email.trim().to_lowercase();
    let found = invitations(tx, clock).await?.into_iter().find(|invitation| invitation.email == email);
    let Some(invitation) = found else { return Ok(None) };
    if !end(tx, clock, invitation.id).await? {
        return Ok(None);
    }
    Ok(invitation.gives())
}

impl Invitation {
    /// What whoever takes it up becomes.
    fn gives(&self) -> Option<(Role, Limits)> {
        let limits = Limits { region_id: self.region_id, location_id: self.location_id };
        Role::read(&self.role).map(|role| (role, limits))
    }
}

/// The brand in which a code is looked up, which proves nothing yet, and the hash to look for.
fn parts(code: &str) -> Option<(BrandScope, String)> {
    let (brand, secret) = code.split_once('.')?;
    Some((BrandScope::mint(brand.parse().ok()?, Actor::System), secret::hash(secret)))
}

impl Identity {
    /// The brand and the invitation of a link's code, while it works.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn invitation(&self, code: &str) -> Result<Option<(Id, Invitation)>, Problem> {
        let Some((scope, hash)) = parts(code) else { return Ok(None) };
        let mut tx = self.db.read(&scope).await?;
        let mut select = tx.select(Invitations::Table);
        select
            .columns(SHOWN)
            .and_where(Expr::col(Invitations::SecretHash).eq(hash))
            .and_where(Expr::col(Invitations::EndedAt).is_null())
            .and_where(Expr::col(Invitations::ExpiresAt).gt(self.clock.now()));
        let found: Option<Invitation> = tx.optional(&select).await?;
        Ok(found.map(|invitation| (scope.brand_id(), invitation)))
    }

    /// Takes an invitation up, with a new account or, by its password, with the one that the address has; answers brand
    /// and account.
    ///
    /// # Errors
    /// 404 when the code does not work; every field that is not right; 429 after too many attempts.
    pub async fn take_up(
        &self,
        code: &str,
        (name, password): (String, String),
        address: Option<IpAddr>,
    ) -> Result<(Id, Id), Problem> {
        let gone = || Problem::new(Code::NotFound);
        let (brand_id, invitation) = self.invitation(code).await?.ok_or_else(gone)?;
        let new = NewAccount { email: invitation.email.clone(), name, password };
        let account = self.known_or_ready(new, address).await?;
        let account_id = self.take_up_by((brand_id, &invitation), account, address).await?;
        Ok((brand_id, account_id))
    }

    /// The same with an account that has signed in by another issuer; the code is proof enough.
    ///
    /// # Errors
    /// 404 when the code does not work.
    pub async fn take_up_as(
        &self,
        code: &str,
        account_id: Id,
        address: Option<IpAddr>,
    ) -> Result<Id, Problem> {
        let gone = || Problem::new(Code::NotFound);
        let (brand_id, invitation) = self.invitation(code).await?.ok_or_else(gone)?;
        self.take_up_by((brand_id, &invitation), Settled::Known(account_id), address).await?;
        Ok(brand_id)
    }

    async fn take_up_by(
        &self,
        (brand_id, invitation): (Id, &Invitation),
        account: Settled,
        address: Option<IpAddr>,
    ) -> Result<Id, Problem> {
        let gone = || Problem::new(Code::NotFound);
        let (role, limits) = invitation.gives().ok_or_else(gone)?;
        let scope = BrandScope::mint(brand_id, Actor::System).from(address);
        let mut tx = self.db.write(&scope).await?;
        // Of two who take it up at once, one finds that it has ended.
        if !end(&mut tx, &self.clock, invitation.id).await? {
            return Err(gone());
        }
        let is_new = matches!(account, Settled::New(_));
        let account_id = account.settle(&mut tx, (&self.clock, &self.ids)).await?;
        if is_new {
            letters::ask(&mut tx, (&self.clock, &self.ids), account_id, Purpose::Confirm).await?;
        }
        put(&mut tx, (&self.clock, &scope), account_id, (role, limits)).await?;
        let event = Event::new("member.joined", "account", account_id)
            .with(json!({"by": "invitation", "role": role.as_str()}));
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        tx.commit().await?;
        Ok(account_id)
    }
}
