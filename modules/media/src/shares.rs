//! Links by which a video is seen without signing in: for a year, or until they are revoked. Of a link only a hash is kept.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::{Caller, random_secret, secret_proof};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope};
use sea_query::{Expr, ExprTrait, LockType, Order};

use crate::access::{row_to_change, row_to_hold};
use crate::lookup::row;
use crate::model::{Kind, MediaShares, Row, Share, State};

/// How long a link works.
const LASTS: TimeDelta = TimeDelta::days(365);
/// Links of a video that may work at once.
const MOST: usize = 20;

/// What a link leads to.
pub(crate) enum Shared {
    /// A video.
    Open(BrandScope, Box<Row>),
    /// Nothing any more: the link was revoked, or its time is over.
    Over {
        /// Whether somebody has ended it.
        revoked: bool,
    },
}

/// Makes a link to a video; the second is what stands in the link, which is not to be had again.
pub(crate) async fn share(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    caller: &Caller,
    media_id: Id,
) -> Result<(Share, String), Problem> {
    let mut tx = db.write(caller.scope()).await?;
    // Whoever removes it waits, and takes this link with it.
    let row = row_to_hold(&mut tx, caller, (media_id, LockType::KeyShare)).await?;
    if (row.kind()?, row.state()?) != (Kind::Video, State::Attached) {
        return Err(Problem::new(Code::Conflict).because("only a video that is there can be shared"));
    }
    let now = clock.now();
    let working = of_medium(&mut tx, media_id).await?.into_iter().filter(|share| share.works_at(now)).count();
    if working >= MOST {
        let told = format!("{MOST} links lead to this video already; revoke one first");
        return Err(Problem::new(Code::Conflict).because(told));
    }
    let (id, secret) = (ids.next(), random_secret());
    let share = Share { id, media_id, created_at: now, expires_at: now + LASTS, revoked_at: None };
    let columns = [
        MediaShares::Id,
        MediaShares::MediaId,
        MediaShares::SecretHash,
        MediaShares::CreatedAt,
        MediaShares::ExpiresAt,
    ];
    let values = vec![id.into(), media_id.into(), hash(&secret).into(), now.into(), share.expires_at.into()];
    tx.run(&tx.insert(&columns, [values])).await?;
    let event = Event::new("media.shared", "media_share", id).about(row.coach_id);
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok((share, format!("{}.{secret}", caller.scope().brand_id())))
}

/// The links of a file, newest first, whatever has become of them.
pub(crate) async fn of_medium(tx: &mut Tx, media_id: Id) -> Result<Vec<Share>, Problem> {
    let mut select = tx.select(MediaShares::Table);
    select
        .columns(Share::COLUMNS)
        .and_where(Expr::col(MediaShares::MediaId).eq(media_id))
        .order_by(MediaShares::Id, Order::Desc);
    Ok(tx.all(&select).await?)
}

/// Ends a link. Twice is as good as once.
pub(crate) async fn revoke(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    caller: &Caller,
    (media_id, id): (Option<Id>, Id),
) -> Result<Share, Problem> {
    let mut tx = db.write(caller.scope()).await?;
    let mut select = tx.select(MediaShares::Table);
    select.columns(Share::COLUMNS).and_where(Expr::col(MediaShares::Id).eq(id));
    let share: Option<Share> = tx.optional(&select).await?;
    let of_it = |share: &Share| media_id.is_none_or(|media_id| share.media_id == media_id);
    let share = share.filter(of_it).ok_or_else(|| Problem::new(Code::NotFound))?;
    let row = row_to_change(&mut tx, caller, share.media_id).await?;
    if share.revoked_at.is_some() {
        return Ok(share);
    }
    let now = clock.now();
    let mut update = tx.update(MediaShares::Table);
    update.value(MediaShares::RevokedAt, now).and_where(Expr::col(MediaShares::Id).eq(id));
    tx.run(&update).await?;
    let event = Event::new("media.share_revoked", "media_share", id).about(row.coach_id);
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(Share { revoked_at: Some(now), ..share })
}

/// What the text of a link leads to; nothing where there is no such link.
pub(crate) async fn open(db: &Db, now: DateTime<Utc>, text: &str) -> Result<Option<Shared>, Problem> {
    let Some((brand, secret)) = text.split_once('.') else { return Ok(None) };
    // Which brand a link is of proves nothing yet; its secret does.
    let Ok(brand_id) = brand.parse() else { return Ok(None) };
    let scope = BrandScope::mint(brand_id, Actor::System);
    let mut tx = db.read(&scope).await?;
    let mut select = tx.select(MediaShares::Table);
    select.columns(Share::COLUMNS).and_where(Expr::col(MediaShares::SecretHash).eq(hash(secret)));
    let Some(share) = tx.optional::<Share>(&select).await? else { return Ok(None) };
    if !share.works_at(now) {
        return Ok(Some(Shared::Over { revoked: share.revoked_at.is_some() }));
    }
    let row = row(&mut tx, share.media_id).await?;
    Ok(row.map(|row| Shared::Open(scope, Box::new(row))))
}

fn hash(secret: &str) -> String {
    secret_proof("share", secret)
}
