//! `GET /admin/pending`, `POST /admin/verify-cert`, `PATCH /admin/coaches/{id}`, `POST /admin/tag-video`.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_coaches::{
    Approval, ApprovalState, Decision, Item, Verdict, Which, approve, decide, queue, waiting_profiles,
};
use fithire_identity::{ReviewCoaches, Signed, names};
use fithire_kernel::body::Body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::{self, page_size};
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_scoring::catalog::Cert;
use fithire_scoring::date;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi, Tags};

use crate::tagging::{self, SentTag};

/// The operations of the desk.
pub struct Api;

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "PendingKind", rename_all = "lowercase")]
enum Kind {
    Certificate,
    Profile,
}

/// Something that waits for a reviewer.
#[derive(Object)]
#[oai(rename = "PendingItem")]
struct Pending {
    kind: Kind,
    /// Of the verification; of a profile its place in the queue.
    id: Id,
    coach_id: Id,
    name: String,
    since: DateTime<Utc>,
    /// The certification that is claimed.
    #[oai(skip_serializing_if_is_none)]
    code: Option<String>,
    /// The last day that is claimed, `YYYY-MM-DD`; missing means for ever.
    #[oai(skip_serializing_if_is_none)]
    expires_on: Option<String>,
    /// The document; missing where there is none yet.
    #[oai(skip_serializing_if_is_none)]
    media_id: Option<Id>,
    #[oai(skip_serializing_if_is_none)]
    media_type: Option<String>,
    /// Who looks at it at this moment.
    #[oai(skip_serializing_if_is_none)]
    claimed_by: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    claimed_until: Option<DateTime<Utc>>,
}

/// What waits, oldest first.
#[derive(Object)]
struct PendingPage {
    items: Vec<Pending>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

impl Pending {
    fn certificate(item: Item, names: &BTreeMap<Id, String>, now: DateTime<Utc>) -> Self {
        let claim = item.claim.filter(|(_, until)| *until > now);
        let (media_id, media_type) = item.document.unzip();
        Self {
            kind: Kind::Certificate,
            id: item.id,
            coach_id: item.coach_id,
            name: item.coach,
            since: item.submitted_at,
            code: Some(item.cert.details().code.to_owned()),
            expires_on: item.expires_on.map(|day| day.to_string()),
            media_id,
            media_type,
            claimed_by: claim.map(|(by, _)| crate::words::who(names, Some(by))),
            claimed_until: claim.map(|(_, until)| until),
        }
    }

    fn profile(approval: Approval) -> Self {
        Self {
            kind: Kind::Profile,
            id: approval.id,
            coach_id: approval.coach_id,
            name: approval.coach,
            since: approval.since,
            code: None,
            expires_on: None,
            media_id: None,
            media_type: None,
            claimed_by: None,
            claimed_until: None,
        }
    }
}

/// What a reviewer says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "CertificateDecision", rename_all = "lowercase")]
enum Said {
    /// It proves what is claimed.
    Verified,
    /// It does not.
    Rejected,
    /// Its issuer has taken it back.
    Revoked,
    /// There is no document yet; the coach claims it as before.
    Returned,
}

impl From<Said> for Verdict {
    fn from(said: Said) -> Self {
        match said {
            Said::Verified => Self::Verified,
            Said::Rejected => Self::Rejected,
            Said::Revoked => Self::Revoked,
            Said::Returned => Self::Returned,
        }
    }
}

/// A decision on a certificate: on an item of the queue by its `id`, or on what a coach holds by `coach_id` and `code`.
#[derive(Object)]
#[oai(rename = "NewCertificateDecision", deny_unknown_fields)]
struct Sent {
    id: Option<Id>,
    coach_id: Option<Id>,
    #[oai(validator(min_length = 1, max_length = 50))]
    code: Option<String>,
    decision: Said,
    /// The last day that the document gives, `YYYY-MM-DD`; missing means the one that is claimed.
    #[oai(validator(max_length = 10))]
    expires_on: Option<String>,
    /// The day of issue, `YYYY-MM-DD`, to be noted.
    #[oai(validator(max_length = 10))]
    issued_on: Option<String>,
    /// Needed to reject and to revoke: the coach reads it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Option<String>,
    /// The `round` of the item as it was read: 409 when something has happened since.
    #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
    round: Option<i32>,
}

/// A certificate on which somebody has decided.
#[derive(Object)]
#[oai(rename = "Verification")]
struct Shown {
    id: Id,
    coach_id: Id,
    code: String,
    /// pending, verified, rejected, revoked or withdrawn.
    state: String,
    /// Rises with every decision.
    round: i32,
    /// The last day that was claimed; missing means for ever.
    #[oai(skip_serializing_if_is_none)]
    expires_on: Option<String>,
    /// The last day that counts; missing means for ever.
    #[oai(skip_serializing_if_is_none)]
    valid_until: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    issued_on: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    submitted_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    decided_at: Option<DateTime<Utc>>,
}

impl From<Item> for Shown {
    fn from(item: Item) -> Self {
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        Self {
            id: item.id,
            coach_id: item.coach_id,
            code: item.cert.details().code.to_owned(),
            state: item.state.as_str().to_owned(),
            round: item.round,
            expires_on: day(item.expires_on),
            valid_until: day(item.valid_until),
            issued_on: day(item.issued_on),
            reason: item.reason,
            submitted_at: item.submitted_at,
            decided_at: item.decided_at,
        }
    }
}

/// What becomes of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ApprovalState", rename_all = "lowercase")]
enum Approves {
    Waiting,
    Approved,
    Returned,
}

impl From<Approves> for ApprovalState {
    fn from(state: Approves) -> Self {
        match state {
            Approves::Waiting => Self::Waiting,
            Approves::Approved => Self::Approved,
            Approves::Returned => Self::Returned,
        }
    }
}

impl From<ApprovalState> for Approves {
    fn from(state: ApprovalState) -> Self {
        match state {
            ApprovalState::Waiting => Self::Waiting,
            ApprovalState::Approved => Self::Approved,
            ApprovalState::Returned => Self::Returned,
        }
    }
}

/// A decision on a profile.
#[derive(Object)]
#[oai(rename = "ProfileDecision", deny_unknown_fields)]
struct Profile {
    approval: Approves,
    /// Needed to return it: the coach reads it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Option<String>,
    /// The `round` as it was read: 409 when something has happened since.
    #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
    round: Option<i32>,
}

/// The approval of a profile.
#[derive(Object)]
#[oai(rename = "ProfileApproval")]
struct Approved {
    coach_id: Id,
    approval: Approves,
    /// Rises with every decision.
    round: i32,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    since: DateTime<Utc>,
}

/// The tags of a video.
#[derive(Object)]
struct VideoTags {
    media_id: Id,
    coach_id: Id,
    tags: Vec<SentTag>,
}

/// A day as it is written.
fn day(pointer: &str, text: Option<&str>, errors: &mut Vec<FieldError>) -> Option<NaiveDate> {
    let text = text?;
    let read = date::parse(text);
    if read.is_err() {
        let detail = format!("is {text}; write a day as YYYY-MM-DD");
        errors.push(FieldError { pointer: pointer.to_owned(), detail });
    }
    read.ok()
}

/// What is not there is named by its field in the body.
fn named(which: Which, problem: Problem) -> Problem {
    match (which, problem) {
        (Which::Item(_), Problem { code: Code::NotFound, .. }) => Problem::field("/id", "is not there"),
        (Which::Of(..), Problem { code: Code::NotFound, detail: Some(told), .. }) => {
            Problem::field("/code", told)
        }
        (Which::Of(..), Problem { code: Code::NotFound, .. }) => Problem::field("/coach_id", "is not there"),
        (_, problem) => problem,
    }
}

impl Sent {
    /// What it is about, and the decision.
    fn read(self) -> Result<(Which, Decision), Problem> {
        let mut errors = Vec::new();
        let valid_until = day("/expires_on", self.expires_on.as_deref(), &mut errors);
        let issued_on = day("/issued_on", self.issued_on.as_deref(), &mut errors);
        let mut wrong = |pointer: &str, detail: String| {
            errors.push(FieldError { pointer: pointer.to_owned(), detail });
            None
        };
        let which = match (self.id, self.coach_id, self.code.as_deref()) {
            (Some(id), None, None) => Some(Which::Item(id)),
            (None, Some(coach_id), Some(code)) => match Cert::named(code) {
                Ok(cert) => Some(Which::Of(coach_id, cert)),
                Err(detail) => wrong("/code", detail),
            },
            (None, Some(_), None) => wrong("/code", "is missing beside coach_id".to_owned()),
            (None, None, Some(_)) => wrong("/coach_id", "is missing beside code".to_owned()),
            (None, None, None) => wrong("/id", "is missing; or send coach_id and code".to_owned()),
            (Some(_), coach_id, code) => {
                for (pointer, given) in [("/coach_id", coach_id.is_some()), ("/code", code.is_some())] {
                    if given {
                        wrong(pointer, "is to be left out beside id".to_owned());
                    }
                }
                None
            }
        };
        match which {
            Some(which) if errors.is_empty() => Ok((
                which,
                Decision {
                    verdict: self.decision.into(),
                    valid_until: valid_until.map(Some),
                    issued_on,
                    reason: self.reason.unwrap_or_default(),
                    seen: self.round,
                },
            )),
            _ => Err(Problem::invalid(errors)),
        }
    }
}

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// What waits for a reviewer: certificates, profiles, tags of videos.
    Verification,
}

#[OpenApi(tag = "Tag::Verification")]
impl Api {
    /// What waits for a reviewer, oldest first
    #[oai(path = "/admin/pending", method = "get", operation_id = "list_pending")]
    async fn list_pending(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        /// Only what is of this kind.
        kind: Query<Option<Kind>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<PendingPage>, Problem> {
        const LIST: &str = "pending";
        let allowed = signed.0.allowed::<ReviewCoaches>()?;
        let limit = page_size(limit.0)?;
        let after: Option<Id> = cursor.0.as_deref().map(|cursor| paging::after(LIST, cursor)).transpose()?;
        let mut tx = db.read(&allowed).await?;
        let mut waiting = Vec::new();
        if kind.0 != Some(Kind::Profile) {
            let items = queue(&mut tx, after, limit + 1).await?;
            let now = clock.now();
            let claimed: Vec<Id> = items.iter().filter_map(|item| item.claimed_by(now)).collect();
            let names = names(&mut tx, &claimed).await?;
            waiting.extend(items.into_iter().map(|item| Pending::certificate(item, &names, now)));
        }
        if kind.0 != Some(Kind::Certificate) {
            waiting
                .extend(waiting_profiles(&mut tx, after, limit + 1).await?.into_iter().map(Pending::profile));
        }
        // Ids are of one sequence in the order of time.
        waiting.sort_by_key(|item| item.id);
        let (items, next_cursor) = paging::page(LIST, waiting, limit, |item| item.id);
        Ok(Json(PendingPage { items, next_cursor }))
    }

    /// Decide on a certificate
    ///
    /// The holding changes in the same moment, so that the next ranking knows it. The coach is told once the decision has stood
    /// for a minute. Who decides on what somebody else has decided meanwhile gets 409 with who and what.
    #[oai(
        path = "/admin/verify-cert",
        method = "post",
        operation_id = "verify_certificate",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, it is decided once."
        )
    )]
    async fn verify_certificate(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        decision: Body<Sent>,
    ) -> Result<Json<Shown>, Problem> {
        let allowed = signed.0.allowed::<ReviewCoaches>()?;
        let (which, decision) = decision.0.read()?;
        let decided = decide(&db, (&clock, &ids), &allowed, which, decision).await;
        Ok(Json(decided.map_err(|problem| named(which, problem))?.into()))
    }

    /// Tag a video
    ///
    /// The tags take the place of those that the video has. The level in the middle of a dimension's tags, over all videos of
    /// the coach, is the reviewer's rating, which goes before the coach's own.
    #[oai(
        path = "/admin/tag-video",
        method = "post",
        operation_id = "tag_video",
        request_header(
            name = "Idempotency-Key",
            ty = "Option<String>",
            description = "Sent again, the tags are put once."
        )
    )]
    async fn tag_video(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        tags: Body<tagging::Sent>,
    ) -> Result<Json<VideoTags>, Problem> {
        let allowed = signed.0.allowed::<ReviewCoaches>()?;
        let saved = tagging::save(&db, (&clock, &ids), &allowed, tags.0, |_| Ok(())).await;
        let (medium, tags) = saved.map_err(|problem| match problem.code {
            Code::NotFound => Problem::field("/media_id", "is no video of the brand"),
            _ => problem,
        })?;
        Ok(Json(VideoTags { media_id: medium.id, coach_id: medium.coach_id, tags }))
    }

    /// Decide on a profile
    ///
    /// Approval is for people: it is no part of a score, and takes nobody off a list.
    #[oai(path = "/admin/coaches/:id", method = "patch", operation_id = "approve_coach")]
    async fn approve_coach(
        &self,
        signed: Signed,
        db: Data<&Db>,
        clock: Data<&Clock>,
        ids: Data<&Ids>,
        id: Path<Id>,
        decision: Body<Profile>,
    ) -> Result<Json<Approved>, Problem> {
        let allowed = signed.0.allowed::<ReviewCoaches>()?;
        let Profile { approval, reason, round } = decision.0;
        let decision = (approval.into(), &*reason.unwrap_or_default(), round);
        let now = approve(&db, (&clock, &ids), &allowed, id.0, decision).await?;
        Ok(Json(Approved {
            coach_id: now.coach_id,
            approval: now.state.into(),
            round: now.round,
            reason: now.reason,
            since: now.since,
        }))
    }
}
