//! Issuers beside our own: whose tokens the API takes, and by whom people sign in to the pages.
//!
//! A token is taken when one of the issuer's published keys has signed it, by an algorithm that is right for that key, and
//! when every claim that is needed is there and of its type. Nothing in a token's header but `kid` and `alg` is used, and
//! nothing that a token names is ever fetched. What a token says of roles counts for nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use jsonwebtoken::Validation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwks::{KeySet, Source};
use crate::oidc::Discovered;
use crate::tokens::SKEW;
use crate::visitor::is_loopback;

/// Of a webhook, in bytes, as the Standard Webhooks ask.
const SHORTEST_SECRET: usize = 24;

/// `[[identity.issuers]]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerSettings {
    /// Its name in addresses, such as `acme-sso`.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// How its tokens are read.
    pub kind: Kind,
    /// The claim `iss` of its tokens; also where it is discovered.
    pub issuer: String,
    /// Where its keys are, where that is not discovered.
    pub jwks_url: Option<String>,
    /// Minutes for which known keys serve while the issuer cannot be reached.
    pub max_stale_minutes: Option<u32>,
    /// Which `azp` is taken (Clerk).
    pub authorized_parties: Vec<String>,
    /// Which `aud` is taken (OIDC).
    pub audience: Vec<String>,
    /// The brand, by its name in addresses, of whoever names no organisation.
    pub brand: Option<String>,
    /// Organisations of the issuer and the brands that they are.
    pub organisations: BTreeMap<String, String>,
    /// Whom the first token makes a coach of `brand`; who belongs to an organisation is one anyhow.
    pub admits: Admits,
    /// Whether an address that the issuer has verified is believed, so that it opens the account that has it.
    pub trust_email: bool,
    /// What becomes of the data of whom the issuer deletes.
    pub deleted_users: DeletedUsers,
    /// As whom our pages ask it to sign people in.
    pub client_id: Option<String>,
    /// With which secret.
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    pub client_secret_file: Option<PathBuf>,
    /// The secret of its webhook, `whsec_…`.
    pub webhook_secret: Option<Secret>,
    /// A file that holds it.
    pub webhook_secret_file: Option<PathBuf>,
}

/// How an issuer's tokens are read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `aud` says for whom it is.
    #[default]
    Oidc,
    /// Clerk's session tokens, versions 1 and 2: `azp` says for whom it is, `o` or `org_id` the organisation.
    Clerk,
}

/// Whom a first token makes a member.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Admits {
    /// Whoever is invited or belongs to an organisation.
    #[default]
    Invited,
    /// Everybody, as a coach.
    Everyone,
}

/// What becomes of the data of somebody whom the issuer has deleted. They are cut off either way.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DeletedUsers {
    /// It stays the brands'.
    #[default]
    Keep,
    /// It is erased from every brand.
    Erase,
}

/// A text that is not printed.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl IssuerSettings {
    /// What is wrong with them, for the operator.
    ///
    /// # Errors
    /// The first thing that is not right.
    pub fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err("name: lower-case letters, digits and dashes".to_owned());
        }
        check_url(&self.issuer).map_err(|wrong| format!("issuer: {wrong}"))?;
        self.jwks_url
            .as_ref()
            .map_or(Ok(()), |url| check_url(url))
            .map_err(|wrong| format!("jwks_url: {wrong}"))?;
        if let Some(secret) = &self.webhook_secret {
            let key = STANDARD.decode(secret.0.strip_prefix("whsec_").unwrap_or(&secret.0));
            // An empty key would sign anything.
            if !key.is_ok_and(|key| key.len() >= SHORTEST_SECRET) {
                return Err("webhook_secret: whsec_ and at least 24 bytes of base64".to_owned());
            }
        }
        if self.client_secret.as_ref().is_some_and(|secret| secret.0.is_empty()) {
            return Err("client_secret: is empty".to_owned());
        }
        match self.kind {
            Kind::Clerk if self.authorized_parties.is_empty() => {
                Err("authorized_parties: name the sites whose tokens are taken".to_owned())
            }
            Kind::Oidc if self.audience.is_empty() && self.client_id.is_none() => {
                Err("audience: name for whom tokens are made, or client_id for signing in to the pages"
                    .to_owned())
            }
            _ if self.admits == Admits::Everyone && self.brand.is_none() => {
                Err("brand: name the brand that everyone is a coach of".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// An address of a peer: https, but on this machine.
fn check_url(url: &str) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|_| format!("{url} is not a URL"))?;
    let local = parsed.host_str().is_some_and(is_loopback);
    if parsed.scheme() == "https" || (parsed.scheme() == "http" && local) {
        Ok(())
    } else {
        Err(format!("{url} is not https"))
    }
}

/// An issuer that is ready to be asked.
pub struct Issuer {
    /// What was configured.
    pub settings: IssuerSettings,
    /// The brand of `settings.brand`.
    pub brand_id: Option<Id>,
    /// By organisation.
    pub organisations: BTreeMap<String, Id>,
    pub(crate) keys: Arc<KeySet>,
    pub(crate) http: reqwest::Client,
    pub(crate) discovered: tokio::sync::Mutex<Discovered>,
}

/// What a valid token says of whom it is for.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) subject: String,
    /// When it was issued.
    pub(crate) issued_at: DateTime<Utc>,
    /// The organisation to which they belong, as a brand; nothing where none is named.
    pub(crate) organisation: Option<Id>,
    pub(crate) name: Option<String>,
    /// An address that the issuer has verified and is believed in.
    pub(crate) email: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: i64,
    azp: Option<String>,
    aud: Option<Audience>,
    /// Clerk: `pending` is not signed in.
    sts: Option<String>,
    /// Clerk, version 1.
    org_id: Option<String>,
    /// Clerk, version 2.
    o: Option<Organisation>,
    name: Option<String>,
    email: Option<String>,
    /// Some issuers write it as a text.
    email_verified: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Organisation {
    id: String,
}

impl Issuer {
    /// An issuer with its brands, by their names in addresses.
    ///
    /// # Errors
    /// What is wrong with the settings, or that a brand is not there.
    pub fn new(
        settings: IssuerSettings,
        brand: impl Fn(&str) -> Option<Id>,
        clock: Clock,
    ) -> Result<Self, String> {
        settings.check()?;
        let known = |slug: &String| brand(slug).ok_or_else(|| format!("there is no brand {slug}"));
        let brand_id = settings.brand.as_ref().map(known).transpose()?;
        let pairs = settings.organisations.iter();
        let organisations = pairs.map(|(name, slug)| Ok((name.clone(), known(slug)?)));
        let organisations = organisations.collect::<Result<BTreeMap<_, _>, String>>()?;
        let http = crate::jwks::client().map_err(|error| error.to_string())?;
        let source = match (&settings.jwks_url, settings.kind) {
            (Some(url), _) => Source::At(url.clone()),
            (None, Kind::Clerk) => {
                Source::At(format!("{}/.well-known/jwks.json", settings.issuer.trim_end_matches('/')))
            }
            (None, Kind::Oidc) => Source::DiscoveredAt(format!(
                "{}/.well-known/openid-configuration",
                settings.issuer.trim_end_matches('/')
            )),
        };
        let max_stale = TimeDelta::minutes(settings.max_stale_minutes.unwrap_or(60).into());
        let keys = Arc::new(KeySet::new(source, max_stale, http.clone(), clock));
        Ok(Self { settings, brand_id, organisations, keys, http, discovered: tokio::sync::Mutex::default() })
    }

    /// What people call it.
    #[must_use]
    pub fn title(&self) -> &str {
        self.settings.title.as_ref().unwrap_or(&self.settings.name)
    }

    /// Whether people sign in to the pages by it.
    #[must_use]
    pub fn signs_in(&self) -> bool {
        self.settings.client_id.is_some()
    }

    /// Every brand of which it says who belongs to it.
    pub(crate) fn brands(&self) -> Vec<Id> {
        let mut brands: Vec<Id> = self.organisations.values().copied().chain(self.brand_id).collect();
        brands.sort_unstable();
        brands.dedup();
        brands
    }

    /// What a token says, when it is this issuer's and valid now.
    ///
    /// # Errors
    /// 503 when the keys cannot be had; a token is never taken without them.
    pub(crate) async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Option<Evidence>, Problem> {
        let Some(kid) = key_of(token) else { return Ok(None) };
        let Some(key) = self.keys.key(&kid).await? else { return Ok(None) };
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        if !key.algorithms.contains(&header.alg) {
            return Ok(None);
        }
        let mut validation = Validation::new(header.alg);
        // Claims are judged below, by our own clock and by the kind of issuer.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let Ok(data) = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation) else {
            return Ok(None);
        };
        Ok(self.judge(data.claims, now))
    }

    fn judge(&self, claims: Claims, now: DateTime<Utc>) -> Option<Evidence> {
        let settings = &self.settings;
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let from = match (claims.nbf, settings.kind) {
            (Some(from), _) => from,
            // Few others say it.
            (None, Kind::Oidc) => claims.iat,
            (None, Kind::Clerk) => return None,
        };
        let issued_at = at(claims.iat)?;
        let valid = claims.iss == settings.issuer
            && is_subject(&claims.sub)
            && at(from)? <= now + SKEW
            && issued_at <= now + SKEW
            && now - SKEW < at(claims.exp)?;
        let for_us = match settings.kind {
            Kind::Clerk => {
                claims.azp.is_some_and(|party| settings.authorized_parties.contains(&party))
                    && claims.sts.is_none_or(|status| status == "active")
            }
            Kind::Oidc => match claims.aud {
                Some(Audience::One(one)) => settings.audience.contains(&one),
                Some(Audience::Several(several)) => several.iter().any(|one| settings.audience.contains(one)),
                None => false,
            },
        };
        if !(valid && for_us) {
            return None;
        }
        // An organisation that is no brand here is somebody else's business: the token opens nothing.
        let organisation = match claims.o.map(|o| o.id).or(claims.org_id) {
            Some(name) => Some(*self.organisations.get(&name)?),
            None => None,
        };
        let verified = claims.email_verified.is_some_and(|value| value == true || value == "true");
        Some(Evidence {
            subject: claims.sub,
            issued_at,
            organisation,
            name: claims.name,
            email: claims.email.filter(|_| verified && settings.trust_email),
        })
    }
}

/// Whether a text can be somebody's number at an issuer.
pub(crate) fn is_subject(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.contains(char::is_control)
}

/// The `kid` of a token whose header asks for nothing that is not understood (`crit`, RFC 7515, 4.1.11).
fn key_of(token: &str) -> Option<String> {
    let header = part(token, 0)?;
    if header.get("crit").is_some() {
        return None;
    }
    header.get("kid")?.as_str().map(str::to_owned)
}

/// Who a token says has issued it, which proves nothing yet.
pub(crate) fn issuer_of(token: &str) -> Option<String> {
    part(token, 1)?.get("iss")?.as_str().map(str::to_owned)
}

fn part(token: &str, n: usize) -> Option<Value> {
    /// Longer ones are nobody's.
    const LONGEST: usize = 16 << 10;
    let part = token.split('.').nth(n).filter(|_| token.len() <= LONGEST)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Admits, IssuerSettings, Kind, Secret};

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let right = || IssuerSettings {
            name: "sso".to_owned(),
            issuer: "https://login.acme.test".to_owned(),
            client_id: Some("fithire".to_owned()),
            ..IssuerSettings::default()
        };
        assert_eq!(right().check(), Ok(()));
        let secret = |text: &str| Some(Secret(text.to_owned()));
        let wrong = [
            IssuerSettings { name: "a b".to_owned(), ..right() },
            IssuerSettings { name: String::new(), ..right() },
            IssuerSettings { issuer: "http://login.acme.test".to_owned(), ..right() },
            IssuerSettings { issuer: "acme".to_owned(), ..right() },
            IssuerSettings { jwks_url: Some("ftp://x.test".to_owned()), ..right() },
            IssuerSettings { kind: Kind::Clerk, ..right() },
            IssuerSettings { client_id: None, ..right() },
            IssuerSettings { admits: Admits::Everyone, ..right() },
            IssuerSettings { client_secret: secret(""), ..right() },
            // An empty key would sign anything.
            IssuerSettings { webhook_secret: secret(""), ..right() },
            IssuerSettings { webhook_secret: secret("whsec_"), ..right() },
            IssuerSettings { webhook_secret: secret("whsec_c2hvcnQ="), ..right() },
            IssuerSettings { webhook_secret: secret("not base64"), ..right() },
        ];
        for settings in wrong {
            assert!(settings.check().is_err(), "{settings:?}");
        }
        let long = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(IssuerSettings { webhook_secret: long, ..right() }.check(), Ok(()));
    }
}
