//! `/admin/presets/{name}`: how one preset stands; what is wrong with its file; what a pending change would do, job by job;
//! and whom it chooses, by groups, as a page and as a file.

use std::sync::Arc;

use fithire_identity::{ManageBrand, Visitor};
use fithire_impact::{Report, Sample};
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use fithire_kernel::spreadsheet;
use fithire_presets::{InForce, Standing, What};
use fithire_scoring::explain::exact;
use fithire_scoring::preset::Preset;
use poem::web::{Data, Html, Path, Query};
use poem::{Response, handler};
use serde::{Deserialize, Serialize};

use super::presets::{Named, State, href, when};
use super::view::label;
use crate::change::{self, JobChange, Move, TOP};
use crate::in_force::recorded;
use crate::rankings::Rankings;

/// Jobs that are compared and counted, the newest first: what takes longer than a page may is asked for job by job.
const MOST_JOBS: usize = 100;
/// Jobs whose moves are shown without being asked for.
const SHOWN_JOBS: usize = 5;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    href: String,
    state: State,
    preset: Named,
    since: String,
    /// What the brand was last rescored by, where that is another.
    recorded: Option<(String, String)>,
    problems: Vec<Wrong>,
    jobs: Vec<(Id, String, String)>,
    /// Jobs that use it and are not counted.
    more_jobs: usize,
    pending: Option<Pending>,
    impact: Vec<(&'static str, Report)>,
    fewest: usize,
}

/// Something wrong with a file.
#[derive(Debug, Serialize)]
struct Wrong {
    line: usize,
    column: usize,
    /// The line of the file.
    text: String,
    message: String,
    help: Option<String>,
}

/// A change that waits.
#[derive(Debug, Serialize)]
struct Pending {
    since: String,
    /// What it would be; nothing when it would be refused.
    preset: Option<Named>,
    problems: Vec<Wrong>,
    unreadable: Option<String>,
    /// The first of them with their moves, the others to be asked for.
    changes: Vec<Shown>,
    others: Vec<Shown>,
    /// Whether no job looks any different.
    same: bool,
}

/// What becomes of a job, in words.
#[derive(Debug, Serialize)]
struct Shown {
    href: String,
    title: String,
    location: String,
    before: [usize; 3],
    after: [usize; 3],
    lowest: String,
    median: String,
    highest: String,
    steps: Vec<(String, usize)>,
    moves: Vec<Moved>,
}

#[derive(Debug, Serialize)]
struct Moved {
    href: String,
    name: String,
    what: String,
    before: String,
    after: String,
    by: String,
}

impl Template for Page {
    const NAME: &'static str = "matching/preset.html";
}

/// A difference of scores with its sign.
fn signed(bp: i32) -> String {
    let sign = match bp {
        ..0 => "−",
        0 => "",
        1.. => "+",
    };
    format!("{sign}{}", exact(u16::try_from(bp.unsigned_abs()).unwrap_or(u16::MAX)))
}

fn wrongs(what: &What) -> Vec<Wrong> {
    /// More than anyone mends in one go.
    const MOST: usize = 100;
    const LONGEST: usize = 200;
    let What::Invalid { text, problems } = what else { return Vec::new() };
    let wrong = |problem: &fithire_scoring::preset::Problem| {
        let (line, column) = problem.position(text);
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        Wrong {
            line,
            column,
            text: shown.chars().take(LONGEST).collect(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    };
    problems.iter().take(MOST).map(wrong).collect()
}

impl Shown {
    fn of(change: JobChange, page: &str) -> Self {
        let JobChange { job_id, title, location, before, after, moves, shift } = change;
        let end = |below: Option<i32>| below.map(|below| below - 1);
        let step = |step: &change::Step| {
            let words = match (step.from, end(step.below)) {
                (-10_000, Some(to)) => format!("{} or less", signed(to)),
                (from, Some(to)) if from == to => "unchanged".to_owned(),
                (from, Some(to)) => format!("{} to {}", signed(from), signed(to)),
                (from, None) => format!("{} or more", signed(from)),
            };
            (words, step.coaches)
        };
        Self {
            href: format!("{page}?job={job_id}#pending"),
            title,
            location,
            before,
            after,
            lowest: signed(shift.lowest),
            median: signed(shift.median),
            highest: signed(shift.highest),
            steps: shift.steps.iter().map(step).filter(|(_, coaches)| *coaches > 0).collect(),
            moves: moves.into_iter().map(|moved| Moved::of(job_id, moved)).collect(),
        }
    }
}

impl Moved {
    fn of(job_id: Id, moved: Move) -> Self {
        let what = match (moved.from, moved.to) {
            (Some(from), Some(to)) if to < from => format!("up from {from} to {to}"),
            (Some(from), Some(to)) => format!("down from {from} to {to}"),
            (None, Some(to)) => format!("enters at {to}"),
            (Some(from), None) if moved.excluded == [false, true] => {
                format!("leaves from {from}, excluded by a gate")
            }
            (Some(from), None) => format!("leaves from {from}"),
            (None, None) => String::new(),
        };
        let by = match moved.by {
            Some((key, shift)) => format!("{} {}", label(&key), signed(shift)),
            None => "others moved".to_owned(),
        };
        Self {
            href: format!("/manager/jobs/{job_id}/candidates/{}", moved.coach_id),
            name: moved.name,
            what,
            before: exact(moved.before),
            after: exact(moved.after),
            by,
        }
    }
}

/// What the page is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// One job alone.
    job: Option<Id>,
}

/// The jobs that use a preset, the newest first, as many as are counted; and how many there are beyond.
async fn jobs_of(
    tx: &mut Tx,
    allowed: &Allowed<ManageBrand>,
    name: &str,
) -> Result<(Vec<Open>, usize), Problem> {
    let mut jobs = fithire_jobs::active(tx, allowed.limits()).await?;
    jobs.retain(|job| job.preset == name);
    jobs.reverse();
    let more = jobs.len().saturating_sub(MOST_JOBS);
    jobs.truncate(MOST_JOBS);
    Ok((jobs, more))
}

/// The versions of a preset that could be in force, with what to call them.
fn versions(standing: &Standing) -> Vec<(&'static str, Arc<Preset>)> {
    let next = standing.next.as_ref().and_then(|next| next.preset.as_ref().ok());
    let versions = [("in force", standing.preset.as_ref()), ("pending", next)];
    versions.into_iter().filter_map(|(name, preset)| Some((name, preset?.clone()))).collect()
}

/// Whom each version chooses, by groups.
async fn impact(
    (db, clock, rankings): (&Db, &Clock, &Arc<Rankings>),
    allowed: &Allowed<ManageBrand>,
    standing: &Standing,
    jobs: &[Open],
) -> Result<Vec<(&'static str, Report)>, Problem> {
    let versions = versions(standing);
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    for (_, preset) in &versions {
        samples.push(change::chosen((db, clock), rankings, allowed, jobs.to_vec(), preset.clone()).await?);
    }
    let samples: Vec<&[Sample]> = samples.iter().map(Vec::as_slice).collect();
    let mut tx = db.read(allowed).await?;
    let reports = fithire_impact::reports(&mut tx, &samples).await?;
    Ok(versions.into_iter().map(|(name, _)| name).zip(reports).collect())
}

async fn pending(
    (db, clock, rankings): (&Db, &Clock, &Arc<Rankings>),
    allowed: &Allowed<ManageBrand>,
    (standing, page): (&Standing, &str),
    (jobs, only): (Vec<Open>, Option<Id>),
) -> Result<Option<Pending>, Problem> {
    let Some(next) = &standing.next else { return Ok(None) };
    let since = when(next.since);
    let after = match &next.preset {
        Ok(after) => after,
        Err(what) => {
            let unreadable = if let What::Unreadable(why) = what { Some(why.clone()) } else { None };
            let problems = wrongs(what);
            return Ok(Some(Pending {
                since,
                preset: None,
                problems,
                unreadable,
                changes: Vec::new(),
                others: Vec::new(),
                same: false,
            }));
        }
    };
    let compared = match &standing.preset {
        Some(before) => {
            let versions = [before.clone(), after.clone()];
            change::compare((db, clock), rankings, allowed, jobs, versions).await?
        }
        None => Vec::new(),
    };
    let differs = |change: &JobChange| {
        change.shift.largest() > 0 || !change.moves.is_empty() || change.before != change.after
    };
    let same = !compared.iter().any(differs);
    let first = |(n, change): (usize, &JobChange)| only.map_or(n < SHOWN_JOBS, |id| change.job_id == id);
    let (mut changes, mut others) = (Vec::new(), Vec::new());
    for (n, compared) in compared.into_iter().enumerate() {
        let list = if first((n, &compared)) { &mut changes } else { &mut others };
        list.push(Shown::of(compared, page));
    }
    let preset = Some(Named::new(&after.name, Some(after)));
    Ok(Some(Pending { since, preset, problems: Vec::new(), unreadable: None, changes, others, same }))
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn show(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    in_force: Data<&Arc<InForce>>,
    pages: Data<&Arc<Pages>>,
    name: Path<String>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let standing = in_force.standings.get(&name.0).ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut tx = db.read(&allowed).await?;
    let (mut jobs, more_jobs) = jobs_of(&mut tx, &allowed, &name.0).await?;
    if let Some(id) = asked.0.job
        && !jobs.iter().any(|job| job.id == id)
    {
        let job = fithire_jobs::find(&mut tx, allowed.limits(), id).await?;
        if job.preset != name.0 {
            return Err(Problem::new(Code::NotFound));
        }
        jobs.push(job);
    }
    let known = recorded(&mut tx).await?.remove(&name.0);
    drop(tx);
    let tools = (*db, *clock, *rankings);
    let href = href(&name.0);
    let impact = impact(tools, &allowed, standing, &jobs).await?;
    let listed = jobs.iter().map(|job| (job.id, job.title.clone(), job.location.clone())).collect();
    let pending = pending(tools, &allowed, (standing, &href), (jobs, asked.0.job)).await?;
    let hash = standing.preset.as_ref().map(|preset| preset.hash.clone());
    let page = Page {
        href,
        state: State::of(standing),
        preset: Named::new(&name.0, standing.preset.as_deref()),
        // The record outlives this process.
        since: when(
            known
                .as_ref()
                .filter(|known| Some(&known.hash) == hash.as_ref())
                .map_or(standing.since, |known| known.since),
        ),
        recorded: known
            .filter(|known| hash.is_some() && Some(&known.hash) != hash.as_ref())
            .map(|known| (known.hash, when(known.since))),
        problems: standing.fault.as_ref().map(|fault| wrongs(&fault.what)).unwrap_or_default(),
        jobs: listed,
        more_jobs,
        pending,
        impact,
        fewest: fithire_impact::FEWEST,
    };
    pages.render(visitor.shell(), &page)
}

#[handler]
pub(super) async fn export(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    in_force: Data<&Arc<InForce>>,
    name: Path<String>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let standing = in_force.standings.get(&name.0).ok_or_else(|| Problem::new(Code::NotFound))?;
    let (jobs, _) = jobs_of(&mut db.read(&allowed).await?, &allowed, &name.0).await?;
    let reports = impact((&db, &clock, &rankings), &allowed, standing, &jobs).await?;
    let mut lines = fithire_impact::lines(&["preset", "version", "hash", "top"], None);
    for ((_, preset), (version, report)) in versions(standing).iter().zip(&reports) {
        let first = [&*name.0, *version, &*preset.hash, &*TOP.to_string()];
        lines.extend(fithire_impact::lines(&first, Some(report)));
    }
    Ok(Response::builder()
        .content_type("text/csv; charset=utf-8")
        .header("Content-Disposition", "attachment; filename=\"impact.csv\"")
        .body(spreadsheet::csv(&lines)))
}
