//! Tables and rows, and what somebody wishes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fithire_kernel::db::ScopedTable;
use fithire_kernel::ids::Id;
use fithire_scoring::facts::Zone;
use sea_query::Iden;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Inboxes {
    Table,
    BrandId,
    AccountId,
    LastSeq,
    Unread,
    Ways,
    TimeZone,
    HomeZone,
    QuietFrom,
    QuietTo,
    DigestHour,
    MailKey,
    RefusedAt,
    RefusedEmail,
}

impl ScopedTable for Inboxes {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Notices {
    Table,
    BrandId,
    Id,
    AccountId,
    Seq,
    Kind,
    Title,
    Text,
    Path,
    CreatedAt,
    ReadAt,
    Waits,
    Bundle,
    MailedAt,
}

impl ScopedTable for Notices {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Told {
    Table,
    BrandId,
    AccountId,
    Event,
}

impl ScopedTable for Told {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A job fits that did not fit before.
    NewMatch,
    /// A job fits no longer.
    MatchLost,
    /// A certificate is about to expire.
    CertificateExpiring,
    /// Somebody has looked at a certificate.
    VerificationResult,
    /// A job that concerns them has changed.
    JobChanged,
    /// The program itself has something to say.
    System,
}

impl Kind {
    /// Every kind, in the order of the page of preferences.
    pub const ALL: [Self; 6] = [
        Self::NewMatch,
        Self::MatchLost,
        Self::JobChanged,
        Self::CertificateExpiring,
        Self::VerificationResult,
        Self::System,
    ];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewMatch => "new_match",
            Self::MatchLost => "match_lost",
            Self::CertificateExpiring => "certificate_expiring",
            Self::VerificationResult => "verification_result",
            Self::JobChanged => "job_changed",
            Self::System => "system",
        }
    }

    /// What people call it; also all that a subject says.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NewMatch => "New match",
            Self::MatchLost => "Match lost",
            Self::CertificateExpiring => "Certificate about to expire",
            Self::VerificationResult => "Result of a verification",
            Self::JobChanged => "Job changed",
            Self::System => "About your account",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How somebody is told of it who has not said how they wish to be.
    pub(crate) fn usual(self) -> Way {
        match self {
            Self::NewMatch | Self::JobChanged => Way::Digest,
            Self::MatchLost => Way::App,
            Self::CertificateExpiring | Self::VerificationResult | Self::System => Way::Mail,
        }
    }
}

/// How somebody is told of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// On the page of notifications alone.
    App,
    /// There, and by a message at once.
    Mail,
    /// There, and by the message of the day.
    Digest,
    /// Not at all.
    Nothing,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Mail, Self::Digest, Self::App, Self::Nothing];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Mail => "mail",
            Self::Digest => "digest",
            Self::Nothing => "nothing",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::App => "Here only",
            Self::Mail => "Here, and by e-mail at once",
            Self::Digest => "Here, and in a daily e-mail",
            Self::Nothing => "Not at all",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == text)
    }

    /// The message that a notice waits for.
    pub(crate) fn waits(self) -> Option<&'static str> {
        matches!(self, Self::Mail | Self::Digest).then(|| self.as_str())
    }
}

/// An inbox as it is kept.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct InboxRow {
    pub(crate) account_id: Id,
    pub(crate) last_seq: i64,
    pub(crate) unread: i64,
    pub(crate) ways: String,
    pub(crate) time_zone: Option<String>,
    pub(crate) home_zone: Option<String>,
    pub(crate) quiet_from: Option<i32>,
    pub(crate) quiet_to: Option<i32>,
    pub(crate) digest_hour: i32,
    pub(crate) mail_key: Option<String>,
    pub(crate) refused_at: Option<DateTime<Utc>>,
    pub(crate) refused_email: Option<String>,
}

pub(crate) const INBOX: [Inboxes; 12] = [
    Inboxes::AccountId,
    Inboxes::LastSeq,
    Inboxes::Unread,
    Inboxes::Ways,
    Inboxes::TimeZone,
    Inboxes::HomeZone,
    Inboxes::QuietFrom,
    Inboxes::QuietTo,
    Inboxes::DigestHour,
    Inboxes::MailKey,
    Inboxes::RefusedAt,
    Inboxes::RefusedEmail,
];

impl InboxRow {
    /// The inbox of somebody who has none yet.
    pub(crate) fn empty(account_id: Id) -> Self {
        Self {
            account_id,
            last_seq: 0,
            unread: 0,
            ways: "{}".to_owned(),
            time_zone: None,
            home_zone: None,
            quiet_from: None,
            quiet_to: None,
            digest_hour: 8,
            mail_key: None,
            refused_at: None,
            refused_email: None,
        }
    }

    /// What its person wishes; `brand` is the zone of the brand.
    pub(crate) fn wishes(&self, brand: Zone) -> Wishes {
        let minutes = |n: i32| u16::try_from(n).unwrap_or_default();
        let zone = self.time_zone.iter().chain(&self.home_zone).find_map(|name| Zone::named(name).ok());
        Wishes {
            ways: serde_json::from_str(&self.ways).unwrap_or_default(),
            zone: zone.unwrap_or(brand),
            quiet: self.quiet_from.zip(self.quiet_to).map(|(from, to)| (minutes(from), minutes(to))),
            digest_hour: minutes(self.digest_hour),
        }
    }
}

/// How somebody wishes to be told.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    /// By the names of kinds; what is not there is as usual.
    pub(crate) ways: BTreeMap<String, Way>,
    /// Where the person lives, for everything below.
    pub(crate) zone: Zone,
    /// Minutes after midnight from which on, and up to which, no message is sent.
    pub(crate) quiet: Option<(u16, u16)>,
    /// When the message of the day is sent.
    pub(crate) digest_hour: u16,
}

impl Wishes {
    pub(crate) fn way(&self, kind: Kind) -> Way {
        self.ways.get(kind.as_str()).copied().unwrap_or(kind.usual())
    }

    /// When a message may be sent that is there now: at once, or when the quiet hours end.
    pub(crate) fn mail_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        use chrono::Timelike as _;
        let clock = self.zone.clock_at(now);
        let minute = u16::try_from(clock.hour() * 60 + clock.minute()).unwrap_or_default();
        match self.quiet {
            Some((from, to)) if from < to && (from..to).contains(&minute) => self.zone.next(now, to),
            Some((from, to)) if from > to && !(to..from).contains(&minute) => self.zone.next(now, to),
            _ => now,
        }
    }

    /// When the message of the day is sent that has what is there now.
    pub(crate) fn digest_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.zone.next(now, self.digest_hour * 60)
    }
}

/// A notice as it is kept.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct NoticeRow {
    pub(crate) id: Id,
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) path: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) read_at: Option<DateTime<Utc>>,
    pub(crate) bundle: Option<Id>,
    pub(crate) mailed_at: Option<DateTime<Utc>>,
}

pub(crate) const NOTICE: [Notices; 10] = [
    Notices::Id,
    Notices::Seq,
    Notices::Kind,
    Notices::Title,
    Notices::Text,
    Notices::Path,
    Notices::CreatedAt,
    Notices::ReadAt,
    Notices::Bundle,
    Notices::MailedAt,
];

impl NoticeRow {
    /// What people call what it is about.
    pub(crate) fn label(&self) -> &'static str {
        Kind::read(&self.kind).map_or("Notice", Kind::label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(zone: &str, quiet: (u16, u16)) -> Wishes {
        let zone = Zone::named(zone).unwrap();
        Wishes { ways: BTreeMap::new(), zone, quiet: Some(quiet), digest_hour: 8 }
    }

    fn due(wishes: &Wishes, now: &str) -> String {
        let due = wishes.mail_due(now.parse().unwrap());
        due.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn quiet_hours_go_across_midnight_and_follow_the_clocks() {
        // In New York clocks go from 02:00 to 03:00 on 8 March 2026, and from 02:00 back to 01:00 on 1 November.
        let night = wishes("America/New_York", (22 * 60, 7 * 60));
        for (now, sent) in [
            ("2026-01-10T17:00:00Z", "2026-01-10T17:00:00Z"),
            ("2026-01-11T02:59:00Z", "2026-01-11T02:59:00Z"),
            ("2026-01-11T03:00:00Z", "2026-01-11T12:00:00Z"),
            ("2026-01-11T11:59:59Z", "2026-01-11T12:00:00Z"),
            ("2026-01-11T12:00:00Z", "2026-01-11T12:00:00Z"),
            ("2026-03-08T04:00:00Z", "2026-03-08T11:00:00Z"),
            ("2026-11-01T03:00:00Z", "2026-11-01T12:00:00Z"),
        ] {
            assert_eq!(due(&night, now), sent, "{now}");
        }
        let short = wishes("America/New_York", (60, 150));
        assert_eq!(due(&short, "2026-03-08T06:30:00Z"), "2026-03-08T07:30:00Z", "02:30 is skipped");
        assert_eq!(due(&short, "2026-11-01T05:10:00Z"), "2026-11-01T07:30:00Z", "01:10 comes twice");
        let day = wishes("Asia/Kathmandu", (9 * 60, 17 * 60));
        assert_eq!(due(&day, "2026-11-23T03:14:00Z"), "2026-11-23T03:14:00Z");
        assert_eq!(due(&day, "2026-11-23T03:15:00Z"), "2026-11-23T11:15:00Z");
    }
}
