//! `fithire demo`: a brand with coaches and jobs to look around in, and a server for it.
//!
//! The data comes through the import format, from the same seed always the same. Passwords come from the seed too:
//! they protect nothing but made-up people.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use fithire_coaches::{Profile, Scored, changed_since, link};
use fithire_identity::{Limits, ManageBrand, NewAccount, Role, add_member, create_account, random_secret};
use fithire_import::{coaches, jobs, sample};
use fithire_jobs::Open;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, Allowed, BrandScope};
use fithire_orgs::{NewBrand, add_dimension, create_brand, set_link};
use fithire_scoring::exchange::DEFAULT_PRESET;
use fithire_scoring::facts::{Coach, Engagement};
use fithire_scoring::plan::{Group, Plan, Query};
use fithire_scoring::preset::builtin;
use fithire_scoring::snapshot::Snapshot;

use super::serve::{block_on, listen, log, migrate, open, world};
use super::{Failure, say};
use crate::config::Config;
use crate::import::{profile, with_locations};

/// Serve a made-up brand to look around in
///
/// Prints its sign-ins and, last, the address. Without --data everything is thrown away at the end.
#[derive(Args)]
pub(super) struct Demo {
    /// How many coaches
    #[arg(long, default_value_t = 2_000)]
    coaches: usize,
    /// How many jobs
    #[arg(long, default_value_t = 40)]
    jobs: usize,
    /// The same seed and day give the same brand
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port to listen on; 0 picks one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder to keep the data in; an existing one is opened again
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// The three who sign in.
const PEOPLE: [(&str, Role); 3] =
    [("admin", Role::Admin), ("manager", Role::Manager), ("coach", Role::Coach)];

/// The styles that made-up jobs ask for, with what their lowest and highest level mean.
const STYLES: [(&str, &str, &str); 4] = [
    ("intensity", "gentle", "all out"),
    ("music", "quiet", "loud"),
    ("correction", "hands off", "every detail"),
    ("community", "each for themselves", "one team"),
];

impl Demo {
    pub(super) fn run(&self, today: NaiveDate) -> Result<(), Failure> {
        let throwaway = tempfile::tempdir()?;
        let folder = self.data.clone().unwrap_or_else(|| throwaway.path().to_owned());
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", folder.display())))?;
        let mut config = Config::default();
        config.database.url = format!("sqlite:{}", folder.join("fithire.db").display());
        config.server.port = self.port;
        config.mail.folder = folder.join("mail");
        // Another demo may run beside it.
        config.media.port = Some(0);
        // What is tried out here is sent to this machine.
        config.webhooks.allow_private = true;
        say(&format!("messages are written into {}", config.mail.folder.display()));
        "warn".clone_into(&mut config.log.filter);
        log(&config)?;
        block_on(async move {
            migrate(&config).await?;
            let db = open(&config).await?;
            let (clock, ids) = world();
            self.fill(&db, &clock, &ids, today).await?;
            for (name, _) in PEOPLE {
                writeln!(io::stdout(), "{name}: {name}@demo.test / {}", self.password(name))?;
            }
            listen(&config, db, (clock, ids), true).await
        })
    }

    /// A password without spaces, the same for the same seed.
    fn password(&self, name: &str) -> String {
        let salt = name.bytes().fold(0_u64, |sum, byte| sum * 31 + u64::from(byte));
        let mut random = fastrand::Rng::with_seed(self.seed ^ (salt << 20));
        (0..16).map(|_| random.alphanumeric()).collect()
    }

    /// Makes the brand, unless it is there already.
    async fn fill(&self, db: &Db, clock: &Clock, ids: &Ids, today: NaiveDate) -> Result<(), Failure> {
        let brand = NewBrand {
            slug: "demo".to_owned(),
            name: "Demo Studios".to_owned(),
            time_zone: "America/New_York".to_owned(),
        };
        let brand_id = match create_brand(db, clock, ids, brand).await {
            Ok(id) => id,
            Err(Problem { code: Code::Conflict, .. }) => return Ok(()),
            Err(problem) => return Err(problem.into()),
        };
        say(&format!("making a brand with {} coaches and {} jobs …", self.coaches, self.jobs));
        let scope = BrandScope::mint(brand_id, Actor::System);
        let coaches = self.made_up_coaches(today)?;
        let jobs = self.made_up_jobs(today, &coaches)?;
        let mut tx = db.write(&scope).await.map_err(Problem::from)?;
        fithire_coaches::put_all(&mut tx, (clock, ids), coaches, &|_, new| new, &mut |_| {}).await?;
        let placed = with_locations(&mut tx, (clock, ids), jobs).await?;
        let (jobs, _) = placed.map_err(|problems| Failure::new(&problems[0]))?;
        fithire_jobs::put_all(&mut tx, (clock, ids), jobs, &|_, new| new, &mut |_| {}).await?;
        for (name, low, high) in STYLES {
            add_dimension(&mut tx, (clock, ids), (name, low, high)).await?;
        }
        let everybody: Vec<Scored> =
            changed_since(&mut tx, 0, None).await?.into_iter().filter_map(|changed| changed.now).collect();
        let first = most_wanted(&everybody, &fithire_jobs::active(&mut tx, Limits::default()).await?, today);
        tx.commit().await.map_err(Problem::from)?;
        let admin = Allowed::<ManageBrand>::mint(scope.clone(), Limits::default());
        set_link(db, (clock, ids), &admin, Some(random_secret())).await?;
        for (name, role) in PEOPLE {
            let account = NewAccount {
                email: format!("{name}@demo.test"),
                name: format!("Demo {name}"),
                password: self.password(name),
            };
            let account_id = create_account(db, clock, ids, account).await?;
            add_member(db, clock, &scope, account_id, role, Limits::default()).await?;
            if let (Role::Coach, Some(first)) = (role, first) {
                give_profile(db, &scope, first, account_id).await?;
            }
        }
        Ok(())
    }

    fn made_up_coaches(&self, today: NaiveDate) -> Result<Vec<Profile>, Failure> {
        let csv = sample::coaches(self.seed, self.coaches, today);
        let rows =
            coaches::read(csv.as_bytes(), &mut |_| {}).map_err(|problems| Failure::new(&problems[0]))?;
        let mut random = fastrand::Rng::with_seed(self.seed);
        let with_counts = |row: coaches::Row| {
            let asked = random.u64(0..30);
            let counts = Engagement {
                done: random.u64(0..80),
                late_cancels: random.u64(0..4),
                no_shows: random.u64(0..2),
                replied_in_24h: random.u64(0..=asked),
                asked,
                idle_days: random.u64(0..60),
                profile_filled: random.u64(3..=8),
                profile_sections: 8,
            };
            let mut profile = profile(row);
            profile.facts.engagement = Some(counts);
            profile
        };
        Ok(rows.into_iter().map(with_counts).collect())
    }

    /// Jobs for which somebody is ranked: more are made up than are taken.
    fn made_up_jobs(&self, today: NaiveDate, coaches: &[Profile]) -> Result<Vec<jobs::Row>, Failure> {
        let csv = sample::jobs(self.seed, self.jobs * 3, today);
        let rows = jobs::read(
            csv.as_bytes(),
            jobs::Known { presets: Some(builtin()), locations: None },
            &mut |_| {},
        )
        .map_err(|problems| Failure::new(&problems[0]))?;
        let numbered: Vec<(u64, &Coach)> = (0..).zip(coaches.iter().map(|coach| &coach.facts)).collect();
        let snapshot = Snapshot::build(today, &builtin().points(), &numbered);
        let wanted = |row: &jobs::Row| {
            builtin().named(row.preset.as_deref().unwrap_or(DEFAULT_PRESET)).is_ok_and(|preset| {
                let query = Query { threshold: preset.threshold, limit: 1, group: Group::Ranked };
                Plan::compile(preset, &row.facts, today).rank(&snapshot, query).total > 0
            })
        };
        Ok(rows.into_iter().filter(wanted).take(self.jobs).collect())
    }
}

/// The coach whom most jobs would show on their first page, so that there is something to see.
fn most_wanted(coaches: &[Scored], jobs: &[Open], today: NaiveDate) -> Option<Id> {
    let numbered: Vec<(u64, &Coach)> =
        coaches.iter().map(|coach| (coach.id.unsigned_abs(), &coach.facts)).collect();
    let snapshot = Snapshot::build(today, &builtin().points(), &numbered);
    let mut wanted: BTreeMap<u64, usize> = BTreeMap::new();
    for job in jobs {
        let Ok(preset) = builtin().named(&job.preset) else { continue };
        let query = Query { threshold: preset.threshold, limit: 20, group: Group::Ranked };
        for row in Plan::compile(preset, &job.facts, today).rank(&snapshot, query).rows {
            *wanted.entry(row.id).or_default() += 1;
        }
    }
    let most = wanted.into_iter().max_by_key(|(_, times)| *times);
    most.map(|(id, _)| id.cast_signed())
}

async fn give_profile(db: &Db, scope: &BrandScope, coach_id: Id, account_id: Id) -> Result<(), Failure> {
    let mut tx = db.write(scope).await.map_err(Problem::from)?;
    link(&mut tx, coach_id, account_id).await?;
    tx.commit().await.map_err(Problem::from)?;
    Ok(())
}
