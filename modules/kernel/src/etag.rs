//! Which state of a thing a client has seen: each state has its revision, which it sees as a strong `ETag`.
//!
//! A change says by `If-Match` which state it was made from, and is refused when that is no longer the one that is there; so nobody
//! overwrites what they have not seen. What is read with `If-None-Match` is not sent again to whoever has it.

use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaHeader, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};

use crate::problem::{Code, Problem};

/// What stands behind the revision in the tag of a compressed answer, which is another representation of the same state.
const PACKED: &str = "-gzip";

/// A JSON answer with the revision of what it shows.
#[derive(Clone, Debug)]
pub struct Tagged<T>(pub T, pub i64);

impl<T: ToJSON> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Self(shown, revision) = self;
        Json(shown).with_header(header::ETAG, tag(revision)).into_response()
    }
}

impl<T: ToJSON> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        let mut meta = Json::<T>::meta();
        for response in &mut meta.responses {
            response.headers.push(MetaHeader {
                name: "ETag".to_owned(),
                description: Some("The state that is shown, for `If-Match` and `If-None-Match`.".to_owned()),
                required: true,
                deprecated: false,
                schema: String::schema_ref(),
            });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        Json::<T>::register(registry);
    }
}

/// The tag of a revision.
fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Which state a change was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// It does not say.
    Nothing,
    /// Whatever is there.
    Anything,
    /// One of these.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// The same, where a change must say it.
    ///
    /// # Errors
    /// 428 when it does not.
    pub fn needed(self) -> Result<Self, Problem> {
        if self == Self::Nothing {
            return Err(Problem::new(Code::MatchRequired)
                .because("send the ETag of what you have read as If-Match, so that nothing is overwritten that you have not seen"));
        }
        Ok(self)
    }

    /// Refuses a change of something that is in another state.
    ///
    /// # Errors
    /// 412.
    pub fn check(&self, revision: i64) -> Result<(), Problem> {
        let fits = match self {
            Self::Nothing | Self::Anything => true,
            Self::OneOf(tags) => tags.contains(&tag(revision)),
        };
        if fits { Ok(()) } else { Err(Problem::new(Code::Changed)) }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let tags = tags(headers, &header::IF_MATCH).ok_or_else(|| {
            Problem::new(Code::Malformed)
                .because("the header If-Match is neither * nor a list of tags in quotes")
        })?;
        Ok(match &tags[..] {
            [] => Self::Nothing,
            tags if tags.iter().any(|tag| tag == "*") => Self::Anything,
            // A weak tag is never the state itself.
            _ => Self::OneOf(tags.into_iter().filter(|tag| !tag.starts_with("W/")).collect()),
        })
    }
}

impl<'a> FromRequest<'a> for IfMatch {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self::read(request.headers())?)
    }
}

/// Every tag of a header, as of the answer that was not compressed; nothing when it cannot be read.
fn tags(headers: &HeaderMap, name: &header::HeaderName) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        for tag in value.to_str().ok()?.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            if tag != "*" && inner.is_none_or(|inner| inner.contains('"')) {
                return None;
            }
            tags.push(tag.replace(&format!("{PACKED}\""), "\""));
        }
    }
    Some(tags)
}

/// Whether whoever sent these headers has what an answer shows.
#[must_use]
pub fn is_known(headers: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(shown) = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let known = tags(headers, &header::IF_NONE_MATCH).unwrap_or_default();
    known.iter().any(|tag| tag == "*" || opaque(tag) == opaque(shown))
}

/// Marks the tag of an answer that is being compressed.
pub fn packed(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    // A weak one says nothing of the bytes.
    if tag.starts_with("W/") {
        return;
    }
    if let Some(inner) = tag.strip_suffix('"')
        && let Ok(marked) = HeaderValue::from_str(&format!("{inner}{PACKED}\""))
    {
        headers.insert(header::ETAG, marked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_change_fits_the_state_that_it_was_made_from() {
        let read = |value: &str| IfMatch::read(&headers(header::IF_MATCH, value));
        for (value, fits) in [
            ("\"7\"", true),
            ("\"6\", \"7\"", true),
            ("\"7-gzip\"", true),
            ("*", true),
            ("\"8\"", false),
            ("W/\"7\"", false),
        ] {
            assert_eq!(read(value).unwrap().check(7).is_ok(), fits, "{value}");
        }
        for wrong in ["7", "\"7", "\"7\" \"8\"", "W/7"] {
            assert_eq!(read(wrong).unwrap_err().code, Code::Malformed, "{wrong}");
        }
        assert_eq!(IfMatch::Nothing.needed().unwrap_err().code, Code::MatchRequired);
    }

    #[test]
    fn whoever_has_it_is_not_sent_it_again() {
        let answer = headers(header::ETAG, "\"7\"");
        for (value, known) in [
            ("\"7\"", true),
            ("W/\"7\"", true),
            ("\"7-gzip\"", true),
            ("*", true),
            ("\"70\"", false),
            ("7", false),
        ] {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, value), &answer), known, "{value}");
        }
        let mut packed = answer.clone();
        super::packed(&mut packed);
        assert_eq!(packed[header::ETAG], "\"7-gzip\"");
    }
}
