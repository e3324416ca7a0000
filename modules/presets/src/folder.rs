//! What a folder of presets holds at a moment.
//!
//! Whoever saves a file may write it in pieces, or put another in its place; several files may change one after the other.
//! A folder is therefore read until two readings in a row are alike. A file that was half written and left like that is a
//! file like any other: it is valid or it is not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More than any preset has.
const LARGEST: u64 = 1 << 20;
/// Between two readings.
const REST: Duration = Duration::from_millis(60);
/// Readings of a folder that does not come to rest; the last one counts.
const TRIES: usize = 20;

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its text.
    Text(String),
    /// Why it has none, in words.
    Unreadable(String),
}

/// Files by the names of their presets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// `NAME.toml`.
    pub current: BTreeMap<String, Content>,
    /// `NAME.next.toml`.
    pub next: BTreeMap<String, Content>,
}

/// A folder of presets.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, which is looked up anew at each reading: it may be a link that leads elsewhere tomorrow.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn read(&self) -> io::Result<Files> {
        let mut files = Files::default();
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(name) = file.strip_suffix(".toml").filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let (list, name) = match name.strip_suffix(".next") {
                Some(name) => (&mut files.next, name),
                None => (&mut files.current, name),
            };
            // One that has gone since the folder was listed is not there.
            if let Some(content) = content(&path) {
                list.insert(name.to_owned(), content);
            }
        }
        Ok(files)
    }

    /// What it holds once it has come to rest.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub async fn settled(&self) -> io::Result<Files> {
        let mut before = self.read_aside().await?;
        for _ in 0..TRIES {
            tokio::time::sleep(REST).await;
            let now = self.read_aside().await?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(before)
    }

    /// The same as [`Folder::read`], where waiting for a disk holds up nobody.
    async fn read_aside(&self) -> io::Result<Files> {
        let folder = self.clone();
        tokio::task::spawn_blocking(move || folder.read()).await.map_err(io::Error::other)?
    }
}

fn content(path: &Path) -> Option<Content> {
    let read = || -> io::Result<Result<Vec<u8>, String>> {
        let about = std::fs::metadata(path)?;
        if !about.is_file() {
            // A pipe would be waited for.
            return Ok(Err("it is not a file".to_owned()));
        }
        if about.len() > LARGEST {
            return Ok(Err(format!("it has more than {LARGEST} bytes")));
        }
        Ok(Ok(std::fs::read(path)?))
    };
    Some(match read() {
        Ok(Ok(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text),
            Err(error) => Content::Unreadable(format!("it is not UTF-8: {error}")),
        },
        Ok(Err(why)) => Content::Unreadable(why),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => Content::Unreadable(format!("it cannot be read: {error}")),
    })
}
