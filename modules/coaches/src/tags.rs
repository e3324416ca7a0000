//! Tags: a level of teaching style that a reviewer has seen at a moment of a coach's video. The median of a dimension's tags
//! over all videos of a coach is the reviewer's rating in the coach's facts, which goes before the coach's own.
//!
//! A dimension without tags keeps whatever a reviewer has said of it in another way; one whose last tag is removed loses its
//! rating. What was replaced by the last saving is kept, so that it can be taken back. Why the median: `docs/adr/0020-verification.md`.

use std::collections::{BTreeMap, BTreeSet};

use fithire_identity::ReviewCoaches;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{ScopedTable, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{FieldError, Problem};
use fithire_kernel::scope::{Actor, Allowed};
use fithire_scoring::facts::{MAX_ITEMS, Rating, Source};
use sea_query::{Expr, ExprTrait, Iden, Order};
use serde_json::json;
use sqlx::FromRow;

use crate::writing::Writing;

#[derive(Iden, Clone, Copy)]
enum VideoTags {
    Table,
    BrandId,
    Id,
    CoachId,
    MediaId,
    AtMs,
    Dimension,
    Level,
    TaggedBy,
    TaggedAt,
    Replaced,
}

impl ScopedTable for VideoTags {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What was seen at a moment of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Milliseconds from the beginning.
    pub at_ms: i64,
    /// The brand's name for it.
    pub dimension: String,
    /// 0..=4.
    pub level: u8,
}

/// No video is longer.
const LONGEST_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(FromRow)]
struct Row {
    at_ms: i64,
    dimension: String,
    level: i32,
}

impl From<Row> for Tag {
    fn from(row: Row) -> Self {
        Self {
            at_ms: row.at_ms,
            dimension: row.dimension,
            level: u8::try_from(row.level).unwrap_or_default(),
        }
    }
}

const SHOWN: [VideoTags; 3] = [VideoTags::AtMs, VideoTags::Dimension, VideoTags::Level];

/// The tags of a video in the order of its time.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tags_of(tx: &mut Tx, media_id: Id) -> Result<Vec<Tag>, Problem> {
    tags(tx, media_id, false).await
}

/// The tags of a video that are there, or those that they have replaced.
async fn tags(tx: &mut Tx, media_id: Id, replaced: bool) -> Result<Vec<Tag>, Problem> {
    let mut select = tx.select(VideoTags::Table);
    select
        .columns(SHOWN)
        .and_where(Expr::col(VideoTags::MediaId).eq(media_id))
        .and_where(Expr::col(VideoTags::Replaced).eq(replaced))
        .order_by(VideoTags::AtMs, Order::Asc)
        .order_by(VideoTags::Id, Order::Asc);
    let rows: Vec<Row> = tx.all(&select).await?;
    Ok(rows.into_iter().map(Tag::from).collect())
}

/// How many tags videos have; one without any is missing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tagged_counts(tx: &mut Tx, videos: &[Id]) -> Result<BTreeMap<Id, i64>, Problem> {
    let mut select = tx.select(VideoTags::Table);
    select
        .column(VideoTags::MediaId)
        .expr(Expr::col(VideoTags::Id).count())
        .and_where(Expr::col(VideoTags::MediaId).is_in(videos.iter().copied()))
        .and_where(Expr::col(VideoTags::Replaced).eq(false))
        .group_by_col(VideoTags::MediaId);
    let rows: Vec<(Id, i64)> = tx.all(&select).await?;
    Ok(rows.into_iter().collect())
}

/// Puts these tags in the place of those that a coach's video has, and rates the coach by all tags that there are then. The
/// caller has seen that the video is the coach's. `check` is shown the tags that are replaced, which nobody else changes until
/// this transaction ends.
///
/// # Errors
/// 404 when there is no such coach; 422 with every tag that is not right; what `check` says.
pub async fn tag(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    (coach_id, media_id): (Id, Id),
    tags: Vec<Tag>,
    check: impl FnOnce(&[Tag]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    use VideoTags::{AtMs, CoachId, Dimension, Id as Key, Level, MediaId, TaggedAt, TaggedBy};
    let writing = Writing::of(tx, (clock, ids), coach_id).await?;
    let before = tags_of(tx, media_id).await?;
    check(&before)?;
    check_tags(tx, &before, &tags).await?;
    let touched = &dimensions(&before) | &dimensions(&tags);
    remove(tx, media_id, true).await?;
    turn(tx, media_id, (false, true)).await?;
    let by = if let Actor::Account(id) = allowed.actor() { Some(id) } else { None };
    let count = tags.len();
    let rows: Vec<Vec<sea_query::Value>> = tags
        .into_iter()
        .map(|tag| {
            vec![
                ids.next().into(),
                coach_id.into(),
                media_id.into(),
                tag.at_ms.into(),
                tag.dimension.into(),
                i32::from(tag.level).into(),
                by.into(),
                clock.now().into(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let columns = [Key, CoachId, MediaId, AtMs, Dimension, Level, TaggedBy, TaggedAt];
        tx.run(&tx.insert(&columns, rows)).await?;
    }
    let event = Event::new("video.tagged", "media", media_id).with(json!({"coach": coach_id, "tags": count}));
    audit::record(tx, (clock, ids), event).await?;
    rate(tx, (clock, ids), writing, (coach_id, touched)).await
}

/// Puts back what the last saving has replaced, once; the coach is rated by what there is then. A rating that a dimension had
/// without tags before its first tag does not come back. `check` is shown the tags that there are, as by [`tag`].
///
/// # Errors
/// 404 when there is no such coach; what `check` says.
pub async fn take_back_tags(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    _allowed: &Allowed<ReviewCoaches>,
    (coach_id, media_id): (Id, Id),
    check: impl FnOnce(&[Tag]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let writing = Writing::of(tx, tools, coach_id).await?;
    let before = tags_of(tx, media_id).await?;
    check(&before)?;
    let touched = &dimensions(&before) | &dimensions(&tags(tx, media_id, true).await?);
    remove(tx, media_id, false).await?;
    turn(tx, media_id, (true, false)).await?;
    let event = Event::new("video.tags_taken_back", "media", media_id).with(json!({"coach": coach_id}));
    audit::record(tx, tools, event).await?;
    rate(tx, tools, writing, (coach_id, touched)).await
}

fn dimensions(tags: &[Tag]) -> BTreeSet<String> {
    tags.iter().map(|tag| tag.dimension.clone()).collect()
}

async fn remove(tx: &mut Tx, media_id: Id, replaced: bool) -> Result<(), Problem> {
    let mut delete = tx.delete(VideoTags::Table);
    delete
        .and_where(Expr::col(VideoTags::MediaId).eq(media_id))
        .and_where(Expr::col(VideoTags::Replaced).eq(replaced));
    tx.run(&delete).await?;
    Ok(())
}

/// Makes tags replaced that are there, or the other way round.
async fn turn(tx: &mut Tx, media_id: Id, (from, to): (bool, bool)) -> Result<(), Problem> {
    let mut update = tx.update(VideoTags::Table);
    update
        .value(VideoTags::Replaced, to)
        .and_where(Expr::col(VideoTags::MediaId).eq(media_id))
        .and_where(Expr::col(VideoTags::Replaced).eq(from));
    tx.run(&update).await?;
    Ok(())
}

/// Rates a coach by all tags that there are; a dimension that was touched and has none any more loses its rating.
async fn rate(
    tx: &mut Tx,
    tools: (&Clock, &Ids),
    writing: Writing,
    (coach_id, touched): (Id, BTreeSet<String>),
) -> Result<(), Problem> {
    let mut select = tx.select(VideoTags::Table);
    select
        .columns(SHOWN)
        .and_where(Expr::col(VideoTags::CoachId).eq(coach_id))
        .and_where(Expr::col(VideoTags::Replaced).eq(false));
    let rows: Vec<Row> = tx.all(&select).await?;
    let seen = medians(rows.into_iter().map(Tag::from));
    let mut new = writing.old.clone();
    new.facts.style.retain(|rating| {
        rating.source != Source::Reviewer
            || !(touched.contains(&rating.dimension) || seen.contains_key(&rating.dimension))
    });
    let rated = |(dimension, level)| Rating { dimension, level, source: Source::Reviewer };
    new.facts.style.extend(seen.into_iter().map(rated));
    writing.save(tx, tools, new).await
}

/// Every tag that is not right. A dimension that the brand has removed may stay where it was.
async fn check_tags(tx: &mut Tx, before: &[Tag], tags: &[Tag]) -> Result<(), Problem> {
    if tags.len() > MAX_ITEMS {
        return Err(Problem::field("/tags", format!("has more than {MAX_ITEMS} items")));
    }
    let known: BTreeSet<String> =
        fithire_orgs::dimensions(tx).await?.into_iter().map(|dimension| dimension.name).collect();
    let mut errors = Vec::new();
    for (n, tag) in tags.iter().enumerate() {
        let mut wrong = |key: &str, detail: String| {
            errors.push(FieldError { pointer: format!("/tags/{n}/{key}"), detail });
        };
        if !(0..=LONGEST_MS).contains(&tag.at_ms) {
            wrong("at_seconds", "is not from 0 to 86400".to_owned());
        }
        if tag.level > 4 {
            wrong("level", "is not from 0 to 4".to_owned());
        }
        if !known.contains(&tag.dimension) && !before.contains(tag) {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            wrong("dimension", format!("is none of the brand's: {}", names.join(", ")));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// The level in the middle of each dimension's tags; between two, the mean, rounded half up.
fn medians(tags: impl Iterator<Item = Tag>) -> BTreeMap<String, u8> {
    let mut levels: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for tag in tags {
        levels.entry(tag.dimension).or_default().push(tag.level);
    }
    let median = |mut levels: Vec<u8>| {
        levels.sort_unstable();
        let (low, high) = (levels[(levels.len() - 1) / 2], levels[levels.len() / 2]);
        (low + high).div_ceil(2)
    };
    levels.into_iter().map(|(dimension, levels)| (dimension, median(levels))).collect()
}

/// Removes everything of a coach.
pub(crate) async fn erase(tx: &mut Tx, coach_id: Id) -> Result<(), Problem> {
    let mut delete = tx.delete(VideoTags::Table);
    delete.and_where(Expr::col(VideoTags::CoachId).eq(coach_id));
    tx.run(&delete).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rating_is_the_level_in_the_middle() {
        let median = |levels: &[u8]| {
            let tag = |level: &u8| Tag { at_ms: 0, dimension: "music".to_owned(), level: *level };
            medians(levels.iter().map(tag)).remove("music")
        };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3]), Some(3));
        assert_eq!(median(&[4, 0, 1]), Some(1));
        assert_eq!(median(&[1, 2]), Some(2));
        assert_eq!(median(&[0, 4, 4, 0]), Some(2));
        assert_eq!(median(&[4, 4, 4, 4]), Some(4));
    }
}
