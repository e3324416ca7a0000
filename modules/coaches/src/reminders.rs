//! Reminders: each day, coaches whose certification ends soon are told, a month and a week before its last day.

use chrono::NaiveDate;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::{Claimed, NewTask, Outcome, enqueue};
use fithire_notifications::{Kind, Notice, notify};
use fithire_scoring::facts::{Holding, HoldingState};
use sea_query::{Expr, ExprTrait, Order};
use sqlx::FromRow;

use crate::model::Coaches;
use crate::service::{read, there};

/// The task; a brand has it once, due when its next day begins.
pub const REMIND: &str = "coaches.remind";

/// How long before the last day people are told, in days, and in words.
const BEFORE: [(i64, &str); 2] = [(7, "within a week"), (30, "within a month")];
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
        notices.extend(facts.holdings.iter().filter_map(|holding| notice(row.account_id, holding, today)));
    }
    if !notices.is_empty() {
        notify(&mut tx, tools, notices).await?;
        tx.commit().await?;
    }
    Ok(rows.last().map(|row| row.id))
}

/// What somebody is told of a holding today; what they were told before is not told again.
fn notice(account_id: Id, holding: &Holding, today: NaiveDate) -> Option<Notice> {
    let last = holding.expires_on.filter(|_| holding.state != HoldingState::Rejected)?;
    let left = (last - today).num_days();
    let (days, soon) = BEFORE.into_iter().find(|(days, _)| (0..=*days).contains(&left))?;
    let certification = holding.code.details();
    let (code, name) = (certification.code, certification.title);
    Some(Notice {
        account_id,
        kind: Kind::CertificateExpiring,
        event: format!("expires:{code}:{last}:{days}"),
        title: format!("{code} ends {soon}"),
        text: format!(
            "{name} is valid until {last}. Renew it and give the new last day in your profile, so that jobs which ask for \
             it stay open to you."
        ),
        path: "/coach/profile/certifications".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use fithire_scoring::facts::Coach;

    use super::*;

    #[test]
    fn people_are_told_a_month_and_a_week_before() {
        let told = |expires: &str, state: &str| {
            let facts = format!(r#"{{"holdings":[{{"code":"CPR-AED","state":"{state}"{expires}}}]}}"#);
            let coach: Coach = serde_json::from_str(&facts).unwrap();
            let today = "2026-11-23".parse().unwrap();
            notice(7, &coach.holdings[0], today).map(|notice| notice.event)
        };
        let on = |day: &str| told(&format!(r#","expires_on":"{day}""#), "verified");
        let said = |event: &str| Some(format!("expires:CPR-AED:{event}"));
        assert_eq!(on("2026-12-24"), None);
        assert_eq!(on("2026-12-23"), said("2026-12-23:30"));
        assert_eq!(on("2026-12-01"), said("2026-12-01:30"));
        assert_eq!(on("2026-11-30"), said("2026-11-30:7"));
        assert_eq!(on("2026-11-23"), said("2026-11-23:7"), "its last day");
        assert_eq!(on("2026-11-22"), None, "over");
        assert_eq!(told("", "verified"), None, "for ever");
        assert_eq!(told(r#","expires_on":"2026-12-01""#, "rejected"), None);
    }
}
