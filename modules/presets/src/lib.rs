//! # Presets: the files in force, and what becomes of them while the program runs
//!
//! A folder holds `NAME.toml`, each a preset, and `NAME.next.toml`, each a pending change of one: shown with what it would
//! do, and in force once it is renamed over `NAME.toml`. [`Folder::settled`] reads the folder when it has come to rest,
//! [`InForce::after`] says what follows, and [`Live`] is where everybody finds what is in force.
//!
//! Invariants: what is in force is valid; it is exchanged whole, so that whoever holds an [`InForce`] has one version of
//! every preset; a file that is broken, unreadable or gone changes nothing but what is said of it. A preset leaves only
//! when its file is gone and no job uses it.

mod folder;
mod live;
mod watch;

pub use folder::{Content, Files, Folder};
pub use live::{Change, Fault, InForce, Live, Next, Standing, What};
pub use watch::Watch;
