//! Reminders: each day, coaches whose certification ends soon are told, half a year, three months, a month and a week before its
//! last day, on that day, and when it is over. One that was renewed is not spoken of: another certificate of the same kind, valid
//! for longer, goes before it.

use chrono::NaiveDate;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_notifications::{Kind, Notice, notify};
use fithire_scoring::facts::{Coach, Holding, HoldingState};
use sea_query::{Expr, ExprTrait, Order};
use sqlx::FromRow;

use crate::model::Coaches;
use crate::service::{read, there};

/// The task; a brand has it once, due when its next day begins.
pub const REMIND: &str = "coaches.remind";

/// How long before the last day people are told, in days, and in words.
const BEFORE: [(i64, &str); 5] = [
    (0, "today"),
    (7, "within a week"),
    (30, "within a month"),
    (90, "within three months"),
    (180, "within six months"),
];
/// For how many days after the last one people are told that it is over: what ended long ago is no news.
const SINCE: i64 = 30;
/// Coaches who are looked at in one transaction.
const AT_ONCE: u64 = 1_000;

/// Does the task.
pub async fn remind(db: &Db, tools: (&Clock, &Ids), task: &Claimed) -> Outcome {
    let ended = async {
        let today = fithire_orgs::today(db, tools.0, task.scope.brand_id()).await?;
        let mut after = 0;
        while let Some(last) = remind_some(db, tools, &task.scope, (after, today)).await? {
            after = last;
        }
        let mut tx = db.write(&task.scope).await?;
        task.finish(&mut tx).await?;
        remind_tomorrow(&mut tx, tools).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match ended.await {
        Ok(()) => Outcome::Finished,
        Err(problem) => problem.into(),
    }
}

/// Has the brand's coaches reminded when its next day begins.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn remind_tomorrow(tx: &mut Tx, tools: (&Clock, &Ids)) -> Result<(), Problem> {
    let midnight = fithire_orgs::next_midnight(tx, tools.0).await?;
    enqueue(tx, tools, NewTask::new(REMIND, serde_json::json!({})).keyed("").later().due(midnight)).await
}

#[derive(FromRow)]
struct Row {
    id: Id,
    account_id: Id,
    facts: String,
}

/// Reminds some coaches; answers the last who was looked at, nothing when there was nobody left.
async fn remind_some(
    db: &Db,
    tools: (&Clock, &Ids),
    scope: &BrandScope,
    (after, today): (Id, NaiveDate),
) -> Result<Option<Id>, Problem> {
    let mut tx = db.write(scope).await?;
    let mut select = there(&tx);
    select
        .columns([Coaches::Id, Coaches::AccountId, Coaches::Facts])
        .and_where(Expr::col(Coaches::AccountId).is_not_null())
        .and_where(Expr::col(Coaches::Id).gt(after))
        .order_by(Coaches::Id, Order::Asc)
        .limit(AT_ONCE);
    let rows: Vec<Row> = tx.all(&select).await?;
    let mut notices = Vec::new();
    for row in &rows {
        let facts = read(&row.facts)?;
        notices.extend(lasting(&facts).filter_map(|holding| notice(row.account_id, holding, today)));
    }
    if !notices.is_empty() {
        notify(&mut tx, tools, notices).await?;
        tx.commit().await?;
    }
    Ok(rows.last().map(|row| row.id))
}

/// The holdings that are not followed by another of the same certification that lasts longer.
fn lasting(facts: &Coach) -> impl Iterator<Item = &Holding> {
    let counts = |holding: &Holding| !matches!(holding.state, HoldingState::Rejected | HoldingState::Revoked);
    facts.holdings.iter().filter(move |holding| {
        let longer = |other: &Holding| {
            counts(other)
                && other.code == holding.code
                && other.expires_on.is_none_or(|last| holding.expires_on.is_some_and(|own| last > own))
        };
        holding.expires_on.is_some() && !facts.holdings.iter().any(longer)
    })
}

/// What somebody is told of a holding today; what they were told before is not told again.
fn notice(account_id: Id, holding: &Holding, today: NaiveDate) -> Option<Notice> {
    let counts = !matches!(holding.state, HoldingState::Rejected | HoldingState::Revoked);
    let last = holding.expires_on.filter(|_| counts)?;
    let left = (last - today).num_days();
    let certification = holding.code.details();
    let (code, name) = (certification.code, certification.title);
    let (when, title, text) = if left < 0 {
        (left >= -SINCE).then_some(())?;
        let text = format!(
            "{name} was valid until {last} and no longer counts. Renew it and give the new last day in your profile."
        );
        ("over".to_owned(), format!("{code} has expired"), text)
    } else {
        let (days, soon) = BEFORE.into_iter().find(|(days, _)| left <= *days)?;
        let text = format!(
            "{name} is valid until {last}. Renew it and give the new last day in your profile, so that jobs which ask for \
             it stay open to you."
        );
        (days.to_string(), format!("{code} ends {soon}"), text)
    };
    Some(Notice {
        account_id,
        kind: Kind::CertificateExpiring,
        event: format!("expires:{code}:{last}:{when}"),
        title,
        text,
        path: "/coach/profile/certifications".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coach(holdings: &str) -> Coach {
        serde_json::from_str(&format!(r#"{{"holdings":[{holdings}]}}"#)).unwrap()
    }

    #[test]
    fn people_are_told_on_the_way_to_the_last_day_and_when_it_is_over() {
        let told = |expires: &str, state: &str| {
            let coach = coach(&format!(r#"{{"code":"CPR-AED","state":"{state}"{expires}}}"#));
            let today = "2026-11-23".parse().unwrap();
            notice(7, &coach.holdings[0], today).map(|notice| notice.event)
        };
        let on = |day: &str| told(&format!(r#","expires_on":"{day}""#), "verified");
        let said = |event: &str| Some(format!("expires:CPR-AED:{event}"));
        assert_eq!(on("2027-05-23"), None);
        assert_eq!(on("2027-05-22"), said("2027-05-22:180"));
        assert_eq!(on("2027-02-21"), said("2027-02-21:90"));
        assert_eq!(on("2026-12-24"), said("2026-12-24:90"));
        assert_eq!(on("2026-12-23"), said("2026-12-23:30"));
        assert_eq!(on("2026-12-01"), said("2026-12-01:30"));
        assert_eq!(on("2026-11-30"), said("2026-11-30:7"));
        assert_eq!(on("2026-11-24"), said("2026-11-24:7"));
        assert_eq!(on("2026-11-23"), said("2026-11-23:0"), "its last day");
        assert_eq!(on("2026-11-22"), said("2026-11-22:over"));
        assert_eq!(on("2026-10-23"), None, "long ago");
        assert_eq!(told("", "verified"), None, "for ever");
        for state in ["rejected", "revoked"] {
            assert_eq!(told(r#","expires_on":"2026-12-01""#, state), None);
        }
    }

    #[test]
    fn what_was_renewed_is_not_spoken_of() {
        let one = |day: &str, state: &str| {
            format!(r#"{{"code":"CPR-AED","state":"{state}","expires_on":"{day}"}}"#)
        };
        let days = |holdings: &[String]| -> Vec<String> {
            let coach = coach(&holdings.join(","));
            lasting(&coach).map(|holding| holding.expires_on.unwrap().to_string()).collect()
        };
        let old = one("2026-12-01", "verified");
        assert_eq!(days(&[old.clone(), one("2028-12-01", "claimed")]), ["2028-12-01"]);
        assert_eq!(days(&[old.clone(), one("2028-12-01", "rejected")]).first().unwrap(), "2026-12-01");
        assert!(days(&[old, r#"{"code":"CPR-AED","state":"claimed"}"#.to_owned()]).is_empty());
    }
}
