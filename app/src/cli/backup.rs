//! `fithire backup`: a copy of the embedded database, while it is in use.

use std::fs::OpenOptions;
use std::path::PathBuf;

use super::serve::{Configured, block_on, open};
use super::{Failure, say};
use clap::Args;

/// Copy the embedded database into a file, also while it serves
///
/// The copy is one moment of the database, checked before this command ends; it holds secrets, so only its owner may read
/// it. To restore it, stop the server, remove what ends in -wal and -shm beside the old file, and put the copy in its place. A PostgreSQL database is backed up by its own tools.
#[derive(Args)]
pub(super) struct Backup {
    /// The file to write; nothing there is overwritten
    file: PathBuf,
    #[command(flatten)]
    configured: Configured,
}

impl Backup {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.configured.read()?;
        if !config.database.url.starts_with("sqlite:") {
            return Err(Failure::new(
                "this database is PostgreSQL: use pg_dump as a role that row-level security does not bind \
                 (superuser or BYPASSRLS), or your provider's backups",
            ));
        }
        if self.file.exists() {
            return Err(Failure::new(format!("{} is there already", self.file.display())));
        }
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::new(format!("cannot write {}: {error}", self.file.display()))
        };
        // It holds password hashes and signing keys. Until it is whole and checked it has another name.
        let partial = self.file.with_added_extension("partial");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let made = options.open(&partial).map_err(|error| cannot(&error))?;
        let faults = block_on(async {
            let db = open(&config).await?;
            db.copy_to(&partial).await.map_err(|error| cannot(&error))
        });
        let kept = faults.and_then(|faults| match faults.first() {
            Some(fault) => Err(cannot(fault)),
            // What is acknowledged must outlast a power cut.
            None => made
                .sync_all()
                .and_then(|()| std::fs::rename(&partial, &self.file))
                .map_err(|error| cannot(&error)),
        });
        if kept.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        kept?;
        let bytes = std::fs::metadata(&self.file)?.len();
        say(&format!("wrote {} ({bytes} bytes), checked", self.file.display()));
        Ok(())
    }
}
