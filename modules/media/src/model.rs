//! Tables, their rows, and what a file may be.

use chrono::{DateTime, NaiveDate, Utc};
use fithire_kernel::db::ScopedTable;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use poem_openapi::Enum;
use sea_query::Iden;
use serde::Serialize;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
#[iden = "media"]
pub(crate) enum Files {
    #[iden = "media"]
    Table,
    BrandId,
    Id,
    CoachId,
    Kind,
    MediaType,
    Bytes,
    Name,
    State,
    ObjectKey,
    UploadRef,
    Code,
    ExpiresOn,
    Refused,
    CreatedAt,
    UrlUntil,
}

impl ScopedTable for Files {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum MediaShares {
    Table,
    BrandId,
    Id,
    MediaId,
    SecretHash,
    CreatedAt,
    ExpiresAt,
    RevokedAt,
}

impl ScopedTable for MediaShares {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum MediaRemovals {
    Table,
    BrandId,
    Id,
    ObjectKey,
    UploadRef,
    DueAt,
    UntilAt,
}

impl ScopedTable for MediaRemovals {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enum, Serialize)]
#[oai(rename = "MediaKind", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How a coach teaches.
    Video,
    /// A picture.
    Image,
    /// The document of a certificate.
    Certificate,
}

/// A type of file with the name that it has on the wire, and what people call it.
type Type = (&'static str, &'static str);

const PDF: Type = ("application/pdf", "PDF");
const JPEG: Type = ("image/jpeg", "JPEG");
const PNG: Type = ("image/png", "PNG");
const WEBP: Type = ("image/webp", "WebP");
const MP4: Type = ("video/mp4", "MP4");
const QUICKTIME: Type = ("video/quicktime", "QuickTime");
const WEBM: Type = ("video/webm", "WebM");

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Video, Self::Image, Self::Certificate];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Image => "image",
            Self::Certificate => "certificate",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The types that a file of this kind may have.
    pub(crate) fn types(self) -> &'static [Type] {
        match self {
            Self::Video => &[MP4, QUICKTIME, WEBM],
            Self::Image => &[JPEG, PNG, WEBP],
            Self::Certificate => &[PDF, JPEG, PNG, WEBP],
        }
    }

    /// The most bytes of one.
    pub(crate) fn most_bytes(self) -> i64 {
        match self {
            Self::Video => 500 << 20,
            Self::Image | Self::Certificate => 20 << 20,
        }
    }

    /// The most of them that a coach has.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::Video => 5,
            Self::Image => 20,
            Self::Certificate => 50,
        }
    }

    /// What people call some of them.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Video => "videos",
            Self::Image => "images",
            Self::Certificate => "documents",
        }
    }
}

/// What has become of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[oai(rename = "MediaState", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is not confirmed yet.
    Waiting,
    /// It is what it says, and may be shown.
    Attached,
    /// It was something else than it said. The file is gone.
    Quarantined,
}

impl State {
    const ALL: [Self; 3] = [Self::Waiting, Self::Attached, Self::Quarantined];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Attached => "attached",
            Self::Quarantined => "quarantined",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A file of a coach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Medium {
    /// Its id; pages show it at `/media/{id}`.
    pub id: Id,
    /// Whose it is.
    pub coach_id: Id,
    /// What it is for.
    pub kind: Kind,
    /// Its type, such as `video/mp4`.
    pub media_type: String,
    /// How long it is.
    pub bytes: i64,
    /// What its owner calls it.
    pub name: String,
    /// What has become of it.
    pub state: State,
    /// When its upload began.
    pub at: DateTime<Utc>,
}

/// Everything of a file.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) coach_id: Id,
    kind: String,
    pub(crate) media_type: String,
    pub(crate) bytes: i64,
    pub(crate) name: String,
    state: String,
    pub(crate) object_key: Option<String>,
    pub(crate) upload_ref: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) expires_on: Option<NaiveDate>,
    pub(crate) refused: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) url_until: DateTime<Utc>,
}

impl Row {
    pub(crate) const COLUMNS: [Files; 14] = [
        Files::Id,
        Files::CoachId,
        Files::Kind,
        Files::MediaType,
        Files::Bytes,
        Files::Name,
        Files::State,
        Files::ObjectKey,
        Files::UploadRef,
        Files::Code,
        Files::ExpiresOn,
        Files::Refused,
        Files::CreatedAt,
        Files::UrlUntil,
    ];

    pub(crate) fn kind(&self) -> Result<Kind, Problem> {
        Kind::read(&self.kind).ok_or_else(|| Problem::internal(&"a file is of no known kind"))
    }

    pub(crate) fn state(&self) -> Result<State, Problem> {
        State::read(&self.state).ok_or_else(|| Problem::internal(&"a file is in no known state"))
    }

    /// Where it is; nothing is anywhere that was refused.
    pub(crate) fn key(&self) -> Result<&str, Problem> {
        self.object_key.as_deref().ok_or_else(|| Problem::internal(&"a file without an object"))
    }

    pub(crate) fn medium(self) -> Result<Medium, Problem> {
        Ok(Medium {
            kind: self.kind()?,
            state: self.state()?,
            id: self.id,
            coach_id: self.coach_id,
            media_type: self.media_type,
            bytes: self.bytes,
            name: self.name,
            at: self.created_at,
        })
    }
}

/// A link by which a video is seen without signing in.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Share {
    pub(crate) id: Id,
    pub(crate) media_id: Id,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

impl Share {
    pub(crate) const COLUMNS: [MediaShares; 5] = [
        MediaShares::Id,
        MediaShares::MediaId,
        MediaShares::CreatedAt,
        MediaShares::ExpiresAt,
        MediaShares::RevokedAt,
    ];

    pub(crate) fn works_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}
