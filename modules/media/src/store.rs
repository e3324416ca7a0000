//! The object store: whatever speaks S3. Nothing else in the program knows the SDK.
//!
//! URLs are signed here, without asking anybody; the other calls go to the store. What it does not answer is a problem that says
//! so, and never more than that: pages and the API go on without it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::problem::{Code, Problem};
use img_parts::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::settings::Place;

/// How long a URL to upload to works.
pub(crate) const UPLOAD_LASTS: TimeDelta = TimeDelta::hours(1);
/// How long a URL to look at works.
const VIEW_LASTS: TimeDelta = TimeDelta::minutes(15);
/// For how long the same URL is given, so that browsers know what they have.
const VIEW_SAME: TimeDelta = TimeDelta::minutes(5);
/// How many pictures are held in memory at once.
const HELD: usize = 2;
/// How long an ordinary call may take, all tries together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the store may copy a file or put its parts together.
const LONG_PATIENCE: Duration = Duration::from_mins(5);

/// An object store that is reached by S3's protocol.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    client: Client,
    /// Signs for the name by which browsers reach the store.
    signer: Client,
    bucket: String,
    origin: String,
    /// Pictures that are held in memory at once, so that they need a bounded part of it.
    held: Semaphore,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

/// What the store says of an object.
pub(crate) struct Head {
    pub(crate) bytes: i64,
    pub(crate) media_type: String,
}

/// A part that is there.
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) bytes: i64,
    tag: Option<String>,
}

/// What a call comes to: nothing where the object is not there.
type Found<T> = Result<Option<T>, Problem>;

/// The store does not do what was asked; why, goes to the log.
fn away<E: Error + 'static, R: fmt::Debug + 'static>(error: &SdkError<E, R>) -> Problem {
    tracing::warn!(cause = %why(error), "the object store did not answer as it should");
    let told = "files cannot be stored or shown right now; everything else works";
    Problem { retry_after: Some(5), ..Problem::new(Code::Unavailable) }.because(told)
}

/// An error with what it comes from, without the answer in all its length.
fn why(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

fn is_absent<E, R>(error: &SdkError<E, R>, absent: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(absent)
}

impl Store {
    /// A store by its place. Nobody is asked yet.
    ///
    /// # Errors
    /// A sentence on what is wrong with the place.
    pub fn open(place: Place) -> Result<Self, String> {
        let origin = place.origin()?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let times = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_timeout(PATIENCE)
            .build();
        let keys = Credentials::new(place.access_key.0, place.secret_key.0, None, None, "fithire");
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(place.region))
            .credentials_provider(keys)
            .force_path_style(place.path_style)
            // Not every store knows the newer checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .timeout_config(times)
            .http_client(http);
        let client = Client::from_conf(config.clone().endpoint_url(place.endpoint).build());
        let signer = Client::from_conf(config.endpoint_url(place.public_endpoint).build());
        Ok(Self(Arc::new(Inner { client, signer, bucket: place.bucket, origin, held: Semaphore::new(HELD) })))
    }

    /// The origin at which browsers reach it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Whether it is there and has the bucket.
    pub(crate) async fn ask(&self) -> Result<(), Problem> {
        let asked = self.0.client.head_bucket().bucket(&self.0.bucket).send().await;
        asked.map(|_| ()).map_err(|error| away(&error))
    }

    /// Writes, reads and removes an object, for whoever wants to know whether everything works.
    ///
    /// # Errors
    /// What the store said.
    pub async fn try_out(&self) -> Result<(), String> {
        const KEY: &str = "doctor";
        let (client, bucket) = (&self.0.client, &self.0.bucket);
        let told = |what: &str, error: &dyn Error| format!("cannot {what}: {}", why(error));
        let put = client.put_object().bucket(bucket).key(KEY).body(b"fithire".to_vec().into());
        put.send().await.map_err(|error| told("write", &error))?;
        let got = client.get_object().bucket(bucket).key(KEY).send().await;
        got.map_err(|error| told("read", &error))?;
        let gone = client.delete_object().bucket(bucket).key(KEY).send().await;
        gone.map(|_| ()).map_err(|error| told("remove", &error))
    }

    /// A URL to which a file of this type and length, and no other, may be put for an hour.
    pub(crate) async fn put_url(
        &self,
        key: &str,
        (media_type, bytes): (&str, i64),
        now: DateTime<Utc>,
    ) -> Result<String, Problem> {
        let put = self.0.signer.put_object().bucket(&self.0.bucket).key(key);
        let put = put.content_type(media_type).content_length(bytes).presigned(signing(now, UPLOAD_LASTS)?);
        Ok(put.await.map_err(|error| away(&error))?.uri().to_owned())
    }

    /// A URL to which a part of this length may be put for an hour.
    pub(crate) async fn part_url(
        &self,
        (key, upload_ref): (&str, &str),
        (number, bytes): (i32, i64),
        now: DateTime<Utc>,
    ) -> Result<String, Problem> {
        let put = self.0.signer.upload_part().bucket(&self.0.bucket).key(key).upload_id(upload_ref);
        let put = put.part_number(number).content_length(bytes).presigned(signing(now, UPLOAD_LASTS)?);
        Ok(put.await.map_err(|error| away(&error))?.uri().to_owned())
    }

    /// A URL at which a file is seen for some minutes, as this type and under this name. It stays the same for a while.
    pub(crate) async fn view_url(
        &self,
        key: &str,
        (media_type, name): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<String, Problem> {
        let since = now - TimeDelta::seconds(now.timestamp().rem_euclid(VIEW_SAME.num_seconds()));
        let since = DateTime::from_timestamp(since.timestamp(), 0).unwrap_or(now);
        let get = self.0.signer.get_object().bucket(&self.0.bucket).key(key);
        let get = get
            .response_content_type(media_type)
            .response_content_disposition(disposition(name))
            .presigned(signing(since, VIEW_LASTS)?);
        Ok(get.await.map_err(|error| away(&error))?.uri().to_owned())
    }

    /// Begins an upload in parts; the store's name of it.
    pub(crate) async fn begin_parts(&self, key: &str, media_type: &str) -> Result<String, Problem> {
        let create = self.0.client.create_multipart_upload().bucket(&self.0.bucket).key(key);
        let upload = create.content_type(media_type).send().await.map_err(|error| away(&error))?;
        upload.upload_id.ok_or_else(|| Problem::internal(&"an upload in parts has no name"))
    }

    /// The parts that are there, in their order; nothing once they were put together.
    pub(crate) async fn parts(&self, key: &str, upload_ref: &str) -> Found<Vec<Part>> {
        let list = self.0.client.list_parts().bucket(&self.0.bucket).key(key).upload_id(upload_ref);
        let listed = match list.send().await {
            Ok(listed) => listed,
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => {
                return Ok(None);
            }
            Err(error) => return Err(away(&error)),
        };
        let part = |part: aws_sdk_s3::types::Part| {
            Some(Part { number: part.part_number?, bytes: part.size?, tag: part.e_tag })
        };
        let mut parts: Vec<Part> = listed.parts.unwrap_or_default().into_iter().filter_map(part).collect();
        // Not every store gives them in their order.
        parts.sort_by_key(|part| part.number);
        Ok(Some(parts).filter(|parts| !parts.is_empty()))
    }

    /// Makes an object of its parts.
    pub(crate) async fn put_together(
        &self,
        (key, upload_ref): (&str, &str),
        parts: Vec<Part>,
    ) -> Result<(), Problem> {
        let part = |part: Part| CompletedPart::builder().part_number(part.number).set_e_tag(part.tag).build();
        let parts = parts.into_iter().map(part).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.0.client.complete_multipart_upload().bucket(&self.0.bucket).key(key);
        let complete = complete.upload_id(upload_ref).multipart_upload(parts);
        let done = complete.customize().config_override(patient()).send().await;
        done.map(|_| ()).map_err(|error| away(&error))
    }

    /// What an object is, if it is there.
    pub(crate) async fn head(&self, key: &str) -> Found<Head> {
        match self.0.client.head_object().bucket(&self.0.bucket).key(key).send().await {
            Ok(head) => Ok(Some(Head {
                bytes: head.content_length.unwrap_or_default(),
                media_type: head.content_type.unwrap_or_default(),
            })),
            Err(error) if is_absent(&error, HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(away(&error)),
        }
    }

    /// Waits for room in memory for an object; it is given back when the permit is dropped.
    pub(crate) async fn room(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.0.held.acquire().await.map_err(|error| Problem::internal(&error))
    }

    /// The first bytes of an object, so many at most, if it is there.
    pub(crate) async fn beginning(&self, key: &str, bytes: i64) -> Found<Bytes> {
        let range = format!("bytes=0-{}", bytes - 1);
        let get = self.0.client.get_object().bucket(&self.0.bucket).key(key).range(range);
        match get.customize().config_override(patient()).send().await {
            Ok(got) => match got.body.collect().await {
                Ok(bytes) => Ok(Some(bytes.into_bytes())),
                Err(error) => Err(away(&SdkError::<std::io::Error, ()>::response_error(error, ()))),
            },
            Err(error) if is_absent(&error, GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(away(&error)),
        }
    }

    /// Copies an object within the store; whether it was there.
    pub(crate) async fn copy(&self, from: &str, to: &str, media_type: &str) -> Result<bool, Problem> {
        let copy = self.0.client.copy_object().bucket(&self.0.bucket).key(to);
        let copy = copy
            .copy_source(format!("{}/{from}", self.0.bucket))
            .metadata_directive(MetadataDirective::Replace)
            .content_type(media_type);
        match copy.customize().config_override(patient()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => {
                Ok(false)
            }
            Err(error) => Err(away(&error)),
        }
    }

    /// Puts an object of our own making.
    pub(crate) async fn put(&self, key: &str, media_type: &str, bytes: Bytes) -> Result<(), Problem> {
        let put = self.0.client.put_object().bucket(&self.0.bucket).key(key);
        let put = put.content_type(media_type).body(bytes.into());
        put.customize().config_override(patient()).send().await.map(|_| ()).map_err(|error| away(&error))
    }

    /// Removes an object and what there is of it in parts, if anything is.
    pub(crate) async fn remove(&self, key: &str, upload_ref: Option<&str>) -> Result<(), Problem> {
        let (client, bucket) = (&self.0.client, &self.0.bucket);
        if let Some(upload_ref) = upload_ref {
            let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(upload_ref);
            match abort.send().await {
                Ok(_) => {}
                // It was put together, or aborted before.
                Err(error)
                    if error.raw_response().is_some_and(|answer| answer.status().is_client_error()) => {}
                Err(error) => return Err(away(&error)),
            }
        }
        let gone = client.delete_object().bucket(bucket).key(key).send().await;
        gone.map(|_| ()).map_err(|error| away(&error))
    }
}

/// For what takes the store a while.
fn patient() -> Builder {
    let times =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_timeout(LONG_PATIENCE);
    Builder::new().timeout_config(times.build())
}

fn signing(since: DateTime<Utc>, lasts: TimeDelta) -> Result<PresigningConfig, Problem> {
    let lasts = lasts.to_std().map_err(|error| Problem::internal(&error))?;
    let signing = PresigningConfig::builder().start_time(SystemTime::from(since)).expires_in(lasts).build();
    signing.map_err(|error| Problem::internal(&error))
}

/// Shown rather than saved, under a name that no header can break.
fn disposition(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = name.chars().map(plain).take(100).collect();
    format!("inline; filename=\"{}\"", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a store answers to a request.
    async fn sent(method: &'static str, url: String, body: &'static [u8]) -> u16 {
        let send = move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = ureq::http::Request::builder().method(method).uri(url);
            let answer = match method {
                "GET" => agent.run(request.body(()).unwrap()),
                _ => agent.run(request.header("Content-Type", "image/png").body(body).unwrap()),
            };
            answer.unwrap().status().as_u16()
        };
        tokio::task::spawn_blocking(send).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn urls_end_and_a_url_to_look_at_stays_the_same_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let at = "127.0.0.1:0".parse().unwrap();
        let embedded =
            crate::Embedded::open(&crate::MediaSettings::default(), folder.path(), at).await.unwrap();
        let store = Store::open(embedded.place()).unwrap();
        let serving = tokio::spawn(embedded.serve(std::future::pending(), Duration::from_secs(1)));
        let now = fithire_kernel::clock::Clock::System.now();
        let put = async |at| store.put_url("7/x", ("image/png", 3), at).await.unwrap();
        let minutes = TimeDelta::minutes;
        assert_eq!(sent("PUT", put(now - minutes(61)).await, b"png").await, 403, "over");
        assert_eq!(sent("PUT", put(now + minutes(61)).await, b"png").await, 403, "not yet");
        assert_eq!(sent("PUT", put(now - minutes(59)).await, b"png").await, 200);
        let view = async |at| store.view_url("7/x", ("image/png", "x.png"), at).await.unwrap();
        assert_eq!(sent("GET", view(now - minutes(25)).await, b"").await, 403, "over");
        assert_eq!(sent("GET", view(now - minutes(9)).await, b"").await, 200);
        let begins = now - TimeDelta::seconds(now.timestamp().rem_euclid(300));
        let later = begins + minutes(5);
        assert_eq!(view(begins).await, view(later - TimeDelta::seconds(1)).await);
        assert!(view(begins).await != view(later).await);
        store.remove("7/x", None).await.unwrap();
        assert_eq!(sent("GET", view(now).await, b"").await, 404);
        serving.abort();
    }

    #[test]
    fn a_name_breaks_no_header() {
        assert_eq!(disposition("My class (1).mp4"), "inline; filename=\"My_class__1_.mp4\"");
        assert_eq!(disposition("..\"\r\nSet-Cookie: x"), "inline; filename=\"___Set-Cookie__x\"");
    }
}
