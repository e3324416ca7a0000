//! Tables and their rows.

use chrono::{DateTime, Utc};
use fithire_kernel::db::ScopedTable;
use fithire_kernel::ids::Id;
use poem_openapi::Enum;
use sea_query::Iden;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum WebhookEndpoints {
    Table,
    BrandId,
    Id,
    Url,
    Kinds,
    Enabled,
    OffBecause,
    FailingSince,
    Secret,
    FormerSecret,
    FormerUntil,
    CreatedAt,
    Revision,
}

impl ScopedTable for WebhookEndpoints {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum WebhookDeliveries {
    Table,
    BrandId,
    Id,
    EndpointId,
    Kind,
    Body,
    CreatedAt,
    State,
    Round,
    Attempts,
    TriedAt,
    NextAt,
    Status,
    Answer,
    Error,
}

impl ScopedTable for WebhookDeliveries {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// Declares the kinds of events: name, name on the wire, and what people read.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $wire:literal $words:literal;)*) => {
        /// What has happened. Names on the wire are never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
        #[oai(rename = "WebhookKind")]
        pub enum Kind {
            $($(#[$doc])* #[oai(rename = $wire)] $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// What people read.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

kinds! {
    /// A coach is ranked for a job and was not before.
    MatchEntered "match.entered" "A coach comes into a job's ranking";
    /// A coach is no longer ranked for a job.
    MatchLeft "match.left" "A coach drops out of a job's ranking";
    /// A coach's score for a job is another one.
    MatchChanged "match.changed" "A coach's score for a job changes";
    /// There is a new coach.
    CoachCreated "coach.created" "A coach is added";
    /// What is known of a coach has changed.
    CoachUpdated "coach.updated" "A coach's profile changes";
    /// Everything that was known of a coach is gone.
    CoachErased "coach.erased" "A coach is erased";
    /// Somebody has decided what a certificate proves.
    CertificateDecided "certificate.decided" "A certificate is verified, rejected or revoked";
    /// There is a new job.
    JobCreated "job.created" "A job is added";
    /// A job has changed, or looks for coaches again.
    JobUpdated "job.updated" "A job changes";
    /// A job no longer looks for coaches.
    JobClosed "job.closed" "A job is closed";
}

/// What an admin sends to see whether an endpoint takes messages. Nobody chooses it, and every endpoint gets it.
pub(crate) const TEST: &str = "webhook.test";

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "DeliveryState", rename_all = "lowercase")]
pub(crate) enum State {
    /// It is tried until it is taken.
    Waiting,
    /// The receiver has taken it.
    Delivered,
    /// It was not taken, and is not tried again by itself.
    Failed,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// As the database has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why the program itself has switched an endpoint off.
pub(crate) const GONE: &str = "gone";
/// The same.
pub(crate) const FAILING: &str = "failing";

/// An endpoint without its secrets.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Endpoint {
    pub(crate) id: Id,
    pub(crate) url: String,
    kinds: String,
    pub(crate) enabled: bool,
    pub(crate) off_because: Option<String>,
    pub(crate) failing_since: Option<DateTime<Utc>>,
    pub(crate) former_until: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) revision: i64,
}

impl Endpoint {
    pub(crate) const COLUMNS: [WebhookEndpoints; 9] = [
        WebhookEndpoints::Id,
        WebhookEndpoints::Url,
        WebhookEndpoints::Kinds,
        WebhookEndpoints::Enabled,
        WebhookEndpoints::OffBecause,
        WebhookEndpoints::FailingSince,
        WebhookEndpoints::FormerUntil,
        WebhookEndpoints::CreatedAt,
        WebhookEndpoints::Revision,
    ];

    /// The kinds that it wants.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        read_kinds(&self.kinds)
    }
}

/// Kinds as they are kept; one that this version does not know is left out.
pub(crate) fn read_kinds(kept: &str) -> Vec<Kind> {
    let known = |name: &str| Kind::ALL.iter().copied().find(|kind| kind.as_str() == name);
    kept.split(' ').filter_map(known).collect()
}

/// As they are kept: in the order of the list, each once.
pub(crate) fn kept_kinds(kinds: &[Kind]) -> String {
    let names: Vec<&str> =
        Kind::ALL.iter().filter(|kind| kinds.contains(kind)).map(|kind| kind.as_str()).collect();
    names.join(" ")
}

/// A delivery as its log shows it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Delivery {
    pub(crate) id: Id,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) tried_at: Option<DateTime<Utc>>,
    pub(crate) next_at: Option<DateTime<Utc>>,
    pub(crate) status: Option<i32>,
    pub(crate) answer: Option<String>,
    pub(crate) error: Option<String>,
}

impl Delivery {
    pub(crate) const COLUMNS: [WebhookDeliveries; 11] = [
        WebhookDeliveries::Id,
        WebhookDeliveries::Kind,
        WebhookDeliveries::Body,
        WebhookDeliveries::CreatedAt,
        WebhookDeliveries::State,
        WebhookDeliveries::Attempts,
        WebhookDeliveries::TriedAt,
        WebhookDeliveries::NextAt,
        WebhookDeliveries::Status,
        WebhookDeliveries::Answer,
        WebhookDeliveries::Error,
    ];
}
