//! What keeping matches costs, with everything written: `just bench-rescoring [COACHES JOBS]`.
//!
//! On each database the matches of every job are worked out from nothing, then again when nothing has changed, when one coach
//! has, and when a day has gone by. Compare the parts of one run with one another. PostgreSQL is as durable as the server that
//! `FITHIRE_TEST_POSTGRES` names.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and fails by panicking"
)]

use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use fithire_coaches::Profile;
use fithire_jobs::{NewJob, Pay};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_matching::rescoring::rescore;
use fithire_matching::{RankingSettings, Rankings};
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use fithire_scoring::preset::Presets;
use fithire_scoring::testing::Tables;

/// Places where the jobs are.
const PLACES: u64 = 40;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

async fn fill(world: &World, scope: &BrandScope, (coaches, jobs): (u64, u64)) {
    let (tables, tools) = (Tables::new(), (&world.clock, &world.ids));
    let profile = |n: u64| Profile {
        external_id: Some(n.to_string()),
        name: format!("Coach {n}"),
        facts: tables.coach(n),
        ..Profile::default()
    };
    let mut tx = world.db.write(scope).await.unwrap();
    let profiles = (0..coaches).map(profile).collect();
    fithire_coaches::put_all(&mut tx, tools, profiles, &|_, new| new, &mut |_| ()).await.unwrap();
    let region_id = region(&mut tx, &world.ids, world.clock.now(), "All").await.unwrap();
    let mut made = Vec::new();
    for n in 0..jobs {
        let facts = tables.job(n);
        let place = n % PLACES;
        let located = Located {
            name: format!("Place {place}"),
            time_zone: "UTC".to_owned(),
            postal_code: None,
            point: facts.point.map(|point| (point.lat, point.lon)),
        };
        let location_id = location(&mut tx, &world.ids, world.clock.now(), region_id, located).await.unwrap();
        made.push(NewJob {
            location_id,
            external_id: Some(n.to_string()),
            title: format!("Job {n}"),
            description: None,
            preset: "balanced".to_owned(),
            threshold: None,
            employment_type: None,
            pay: Pay::default(),
            facts,
        });
    }
    fithire_jobs::put_all(&mut tx, tools, made, &|_, new| new, &mut |_| ()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn measure(world: &World, sizes: (u64, u64)) {
    let new = NewBrand { slug: "acme".to_owned(), name: "acme".to_owned(), time_zone: "UTC".to_owned() };
    let scope = BrandScope::mint(
        create_brand(&world.db, &world.clock, &world.ids, new).await.unwrap(),
        Actor::System,
    );
    fill(world, &scope, sizes).await;
    let rankings =
        Arc::new(Rankings::new(world.db.clone(), Arc::new(Presets::builtin()), RankingSettings::default()));
    let run = async |what: &str| {
        let began = now();
        let done = rescore(&world.db, (&world.clock, &world.ids), &rankings, &scope).await.unwrap();
        println!(
            "{:<12}{what:<34}{:>9.3} s{:>8} of {} jobs ranked{:>9} events",
            world.dialect,
            began.elapsed().as_secs_f64(),
            done.ranked,
            done.jobs,
            done.events
        );
    };
    run("from nothing, coaches read").await;
    run("nothing has changed").await;
    for change in ["one coach has changed", "another coach has changed"] {
        let mut tx = world.db.write(&scope).await.unwrap();
        let facts = Tables::new().coach(sizes.0 + u64::from(change.len() > 22));
        let profile = Profile {
            external_id: Some("7".to_owned()),
            name: "Seven".to_owned(),
            facts,
            ..Profile::default()
        };
        fithire_coaches::put_all(
            &mut tx,
            (&world.clock, &world.ids),
            vec![profile],
            &|_, new| new,
            &mut |_| (),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        run(change).await;
    }
    world.clock.advance(TimeDelta::days(1));
    run("a day has gone by, coaches read").await;
}

fn main() {
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if let [coaches, jobs] = sizes[..] { (coaches, jobs) } else { (100_000, 1_000) };
    println!("{} coaches, {} jobs", sizes.0, sizes.1);
    on_both(async |world| measure(&world, sizes).await);
}
