//! `/admin/tags`: the brand's videos, and the page on which one is watched and tagged.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_coaches::{Tag, by_ids, tagged_counts, tags_of};
use fithire_identity::{Posted, ReviewCoaches, Visitor};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields, FormError, Lines, number};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::paging::{self, DEFAULT_LIMIT};
use fithire_kernel::problem::{Code, Problem};
use fithire_orgs::{Dimension, dimensions};
use poem::web::{Data, Html, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;
use serde_json::{Value, json};

use super::Asked;
use crate::tagging::{self, Sent, SentTag};
use crate::words::moment;

/// The list.
#[derive(Debug, Serialize)]
struct List {
    videos: Vec<Listed>,
    next: Option<String>,
    /// Whether the brand has words for what could be tagged.
    words: bool,
}

impl Template for List {
    const NAME: &'static str = "verification/videos.html";
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    coach: String,
    name: String,
    at: String,
    tags: i64,
}

const LIST: &str = "videos";

#[handler]
pub(super) async fn list(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let videos = fithire_media::page_of_videos(&mut tx, asked.after(LIST)?, DEFAULT_LIMIT + 1).await?;
    let (videos, next) = paging::page(LIST, videos, DEFAULT_LIMIT, |video| video.id);
    let ids: Vec<Id> = videos.iter().map(|video| video.id).collect();
    let counts = tagged_counts(&mut tx, &ids).await?;
    let coaches: Vec<Id> = videos.iter().map(|video| video.coach_id).collect();
    let coaches = by_ids(&mut tx, &coaches).await?.into_iter().map(|coach| (coach.id, coach.name));
    let names: BTreeMap<Id, String> = coaches.collect();
    let listed = videos.into_iter().map(|video| Listed {
        coach: names.get(&video.coach_id).cloned().unwrap_or_default(),
        name: video.name,
        at: moment(video.at),
        tags: counts.get(&video.id).copied().unwrap_or_default(),
        id: video.id,
    });
    let whole = List { videos: listed.collect(), next, words: !dimensions(&mut tx).await?.is_empty() };
    pages.render(visitor.shell(), &whole)
}

const TAGS: Lines = Lines {
    kind: "tags",
    label: "Tag",
    first: "at_seconds",
    keys: &["at_seconds", "dimension", "level"],
    preset: &["dimension"],
};

/// The page of a video.
#[derive(Debug, Serialize)]
struct Page {
    id: Id,
    coach_id: Id,
    coach: String,
    name: String,
    dimensions: Vec<Dimension>,
    fields: Fields,
    lines: Vec<usize>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
    seen: String,
}

impl Template for Page {
    const NAME: &'static str = "verification/tagging.html";
}

/// The tags that are there, as fields.
fn typed(tags: &[SentTag]) -> Fields {
    let tags = tags
        .iter()
        .map(|tag| json!({"at_seconds": tag.at_seconds, "dimension": tag.dimension, "level": tag.level}));
    let mut fields = Fields::new();
    TAGS.put(&mut fields, &tags.collect());
    fields
}

async fn show(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    id: Id,
    refused: Option<(Fields, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let mut tx = db.read(&allowed).await?;
    let video = tagging::video(&mut tx, id).await?;
    let coach = by_ids(&mut tx, &[video.coach_id]).await?.pop().map(|coach| coach.name);
    let kept: Vec<SentTag> = tags_of(&mut tx, id).await?.into_iter().map(SentTag::from).collect();
    let there = typed(&kept);
    let seen = form::mark(&there);
    let problem = refused.as_ref().map(|(_, problem)| problem.clone());
    let (fields, errors) = match refused {
        Some((fields, problem)) => {
            let errors = form::errors(&problem, &fields, &[TAGS], &[], "tags-0-at_seconds");
            (fields, errors)
        }
        None => (there, Vec::new()),
    };
    let whole = Page {
        id,
        coach_id: video.coach_id,
        coach: coach.unwrap_or_default(),
        name: video.name,
        dimensions: dimensions(&mut tx).await?,
        lines: TAGS.offered(&fields),
        fields,
        wrong: form::by_field(&errors),
        errors,
        seen,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

#[handler]
pub(super) async fn one(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    reads: Data<&Reads>,
    id: Path<Id>,
) -> Result<Response, Problem> {
    let shown = show(&visitor, (&db, &pages), id.0, None).await?;
    reads.note(visitor.caller().scope(), Event::new("video.read", "media", id.0))?;
    Ok(shown)
}

/// What the API would be sent for the fields.
fn request(id: Id, fields: &Fields) -> Result<Sent, Problem> {
    let read = |key: &str, text: &str| if key == "dimension" { Value::from(text) } else { number(text) };
    let tags = TAGS.request(fields, read);
    body::read(json!({"media_id": id, "tags": tags}).to_string().as_bytes())
}

/// Whether the tags that are there are as the form has seen them.
fn check_mark(fields: &Fields, there: &[Tag]) -> Result<(), Problem> {
    let there: Vec<SentTag> = there.iter().cloned().map(SentTag::from).collect();
    form::check_mark(fields, &typed(&there))
}

#[handler]
pub(super) async fn save(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let saved = async {
        let sent = request(id.0, &form.0)?;
        tagging::save(&db, (&clock, &ids), &allowed, sent, |there| check_mark(&form.0, there)).await
    };
    match saved.await {
        Ok((_, tags)) => {
            let told = match tags.len() {
                0 => "No tags are left; the rating is gone, too".to_owned(),
                1 => "1 tag saved, and the coach is rated by it".to_owned(),
                count => format!("{count} tags saved, and the coach is rated by them"),
            };
            let to = if form.0.contains_key("more") {
                format!("/admin/tags/{}", id.0)
            } else {
                "/admin/tags".to_owned()
            };
            let seen = form::mark(&typed(&tags));
            let toast = Toast::new(told).with_undo(format!("/admin/tags/{}/undo", id.0), &[("seen", &seen)]);
            Ok(visitor.done(to, &toast).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            show(&visitor, (&db, &pages), id.0, Some((form.0, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Puts the tags back that the last saving has replaced, and opens the video.
#[handler]
pub(super) async fn undo(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let check = |there: &[Tag]| check_mark(&form.0, there);
    let told = match tagging::take_back(&db, (&clock, &ids), &allowed, id.0, check).await {
        Ok(()) => "Taken back; the tags are as they were",
        Err(problem) if problem.code == Code::Conflict => {
            "Somebody has tagged it again since; it stays as it is"
        }
        Err(problem) => return Err(problem),
    };
    Ok(visitor.done(format!("/admin/tags/{}", id.0), &Toast::new(told)))
}
