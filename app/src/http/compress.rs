//! Answers that are texts go out as gzip to whoever takes it. A page's form token is another one each time, so that the
//! length of a page tells nothing of it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::header::{self, HeaderValue};
use poem::{Body, Request, Response};

/// Below this many bytes it is not worth it.
const LEAST: usize = 1_024;

/// Whether whoever asks takes gzip.
pub(super) fn is_taken(request: &Request) -> bool {
    let named = request.headers().get_all(header::ACCEPT_ENCODING).iter();
    let named = named.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    named.into_iter().any(|coding| {
        let (name, quality) = coding.trim().split_once(";q=").unwrap_or((coding.trim(), "1"));
        name.eq_ignore_ascii_case("gzip") && quality.trim().parse::<f32>().is_ok_and(|quality| quality > 0.0)
    })
}

/// The answer as gzip, where it is a text that is worth it. What streams is left alone.
pub(super) async fn gzip(mut response: Response) -> Response {
    let kind = response.content_type().unwrap_or_default();
    let is_text = ["text/html", "text/css", "text/javascript", "text/csv", "application/json", "image/svg"]
        .iter()
        .any(|text| kind.starts_with(text));
    if !is_text || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, vary);
    let Ok(bytes) = response.take_body().into_bytes().await else { return response };
    let packed = (bytes.len() >= LEAST).then(|| pack(&bytes)).flatten();
    if packed.is_some() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.set_body(packed.map_or_else(|| Body::from(bytes), Body::from));
    response
}

fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    packer.write_all(bytes).ok()?;
    packer.finish().ok()
}
