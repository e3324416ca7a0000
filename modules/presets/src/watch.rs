//! Notices that something has happened in a folder. The operating system says so where it can; a look every other second
//! finds what it did not say, as on network file systems, or when the path leads to another folder than before.

use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::folder::Folder;

/// Between two looks when nothing was said.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that waits for a folder.
#[derive(Debug)]
pub struct Watch {
    said: mpsc::Receiver<()>,
    /// It ends when it is dropped.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Waits for changes of a folder from now on.
    #[must_use]
    pub fn new(folder: &Folder) -> Self {
        let (say, said) = mpsc::channel(1);
        let told = move |event: notify::Result<notify::Event>| {
            // Reading a file is an event, too, and we read them.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // One that waits says it for all.
                let _ = say.try_send(());
            }
        };
        let watching = notify::recommended_watcher(told).and_then(|mut watcher| {
            watcher.watch(folder.path(), RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        let watcher = watching.inspect_err(|error| {
            tracing::warn!(folder = %folder.path().display(), %error, "the folder of presets is only looked at every 2 s");
        });
        Self { said, _watcher: watcher.ok() }
    }

    /// Resolves when it is time to look.
    pub async fn turn(&mut self) {
        // Without a watcher nobody says anything.
        let said = async {
            if self.said.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, said).await;
    }
}
