//! Follows the folder of presets while the program runs: what is valid comes into force, what is not is told, and brands
//! are rescored by what has changed.
//!
//! Each process follows its own folder. A request or a task takes what is in force when it begins, and keeps it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fithire_identity::{Role, members};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Ids;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{BrandScope, Limits, SystemScope};
use fithire_notifications::{Kind, Notice, notify};
use fithire_presets::{Change, Folder, InForce, Live, Standing, Watch, What};
use tokio::task::JoinHandle;

/// Follows the folder of what is in force, where there is one, until the task is aborted.
pub(crate) fn follow(db: Db, (clock, ids): (Clock, Ids), live: Live) -> Option<JoinHandle<()>> {
    let folder = Folder::new(live.now().folder.clone()?);
    Some(tokio::spawn(async move {
        let follower = Follower { db, clock, ids, live };
        let mut watch = Watch::new(&folder);
        loop {
            // What has changed before the watch began is found as well.
            follower.look(&folder).await;
            watch.turn().await;
        }
    }))
}

struct Follower {
    db: Db,
    clock: Clock,
    ids: Ids,
    live: Live,
}

impl Follower {
    /// Puts in force what the folder holds.
    async fn look(&self, folder: &Folder) {
        let now = self.live.now();
        let files = match folder.settled().await {
            Ok(files) => files,
            Err(error) => {
                let why = format!("the folder cannot be read: {error}");
                if let Some(next) = now.without_folder(why) {
                    tracing::error!(folder = %folder.path().display(), %error, "presets stay as they are: their folder cannot be read");
                    self.live.put(next, &Change::default());
                }
                return;
            }
        };
        let missing = now.without_file(&files);
        let used = if missing.is_empty() { Ok(BTreeSet::new()) } else { self.used().await };
        // As long as that is not known, everything is used.
        let used = used.unwrap_or_else(|_| missing.into_iter().collect());
        if let Some((next, change)) = now.after(&files, &used, self.clock.now()) {
            say(&next, &change);
            self.live.put(next, &change);
            if let Err(problem) = self.tell_brands(&change).await {
                tracing::error!(%problem, "brands were not told of changed presets; the next run of each sees to it");
            }
        }
    }

    async fn brands(&self) -> Result<Vec<BrandScope>, Problem> {
        fithire_orgs::every_brand(&self.db, &SystemScope::new("presets have changed")).await
    }

    /// The names that jobs of any brand use.
    async fn used(&self) -> Result<BTreeSet<String>, Problem> {
        let mut used = BTreeSet::new();
        for scope in self.brands().await? {
            let mut tx = self.db.read(&scope).await?;
            used.extend(fithire_jobs::count_active(&mut tx, Limits::default()).await?.into_keys());
        }
        Ok(used)
    }

    /// Has every brand rescored where scores change, and tells its admins of files that are refused.
    async fn tell_brands(&self, change: &Change) -> Result<(), Problem> {
        if *change == Change::default() {
            return Ok(());
        }
        let (tools, now) = ((&self.clock, &self.ids), self.live.now());
        for scope in self.brands().await? {
            let mut tx = self.db.write(&scope).await?;
            if change.is_of_scores() {
                fithire_orgs::changed(&mut tx, tools).await?;
            }
            if !change.refused.is_empty() {
                let (admins, _) = members(&mut tx, Some(Role::Admin), 200, None).await?;
                let of_file = |name: &String| notice(name, now.standings.get(name)?);
                let files: Vec<Notice> = change.refused.iter().filter_map(of_file).collect();
                let to = |account_id| files.iter().map(move |notice| Notice { account_id, ..notice.clone() });
                let notices = admins.iter().flat_map(|admin| to(admin.account_id)).collect();
                notify(&mut tx, tools, notices).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Says once in the log what has become of files.
fn say(next: &InForce, change: &Change) {
    for name in &change.applied {
        let hash = next.presets.named(name).map(|preset| preset.hash.as_str()).unwrap_or_default();
        tracing::info!(preset = name, hash, "a preset is in force");
    }
    for name in &change.dropped {
        tracing::info!(preset = name, "a preset without a file, which no job uses, is no longer in force");
    }
    for name in &change.refused {
        let Some(standing) = next.standings.get(name) else { continue };
        let what = standing.fault.as_ref().map(|fault| in_words(&fault.what)).unwrap_or_default();
        let kept = standing.preset.is_some();
        tracing::error!(preset = name, kept, what, "a preset file is refused; what was in force stays");
    }
}

/// What is wrong with a file, in a line.
fn in_words(what: &What) -> String {
    match what {
        What::Gone => "the file is gone".to_owned(),
        What::Unreadable(why) => why.clone(),
        What::Invalid { text, problems } => {
            let first = &problems[0];
            let (line, column) = first.position(text);
            let more = problems.len() - 1;
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            format!("line {line}, column {column}: {}{more}", first.message)
        }
    }
}

/// What admins are told of a file. Several processes that see the same tell it once.
fn notice(name: &str, standing: &Standing) -> Option<Notice> {
    let fault = standing.fault.as_ref()?;
    let kept = if standing.preset.is_some() { " The last good one stays in force." } else { "" };
    let mut text = format!("{}.{kept}", in_words(&fault.what));
    text.truncate(text.floor_char_boundary(1_000));
    Some(Notice {
        account_id: 0,
        kind: Kind::System,
        // Once a day, whoever notices it.
        event: format!("preset:{}:{}", mark(name, &fault.what), fault.since.date_naive()),
        title: format!("The preset file {name}.toml is refused").chars().take(200).collect(),
        text,
        path: "/admin/presets".to_owned(),
    })
}

/// Tells one fault from another, alike in every process of one build.
fn mark(name: &str, what: &What) -> String {
    let mut hasher = DefaultHasher::new();
    (name, format!("{what:?}")).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
