//! # Mail: one message out, by SMTP or into a folder
//!
//! [`Mail::send`] does not wait: whoever asks is answered at once, so that the time of an answer says nothing of whether a
//! message was sent. What a server does not take is tried again, five times in all; then the log says so.
//!
//! Invariants: a message is plain text; its address and its text never reach the log, because they hold people's addresses
//! and the secrets of links.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// How often a message is tried.
const TRIES: u32 = 5;
/// The wait after the first try; each is twice the one before.
const WAIT: Duration = Duration::from_secs(2);
/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where mail goes.
#[derive(Clone, Debug)]
pub struct Mail {
    from: Mailbox,
    transport: Arc<Transport>,
}

#[derive(Debug)]
enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf, AsyncFileTransport<Tokio1Executor>),
}

impl Mail {
    /// Mail by a server, such as `smtps://name:password@mail.example.com` or `smtp://localhost:25`, from an address such as
    /// `FitHire <no-reply@example.com>`.
    ///
    /// # Errors
    /// What is wrong with either; a password is not repeated.
    pub fn by_smtp(url: &str, from: &str) -> Result<Self, String> {
        let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| "is not a URL such as smtps://name:password@mail.example.com".to_owned())?;
        Ok(Self {
            from: mailbox(from)?,
            transport: Arc::new(Transport::Smtp(smtp.timeout(Some(PATIENCE)).build())),
        })
    }

    /// Mail as files of a folder, which is made when the first one is written.
    ///
    /// # Errors
    /// When the address is none.
    pub fn into_folder(folder: PathBuf, from: &str) -> Result<Self, String> {
        let files = AsyncFileTransport::new(&folder);
        Ok(Self { from: mailbox(from)?, transport: Arc::new(Transport::Folder(folder, files)) })
    }

    /// The folder, where mail goes into one.
    #[must_use]
    pub fn folder(&self) -> Option<&PathBuf> {
        match &*self.transport {
            Transport::Smtp(_) => None,
            Transport::Folder(folder, _) => Some(folder),
        }
    }

    /// Sends a message in the background. An address that is none is a message that is not sent.
    pub fn send(&self, to: &str, subject: &str, text: String) {
        let message = to.parse().map_err(|_| "the address is none".to_owned()).and_then(|to: Mailbox| {
            MessageBuilder::new()
                .from(self.from.clone())
                .to(to)
                .subject(subject)
                .header(ContentType::TEXT_PLAIN)
                .body(text)
                .map_err(|error| error.to_string())
        });
        match message {
            Ok(message) => {
                tokio::spawn(deliver(self.transport.clone(), message));
            }
            Err(cause) => tracing::error!(%cause, "a message could not be written"),
        }
    }
}

fn mailbox(from: &str) -> Result<Mailbox, String> {
    from.parse().map_err(|_| format!("{from} is not an address such as FitHire <no-reply@example.com>"))
}

async fn deliver(transport: Arc<Transport>, message: Message) {
    let mut wait = WAIT;
    for attempt in 1..=TRIES {
        let sent = match &*transport {
            Transport::Smtp(smtp) => {
                smtp.send(message.clone()).await.map(|_| ()).map_err(|error| {
                    // What a server answers may repeat the address.
                    let kind = if error.is_permanent() { "refused" } else { "not taken" };
                    error.status().map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}"))
                })
            }
            Transport::Folder(folder, files) => into(folder, files, message.clone()).await,
        };
        match sent {
            Ok(()) => return tracing::info!(attempt, "a message was sent"),
            Err(cause) if attempt == TRIES => tracing::error!(%cause, attempt, "a message was not sent"),
            Err(cause) => {
                tracing::warn!(%cause, attempt, "a message was not sent; it is tried again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
        }
    }
}

async fn into(
    folder: &PathBuf,
    files: &AsyncFileTransport<Tokio1Executor>,
    message: Message,
) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    files.send(message).await.map(|_| ()).map_err(|error| error.to_string())
}
