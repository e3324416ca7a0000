//! What the page of an item shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::pages::{Line, holdings};
use fithire_coaches::{Item, ItemState, item, items_of, neighbours, profile};
use fithire_identity::{ReviewCoaches, Visitor, names};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template, shown};
use fithire_kernel::problem::Problem;
use poem::{IntoResponse, Response};
use serde::Serialize;

use super::{REASONS, day};
use crate::advice::{Advice, advice};
use crate::words::{certification, moment, state, who};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    id: Id,
    coach_id: Id,
    coach: String,
    code: &'static str,
    certification: String,
    rule: String,
    claimed_last: Option<String>,
    since: String,
    document: Option<Document>,
    open: bool,
    /// What has become of it, in words.
    state: State,
    claim: Claim,
    advice: Advice,
    fields: Fields,
    round: i32,
    reasons: Vec<Reason>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
    holdings: Vec<Line>,
    history: Vec<Past>,
    before: Option<Id>,
    after: Option<Id>,
}

impl Template for Page {
    const NAME: &'static str = "verification/item.html";
}

/// Where the document is, and how it is shown.
#[derive(Debug, Serialize)]
struct Document {
    href: String,
    /// image, video or page.
    shown: &'static str,
    media_type: String,
}

impl Document {
    fn of(item: &Item) -> Option<Self> {
        let (media_id, media_type) = item.document.clone()?;
        let shown = match media_type.split('/').next() {
            Some("image") => "image",
            Some("video") => "video",
            _ => "page",
        };
        Some(Self { href: format!("/media/{media_id}"), shown, media_type })
    }
}

#[derive(Debug, Serialize)]
struct State {
    word: &'static str,
    tone: &'static str,
    reason: Option<String>,
    by: String,
    at: String,
    last: Option<String>,
    can_revoke: bool,
}

/// Who looks at it.
#[derive(Debug, Serialize)]
struct Claim {
    mine: bool,
    /// Somebody else; nothing for nobody.
    other: Option<String>,
    until: String,
}

#[derive(Debug, Serialize)]
struct Reason {
    value: String,
    label: &'static str,
    key: usize,
    chosen: bool,
}

/// What was decided before of the same coach.
#[derive(Debug, Serialize)]
struct Past {
    id: Id,
    code: &'static str,
    word: &'static str,
    tone: &'static str,
    reason: Option<String>,
    by: String,
    at: String,
}

/// Where things are that a page is made of.
type Site<'s> = (&'s Db, &'s Clock, &'s Arc<Pages>);

/// The page as it is, or with what was typed and is not right.
pub(super) async fn show(
    visitor: &Visitor,
    site: Site<'_>,
    id: Id,
    refused: Option<(Fields, Problem)>,
) -> Result<Response, Problem> {
    let (fields, problem) = refused.unzip();
    let page = page(visitor, site, id, (fields, problem.clone())).await?;
    shown(site.2.render(visitor.shell(), &page)?, problem.as_ref())
}

/// The page with what was typed, which nobody has decided on yet.
pub(super) async fn again(
    visitor: &Visitor,
    site: Site<'_>,
    id: Id,
    (fields, problem): (Fields, Option<Problem>),
) -> Result<Response, Problem> {
    let page = page(visitor, site, id, (Some(fields), problem)).await?;
    Ok(site.2.render(visitor.shell(), &page)?.into_response())
}

async fn page(
    visitor: &Visitor,
    (db, clock, _): Site<'_>,
    id: Id,
    (fields, problem): (Option<Fields>, Option<Problem>),
) -> Result<Page, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let today = fithire_orgs::today(db, clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let item = item(&mut tx, id).await?;
    let all = items_of(&mut tx, item.coach_id).await?;
    let profile = profile(&mut tx, visitor.caller(), item.coach_id).await?;
    let names = people(&mut tx, &all).await?;
    let (before, after) = neighbours(&mut tx, id).await?;
    let typed = fields.is_some();
    let fields = fields.unwrap_or_else(|| blank(&item));
    let labels = [("expires_on", "expires_on", "Valid until"), ("issued_on", "issued_on", "Issued on")];
    let whole = if item.state == ItemState::Pending { "expires_on" } else { "main" };
    let errors =
        problem.map_or_else(Vec::new, |problem| form::errors(&problem, &fields, &[], &labels, whole));
    let errors: Vec<FormError> = errors.into_iter().map(to_reasons).collect();
    let chosen = form::text(&fields, "reason").map(str::to_owned);
    let last = |name: &str| day(&fields, name).unwrap_or_default();
    let expires_on = if typed { last("expires_on") } else { item.expires_on };
    let details = item.cert.details();
    Ok(Page {
        id,
        coach_id: item.coach_id,
        coach: item.coach.clone(),
        code: details.code,
        certification: certification(&item),
        rule: details.rule(),
        claimed_last: text(item.expires_on),
        since: moment(item.submitted_at),
        document: Document::of(&item),
        open: item.state == ItemState::Pending,
        state: outcome(&item, &names),
        claim: claim(&item, &names, (visitor.caller().account_id(), clock.now())),
        advice: advice(item.cert, last("issued_on"), expires_on, today),
        round: item.round,
        reasons: REASONS
            .into_iter()
            .enumerate()
            .map(|(place, label)| Reason {
                chosen: chosen.as_deref() == Some(&*place.to_string()),
                value: place.to_string(),
                label,
                key: place + 1,
            })
            .collect(),
        wrong: form::by_field(&errors),
        errors,
        holdings: holdings(&profile.facts, today, &all),
        history: all.iter().filter(|other| other.id != id).map(|other| past(other, &names)).collect(),
        before,
        after,
        fields,
    })
}

/// A reason that is missing leads to the usual ones.
fn to_reasons(error: FormError) -> FormError {
    if error.field == "reason" { FormError { field: "reason-0".to_owned(), ..error } } else { error }
}

fn text(day: Option<NaiveDate>) -> Option<String> {
    day.map(|day| day.to_string())
}

/// The fields before anything is typed: what the coach claims.
fn blank(item: &Item) -> Fields {
    text(item.expires_on).map(|day| ("expires_on".to_owned(), day)).into_iter().collect()
}

/// The names of all who look at items or have decided.
async fn people(tx: &mut Tx, items: &[Item]) -> Result<BTreeMap<Id, String>, Problem> {
    let mut accounts: Vec<Id> = items
        .iter()
        .flat_map(|item| item.decided_by.into_iter().chain(item.claim.map(|(by, _)| by)))
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    names(tx, &accounts).await
}

/// Who decided; what was withdrawn without a reviewer left by the coach.
fn decider(item: &Item, names: &BTreeMap<Id, String>) -> String {
    match (item.state, item.decided_by) {
        (ItemState::Withdrawn, None) => "the profile".to_owned(),
        (_, by) => who(names, by),
    }
}

fn outcome(item: &Item, names: &BTreeMap<Id, String>) -> State {
    let (word, tone) = state(item.state);
    State {
        word,
        tone,
        reason: item.reason.clone(),
        by: decider(item, names),
        at: item.decided_at.map(moment).unwrap_or_default(),
        last: text(item.valid_until),
        can_revoke: item.state == ItemState::Verified,
    }
}

fn claim(item: &Item, names: &BTreeMap<Id, String>, (me, now): (Id, DateTime<Utc>)) -> Claim {
    let claim = item.claim.filter(|(_, until)| *until > now && item.state == ItemState::Pending);
    Claim {
        mine: claim.is_some_and(|(by, _)| by == me),
        other: claim.filter(|(by, _)| *by != me).map(|(by, _)| who(names, Some(by))),
        until: claim.map(|(_, until)| moment(until)).unwrap_or_default(),
    }
}

fn past(item: &Item, names: &BTreeMap<Id, String>) -> Past {
    let (word, tone) = state(item.state);
    Past {
        id: item.id,
        code: item.cert.details().code,
        word,
        tone,
        reason: item.reason.clone(),
        by: if item.state == ItemState::Pending { String::new() } else { decider(item, names) },
        at: moment(item.decided_at.unwrap_or(item.submitted_at)),
    }
}
