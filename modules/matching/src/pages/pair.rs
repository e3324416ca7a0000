//! One coach for one job, with everything that is said of the pair: for a manager among the candidates, for the coach
//! among the matches, also where the coach is not ranked.

use std::sync::Arc;

use fithire_coaches::Profile;
use fithire_identity::{BeCoach, Nothing, Posted, ViewCoaches, Visitor};
use fithire_jobs::Open;
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use fithire_scoring::explain::{Explanation, two_places};
use poem::handler;
use poem::web::{Data, Html, Path, Query, Redirect};
use serde::Serialize;
use serde_json::json;

use super::listing;
use super::view::Score;
use crate::model::NewScore;
use crate::rankings::Rankings;
use crate::{reviews, scores};

/// A pair as a manager sees it.
#[derive(Debug, Serialize)]
struct Candidate {
    job: Job,
    coach_id: Id,
    name: String,
    /// A video of how they teach.
    video: Option<Id>,
    /// Label and text of what is known of the coach beside what is scored.
    known: Vec<(&'static str, String)>,
    bio: Option<String>,
    /// By other weights than the preset's.
    tried: bool,
    /// What leads back to the list as it was.
    query: String,
    /// Requests that a person looks at this score, with what they said.
    reviews: Vec<Reviewed>,
    standing: Standing,
    score: Score,
}

impl Template for Candidate {
    const NAME: &'static str = "matching/pair.html";
}

/// A pair as the coach sees it.
#[derive(Debug, Serialize)]
struct OwnMatch {
    job: Job,
    reviews: Vec<Reviewed>,
    /// No request of the coach waits for its answer.
    can_ask: bool,
    /// A reason that was refused, and what is wrong with it.
    typed: String,
    wrong: String,
    standing: Standing,
    score: Score,
}

/// A request for review.
#[derive(Debug, Serialize)]
struct Reviewed {
    asked: String,
    text: String,
    outcome: Option<String>,
    answer: Option<String>,
}

impl From<reviews::Request> for Reviewed {
    fn from(request: reviews::Request) -> Self {
        Self {
            asked: request.asked_at.date_naive().to_string(),
            text: request.text,
            outcome: request.outcome,
            answer: request.answer,
        }
    }
}

impl Template for OwnMatch {
    const NAME: &'static str = "matching/match.html";
}

#[derive(Debug, Serialize)]
struct Job {
    id: Id,
    title: String,
    location: String,
    active: bool,
    description: Option<String>,
    /// Label and text of what the job offers and asks for.
    known: Vec<(&'static str, String)>,
}

/// Where a coach stands with a job.
#[derive(Debug, Serialize)]
struct Standing {
    ranked: bool,
    excluded: bool,
    threshold: String,
}

impl From<&Open> for Job {
    fn from(job: &Open) -> Self {
        let facts = &job.facts;
        let mut known = vec![("Location", job.location.clone())];
        if facts.is_virtual {
            known.push(("Taught", "from anywhere".to_owned()));
        }
        known.extend(facts.modality.map(|modality| ("Modality", modality.details().title.to_owned())));
        known.extend(facts.starts_on.map(|day| ("From", day.to_string())));
        known.extend(job.employment_type.clone().map(|kind| ("Employment", kind)));
        known.extend(Some(job.pay.to_string()).filter(|pay| !pay.is_empty()).map(|pay| ("Pay", pay)));
        Self {
            id: job.id,
            title: job.title.clone(),
            location: job.location.clone(),
            active: job.active,
            description: job.description.clone(),
            known,
        }
    }
}

impl Standing {
    fn new(job: &Open, rankings: &Rankings, explained: &Explanation) -> Result<Self, Problem> {
        let threshold = rankings.threshold(job)?;
        Ok(Self {
            ranked: !explained.score.excluded && explained.score.bp >= threshold,
            excluded: explained.score.excluded,
            threshold: two_places(threshold),
        })
    }
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn candidate(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    reads: Data<&Reads>,
    pages: Data<&Arc<Pages>>,
    ids: Path<(Id, Id)>,
    query: Query<listing::Query>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let (job_id, coach_id) = ids.0;
    let as_of = fithire_orgs::today(&db, &clock, allowed.brand_id()).await?;
    let mut tx = db.read(&allowed).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), job_id).await?;
    let coach = fithire_coaches::visible(&mut tx, visitor.caller(), coach_id).await?;
    let profile = fithire_coaches::profile(&mut tx, visitor.caller(), coach_id).await?;
    let tried = listing::tried(&rankings, &job, &query.0)?;
    let explained = rankings.explained(&coach, &job, as_of, tried.as_ref())?;
    let event = Event::new("coach.read", "coach", coach_id).with(json!({"job": job_id}));
    reads.note(&allowed, event)?;
    let requests = reviews::of_pair(&mut tx, job_id, coach_id).await?;
    let videos = fithire_media::videos_of(&mut tx, &[coach_id]).await?;
    let page = Candidate {
        video: videos.get(&coach_id).copied(),
        reviews: requests.into_iter().map(Reviewed::from).collect(),
        tried: tried.is_some(),
        query: listing::back(&rankings, &job, &query.0)?,
        standing: Standing::new(&job, &rankings, &explained)?,
        job: (&job).into(),
        coach_id,
        name: coach.name,
        known: known(&profile),
        bio: profile.bio,
        score: Score::of_another(&explained),
    };
    pages.render(visitor.shell(), &page)
}

/// What is known of a coach, for people.
fn known(profile: &Profile) -> Vec<(&'static str, String)> {
    let home: Vec<&str> = [&profile.postal_code, &profile.city, &profile.region, &profile.country]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let home = (!home.is_empty()).then(|| home.join(", "));
    [
        ("E-mail", profile.email.clone()),
        ("Phone", profile.phone.clone()),
        ("Lives in", home),
        ("Languages", profile.languages.clone()),
    ]
    .into_iter()
    .filter_map(|(label, text)| Some((label, text?)))
    .collect()
}

#[handler]
pub(super) async fn own_match(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    pages: Data<&Arc<Pages>>,
    job_id: Path<Id>,
) -> Result<Html<String>, Problem> {
    show_own(&visitor, (&db, &clock), &rankings, &pages, job_id.0, (String::new(), String::new())).await
}

/// The page of a coach's own match. `refused` is what was typed as a reason for a review, and what is wrong with it.
pub(super) async fn show_own(
    visitor: &Visitor,
    (db, clock): (&Db, &Clock),
    rankings: &Rankings,
    pages: &Pages,
    job_id: Id,
    refused: (String, String),
) -> Result<Html<String>, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    let as_of = fithire_orgs::today(db, clock, caller.scope().brand_id()).await?;
    let mut tx = db.read(caller.scope()).await?;
    let coach = fithire_coaches::own(&mut tx, caller).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let job = fithire_jobs::find(&mut tx, caller.limits(), job_id).await?;
    let explained = rankings.explained(&coach, &job, as_of, None)?;
    let requests = reviews::of_pair(&mut tx, job.id, coach.id).await?;
    let (typed, wrong) = refused;
    let page = OwnMatch {
        can_ask: requests.iter().all(|request| request.outcome.is_some()),
        reviews: requests.into_iter().map(Reviewed::from).collect(),
        typed,
        wrong,
        standing: Standing::new(&job, rankings, &explained)?,
        job: (&job).into(),
        score: (&explained).into(),
    };
    pages.render(visitor.shell(), &page)
}

/// Keeps the score of a pair on record.
#[handler]
pub(super) async fn keep(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    rankings: Data<&Arc<Rankings>>,
    pair: Path<(Id, Id)>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let (job_id, coach_id) = pair.0;
    let pair = NewScore { job_id, coach_id };
    let id = scores::keep(&db, (&clock, &ids), &rankings, visitor.caller(), &pair).await?;
    Ok(Redirect::see_other(format!("/manager/scores/{id}")))
}

/// A kept score, and what it would be if it were computed again.
#[derive(Debug, Serialize)]
struct Kept {
    id: Id,
    job_id: Id,
    coach_id: Id,
    name: String,
    title: String,
    value: String,
    as_of: String,
    same: bool,
    differs: Vec<String>,
}

impl Template for Kept {
    const NAME: &'static str = "matching/kept.html";
}

#[handler]
pub(super) async fn kept(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let kept = scores::find(&mut tx, visitor.caller(), id.0).await?;
    let replay = scores::replay(&mut tx, visitor.caller(), id.0).await?;
    let coach = fithire_coaches::visible(&mut tx, visitor.caller(), kept.coach_id).await?;
    let job = fithire_jobs::find(&mut tx, allowed.limits(), kept.job_id).await?;
    let page = Kept {
        name: coach.name,
        title: job.title,
        id: kept.id,
        job_id: kept.job_id,
        coach_id: kept.coach_id,
        value: format!("{:.4}", kept.figures.fitscore),
        as_of: kept.figures.provenance.as_of.to_string(),
        same: replay.same,
        differs: replay.differs,
    };
    pages.render(visitor.shell(), &page)
}
