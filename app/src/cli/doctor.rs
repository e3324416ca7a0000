//! `fithire doctor`: what is wrong with an installation, and what to do about it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use fithire_kernel::audit::{Head, Verdict, verify};
use fithire_kernel::db::Db;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::SystemScope;
use fithire_orgs::{every_brand, find_brand};
use fithire_scoring::exchange::DEFAULT_PRESET;

use super::serve::{Configured, block_on, open};
use super::{Failure, PresetFolder, counted, plain};
use crate::config::Config;
use crate::files;

/// Check configuration, database, files and presets
///
/// Prints a line for each check. Ends with 1 when one failed.
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    configured: Configured,
    /// Walk the audit log of every brand, too
    #[arg(long)]
    audit: bool,
    /// The end of a brand's chain as it was kept elsewhere; it must still be in it
    #[arg(long, value_name = "SLUG=NUMBER:HASH", requires = "audit")]
    audit_head: Vec<String>,
}

/// What a check found: fine, or what to do.
type Found = Result<String, String>;

impl Doctor {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        let mut checks = vec![("address", address(&config)), ("presets", presets(&config))];
        checks.extend(block_on(async { Ok(database(&config).await) })?);
        checks.push(("files", block_on(async { Ok(files::examine(&config).await) })?));
        if self.audit {
            checks.extend(block_on(self.audit(&config))?);
        }
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

impl Doctor {
    /// Whether the chain of each brand holds.
    async fn audit(&self, config: &Config) -> Result<Vec<(&'static str, Found)>, Failure> {
        let db = open(config).await?;
        let mut kept = BTreeMap::new();
        for given in &self.audit_head {
            let read = given.split_once('=').and_then(|(slug, head)| {
                let (seq, hash) = head.split_once(':')?;
                Some((slug, Head { seq: seq.parse().ok()?, hash: hash.to_owned() }))
            });
            let wrong = || Failure::new(format!("--audit-head {given}: write SLUG=NUMBER:HASH"));
            let (slug, head) = read.ok_or_else(wrong)?;
            kept.insert(find_brand(&db, slug).await?, head);
        }
        let mut checks = Vec::new();
        for brand in every_brand(&db, &SystemScope::new("verifying the audit logs")).await? {
            let mut tx = db.read(&brand).await.map_err(Problem::from)?;
            let verdict = verify(&mut tx, kept.get(&brand.brand_id())).await?;
            checks.push((
                "audit log",
                match verdict {
                    Verdict::Whole(head, waiting) => Ok(format!(
                        "brand {}: {} entries hold, {waiting} wait to be sealed; the end is {}:{}",
                        brand.brand_id(),
                        head.seq,
                        head.seq,
                        head.hash
                    )),
                    Verdict::Broken(why) => Err(format!("brand {}: {why}", brand.brand_id())),
                },
            ));
        }
        db.close().await;
        Ok(checks)
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
