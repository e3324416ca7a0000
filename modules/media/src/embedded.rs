//! The embedded store: what speaks S3 on a port of its own, within this process, and keeps files in a folder.
//!
//! The same code as for any other store runs against it: URLs are signed and their signatures, lengths, types and ends are
//! checked. Around it stands what a browser needs and it has not: the answer to a page of another origin, the type and name
//! that a signed URL asks for, and the removal of what it remembers beside a removed file. Whatever it says is done, is on the
//! disk: files and their folders are synced before it answers.
//!
//! It is for one process: replicas need a store that they share.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fithire_identity::{Secret, random_secret};
use fithire_kernel::listen::Listening;
use futures_util::TryStreamExt as _;
use poem::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Body, Endpoint, Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use crate::settings::{MediaSettings, Place};

/// A store that listens.
pub struct Embedded {
    listening: Listening,
    door: Door,
    place: Place,
}

impl Embedded {
    /// Opens the store of a folder and begins to listen; port 0 picks a free one. The folder is made when it is missing.
    ///
    /// # Errors
    /// A sentence on what cannot be read, written or listened on.
    pub async fn open(settings: &MediaSettings, folder: &Path, at: SocketAddr) -> Result<Self, String> {
        let told = |what: &dyn std::fmt::Display| {
            let what = what.to_string();
            move |error: &dyn std::fmt::Display| format!("media: cannot {what}: {error}")
        };
        let root = folder.join("objects");
        fs::create_dir_all(root.join(&settings.bucket))
            .map_err(|error| told(&format!("write {}", folder.display()))(&error))?;
        let keys = keys(folder)?;
        let files = FileSystem::new(&root)
            .map_err(|error| told(&format!("open {}", root.display()))(&format!("{error:?}")))?;
        let listening = Listening::on(at).await.map_err(|error| {
            told(&format!("listen on {at}"))(&error) + "; set media.port to a port that is free"
        })?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(keys.0.0.clone(), keys.1.0.clone()));
        let door = Door { service: service.build(), root };
        let place = place(settings, listening.address(), keys);
        Ok(Self { listening, door, place })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Answers until asked to stop; what is under way may take a while longer.
    pub async fn serve(self, stopping: impl Future<Output = ()>, drain: Duration) {
        self.listening.answer(self.door, stopping, drain).await;
    }
}

/// The place of the embedded store that another process of this machine serves.
///
/// # Errors
/// A sentence on what cannot be read or written.
pub fn embedded_place(settings: &MediaSettings, folder: &Path, at: SocketAddr) -> Result<Place, String> {
    Ok(place(settings, at, keys(folder)?))
}

fn place(settings: &MediaSettings, at: SocketAddr, (access_key, secret_key): (Secret, Secret)) -> Place {
    let host = if at.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { at.ip() };
    let endpoint = format!("http://{}", SocketAddr::new(host, at.port()));
    Place {
        public_endpoint: settings.public_endpoint.clone().unwrap_or_else(|| endpoint.clone()),
        endpoint,
        bucket: settings.bucket.clone(),
        region: settings.region.clone(),
        path_style: true,
        access_key,
        secret_key,
    }
}

/// The keys of the store of a folder, made once. Only the owner may read them.
fn keys(folder: &Path) -> Result<(Secret, Secret), String> {
    let file = folder.join("keys");
    let told = |error: io::Error| format!("media: cannot use {}: {error}", file.display());
    fs::create_dir_all(folder).map_err(told)?;
    if !file.exists() {
        make(&file).map_err(told)?;
    }
    let kept = fs::read_to_string(&file).map_err(told)?;
    match kept.trim().split_once('\n') {
        Some((access, secret)) if !access.is_empty() && !secret.is_empty() => {
            Ok((Secret(access.to_owned()), Secret(secret.to_owned())))
        }
        _ => Err(format!("media: {} does not hold two lines, a name and a key", file.display())),
    }
}

/// Of two processes that make the keys at once, the first one's count.
fn make(file: &Path) -> io::Result<()> {
    let fresh = file.with_file_name(format!("keys.{}", random_secret()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(&fresh)?;
    open.write_all(format!("fithire\n{}\n", random_secret()).as_bytes())?;
    open.sync_all()?;
    let linked = fs::hard_link(&fresh, file);
    fs::remove_file(&fresh)?;
    linked.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}

/// What stands around the store.
struct Door {
    service: S3Service,
    root: PathBuf,
}

impl Endpoint for Door {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.method() == Method::OPTIONS {
            return Ok(preflight());
        }
        let (method, path) = (request.method().clone(), request.original_uri().path().to_owned());
        let asked: Vec<(String, String)> =
            serde_urlencoded::from_str(request.original_uri().query().unwrap_or_default())
                .unwrap_or_default();
        let (parts, body) = poem::http::Request::from(request).into_parts();
        let body: poem::http::Request<_> = poem::http::Request::from_parts(parts, s3s::Body::http_body(body));
        let answer = match self.service.call(body).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(cause = ?error, "the embedded store failed");
                return Ok(Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish());
            }
        };
        let (parts, body) = answer.into_parts();
        let mut response = Response::builder()
            .status(parts.status)
            .body(Body::from_bytes_stream(body.map_err(io::Error::other)));
        *response.headers_mut() = parts.headers;
        if method == Method::GET && response.status().is_success() {
            as_asked(response.headers_mut(), &asked);
        }
        if method == Method::DELETE && response.status().is_success() {
            self.forget(&path);
        }
        let writes = matches!(method, Method::PUT | Method::POST | Method::DELETE);
        if writes && response.status().is_success() {
            let touched = touched(&self.root, &path, &asked);
            let kept = tokio::task::spawn_blocking(move || keep(&touched)).await.map_err(io::Error::other);
            if let Err(error) = kept.and_then(|kept| kept) {
                tracing::error!(cause = %error, "what was put into the embedded store may be lost");
                return Ok(Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish());
            }
        }
        open_to_pages(response.headers_mut());
        Ok(response)
    }
}

impl Door {
    /// Removes what is remembered beside a file that was removed.
    fn forget(&self, path: &str) {
        let Some((bucket, key)) = path.trim_start_matches('/').split_once('/') else { return };
        let [bucket, key] = [bucket, key].map(|text| URL_SAFE_NO_PAD.encode(text));
        for what in ["metadata", "internal"] {
            let file = self.root.join(format!(".bucket-{bucket}.object-{key}.{what}.json"));
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(cause = %error, "what the embedded store remembers could not be removed");
                }
                _ => {}
            }
        }
    }
}

/// The files that a request to write may have written, in the layout of the store, and the folders in which they are.
fn touched(root: &Path, path: &str, asked: &[(String, String)]) -> Vec<PathBuf> {
    let Some((bucket, key)) = path.trim_start_matches('/').split_once('/') else { return Vec::new() };
    let beside = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let object = format!(".bucket-{}.object-{}", beside(bucket), beside(key));
    let mut names =
        vec![format!("{bucket}/{key}"), format!("{object}.metadata.json"), format!("{object}.internal.json")];
    // The name of an upload in parts is given by the answer alone.
    if asked.iter().any(|(name, _)| name == "uploads")
        && let Ok(there) = fs::read_dir(root)
    {
        let there = there.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.extend(there.filter(|name| name.starts_with(".upload-") || name.starts_with(&object)));
    }
    let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    if let Some(upload) = value("uploadId") {
        names.push(format!(".upload-{upload}.json"));
        names.push(format!("{object}.upload-{upload}.metadata.json"));
        names.extend(value("partNumber").map(|number| format!(".upload_id-{upload}.part-{number}")));
    }
    let folders = Path::new(path.trim_start_matches('/')).ancestors().skip(1).map(|folder| root.join(folder));
    names.into_iter().map(|name| root.join(name)).chain(folders).collect()
}

/// Has the disk keep files and folders; one that is not there needs nothing.
fn keep(paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        match File::open(path) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The type and name that the signed URL asks for, in place of what is kept.
fn as_asked(headers: &mut HeaderMap, asked: &[(String, String)]) {
    let named = [
        ("response-content-type", header::CONTENT_TYPE),
        ("response-content-disposition", header::CONTENT_DISPOSITION),
    ];
    for (name, header) in named {
        let value = asked.iter().find(|(key, _)| key == name).map(|(_, value)| HeaderValue::from_str(value));
        if let Some(Ok(value)) = value {
            headers.insert(header, value);
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// A page of any origin may use a signed URL, because whoever has the URL may use it anyway; no cookie takes part.
fn open_to_pages(headers: &mut HeaderMap) {
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, content-range, accept-ranges");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
}

fn preflight() -> Response {
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    let headers = response.headers_mut();
    open_to_pages(headers);
    set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT");
    set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, range");
    set(headers, header::ACCESS_CONTROL_MAX_AGE, "3600");
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fithire_kernel::clock::Clock;

    use super::*;
    use crate::store::Store;

    /// Every file of a folder, with what would tell that it was written.
    fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                let about = fs::metadata(&path).unwrap();
                found.insert(path, (about.len(), about.modified().unwrap()));
            }
        }
        found
    }

    /// Does something that a request to a URL stands for, and holds what was written against what the disk is asked to keep.
    async fn kept<T>(root: &Path, url: &str, doing: impl Future<Output = T>) -> T {
        let before = files(root);
        let done = doing.await;
        let place = url.split_once("/fithire/").unwrap().1;
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let asked: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
        let touched = touched(root, &format!("/fithire/{path}"), &asked);
        let written: Vec<_> =
            files(root).into_iter().filter(|(path, now)| before.get(path) != Some(now)).collect();
        assert!(!written.is_empty(), "{url} writes something");
        for (file, _) in written {
            assert!(touched.contains(&file), "{url} writes {}, which may be lost", file.display());
            assert!(touched.contains(&file.parent().unwrap().to_owned()), "the folder of {}", file.display());
        }
        keep(&touched).unwrap();
        done
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_a_request_writes_is_kept_by_the_disk_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("objects");
        let at = "127.0.0.1:0".parse().unwrap();
        let embedded = Embedded::open(&MediaSettings::default(), folder.path(), at).await.unwrap();
        let store = Store::open(embedded.place()).unwrap();
        let serving = tokio::spawn(embedded.serve(std::future::pending(), Duration::from_secs(1)));
        let put = async |url: String, bytes: &'static [u8]| {
            let sent =
                move || ureq::put(&url).header("Content-Type", "video/mp4").send(bytes).unwrap().status();
            assert_eq!(tokio::task::spawn_blocking(sent).await.unwrap(), 200);
        };
        let now = Clock::System.now();
        let url = store.put_url("7/x", ("video/mp4", 5), now).await.unwrap();
        kept(&root, &url, put(url.clone(), b"bytes")).await;
        kept(&root, "http://store/fithire/7/y", store.copy("7/x", "7/y", "video/mp4")).await.unwrap();
        let own = store.put("8/p", "image/png", (&b"png"[..]).into());
        kept(&root, "http://store/fithire/8/p?x-id=PutObject", own).await.unwrap();
        let begun = store.begin_parts("7/z", "video/mp4");
        let upload = kept(&root, "http://store/fithire/7/z?uploads", begun).await.unwrap();
        let part = store.part_url(("7/z", &upload), (1, 4), now).await.unwrap();
        kept(&root, &part, put(part.clone(), b"part")).await;
        let parts = store.parts("7/z", &upload).await.unwrap().unwrap();
        let whole = format!("http://store/fithire/7/z?uploadId={upload}");
        kept(&root, &whole, store.put_together(("7/z", &upload), parts)).await.unwrap();
        serving.abort();
    }

    #[test]
    fn keys_are_made_once_and_for_the_owner_alone() {
        let folder = std::env::temp_dir().join(format!("fithire-{}", random_secret()));
        let first = keys(&folder).unwrap();
        assert_eq!(keys(&folder).unwrap().1.0, first.1.0);
        assert!(first.1.0.len() >= 40);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.join("keys")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        fs::write(folder.join("keys"), "one line\n").unwrap();
        assert!(keys(&folder).unwrap_err().contains("two lines"));
        fs::remove_dir_all(folder).unwrap();
    }
}
