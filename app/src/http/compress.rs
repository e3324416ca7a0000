//! Answers that are texts go out as gzip to whoever takes it. A page's form token is another one each time, so that the
//! length of a page tells nothing of it. What is packed once and for all, an asset, comes packed already.

use std::io::Write as _;

use fithire_kernel::etag;
use fithire_kernel::problem::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::header::{self, HeaderValue};
use poem::{Body, IntoResponse as _, Request, Response};

/// Below this many bytes it is not worth it.
const LEAST: usize = 1_024;
/// From this many bytes on it takes long enough to leave the async threads.
const LONG: usize = 64 << 10;

/// Whether whoever asks takes gzip.
pub(super) fn is_taken(request: &Request) -> bool {
    let named = request.headers().get_all(header::ACCEPT_ENCODING).iter();
    let named = named.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    named.into_iter().any(|coding| {
        let (name, quality) = coding.trim().split_once(";q=").unwrap_or((coding.trim(), "1"));
        name.eq_ignore_ascii_case("gzip") && quality.trim().parse::<f32>().is_ok_and(|quality| quality > 0.0)
    })
}

/// The answer as gzip, where it is a text that is worth it. Events, which stream, are of no such kind.
pub(super) async fn gzip(mut response: Response) -> Response {
    let kind = response.content_type().unwrap_or_default();
    let is_text =
        ["text/html", "text/csv", "application/json", "application/ld+json", "application/problem+json"]
            .iter()
            .any(|text| kind.starts_with(text));
    if !is_text || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let bytes = match response.take_body().into_bytes().await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let packed = match bytes.len() {
        0..LEAST => None,
        LEAST..LONG => pack(&bytes),
        _ => {
            let bytes = bytes.clone();
            tokio::task::spawn_blocking(move || pack(&bytes)).await.ok().flatten()
        }
    };
    if packed.is_some() {
        etag::packed(response.headers_mut());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.set_body(packed.map_or_else(|| Body::from(bytes), Body::from));
    response
}

/// Bytes as gzip.
pub(super) fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    packer.write_all(bytes).ok()?;
    packer.finish().ok()
}
