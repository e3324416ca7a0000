//! `[media]` of the configuration: where files are kept.

use std::path::PathBuf;

use fithire_identity::Secret;
use poem::http::Uri;
use serde::{Deserialize, Serialize};

/// `[media]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaSettings {
    /// Where the store is, such as `https://ACCOUNT.r2.cloudflarestorage.com`. Without it, the program keeps files itself.
    pub endpoint: Option<String>,
    /// Where browsers reach it, if not there.
    pub public_endpoint: Option<String>,
    /// The bucket, which has to be there.
    pub bucket: String,
    /// Its region; R2 takes any of `auto` and `us-east-1`.
    pub region: String,
    /// The key's name.
    pub access_key: Option<Secret>,
    /// A file that holds it.
    pub access_key_file: Option<PathBuf>,
    /// The key.
    pub secret_key: Option<Secret>,
    /// A file that holds it.
    pub secret_key_file: Option<PathBuf>,
    /// Whether the bucket stands in the path rather than in the host.
    pub path_style: bool,
    /// Where the program keeps files itself; without it, the folder `media` beside the database.
    pub folder: Option<PathBuf>,
    /// The port of that store; without it, the one after the server's, or a free one where the server has picked its own.
    pub port: Option<u16>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            public_endpoint: None,
            bucket: "fithire".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: None,
            access_key_file: None,
            secret_key: None,
            secret_key_file: None,
            path_style: true,
            folder: None,
            port: None,
        }
    }
}

/// A store to be reached: everything that [`crate::Store`] needs.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) endpoint: String,
    pub(crate) public_endpoint: String,
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) path_style: bool,
    pub(crate) access_key: Secret,
    pub(crate) secret_key: Secret,
}

impl MediaSettings {
    /// Holds the settings against one another.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        for (key, url) in [("endpoint", &self.endpoint), ("public_endpoint", &self.public_endpoint)] {
            if let Some(url) = url {
                origin_of(url).map_err(|wrong| format!("media.{key} is {url}, {wrong}"))?;
            }
        }
        let is_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(is_name) {
            return Err(format!("media.bucket is {}, which is no name of a bucket", self.bucket));
        }
        if self.endpoint.is_none() && (self.access_key.is_some() || self.secret_key.is_some()) {
            return Err(
                "media.access_key and media.secret_key are of no use without media.endpoint".to_owned()
            );
        }
        Ok(())
    }

    /// The store that the operator has named; nothing where the program keeps files itself.
    ///
    /// # Errors
    /// A sentence that names the key that is missing.
    pub fn place(&self) -> Result<Option<Place>, String> {
        let Some(endpoint) = self.endpoint.clone() else { return Ok(None) };
        let needed = |key: &Option<Secret>, name: &str| {
            key.clone().ok_or_else(|| format!("media.{name} is missing: media.endpoint needs it"))
        };
        Ok(Some(Place {
            public_endpoint: self.public_endpoint.clone().unwrap_or_else(|| endpoint.clone()),
            endpoint,
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            path_style: self.path_style,
            access_key: needed(&self.access_key, "access_key")?,
            secret_key: needed(&self.secret_key, "secret_key")?,
        }))
    }
}

impl Place {
    /// The origin that browsers see: scheme, host and port.
    pub(crate) fn origin(&self) -> Result<String, String> {
        let origin = origin_of(&self.public_endpoint)?;
        if self.path_style {
            return Ok(origin);
        }
        let (scheme, host) = origin.split_once("://").unwrap_or(("https", &origin));
        Ok(format!("{scheme}://{}.{host}", self.bucket))
    }
}

/// Scheme, host and port of a URL that has nothing else.
fn origin_of(url: &str) -> Result<String, &'static str> {
    let parsed: Uri = url.parse().map_err(|_| "not a URL")?;
    match (parsed.scheme_str(), parsed.authority()) {
        (Some(scheme @ ("https" | "http")), Some(authority))
            if parsed.path() == "/" && parsed.query().is_none() =>
        {
            Ok(format!("{scheme}://{}", authority.as_str().to_lowercase()))
        }
        (Some("https" | "http"), Some(_)) => Err("with a path; give scheme, host and port alone"),
        _ => Err("neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str) -> MediaSettings {
        let key = || Some(Secret("k".to_owned()));
        let endpoint = Some(endpoint.to_owned());
        MediaSettings { endpoint, access_key: key(), secret_key: key(), ..MediaSettings::default() }
    }

    #[test]
    fn a_place_has_the_origin_that_browsers_see() {
        let origin = |settings: &MediaSettings| settings.place().unwrap().unwrap().origin().unwrap();
        let mut s3 = settings("https://s3.eu-central-1.amazonaws.com");
        assert_eq!(origin(&s3), "https://s3.eu-central-1.amazonaws.com");
        s3.path_style = false;
        assert_eq!(origin(&s3), "https://fithire.s3.eu-central-1.amazonaws.com");
        s3.public_endpoint = Some("https://Files.example.com/".to_owned());
        s3.path_style = true;
        assert_eq!(origin(&s3), "https://files.example.com");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |settings: MediaSettings| settings.check().unwrap_err();
        assert!(wrong(settings("s3.example.com")).contains("media.endpoint"));
        assert!(wrong(settings("https://s3.example.com/bucket")).contains("with a path"));
        assert!(
            wrong(MediaSettings { bucket: "A".to_owned(), ..MediaSettings::default() })
                .contains("media.bucket")
        );
        let alone = MediaSettings { endpoint: None, ..settings("https://s3.example.com") };
        assert!(wrong(alone).contains("media.access_key"));
        let keyless = MediaSettings { secret_key: None, ..settings("https://s3.example.com") };
        assert!(keyless.place().unwrap_err().contains("media.secret_key"));
    }
}
