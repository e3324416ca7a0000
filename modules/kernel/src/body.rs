//! Request bodies, checked whole.
//!
//! A [`Body`] is held against the very schema that the OpenAPI document shows, and every field that does not fit is
//! named with its pointer, not only the first. What the schema cannot say (a code that is not known, two dates
//! the wrong way round) is checked where the rule lives, and reported in the same shape.

mod check;
mod json;
mod written;

use poem::{Request, RequestBody, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use tokio::io::AsyncReadExt as _;

pub use self::written::Written;
use crate::problem::{Code, FieldError, Problem};

/// The most bytes that a body may have.
pub const MAX_BYTES: usize = 1 << 20;
/// How much more is read and thrown away so that a client sees the refusal.
const DRAINED: u64 = 64 << 20;

/// A JSON body of a type that poem-openapi knows.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(Self::CONTENT_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        if !request.content_type().is_some_and(Self::check_content_type) {
            return Err(Problem::new(Code::UnsupportedType).into());
        }
        let bytes = limited(body.take()?, MAX_BYTES).await?;
        Ok(Self(read(&bytes)?))
    }
}

/// The bytes of a body that has at most so many.
///
/// # Errors
/// 413 when there are more, 400 when it breaks off.
pub async fn limited(body: poem::Body, most: usize) -> Result<Vec<u8>, Problem> {
    let broken = |_| Problem::new(Code::Malformed).because("the body ended before it was complete");
    let mut reader = body.into_async_read();
    let mut bytes = Vec::new();
    let read = (&mut reader).take(most as u64 + 1).read_to_end(&mut bytes).await.map_err(broken)?;
    if read <= most {
        return Ok(bytes);
    }
    drop(bytes);
    // A client that is still sending would not see the answer: what follows is read too, up to a point.
    tokio::io::copy(&mut reader.take(DRAINED), &mut tokio::io::sink()).await.map_err(broken)?;
    Err(Problem::new(Code::TooLarge).because(format!("a body has at most {most} bytes")))
}

/// Reads a body's bytes.
///
/// # Errors
/// One problem that names every field that is not right.
pub fn read<T: ParseFromJSON>(bytes: &[u8]) -> Result<T, Problem> {
    let (value, twice) =
        json::read(bytes).map_err(|error| Problem::new(Code::Malformed).because(error.to_string()))?;
    let mut errors: Vec<FieldError> = twice
        .into_iter()
        .map(|pointer| FieldError { pointer, detail: "stands twice in its object".to_owned() })
        .collect();
    errors.extend(check::check::<T>(&value));
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    // The schema holds, so that what is left is what a schema cannot say.
    T::parse_from_json(Some(value)).map_err(|error| Problem::field("", error.into_message()))
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: Self::CONTENT_TYPE,
                schema: <Self as Payload>::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// A JSON body as its bytes arrived, for what is signed over them.
#[derive(Clone, Debug)]
pub struct Raw(pub Vec<u8>);

impl<'a> ApiExtractor<'a> for Raw {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        if !request.content_type().is_some_and(Body::<bool>::check_content_type) {
            return Err(Problem::new(Code::UnsupportedType).into());
        }
        Ok(Self(limited(body.take()?, MAX_BYTES).await?))
    }
}
