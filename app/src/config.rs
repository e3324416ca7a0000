//! Configuration: defaults < `fithire.toml` < environment (`FITHIRE_SECTION__KEY`) < flags. `DATABASE_URL` and `PORT`
//! are honoured too. An unknown key is an error that names it and where it stands.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use figment::value::UncasedStr;
use fithire_identity::{IssuerSettings, RateSettings, Secret};
use fithire_mail::Mail;
use fithire_matching::RankingSettings;
use fithire_media::MediaSettings;
use fithire_webhooks::WebhookSettings;
use fithire_worker::TaskSettings;
use poem::http::Uri;
use serde::{Deserialize, Serialize};

use crate::http::MetricsConfig;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) presets: PresetFiles,
    pub(crate) identity: IdentityConfig,
    pub(crate) mail: MailConfig,
    pub(crate) media: MediaSettings,
    pub(crate) rates: RateSettings,
    pub(crate) rankings: RankingSettings,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) tasks: TaskSettings,
    pub(crate) metrics: MetricsConfig,
    pub(crate) log: Log,
}

/// `[identity]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityConfig {
    /// Who else's tokens are taken, beside our own.
    pub(crate) issuers: Vec<IssuerSettings>,
}

/// `[mail]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MailConfig {
    /// From whom messages are.
    pub(crate) from: String,
    /// The server that takes them, such as `smtps://name:password@mail.example.com`.
    pub(crate) smtp_url: Option<Secret>,
    /// A file that holds the URL.
    pub(crate) smtp_url_file: Option<PathBuf>,
    /// The folder that they are written into where there is no server.
    pub(crate) folder: PathBuf,
}

impl Default for MailConfig {
    fn default() -> Self {
        let from = "FitHire <no-reply@localhost>".to_owned();
        Self { from, smtp_url: None, smtp_url_file: None, folder: PathBuf::from("mail") }
    }
}

impl MailConfig {
    /// How messages go out.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub(crate) fn open(&self) -> Result<Mail, String> {
        match &self.smtp_url {
            Some(url) => Mail::by_smtp(&url.0, &self.from).map_err(|wrong| format!("mail: {wrong}")),
            None => Mail::into_folder(self.folder.clone(), &self.from)
                .map_err(|wrong| format!("mail.from: {wrong}")),
        }
    }
}

/// `[server]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: IpAddr,
    /// 0 picks a free one.
    pub(crate) port: u16,
    /// How the world reaches it, such as `https://jobs.example.com`; also the issuer of its tokens. Missing means that
    /// it serves this machine alone.
    pub(crate) public_url: Option<String>,
    /// Origins of other sites whose scripts may use the API, such as `https://tools.example.com`.
    pub(crate) allowed_origins: Vec<String>,
    /// Addresses of the proxies before it; they alone are believed when they say for whom they ask.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Requests that are answered at once; one more is refused with 503.
    pub(crate) at_once: u16,
    /// Seconds in which whoever routes to it learns, by `/readyz`, that it is about to stop, before it takes no more connections.
    pub(crate) notice_seconds: u8,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            at_once: 256,
            notice_seconds: 2,
        }
    }
}

impl Server {
    /// Scheme, host and port of `public_url`. Plain http is for this machine alone: passwords and sessions must not
    /// cross a network in the clear.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub(crate) fn origin(&self) -> Result<String, String> {
        let Some(public_url) = &self.public_url else { return Ok(format!("http://localhost:{}", self.port)) };
        let wrong = |what: &str| Err(format!("server.public_url is {public_url}, {what}"));
        let Ok(url) = public_url.parse::<Uri>() else { return wrong("not a URL") };
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return wrong("without scheme or host; write https://jobs.example.com");
        };
        if url.path() != "/" || url.query().is_some() {
            return wrong("with a path; give the origin alone");
        }
        if authority.as_str().contains('@') {
            return wrong("with a name in it; give the origin alone");
        }
        match scheme {
            "https" => {}
            "http" if fithire_identity::is_loopback(authority.host()) => {}
            "http" => return wrong("plain http, which is for this machine only; use https"),
            _ => return wrong("neither https nor http"),
        }
        // As browsers write it: in lower case, without the port that goes without saying.
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.as_str().to_lowercase();
        Ok(format!("{scheme}://{}", authority.strip_suffix(usual).unwrap_or(&authority)))
    }
}

/// `[database]`
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `sqlite:PATH` or `postgres://…`, as the role of the app.
    pub(crate) url: String,
    /// A file that holds the URL, where it should not stand in the environment.
    pub(crate) url_file: Option<PathBuf>,
    /// As the owner of the tables, for migrations on PostgreSQL; the same as `url` where it is missing.
    pub(crate) owner_url: Option<String>,
    /// A file that holds it.
    pub(crate) owner_url_file: Option<PathBuf>,
    /// Past a pooler, for hearing what other processes tell; the same as `url` where it is missing.
    pub(crate) direct_url: Option<String>,
    /// A file that holds it.
    pub(crate) direct_url_file: Option<PathBuf>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:fithire.db".to_owned(),
            url_file: None,
            owner_url: None,
            owner_url_file: None,
            direct_url: None,
            direct_url_file: None,
        }
    }
}

/// URLs hold passwords, so they are not printed.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// `[presets]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PresetFiles {
    /// The folder of preset files; without it, the presets built into this program.
    pub(crate) folder: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// For people or for programs.
    pub(crate) format: LogFormat,
    /// What is logged, such as `info` or `fithire=debug,sqlx=warn`.
    pub(crate) filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The file that is read when it is there and no other is named.
const FILE: &str = "fithire.toml";
/// Variables of our prefix that configure tests and tools, not the program.
fn is_ours(key: &UncasedStr) -> bool {
    !key.starts_with("test_") && key != "tools" && key != "bin"
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// A sentence that names the key and where it stands, or the file that cannot be read.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, String> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        let named = file.unwrap_or(Path::new(FILE));
        if named.is_file() {
            figment = figment.merge(Toml::file_exact(named));
        } else if file.is_some() {
            return Err(format!("{} is not there", named.display()));
        }
        let config: Self = figment
            .merge(Env::raw().only(&["DATABASE_URL"]).map(|_| "database.url".into()))
            .merge(Env::raw().only(&["PORT"]).map(|_| "server.port".into()))
            .merge(Env::prefixed("FITHIRE_").filter(is_ours).split("__"))
            .extract()
            .map_err(|error| error.to_string())?;
        config.tasks.check()?;
        if config.server.at_once == 0 {
            return Err("server.at_once is 0; it is at least 1".to_owned());
        }
        let config = config.with_secrets()?;
        config.media.check()?;
        Ok(config)
    }

    /// Reads what stands in files of its own.
    fn with_secrets(mut self) -> Result<Self, String> {
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            Ok::<_, String>(text.trim().to_owned())
        };
        if let Some(file) = &self.database.url_file {
            self.database.url = read(file)?;
        }
        if let Some(file) = &self.database.owner_url_file {
            self.database.owner_url = Some(read(file)?);
        }
        if let Some(file) = &self.database.direct_url_file {
            self.database.direct_url = Some(read(file)?);
        }
        if let Some(file) = &self.metrics.token_file {
            self.metrics.token = Some(Secret(read(file)?));
        }
        if let Some(file) = &self.mail.smtp_url_file {
            self.mail.smtp_url = Some(Secret(read(file)?));
        }
        if let Some(file) = &self.media.access_key_file {
            self.media.access_key = Some(Secret(read(file)?));
        }
        if let Some(file) = &self.media.secret_key_file {
            self.media.secret_key = Some(Secret(read(file)?));
        }
        for issuer in &mut self.identity.issuers {
            if let Some(file) = &issuer.client_secret_file {
                issuer.client_secret = Some(Secret(read(file)?));
            }
            if let Some(file) = &issuer.webhook_secret_file {
                issuer.webhook_secret = Some(Secret(read(file)?));
            }
        }
        Ok(self)
    }
}
