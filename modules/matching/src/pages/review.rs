//! Human review: a coach asks on the page of a match, a manager answers on `/manager/reviews`.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{BeCoach, ManageJobs, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, refused, shown};
use fithire_kernel::problem::{Code, Problem};
use poem::web::{Data, Path};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use super::pair::show_own;
use crate::rankings::Rankings;
use crate::reviews;

#[derive(Deserialize)]
pub(super) struct Asked {
    text: String,
}

/// Asks that a person looks at the score of a match.
#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn ask(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    job_id: Path<Id>,
    form: Posted<Asked>,
) -> Result<Response, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    let asked = async {
        let mut tx = db.write(caller.scope()).await?;
        let gone = || Problem::new(Code::NotFound);
        let coach = fithire_coaches::own(&mut tx, caller).await?.ok_or_else(gone)?;
        let job = fithire_jobs::find(&mut tx, caller.limits(), job_id.0).await?;
        reviews::ask(&mut tx, (&clock, &ids), (job.id, coach.id), &form.0.text).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match asked.await {
        Ok(()) => {
            let to = format!("/coach/matches/{}", job_id.0);
            Ok(visitor.done(to, &Toast::new("Somebody will look at it and answer here")).into_response())
        }
        // A second request is shown by the page as what it is: one that waits.
        Err(problem) if problem.keeps_form() => {
            let wrong = match problem.errors.first() {
                Some(error) => error.detail.clone(),
                None if problem.code == Code::Unavailable => problem.to_string(),
                None => String::new(),
            };
            let text = form.0.text.clone();
            let whole = show_own(&visitor, (&db, &clock), &rankings, &pages, job_id.0, (text, wrong)).await?;
            refused(whole, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// The page of `/manager/reviews`.
#[derive(Debug, Serialize)]
struct Page {
    requests: Vec<Listed>,
    /// Of the request whose answer was refused: its number, and what was typed.
    typed: Option<(Id, Answer)>,
    /// Whether that request is not among them any more, so that what was typed stands by itself.
    late: bool,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    job_id: Id,
    coach_id: Id,
    title: String,
    name: String,
    text: String,
    asked: String,
}

impl Template for Page {
    const NAME: &'static str = "matching/reviews.html";
}

async fn show(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    refused: Option<(Id, Answer, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let mut tx = db.read(&allowed).await?;
    let mut requests = Vec::new();
    for request in reviews::open(&mut tx).await? {
        // Requests on jobs outside of the part that somebody reaches are for others to answer.
        let job = match fithire_jobs::find(&mut tx, allowed.limits(), request.job_id).await {
            Ok(job) => job,
            Err(Problem { code: Code::NotFound, .. }) => continue,
            Err(problem) => return Err(problem),
        };
        let coach = match fithire_coaches::visible(&mut tx, visitor.caller(), request.coach_id).await {
            Ok(coach) => coach,
            Err(Problem { code: Code::NotFound, .. }) => continue,
            Err(problem) => return Err(problem),
        };
        requests.push(Listed {
            id: request.id,
            job_id: job.id,
            coach_id: coach.id,
            title: job.title,
            name: coach.name,
            text: request.text,
            asked: request.asked_at.date_naive().to_string(),
        });
    }
    let (mut typed, mut errors, mut wrong) = (None, Vec::new(), None);
    if let Some((id, given, problem)) = refused {
        errors = form::errors(&problem, &BTreeMap::new(), &[], &[], "answer");
        for error in &mut errors {
            error.field = format!("{}-{id}", error.field);
        }
        typed = Some((id, given));
        wrong = Some(problem);
    }
    let late = typed.as_ref().is_some_and(|(id, _)| requests.iter().all(|request| request.id != *id));
    let whole = Page { requests, typed, late, wrong: form::by_field(&errors), errors };
    shown(pages.render(visitor.shell(), &whole)?, wrong.as_ref())
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &pages), None).await
}

/// An answer, as typed.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    #[serde(default)]
    outcome: String,
    answer: String,
}

#[handler]
pub(super) async fn answer(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Answer>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageJobs>()?;
    let typed = form.0;
    let answered = async {
        let mut tx = db.write(&allowed).await?;
        let (job_id, is_answered) = reviews::to_answer(&mut tx, id.0).await?;
        fithire_jobs::find(&mut tx, allowed.limits(), job_id).await?;
        if is_answered {
            let told = "somebody has answered already, and the coach sees that. What you typed is below";
            return Err(Problem::new(Code::Conflict).because(told));
        }
        let what = (visitor.caller().account_id(), &*typed.outcome, &*typed.answer);
        reviews::answer(&mut tx, (&clock, &ids), id.0, what).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match answered.await {
        Ok(()) => {
            Ok(visitor.done("/manager/reviews", &Toast::new("Answered; the coach sees it")).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            show(&visitor, (&db, &pages), Some((id.0, typed, problem))).await
        }
        Err(problem) => Err(problem),
    }
}
