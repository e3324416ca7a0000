//! `fithire backup`: a copy of the embedded database, while it is in use.

use std::path::PathBuf;

use clap::Args;
use fithire_kernel::db::Db;

use super::serve::{Configured, block_on, open};
use super::{Failure, say};

/// Copy the embedded database into a file, also while it serves
///
/// The copy is one moment of the database, checked before this command ends. To restore it, stop the server and put
/// the file where database.url points. A PostgreSQL database is backed up by its own tools.
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
        block_on(async {
            let db = open(&config).await?;
            db.copy_to(&self.file).await.map_err(|error| cannot(&error))?;
            // What is acknowledged must outlast a power cut.
            std::fs::File::open(&self.file)
                .and_then(|file| file.sync_all())
                .map_err(|error| cannot(&error))?;
            let copy = Db::open_existing(&format!("sqlite:{}", self.file.display()))
                .await
                .map_err(|error| cannot(&error))?;
            let faults = copy.faults().await.map_err(|error| cannot(&error))?;
            copy.close().await;
            if let Some(fault) = faults.first() {
                return Err(cannot(fault));
            }
            let bytes = std::fs::metadata(&self.file)?.len();
            say(&format!("wrote {} ({bytes} bytes), checked", self.file.display()));
            Ok(())
        })
    }
}
