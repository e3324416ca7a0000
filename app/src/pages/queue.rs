//! `/admin/queue`: what is done after answers: how much waits, what has failed and why, and who does it. An admin has what is
//! dead run again, or gives it up for a reason.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_identity::{ManageBrand, Nothing, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::tasks::desk::{self, Listed, Listing};
use poem::http::StatusCode;
use poem::web::{Data, Html, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

const HERE: &str = "/admin/queue";

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    tabs: Vec<Tab>,
    /// What is listed.
    state: &'static str,
    oldest: Option<String>,
    tasks: Vec<Task>,
    next: Option<String>,
    workers: Vec<WorkerLine>,
    /// The task whose reason is wrong, and what is wrong with it.
    wrong: Option<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Tab {
    state: &'static str,
    label: &'static str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Task {
    id: Id,
    what: String,
    about: String,
    queued: String,
    when: String,
    attempts: String,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct WorkerLine {
    host: String,
    id: Id,
    since: String,
    seen: String,
}

impl Template for Page {
    const NAME: &'static str = "queue.html";
}

/// What is listed, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    show(&visitor, (&db, &clock, &pages), (asked.0, None)).await
}

async fn show(
    visitor: &Visitor,
    (db, clock, pages): (&Db, &Clock, &Pages),
    (asked, wrong): (Asked, Option<(String, String)>),
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let now = clock.now();
    let known = Listing::ALL.into_iter().find(|(_, name)| *name == asked.state);
    let (listing, state) = known.unwrap_or(Listing::ALL[0]);
    let mut tx = db.read(&allowed).await?;
    let counts = desk::counts(&mut tx, now).await?;
    let (tasks, next) = desk::list(&mut tx, listing, asked.cursor.as_deref()).await?;
    drop(tx);
    let tab = |(listing, state)| {
        let (label, count) = match listing {
            Listing::Dead => ("Dead", counts.dead),
            Listing::Retrying => ("Tried again", counts.retrying),
            Listing::Waiting => ("Waiting", counts.waiting),
            Listing::Running => ("Running", counts.running),
        };
        Tab { state, label, count }
    };
    let line = |worker: desk::Worker| WorkerLine {
        host: worker.host,
        id: worker.id,
        since: moment(worker.started_at),
        seen: ago(now - worker.seen_at),
    };
    let shown = Page {
        tabs: Listing::ALL.into_iter().map(tab).collect(),
        state,
        oldest: counts.oldest.map(|_| span(counts.age(now))),
        tasks: tasks.into_iter().map(|task| listed(task, now)).collect(),
        next: next.map(|cursor| format!("state={state}&cursor={cursor}")),
        workers: desk::workers(db, now).await?.into_iter().map(line).collect(),
        wrong,
    };
    pages.render(visitor.shell(), &shown)
}

fn listed(task: Listed, now: DateTime<Utc>) -> Task {
    let what = match &*task.kind {
        "matches.rescore" => "Work out matches again".to_owned(),
        "notifications.mail" => "Send an e-mail".to_owned(),
        "notifications.digest" => "Send a digest".to_owned(),
        "coaches.remind" => "Remind coaches of what ends soon".to_owned(),
        "webhooks.deliver" => "Deliver a webhook".to_owned(),
        other => other.to_owned(),
    };
    let about: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&task.payload).ok();
    let about =
        about.into_iter().flatten().map(|(name, value)| format!("{} {value}", name.replace('_', " ")));
    let when = match &*task.state {
        "waiting" if task.due_at > now => format!("due in {}", span(task.due_at - now)),
        "waiting" => format!("due for {}", span(now - task.due_at)),
        "running" => format!("running for {}", span(now - task.changed_at)),
        _ => format!("since {}", moment(task.changed_at)),
    };
    Task {
        id: task.id,
        what,
        about: about.collect::<Vec<_>>().join(", "),
        queued: moment(task.queued_at),
        when,
        attempts: format!("{} of {}", task.attempt, task.most),
        error: task.error,
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn ago(span_of: TimeDelta) -> String {
    if span_of < TimeDelta::seconds(2) { "now".to_owned() } else { format!("{} ago", span(span_of)) }
}

/// Such as `40 s`, `12 min` or `3 h`.
fn span(span: TimeDelta) -> String {
    match span.num_seconds().max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[handler]
pub(super) async fn replay(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let mut tx = db.write(&allowed).await?;
    desk::replay(&mut tx, (&clock, &ids), id.0).await?;
    tx.commit().await?;
    Ok(visitor.done(HERE, &Toast::new("It runs again")))
}

/// Why a task is given up.
#[derive(Deserialize)]
pub(super) struct Reason {
    reason: String,
}

#[handler]
pub(super) async fn discard(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Reason>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let mut tx = db.write(&allowed).await?;
    match desk::discard(&mut tx, (&clock, &ids), id.0, &form.0.reason).await {
        Ok(()) => {
            tx.commit().await?;
            Ok(visitor.done(HERE, &Toast::new("It is given up; the audit log says why")).into_response())
        }
        Err(problem) if problem.code == Code::Invalid => {
            drop(tx);
            let why = problem.errors.first().map(|error| error.detail.clone()).unwrap_or_default();
            let wrong = Some((id.0.to_string(), why));
            let shown = show(&visitor, (&db, &clock, &pages), (Asked::default(), wrong)).await?;
            Ok(shown.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
        Err(problem) => Err(problem),
    }
}
