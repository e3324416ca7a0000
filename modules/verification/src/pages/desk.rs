//! `/admin/verify`: what waits, oldest first, and the way into it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_coaches::{Waiting, claim_next, count_waiting, queue, waiting_items};
use fithire_identity::{Nothing, Posted, ReviewCoaches, Visitor, names};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, Toast};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::Problem;
use poem::handler;
use poem::web::{Data, Html, Query, Redirect};
use serde::Serialize;

use super::Asked;
use crate::words::{certification, days, moment, who};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    tabs: Tabs,
    items: Vec<Listed>,
    next: Option<String>,
}

impl Template for Page {
    const NAME: &'static str = "verification/desk.html";
}

/// How much waits of each kind.
#[derive(Debug, Serialize)]
pub(super) struct Tabs {
    certificates: i64,
    profiles: i64,
    /// How long the oldest waits of the kind that is shown.
    oldest: Option<String>,
}

impl Tabs {
    /// `own` chooses the kind that is shown.
    pub(super) async fn of(
        tx: &mut Tx,
        now: DateTime<Utc>,
        own: impl Fn(Waiting, Waiting) -> Waiting,
    ) -> Result<Self, Problem> {
        let (certificates, profiles) = (waiting_items(tx).await?, count_waiting(tx).await?);
        Ok(Self {
            certificates: certificates.count,
            profiles: profiles.count,
            oldest: own(certificates, profiles).oldest.map(|since| days(since, now)),
        })
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    coach: String,
    certification: String,
    last: Option<String>,
    document: bool,
    since: String,
    /// Who looks at it; nothing for nobody.
    claimed_by: Option<String>,
    mine: bool,
    until: String,
}

const LIST: &str = "verifications";

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let now = clock.now();
    let mut tx = db.read(&allowed).await?;
    let items = queue(&mut tx, asked.after(LIST)?, DEFAULT_LIMIT + 1).await?;
    let (items, next) = paging::page(LIST, items, DEFAULT_LIMIT, |item| item.id);
    let claimed: Vec<Id> = items.iter().filter_map(|item| item.claimed_by(now)).collect();
    let names = names(&mut tx, &claimed).await?;
    let listed = items.iter().map(|item| {
        let claim = item.claim.filter(|(_, until)| *until > now);
        Listed {
            id: item.id,
            coach: item.coach.clone(),
            certification: certification(item),
            last: item.expires_on.map(|day| day.to_string()),
            document: item.document.is_some(),
            since: moment(item.submitted_at),
            claimed_by: claim.map(|(by, _)| who(&names, Some(by))),
            mine: claim.is_some_and(|(by, _)| by == visitor.caller().account_id()),
            until: claim.map(|(_, until)| moment(until)).unwrap_or_default(),
        }
    });
    let whole = Page {
        items: listed.collect(),
        next,
        tabs: Tabs::of(&mut tx, now, |certificates, _| certificates).await?,
    };
    pages.render(visitor.shell(), &whole)
}

/// Claims the oldest item that nobody looks at, and leads to it.
#[handler]
pub(super) async fn begin(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    Ok(match claim_next(&db, &clock, &allowed, (None, false)).await? {
        Some(id) => Redirect::see_other(format!("/admin/verify/{id}")),
        None => visitor.done("/admin/verify", &Toast::new("Nothing waits that nobody looks at")),
    })
}
