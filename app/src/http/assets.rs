//! Style, script and icon: compiled in, and cached by browsers for as long as they do not change.

use std::fmt::Write as _;
use std::sync::LazyLock;

use fithire_kernel::problem::{Code, Problem};
use poem::http::header;
use poem::web::Path;
use poem::{Request, Response, handler};
use sha2::{Digest, Sha256};

use super::compress;

/// A file with the name under which it is served, which has its content's hash in it.
struct Asset {
    name: String,
    /// Where pages find it.
    path: String,
    kind: &'static str,
    content: &'static str,
    /// The same as gzip.
    packed: Option<Vec<u8>>,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, content: &'static str) -> Self {
        let mut hash = String::new();
        for byte in &Sha256::digest(content)[..8] {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let name = format!("{stem}.{hash}.{extension}");
        Self {
            path: format!("/assets/{name}"),
            name,
            kind,
            content,
            packed: compress::pack(content.as_bytes()),
        }
    }
}

static CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("fithire", "css", "text/css; charset=utf-8", include_str!("../../assets/fithire.css"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")));

/// Where the style is.
pub(super) fn css() -> &'static str {
    &CSS.path
}

static JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("fithire", "js", "text/javascript; charset=utf-8", include_str!("../../assets/fithire.js"))
});

/// Where the script is.
pub(super) fn js() -> &'static str {
    &JS.path
}

static UPLOAD_JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("upload", "js", "text/javascript; charset=utf-8", include_str!("../../assets/upload.js"))
});

/// Where the script is that uploads files; only their page has it.
pub(super) fn upload_js() -> &'static str {
    &UPLOAD_JS.path
}

/// Where the icon is.
pub(super) fn icon() -> &'static str {
    &ICON.path
}

#[handler]
pub(super) fn asset(request: &Request, name: Path<String>) -> Result<Response, Problem> {
    let found = [&*CSS, &*JS, &*UPLOAD_JS, &*ICON].into_iter().find(|asset| asset.name == name.0);
    let asset = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let response = Response::builder()
        .content_type(asset.kind)
        .header(header::VARY, "accept-encoding")
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    Ok(match &asset.packed {
        Some(packed) if compress::is_taken(request) => {
            response.header(header::CONTENT_ENCODING, "gzip").body(packed.as_slice())
        }
        _ => response.body(asset.content),
    })
}

#[handler]
pub(super) fn favicon() -> Response {
    Response::builder()
        .content_type(ICON.kind)
        .header(header::CACHE_CONTROL, "public, max-age=86400")
        .body(ICON.content)
}
