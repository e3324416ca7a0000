//! # Mail: one message out, by SMTP or into a folder
//!
//! [`Mail::send`] does not wait: whoever asks is answered at once, so that the time of an answer says nothing of whether a
//! message was sent. What a server does not take is tried again, ten times within a quarter of an hour; then the log says so. [`Mail::deliver`]
//! waits for the server's answer, for whoever tries again by themselves.
//!
//! Invariants: a message has a plain text; its address and its text never reach the log, because they hold people's
//! addresses and the secrets of links.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use lettre::transport::smtp;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// How often a message is tried.
const TRIES: u32 = 10;
/// The wait after the first try; each is twice the one before.
const WAIT: Duration = Duration::from_secs(2);
/// How long a server may take for a step, and for all of them.
const PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE_IN_ALL: Duration = Duration::from_mins(1);

/// A message whose sender waits for what becomes of it.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// The text for whoever reads plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// What is unique of its Message-ID: a message that is sent again has the same one.
    pub message_id: String,
    /// More headers, such as `List-Unsubscribe`: names, and values of ASCII.
    pub headers: Vec<(&'static str, String)>,
}

/// A message that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whether it is the address that is refused, and will be the next time, too.
    pub permanent: bool,
    /// Why, without anything of the message.
    pub cause: String,
}

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
        let message = self.to(to).and_then(|message| {
            let message = message.subject(subject).header(ContentType::TEXT_PLAIN).body(text);
            message.map_err(|error| error.to_string())
        });
        match message {
            Ok(message) => {
                tokio::spawn(insist(self.clone(), message));
            }
            Err(cause) => tracing::error!(%cause, "a message could not be written"),
        }
    }

    /// Sends a message and waits for the answer; once, because whoever waits can try again.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn deliver(&self, letter: &Letter) -> Result<(), Refused> {
        let message = self.written(letter).map_err(|cause| Refused { permanent: true, cause })?;
        let answered = tokio::time::timeout(PATIENCE_IN_ALL, self.post(message)).await;
        answered.unwrap_or_else(|_| Err(Refused { permanent: false, cause: "no answer in time".to_owned() }))
    }

    fn to(&self, to: &str) -> Result<MessageBuilder, String> {
        let to: Mailbox = to.parse().map_err(|_| "the address is none".to_owned())?;
        Ok(MessageBuilder::new().from(self.from.clone()).to(to))
    }

    fn written(&self, letter: &Letter) -> Result<Message, String> {
        let id = format!("<{}@{}>", letter.message_id, self.from.email.domain());
        let mut message = self.to(&letter.to)?.subject(&*letter.subject).message_id(Some(id)).date_now();
        for (name, value) in &letter.headers {
            if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(format!("{name} is not of plain ASCII"));
            }
            let name = HeaderName::new_from_ascii((*name).to_owned()).map_err(|error| error.to_string())?;
            // As it is: programs read it, and a fold or a word in other letters would hide an address from them.
            message = message.raw_header(HeaderValue::dangerous_new_pre_encoded(
                name,
                value.clone(),
                value.clone(),
            ));
        }
        let message = match &letter.html {
            Some(html) => {
                message.multipart(MultiPart::alternative_plain_html(letter.text.clone(), html.clone()))
            }
            None => message.header(ContentType::TEXT_PLAIN).body(letter.text.clone()),
        };
        message.map_err(|error| error.to_string())
    }

    async fn post(&self, message: Message) -> Result<(), Refused> {
        match &*self.transport {
            Transport::Smtp(server) => server.send(message).await.map(drop).map_err(|error| refused(&error)),
            Transport::Folder(folder, files) => {
                let written = into(folder, files, message).await;
                written.map_err(|cause| Refused { permanent: false, cause })
            }
        }
    }
}

fn mailbox(from: &str) -> Result<Mailbox, String> {
    from.parse().map_err(|_| format!("{from} is not an address such as FitHire <no-reply@example.com>"))
}

/// What a server's answer means. It may repeat the address, so that only its code is kept.
fn refused(error: &smtp::Error) -> Refused {
    /// About how we speak or sign in to it, which is an operator's to mend.
    const OURS: [&str; 8] = ["500", "502", "503", "504", "530", "534", "535", "538"];
    let code = error.status().map(|code| code.to_string());
    let permanent = error.is_permanent() && !code.as_deref().is_some_and(|code| OURS.contains(&code));
    let kind = if error.is_permanent() { "refused" } else { "not taken" };
    Refused { permanent, cause: code.map_or_else(|| kind.to_owned(), |code| format!("{kind}: {code}")) }
}

async fn insist(mail: Mail, message: Message) {
    let mut wait = WAIT;
    for attempt in 1..=TRIES {
        match mail.post(message.clone()).await {
            Ok(()) => return tracing::info!(attempt, "a message was sent"),
            Err(Refused { cause, .. }) if attempt == TRIES => {
                tracing::error!(%cause, attempt, "a message was not sent");
            }
            Err(Refused { cause, .. }) => {
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
