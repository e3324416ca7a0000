//! `fithire doctor`: what is wrong with an installation, and what to do about it.

use std::io::{self, Write};

use clap::Args;
use fithire_kernel::db::Db;
use fithire_scoring::exchange::DEFAULT_PRESET;

use super::serve::{Configured, block_on};
use super::{Failure, PresetFolder, counted, plain};
use crate::config::Config;

/// Check configuration, database and presets
///
/// Prints a line for each check. Ends with 1 when one failed.
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    configured: Configured,
}

/// What a check found: fine, or what to do.
type Found = Result<String, String>;

impl Doctor {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let mut checks = vec![("address", address(&config)), ("presets", presets(&config))];
        checks.extend(block_on(async { Ok(database(&config).await) })?);
        let mut out = io::stdout().lock();
        for (what, found) in &checks {
            let (mark, words) = match found {
                Ok(words) => ("ok  ", words),
                Err(words) => ("FAIL", words),
            };
            writeln!(out, "{mark}  {what:<12}  {}", plain(words).replace('\n', " "))?;
        }
        match checks.iter().filter(|(_, found)| found.is_err()).count() {
            0 => Ok(()),
            failed => Err(Failure::new(format!("{} failed", counted(failed, "check")))),
        }
    }
}

fn address(config: &Config) -> Found {
    config.server.origin().map(|origin| format!("people reach it at {origin}"))
}

fn presets(config: &Config) -> Found {
    let folder = PresetFolder { folder: config.presets.folder.clone() };
    let presets = folder.load().map_err(|failure| failure.message)?;
    presets.named(DEFAULT_PRESET)?;
    let from = folder.folder.map_or("built in".to_owned(), |folder| format!("from {}", folder.display()));
    Ok(format!("{}, {from}", counted(presets.iter().count(), "preset")))
}

async fn database(config: &Config) -> Vec<(&'static str, Found)> {
    let db = match Db::open_existing(&config.database.url).await {
        Ok(db) => db,
        Err(error) => return vec![("database", Err(format!("cannot be opened: {error}")))],
    };
    let told = |found: Result<Vec<String>, fithire_kernel::db::Error>, fine: &str| match found {
        Ok(faults) if faults.is_empty() => Ok(fine.to_owned()),
        Ok(faults) => Err(faults.join("; ")),
        Err(error) => Err(error.to_string()),
    };
    let pending = db.pending().await.map(|versions| {
        let say = |version: i64| format!("migration {version} has not run; run: fithire migrate");
        versions.into_iter().map(say).collect()
    });
    let checks =
        vec![("database", told(db.faults().await, db.kind())), ("schema", told(pending, "up to date"))];
    db.close().await;
    checks
}
