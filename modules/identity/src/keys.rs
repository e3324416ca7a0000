//! Keys of programs: `fhk_BRAND_ID_SECRET`, shown once, kept by the hash of the secret. A key has a role and limits like a
//! member, ends when it is revoked or expires, and is read at each request like everything else that says what somebody
//! may do.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, Allowed, BrandScope, Limits};
use sea_query::{Expr, ExprTrait, Order};
use serde_json::json;
use sqlx::FromRow;

use crate::guard::Caller;
use crate::model::{ApiKeys, ManageMembers, Role};
use crate::secret;
use crate::tokens::Identity;

/// What a key begins with; a token does not.
pub(crate) const PREFIX: &str = "fhk_";
/// How exactly the last use is known: not every request writes.
const NOTICED: TimeDelta = TimeDelta::minutes(5);

/// A key to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What the program may do.
    pub role: Role,
    /// In which part of the brand.
    pub limits: Limits,
    /// When it ends; `None`: when it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as an admin sees it.
#[derive(Clone, Debug, FromRow)]
pub struct ApiKey {
    /// Its number.
    pub id: Id,
    /// What it is for.
    pub name: String,
    /// manager or admin.
    pub role: String,
    /// The only region that it reaches.
    pub region_id: Option<Id>,
    /// The only location that it reaches.
    pub location_id: Option<Id>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, within some minutes.
    pub used_at: Option<DateTime<Utc>>,
}

/// Makes a key and answers it, which is not to be had again.
///
/// # Errors
/// When its name is none, its role is a coach's, or it ends before it begins.
pub async fn create_key(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    new: NewKey,
) -> Result<String, Problem> {
    use ApiKeys::{CreatedAt, CreatedBy, ExpiresAt, Id as Number, LocationId, Name, RegionId, SecretHash};
    let name = new.name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.contains(char::is_control) {
        return Err(Problem::field("/name", "is missing; say what the key is for, in 1 to 100 characters"));
    }
    if new.role == Role::Coach {
        return Err(Problem::field("/role", "is for people; a program is a manager or an admin"));
    }
    if new.expires_at.is_some_and(|until| until <= clock.now()) {
        return Err(Problem::field("/expires_on", "is over already"));
    }
    let (id, secret) = (ids.next(), secret::random());
    let created_by = match allowed.actor() {
        Actor::Account(id) => Some(id),
        Actor::Key(_) | Actor::System => None,
    };
    let columns =
        [Number, Name, ApiKeys::Role, RegionId, LocationId, SecretHash, CreatedBy, CreatedAt, ExpiresAt];
    let row = vec![
        id.into(),
        name.into(),
        new.role.as_str().into(),
        new.limits.region_id.into(),
        new.limits.location_id.into(),
        secret::hash(&secret).into(),
        created_by.into(),
        clock.now().into(),
        new.expires_at.into(),
    ];
    let mut tx = db.write(allowed).await?;
    tx.run(&tx.insert(&columns, [row])).await?;
    let event = Event::new("key.created", "key", id).with(json!({"name": name, "role": new.role.as_str()}));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(format!("{PREFIX}{}_{id}_{secret}", allowed.brand_id()))
}

/// Takes a key back and answers what it was called; it opens nothing from the next request on.
///
/// # Errors
/// 404 when there is none of that number that still works.
pub async fn revoke_key(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageMembers>,
    id: Id,
) -> Result<String, Problem> {
    let mut tx = db.write(allowed).await?;
    let key = api_keys(&mut tx).await?.into_iter().find(|key| key.id == id && key.revoked_at.is_none());
    let key = key.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut update = tx.update(ApiKeys::Table);
    update.value(ApiKeys::RevokedAt, clock.now()).and_where(Expr::col(ApiKeys::Id).eq(id));
    tx.run(&update).await?;
    let event = Event::new("key.revoked", "key", id).with(json!({"name": key.name}));
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(key.name)
}

/// The keys of the brand, newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn api_keys(tx: &mut Tx) -> Result<Vec<ApiKey>, Problem> {
    let mut select = tx.select(ApiKeys::Table);
    select.columns(SHOWN).order_by(ApiKeys::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

const SHOWN: [ApiKeys; 9] = [
    ApiKeys::Id,
    ApiKeys::Name,
    ApiKeys::Role,
    ApiKeys::RegionId,
    ApiKeys::LocationId,
    ApiKeys::CreatedAt,
    ApiKeys::ExpiresAt,
    ApiKeys::RevokedAt,
    ApiKeys::UsedAt,
];

impl Identity {
    /// Who a key is, and what it may do now; nobody when it is none, revoked or expired.
    pub(crate) async fn key_caller(&self, key: &str) -> Result<Option<Caller>, Problem> {
        let parts: Option<(Id, Id, &str)> = key.strip_prefix(PREFIX).and_then(|rest| {
            let (brand, rest) = rest.split_once('_')?;
            let (id, secret) = rest.split_once('_')?;
            Some((brand.parse().ok()?, id.parse().ok()?, secret))
        });
        let Some((brand_id, id, secret)) = parts else { return Ok(None) };
        // The brand says where to look and proves nothing yet.
        let scope = BrandScope::mint(brand_id, Actor::Key(id));
        let mut tx = self.db.read(&scope).await?;
        let mut select = tx.select(ApiKeys::Table);
        select
            .columns(SHOWN)
            .and_where(Expr::col(ApiKeys::Id).eq(id))
            .and_where(Expr::col(ApiKeys::SecretHash).eq(secret::hash(secret)));
        let row: Option<ApiKey> = tx.optional(&select).await?;
        drop(tx);
        let now = self.clock.now();
        let works = |key: &ApiKey| key.revoked_at.is_none() && key.expires_at.is_none_or(|until| now < until);
        let Some(key) = row.filter(works) else { return Ok(None) };
        if key.used_at.is_none_or(|used| now - used > NOTICED) {
            // Someone else may be writing for long; the next request notices it, then.
            if let Err(error) = self.notice_key(&scope, id, now).await {
                tracing::debug!(%error, "the use of a key was not noticed");
            }
        }
        let limits = Limits { region_id: key.region_id, location_id: key.location_id };
        Ok(Role::read(&key.role).map(|role| Caller::of_key(scope, role, limits, key.name)))
    }

    async fn notice_key(&self, scope: &BrandScope, id: Id, now: DateTime<Utc>) -> Result<(), Problem> {
        let mut tx = self.db.write(scope).await?;
        let mut update = tx.update(ApiKeys::Table);
        update.value(ApiKeys::UsedAt, now).and_where(Expr::col(ApiKeys::Id).eq(id));
        tx.run(&update).await?;
        tx.commit().await?;
        Ok(())
    }
}
