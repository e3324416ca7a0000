//! `/admin/webhooks/{id}`: one webhook, its log, and what can be done with both.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use fithire_identity::{ManageWebhooks, Nothing, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::etag::IfMatch;
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use poem::web::{Data, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use super::{Form, Health, request, state_word};
use crate::deliveries;
use crate::endpoints::{self, Change};
use crate::model::{Delivery, State};
use crate::sender::Sender;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    id: Id,
    url: String,
    state: Health,
    /// The secret that has just been made, which is not shown again.
    fresh: Option<String>,
    /// Until when the former secret signs, too.
    former_until: Option<String>,
    form: Form,
    states: [(&'static str, &'static str); 4],
    asked: String,
    deliveries: Vec<Listed>,
    next: Option<String>,
    failed: u64,
    since: String,
    since_errors: Vec<FormError>,
    since_wrong: String,
}

impl Template for Page {
    const NAME: &'static str = "webhooks/one.html";
}

/// A delivery of the log.
#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    kind: String,
    at: String,
    tone: &'static str,
    state: &'static str,
    attempts: i32,
    next: Option<String>,
    status: Option<i32>,
    error: Option<String>,
    answer: Option<String>,
    body: String,
}

impl From<Delivery> for Listed {
    fn from(delivery: Delivery) -> Self {
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let read = State::read(&delivery.state);
        Self {
            id: delivery.id,
            at: time(delivery.created_at),
            tone: match read {
                Some(State::Delivered) => "good",
                Some(State::Waiting) => "wait",
                Some(State::Failed) | None => "bad",
            },
            state: state_word(&delivery),
            attempts: delivery.attempts,
            next: delivery.next_at.filter(|_| delivery.attempts > 0).map(time),
            kind: delivery.kind,
            status: delivery.status,
            error: delivery.error,
            answer: delivery.answer.filter(|text| !text.trim().is_empty()),
            body: delivery.body,
        }
    }
}

/// What a page shows beside what is there.
#[derive(Default)]
pub(super) struct Shown {
    fresh: Option<String>,
    refused: Option<(Fields, Problem)>,
    /// A day from which on was to be sent again and that is none.
    since: Option<(String, Problem)>,
    asked: Asked,
}

impl Shown {
    pub(super) fn fresh(secret: String) -> Self {
        Self { fresh: Some(secret), ..Self::default() }
    }
}

/// What the log is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    cursor: Option<String>,
}

pub(super) async fn show(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    id: Id,
    Shown { fresh, refused, since, asked }: Shown,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let mut tx = db.read(&allowed).await?;
    let endpoint = endpoints::find(&mut tx, id).await?;
    let state = State::read(&asked.state);
    let place = (DEFAULT_LIMIT, asked.cursor.as_deref());
    let (rows, next) = deliveries::page(&mut tx, (id, state), place).await?;
    let (failed, _) = deliveries::fares(&mut tx, id).await?;
    let problem = refused.as_ref().map(|(_, problem)| problem).or(since.as_ref().map(|(_, problem)| problem));
    let problem = problem.cloned();
    let since_errors = since.as_ref().map_or_else(Vec::new, |(_, problem)| {
        form::errors(problem, &Fields::new(), &[], &[("since", "since", "Since")], "since")
    });
    let whole = Page {
        id,
        state: Health::of(&endpoint),
        fresh,
        former_until: endpoint.former_until.map(|until| until.format("%Y-%m-%d %H:%M UTC").to_string()),
        form: match &refused {
            Some((fields, problem)) => Form::refused(fields, problem),
            None => Form::of(&endpoint),
        },
        url: endpoint.url,
        states: [
            ("", "All"),
            (State::Waiting.as_str(), "On their way"),
            (State::Delivered.as_str(), "Delivered"),
            (State::Failed.as_str(), "Failed"),
        ],
        asked: state.map_or_else(String::new, |state| state.as_str().to_owned()),
        deliveries: rows.into_iter().map(Listed::from).collect(),
        next,
        failed,
        since: since.map(|(since, _)| since).unwrap_or_default(),
        since_wrong: since_errors.first().map(|error| error.detail.clone()).unwrap_or_default(),
        since_errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &pages), id.0, Shown { asked: asked.0, ..Shown::default() }).await
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn change(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    sender: Data<&Sender>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let changed = async {
        let change: Change = request(&form.0)?;
        endpoints::change(&db, (&clock, &ids), (&sender, &allowed), (id.0, &IfMatch::Anything), change).await
    };
    match changed.await {
        Ok(endpoint) => {
            let told = if endpoint.enabled { "Saved; it is on" } else { "Saved; it is off" };
            Ok(visitor.done(format!("/admin/webhooks/{}", id.0), &Toast::new(told)).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            let refused = Some((form.0, problem));
            show(&visitor, (&db, &pages), id.0, Shown { refused, ..Shown::default() }).await
        }
        Err(problem) => Err(problem),
    }
}

#[handler]
pub(super) async fn rotate(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let (_, secret) = endpoints::rotate(&db, (&clock, &ids), &allowed, id.0).await?;
    show(&visitor, (&db, &pages), id.0, Shown::fresh(secret)).await
}

#[handler]
pub(super) async fn test(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    deliveries::test(&db, (&clock, &ids), &allowed, id.0).await?;
    let told = "A test is on its way; look at this page again in a moment to see what came of it";
    Ok(visitor.done(format!("/admin/webhooks/{}", id.0), &Toast::new(told)))
}

#[handler]
pub(super) async fn delete(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let endpoint = endpoints::remove(&db, (&clock, &ids), &allowed, (id.0, &IfMatch::Anything)).await?;
    Ok(visitor.done("/admin/webhooks", &Toast::new(format!("Nothing is sent to {} any more", endpoint.url))))
}

#[handler]
pub(super) async fn replay(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    which: Path<(Id, Id)>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    deliveries::replay(&db, (&clock, &ids), &allowed, which.0).await?;
    let path = format!("/admin/webhooks/{}", which.0.0);
    Ok(visitor.done(path, &Toast::new("The message is on its way again")))
}

/// From which day on what failed is sent again.
#[derive(Deserialize)]
pub(super) struct Since {
    since: String,
}

#[handler]
pub(super) async fn replay_failed(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Since>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let sent = async {
        let since = first_moment(form.0.since.trim())?;
        deliveries::replay_failed(&db, (&clock, &ids), &allowed, (id.0, since)).await
    };
    match sent.await {
        Ok((sent, more)) => {
            let told = match (sent, more) {
                (0, _) => "Nothing has failed since then".to_owned(),
                (1, _) => "One message is on its way again".to_owned(),
                (sent, false) => format!("{sent} messages are on their way again"),
                (sent, true) => {
                    format!("{sent} messages are on their way again; there are more, so send again")
                }
            };
            Ok(visitor.done(format!("/admin/webhooks/{}", id.0), &Toast::new(told)).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            let since = Some((form.0.since, problem));
            show(&visitor, (&db, &pages), id.0, Shown { since, ..Shown::default() }).await
        }
        Err(problem) => Err(problem),
    }
}

/// The beginning of a day, in UTC; that of time for a blank one.
fn first_moment(day: &str) -> Result<DateTime<Utc>, Problem> {
    if day.is_empty() {
        return Ok(DateTime::UNIX_EPOCH);
    }
    let read = day.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    read.map_err(|_| Problem::field("/since", "is not a day of the calendar"))
}
