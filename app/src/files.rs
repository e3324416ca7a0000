//! Where files are kept: the store that the operator names, or one that this program serves on a port of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fithire_media::{Embedded, Store, embedded_place};

use crate::config::Config;

/// Opens the store for a server; the second is the embedded one, which has to be served.
///
/// # Errors
/// A sentence that names what is missing or cannot be had.
pub(crate) async fn open(config: &Config) -> Result<(Store, Option<Embedded>), String> {
    if let Some(place) = config.media.place()? {
        return Ok((Store::open(place)?, None));
    }
    let embedded = Embedded::open(&config.media, &folder(config), address(config)).await?;
    Ok((Store::open(embedded.place())?, Some(embedded)))
}

/// The store for a process that serves none: where it is embedded, another process of this machine serves it.
///
/// # Errors
/// A sentence that names what is missing.
pub(crate) fn reach(config: &Config) -> Result<Store, String> {
    let place = match config.media.place()? {
        Some(place) => place,
        None => embedded_place(&config.media, &folder(config), address(config))?,
    };
    Store::open(place)
}

/// Where the embedded store listens.
fn address(config: &Config) -> SocketAddr {
    let next = match config.server.port {
        0 => 0,
        port => port.checked_add(1).unwrap_or(0),
    };
    SocketAddr::new(config.server.address, config.media.port.unwrap_or(next))
}

/// The folder of the embedded store: as configured, or beside the database.
fn folder(config: &Config) -> PathBuf {
    let beside = || {
        let file = config.database.url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
        let file = file.and_then(|path| path.split('?').next()).map(Path::new);
        file.and_then(Path::parent).unwrap_or(Path::new("")).join("media")
    };
    config.media.folder.clone().unwrap_or_else(beside)
}

/// What `fithire doctor` finds of the store. It makes nothing where the store is embedded.
///
/// # Errors
/// A sentence on what to do.
pub(crate) async fn examine(config: &Config) -> Result<String, String> {
    if config.media.endpoint.is_some() {
        reach(config)?.try_out().await?;
        return Ok(format!("the bucket {} takes, shows and removes files", config.media.bucket));
    }
    let folder = folder(config);
    if config.server.public_url.is_some() && config.media.public_endpoint.is_none() {
        let is_local = config.server.origin().is_ok_and(|origin| origin.starts_with("http://"));
        if !is_local {
            return Err(format!(
                "browsers are sent to port {} of this machine; set media.public_endpoint to the address by which \
                 they reach it",
                address(config).port()
            ));
        }
    }
    Ok(format!(
        "embedded, in {}; this serves one process of `fithire serve`: for more of them set media.endpoint",
        folder.display()
    ))
}
