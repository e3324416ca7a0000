//! Every error that a client can see: RFC 9457 problems with stable codes, in one table.
//!
//! A client sees what it can act on. What went wrong inside goes to the log, once, with an id that the
//! client sees too; no statement, path or trace ever leaves.

use std::fmt;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};
use sqlx::error::DatabaseError;

/// Declares the codes: name, status, code on the wire, title, and what to do.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:literal $code:literal $title:literal $advice:literal;)*) => {
        /// What kind of problem it is. Codes are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The code on the wire.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The same for every problem of this code.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What whoever gets it can do.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or says one thing twice.
    Malformed 400 "malformed" "The request cannot be read"
        "Send one JSON object in UTF-8; `detail` says where it cannot be read.";
    /// Nobody is signed in, or the credentials are not right.
    Unauthenticated 401 "unauthenticated" "Sign in first"
        "Get a token by POST /api/v1/auth/token and send it as Authorization: Bearer. A token lasts an hour.";
    /// Signed in, and not allowed to do this.
    Forbidden 403 "forbidden" "Not allowed"
        "Sign in as somebody whose role includes it.";
    /// Not there, or not yours: the two answer alike.
    NotFound 404 "not_found" "Not found"
        "Check the id. What belongs to another brand answers like this too.";
    /// The path is right, the method is not.
    WrongMethod 405 "wrong_method" "This cannot be done here"
        "See the document for the methods of this path.";
    /// It contradicts what is there.
    Conflict 409 "conflict" "Conflicts with what is there"
        "Read `detail`: it says what is there already. Change that, or what you send.";
    /// The `Idempotency-Key` is another request's.
    KeyReused 409 "key_reused" "This Idempotency-Key was sent with another request"
        "Take a new key for a new request. To send one again, send the very same body.";
    /// The first request with an `Idempotency-Key` is not done.
    InProgress 409 "in_progress" "The same request is under way"
        "Send it again after the seconds in Retry-After; you will get the answer of the first.";
    /// It has changed since the client has read it.
    Changed 412 "changed_meanwhile" "It has changed since you have read it"
        "Read it again, make your change to what you get, and send the new ETag as If-Match.";
    /// More bytes than a body may have.
    TooLarge 413 "too_large" "The request is too large"
        "Send less at once.";
    /// The body is not JSON by its content type.
    UnsupportedType 415 "unsupported_type" "Send application/json"
        "Set Content-Type to application/json.";
    /// One or more fields are not right; `errors` names each.
    Invalid 422 "invalid" "Some fields are not right"
        "Mend each field that `errors` names, then send it again.";
    /// A change must say which state it was made from.
    MatchRequired 428 "match_required" "Say which state you change"
        "Send the ETag that you got as If-Match, or If-Match: * to overwrite whatever is there.";
    /// Too many attempts; `Retry-After` says when to come back.
    TooMany 429 "too_many" "Too many requests"
        "Wait for the seconds in Retry-After.";
    /// Something failed inside; the log has the cause under `id`.
    Internal 500 "internal" "Something went wrong on our side"
        "Try again; nothing was half done. If it stays, quote `id`.";
    /// For now; trying again is worth it.
    Unavailable 503 "unavailable" "Not available right now"
        "Try again after the seconds in Retry-After.";
}

/// One field that is not right.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct FieldError {
    /// Where in the body, as a JSON pointer (RFC 6901); for a parameter, its name.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What is sent (`application/problem+json`).
#[derive(Clone, Debug, Object)]
#[oai(rename = "Problem")]
struct Wire {
    /// A reference that names the kind of problem.
    #[oai(rename = "type")]
    kind: String,
    /// The same for every problem of this code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: String,
    /// What is wrong this time.
    #[oai(skip_serializing_if_is_none)]
    detail: Option<String>,
    /// Every field that is not right.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldError>>,
    /// What to quote when asking for help.
    #[oai(skip_serializing_if_is_none)]
    id: Option<String>,
}

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What is wrong this time, for the person who reads it.
    pub detail: Option<String>,
    /// Every field that is not right.
    pub errors: Vec<FieldError>,
    /// The id under which the log has the cause.
    pub id: Option<String>,
    /// Seconds after which trying again is worth it.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with nothing more to say than its title.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let retry_after = matches!(code, Code::TooMany | Code::InProgress | Code::Unavailable).then_some(1);
        Self { code, detail: None, errors: Vec::new(), id: None, retry_after }
    }

    /// The same with a sentence.
    #[must_use]
    pub fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Fields that are not right; at least one.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Code::Invalid) }
    }

    /// One field that is not right.
    #[must_use]
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
    }

    /// Whether whoever sent a form is shown it again with what they typed: they can mend it, or send it again as it is.
    #[must_use]
    pub fn keeps_form(&self) -> bool {
        matches!(self.code, Code::Invalid | Code::Conflict | Code::Unavailable)
    }

    /// Something failed inside: the cause goes to the log under an id, the id to the client.
    #[must_use]
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        let id = format!("{:016x}", fastrand::u64(..));
        tracing::error!(error.id = %id, cause = %cause, "internal error");
        Self { id: Some(id), ..Self::new(Code::Internal) }
    }
}

impl From<crate::db::Error> for Problem {
    fn from(error: crate::db::Error) -> Self {
        let refused = error.as_database_error();
        // Constraints that people can break by what they send are mapped where the statement is. Of the others, a reference
        // breaks when what was there a moment ago is not there any more, and a key when two processes make the same id,
        // which nobody does twice.
        let refers_to_nothing = refused.is_some_and(DatabaseError::is_foreign_key_violation);
        let is_there = refused.is_some_and(DatabaseError::is_unique_violation);
        // SQLite's lock was held for longer than anyone waits; PostgreSQL found two who wait for each other, has no more
        // room, or is being stopped or started.
        let busy = refused.is_some_and(|error| {
            let code = error.code();
            let code = code.as_deref().unwrap_or_default();
            matches!(code, "5" | "517" | "40P01" | "40001")
                || code.starts_with("53")
                || code.starts_with("57P")
        });
        match error {
            // Whoever runs a request once has seen it, and answers in its place.
            error if crate::db::is_claimed(&error) => Self::new(Code::InProgress),
            error if busy || is_there => {
                Self { code: Code::Unavailable, retry_after: Some(1), ..Self::internal(&error) }
            }
            error if refers_to_nothing => Self { code: Code::Conflict, ..Self::internal(&error) }
                .because("what this refers to has just been removed"),
            // Whatever stands between us and a server that is away may answer in its place, which is a breach of protocol.
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_) => {
                Self { code: Code::Unavailable, retry_after: Some(1), ..Self::internal(&error) }
            }
            error => Self::internal(&error),
        }
    }
}

/// Whether a statement failed on the named constraint. SQLite names the columns of a unique constraint and
/// not the constraint itself, so both are given.
#[must_use]
pub fn breaks(error: &crate::db::Error, constraint: &str, columns: &str) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.constraint() == Some(constraint)
            || error.message().ends_with(&format!("constraint failed: {columns}"))
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.title()))
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(ResponseError::status(&self))
            .content_type("application/problem+json")
            .header("Cache-Control", "no-store");
        if let Some(seconds) = self.retry_after {
            response = response.header("Retry-After", seconds);
        }
        let wire = Wire {
            kind: format!("/docs/problems#{}", self.code.code()),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            code: self.code.code().to_owned(),
            detail: self.detail,
            errors: Some(self.errors).filter(|errors| !errors.is_empty()),
            id: self.id,
        };
        response.body(wire.to_json_string())
    }
}

/// One schema documents every error of every operation.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let content =
            vec![MetaMediaType { content_type: "application/problem+json", schema: Wire::schema_ref() }];
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A problem (RFC 9457); `code` says which.",
                status: None,
                status_range: None,
                content,
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        Wire::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use poem::IntoResponse as _;

    use super::{Code, Problem};

    #[test]
    fn whoever_is_to_come_back_is_told_when() {
        for code in Code::ALL {
            let response = Problem::new(*code).into_response();
            let told = response.headers().contains_key("retry-after");
            let later = matches!(code.status(), 429 | 503) || *code == Code::InProgress;
            assert_eq!(told, later, "{code:?}");
        }
    }

    #[test]
    fn codes_are_distinct() {
        let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
