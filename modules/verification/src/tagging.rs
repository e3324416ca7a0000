//! Tags of a video: who may be tagged, and what is sent.

use fithire_coaches::{Tag, tag, tags_of, take_back_tags};
use fithire_identity::ReviewCoaches;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use fithire_media::{Kind, Medium};
use poem_openapi::Object;

/// What is seen at a moment of a video.
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(rename = "VideoTag", deny_unknown_fields)]
pub(crate) struct SentTag {
    /// From the beginning; kept to the millisecond.
    #[oai(validator(minimum(value = "0"), maximum(value = "86400")))]
    pub(crate) at_seconds: f64,
    /// One of the brand's words for teaching styles.
    #[oai(validator(min_length = 1, max_length = 50))]
    pub(crate) dimension: String,
    #[oai(validator(maximum(value = "4")))]
    pub(crate) level: u8,
}

/// The tags of a video, whole: they take the place of those that it has.
#[derive(Clone, Debug, Object)]
#[oai(rename = "NewVideoTags", deny_unknown_fields)]
pub(crate) struct Sent {
    pub(crate) media_id: Id,
    #[oai(validator(max_items = 1000))]
    pub(crate) tags: Vec<SentTag>,
}

impl From<Tag> for SentTag {
    #[expect(clippy::cast_precision_loss, reason = "at most a day in milliseconds")]
    fn from(tag: Tag) -> Self {
        Self { at_seconds: tag.at_ms as f64 / 1_000.0, dimension: tag.dimension, level: tag.level }
    }
}

impl From<SentTag> for Tag {
    #[expect(clippy::cast_possible_truncation, reason = "the schema holds it to a day")]
    fn from(sent: SentTag) -> Self {
        let at_ms = (sent.at_seconds * 1_000.0).round() as i64;
        Self { at_ms, dimension: sent.dimension, level: sent.level }
    }
}

/// A video of the brand that may be shown.
pub(crate) async fn video(tx: &mut Tx, media_id: Id) -> Result<Medium, Problem> {
    let found = fithire_media::find(tx, media_id).await?.filter(|medium| medium.kind == Kind::Video);
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Puts tags in the place of those that the video has; answers whose it is, and the tags as they are kept. `check` is shown the
/// tags that are replaced, which nobody else changes meanwhile.
///
/// # Errors
/// 404 when there is no such video; 422 with every tag that is not right; what `check` says.
pub(crate) async fn save(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    sent: Sent,
    check: impl FnOnce(&[Tag]) -> Result<(), Problem>,
) -> Result<(Medium, Vec<SentTag>), Problem> {
    let mut tx = db.write(allowed).await?;
    let medium = video(&mut tx, sent.media_id).await?;
    let tags = sent.tags.into_iter().map(Tag::from).collect();
    tag(&mut tx, tools, allowed, (medium.coach_id, medium.id), tags, check).await?;
    let kept = tags_of(&mut tx, medium.id).await?.into_iter().map(SentTag::from).collect();
    tx.commit().await?;
    Ok((medium, kept))
}

/// Puts the tags back that the last saving has replaced. `check` is shown the tags that there are, as by [`save`].
///
/// # Errors
/// 404 when there is no such video; what `check` says.
pub(crate) async fn take_back(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ReviewCoaches>,
    media_id: Id,
    check: impl FnOnce(&[Tag]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut tx = db.write(allowed).await?;
    let medium = video(&mut tx, media_id).await?;
    take_back_tags(&mut tx, tools, allowed, (medium.coach_id, medium.id), check).await?;
    tx.commit().await?;
    Ok(())
}
