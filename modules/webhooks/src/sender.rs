//! Sends messages, signed by the Standard Webhooks specification.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use standardwebhooks::Webhook;

use crate::guard::{self, Guard, Lookup};

/// How long a receiver may take to answer, all in all.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read.
const MOST: usize = 4 << 10;

/// `[webhooks]`
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Whether webhooks may lead to this machine and to private networks, and by plain http. For development alone.
    pub allow_private: bool,
}

/// Sends messages to where they may go.
#[derive(Clone, Debug)]
pub struct Sender {
    http: reqwest::Client,
    allow_private: bool,
}

/// A message to be sent.
pub(crate) struct Message<'m> {
    pub(crate) url: &'m str,
    /// The same each time that it is sent, so that a receiver counts it once.
    pub(crate) id: String,
    pub(crate) at: DateTime<Utc>,
    /// It is signed by each of them.
    pub(crate) secrets: Vec<&'m str>,
    pub(crate) body: &'m str,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The beginning of it, as text.
    pub(crate) text: String,
    /// When it wants to be asked again.
    pub(crate) retry_after: Option<TimeDelta>,
}

impl Sender {
    /// A sender that follows nothing to elsewhere and takes no proxy from its environment.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(settings: WebhookSettings) -> Result<Self, String> {
        Self::by(guard::system_lookup(), settings.allow_private, PATIENCE)
    }

    fn by(lookup: Lookup, allow_private: bool, patience: Duration) -> Result<Self, String> {
        // A second call finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(patience)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .https_only(!allow_private)
            .dns_resolver(Arc::new(Guard { lookup, allow_private }))
            .user_agent(concat!("FitHire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { http, allow_private })
    }

    /// What is wrong with an address, if anything is.
    pub(crate) fn check(&self, url: &str) -> Result<(), String> {
        guard::check(url, self.allow_private).map(drop)
    }

    /// Sends a message and reads the answer, or says why there is none.
    pub(crate) async fn send(&self, message: &Message<'_>) -> Result<Answer, String> {
        let url = guard::check(message.url, self.allow_private).map_err(|told| format!("the URL {told}"))?;
        let timestamp = message.at.timestamp();
        let sign =
            |secret: &&str| Webhook::new(secret)?.sign(&message.id, timestamp, message.body.as_bytes());
        let signatures: Result<Vec<String>, _> = message.secrets.iter().map(sign).collect();
        let signatures = signatures.map_err(|error| format!("it could not be signed: {error}"))?;
        let sent = self
            .http
            .post(url)
            .header("Content-Type", "application/json")
            .header(standardwebhooks::HEADER_WEBHOOK_ID, &message.id)
            .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signatures.join(" "))
            .body(message.body.to_owned())
            .send()
            .await;
        let mut response = sent.map_err(told)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), message.at);
        let mut bytes = Vec::new();
        // The status says whether it was taken, also when the rest of the answer does not arrive.
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk[..chunk.len().min(MOST - bytes.len())]);
            if bytes.len() == MOST {
                break;
            }
        }
        Ok(Answer { status, text: readable(&bytes), retry_after })
    }
}

/// What came of a request that was not answered, without its URL.
fn told(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("there was no answer within {} seconds", PATIENCE.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = if error.is_connect() { "it could not be reached" } else { "there was no answer" };
    format!("{what}: {cause}").chars().take(300).collect()
}

/// Bytes as text that a page can show and a database can keep.
fn readable(bytes: &[u8]) -> String {
    let shown = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").chars().map(shown).collect()
}

/// Seconds or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(TimeDelta::seconds(seconds.into())),
        Err(_) => DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc() - now),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn message(url: &str) -> Message<'_> {
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        Message { url, id: "42".to_owned(), at, secrets: vec![SECRET], body: r#"{"type":"webhook.test"}"# }
    }

    /// A receiver that answers each connection with these bytes, and then nothing more.
    async fn receiver(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                open.push(stream);
            }
        });
        address
    }

    fn here(patience: Duration) -> Sender {
        Sender::by(guard::system_lookup(), true, patience).unwrap()
    }

    #[tokio::test]
    async fn a_receiver_that_is_slow_is_not_waited_for() {
        let patience = Duration::from_millis(300);
        let silent = receiver("").await;
        let none = here(patience).send(&message(&format!("http://{silent}/"))).await;
        assert!(none.unwrap_err().contains("no answer within"));
        // One whose answer trickles has said what counts.
        let trickles = receiver("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
        let answer = here(patience).send(&message(&format!("http://{trickles}/"))).await.unwrap();
        assert_eq!((answer.status, &*answer.text), (200, "half"));
    }

    #[tokio::test]
    async fn no_more_of_an_answer_is_read_than_is_kept() {
        let endless = receiver(concat!(
            "HTTP/1.1 500 Oops\r\nRetry-After: 7\r\nContent-Length: 1000000\r\n\r\n",
            "<b>\u{0}",
        ));
        let url = format!("http://{}/", endless.await);
        let answer = here(Duration::from_millis(300)).send(&message(&url)).await.unwrap();
        assert_eq!((answer.status, &*answer.text), (500, "<b>\u{fffd}"));
        assert_eq!(answer.retry_after, Some(TimeDelta::seconds(7)));
        let long: &'static str =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{}", "x".repeat(9_000)).leak();
        let url = format!("http://{}/", receiver(long).await);
        assert_eq!(here(PATIENCE).send(&message(&url)).await.unwrap().text.len(), MOST);
    }

    #[tokio::test]
    async fn a_name_that_comes_to_mean_this_machine_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lookup: Lookup = Arc::new(|_| Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) }));
        let sender = Sender::by(lookup, false, PATIENCE).unwrap();
        let url = format!("https://public.example:{port}/");
        assert_eq!(sender.check(&url), Ok(()), "as it is written, nothing is wrong with it");
        let told = sender.send(&message(&url)).await.unwrap_err();
        assert!(told.contains("127.0.0.1") && told.contains("public internet"), "{told}");
        let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
        assert!(connected.is_err(), "nobody has connected");
        let told = sender.send(&message(&format!("https://127.0.0.1:{port}/"))).await.unwrap_err();
        assert!(told.contains("public internet"), "{told}");
    }

    #[test]
    fn a_receiver_says_by_seconds_or_a_date_when_it_wants_to_be_asked_again() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Mon, 23 Nov 2026 12:01:00 GMT", Some(60)),
            ("Mon, 23 Nov 2026 11:59:00 GMT", Some(-60)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(TimeDelta::seconds), "{text}");
        }
    }
}
