//! How somebody wishes to be told: what they have said on their page, and the end of all messages by a link.

use std::collections::BTreeMap;

use fithire_identity::{hold_member, random_secret, same_secret, secret_proof};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::form::{self, Fields};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{FieldError, Problem};
use fithire_kernel::tasks::enqueue_all;
use fithire_scoring::facts::Zone;
use sea_query::{Expr, ExprTrait, OnConflict};

use crate::inbox::{brand_zone, inbox, locked};
use crate::model::{InboxRow, Inboxes, Kind, Notices, Way};
use crate::notify::{digest_task, mail_task};

/// The name of the field of a kind.
pub(crate) fn field(kind: Kind) -> String {
    format!("way-{}", kind.as_str())
}

/// What was typed, once it is right.
pub(crate) struct Chosen {
    ways: BTreeMap<String, Way>,
    time_zone: Option<Zone>,
    quiet: Option<(u16, u16)>,
    digest_hour: u16,
}

/// A time of day as people type it, in minutes after midnight.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// The same as a field shows it.
pub(crate) fn time_of(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Chosen {
    /// Reads the fields of the page.
    ///
    /// # Errors
    /// Every field that is not right.
    pub(crate) fn read(fields: &Fields) -> Result<Self, Problem> {
        let mut errors: Vec<FieldError> = Vec::new();
        let mut wrong = |pointer: &str, detail: String| {
            errors.push(FieldError { pointer: format!("/{pointer}"), detail });
        };
        let mut ways = BTreeMap::new();
        for kind in Kind::ALL {
            let name = field(kind);
            match form::text(fields, &name).map(Way::read) {
                Some(Some(way)) => {
                    ways.insert(kind.as_str().to_owned(), way);
                }
                Some(None) => wrong(&name, "is none of the choices".to_owned()),
                None => {}
            }
        }
        let zone = form::text(fields, "time_zone").map(Zone::named).transpose();
        let time_zone = zone.unwrap_or_else(|detail| {
            wrong("time_zone", detail);
            None
        });
        let mut time = |name: &str| {
            let text = form::text(fields, name)?;
            let time = minutes(text);
            if time.is_none() {
                wrong(name, "is not a time such as 22:00".to_owned());
            }
            time
        };
        let quiet = (time("quiet_from"), time("quiet_to"));
        let given = ["quiet_from", "quiet_to"].map(|name| form::text(fields, name).is_some());
        match (quiet, given) {
            ((Some(from), Some(to)), _) if from == to => {
                wrong("quiet_to", "is when they begin; leave both empty for none".to_owned());
            }
            (_, [true, false]) => wrong("quiet_to", "is missing: quiet hours begin and end".to_owned()),
            (_, [false, true]) => wrong("quiet_from", "is missing: quiet hours begin and end".to_owned()),
            _ => {}
        }
        let hour = form::text(fields, "digest_hour").map_or(Some(8), |text| text.parse().ok());
        let digest_hour = hour.filter(|hour| *hour < 24).unwrap_or_else(|| {
            wrong("digest_hour", "is not an hour from 0 to 23".to_owned());
            8
        });
        if errors.is_empty() {
            Ok(Self { ways, time_zone, quiet: quiet.0.zip(quiet.1), digest_hour })
        } else {
            Err(Problem::invalid(errors))
        }
    }
}

/// Keeps what somebody has chosen. What waits for a message goes the new way.
///
/// # Errors
/// 401 when they are no member any more.
pub(crate) async fn save(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    account_id: Id,
    chosen: &Chosen,
) -> Result<(), Problem> {
    use Inboxes::{AccountId, DigestHour, QuietFrom, QuietTo, TimeZone, Ways};
    hold_member(tx, account_id).await?;
    let ways = serde_json::to_string(&chosen.ways).map_err(|error| Problem::internal(&error))?;
    let (from, to) = chosen.quiet.map(|(from, to)| (i32::from(from), i32::from(to))).unzip();
    let row = vec![
        account_id.into(),
        ways.into(),
        chosen.time_zone.map(Zone::name).into(),
        from.into(),
        to.into(),
        i32::from(chosen.digest_hour).into(),
    ];
    let columns = [Ways, TimeZone, QuietFrom, QuietTo, DigestHour];
    let mut insert = tx.insert(&[AccountId, Ways, TimeZone, QuietFrom, QuietTo, DigestHour], [row]);
    insert.on_conflict(OnConflict::columns([Inboxes::BrandId, AccountId]).update_columns(columns).to_owned());
    tx.run(&insert).await?;
    redirect(tx, tools, account_id).await
}

/// Has what waits for a message, and is in none yet, go the way that its person wishes now.
async fn redirect(tx: &mut Tx, tools: (&Clock, &Ids), account_id: Id) -> Result<(), Problem> {
    let row = inbox(tx, account_id).await?;
    let wishes = row.wishes(brand_zone(tx).await?);
    let now = tools.0.now();
    let mut tasks = Vec::new();
    for way in [Way::Mail, Way::Digest, Way::App] {
        let goes = |kind: &Kind| match wishes.way(*kind) {
            Way::Nothing => way == Way::App,
            other => other == way,
        };
        let kinds: Vec<&str> = Kind::ALL.iter().filter(|kind| goes(kind)).map(|kind| kind.as_str()).collect();
        let mut update = tx.update(Notices::Table);
        update
            .value(Notices::Waits, way.waits())
            .and_where(Expr::col(Notices::AccountId).eq(account_id))
            .and_where(Expr::col(Notices::Waits).is_not_null())
            .and_where(Expr::col(Notices::Bundle).is_null())
            .and_where(Expr::col(Notices::Kind).is_in(kinds));
        if tx.run(&update).await? > 0 {
            match way {
                Way::Mail => tasks.push(mail_task(account_id, wishes.mail_due(now))),
                Way::Digest => tasks.push(digest_task(account_id, wishes.digest_due(now))),
                Way::App | Way::Nothing => {}
            }
        }
    }
    enqueue_all(tx, tools, tasks).await
}

/// Has messages go to the address again that was refused.
pub(crate) async fn try_again(tx: &mut Tx, account_id: Id) -> Result<(), Problem> {
    let mut update = tx.update(Inboxes::Table);
    update
        .value(Inboxes::RefusedAt, None::<chrono::DateTime<chrono::Utc>>)
        .value(Inboxes::RefusedEmail, None::<String>)
        .and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    tx.run(&update).await?;
    Ok(())
}

/// The token of the link by which somebody ends all messages of the brand. It follows from a key of the inbox, which is made
/// with the first one, so that the links of older messages work on.
pub(crate) async fn token(tx: &mut Tx, row: &InboxRow) -> Result<String, Problem> {
    let key = row.mail_key.clone().unwrap_or_else(random_secret);
    if row.mail_key.is_none() {
        let mut update = tx.update(Inboxes::Table);
        update.value(Inboxes::MailKey, &*key).and_where(Expr::col(Inboxes::AccountId).eq(row.account_id));
        tx.run(&update).await?;
    }
    Ok(written((tx.scope().brand_id(), row.account_id), &key))
}

fn written((brand_id, account_id): (Id, Id), key: &str) -> String {
    let whose = format!("{brand_id}.{account_id}");
    let proof = secret_proof(&format!("unsubscribe.{whose}"), key);
    format!("{whose}.{proof}")
}

/// The brand and the account that a token names, which proves nothing yet.
pub(crate) fn named(token: &str) -> Option<(Id, Id)> {
    let mut parts = token.splitn(3, '.');
    let (brand, account) = (parts.next()?, parts.next()?);
    Some((brand.parse().ok()?, account.parse().ok()?))
}

/// Whether a token is the one of an inbox.
pub(crate) async fn is_right(tx: &mut Tx, account_id: Id, token: &str) -> Result<bool, Problem> {
    let brand_id = tx.scope().brand_id();
    let key = inbox(tx, account_id).await?.mail_key;
    Ok(key.is_some_and(|key| same_secret(token, &written((brand_id, account_id), &key))))
}

/// Ends all messages to somebody: what would come by mail is on their page alone.
pub(crate) async fn end_messages(tx: &mut Tx, tools: (&Clock, &Ids), account_id: Id) -> Result<(), Problem> {
    let Some(row) = locked(tx, account_id).await? else { return Ok(()) };
    let wishes = row.wishes(brand_zone(tx).await?);
    let way = |kind: Kind| if wishes.way(kind) == Way::Nothing { Way::Nothing } else { Way::App };
    let ways: BTreeMap<&str, Way> = Kind::ALL.into_iter().map(|kind| (kind.as_str(), way(kind))).collect();
    let ways = serde_json::to_string(&ways).map_err(|error| Problem::internal(&error))?;
    let mut update = tx.update(Inboxes::Table);
    update.value(Inboxes::Ways, ways).and_where(Expr::col(Inboxes::AccountId).eq(account_id));
    tx.run(&update).await?;
    redirect(tx, tools, account_id).await
}
