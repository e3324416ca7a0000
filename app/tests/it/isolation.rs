//! That brands do not notice one another, and that this is no accident: what holds them apart is taken away, piece by
//! piece, and each piece is missed.

use std::collections::BTreeMap;

use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{CANARY, World, on_both};

use crate::people::{Things, fill, furnish, join, make};
use crate::probes::{Position, leak, positions, settled};
use crate::requests::{Line, every};
use crate::roles::{Shown, Somebody};
use crate::server::{Server, configured};

/// Where every server of a test says that it is, whatever its port: addresses stand in pages, and tokens name them.
const SITE: (&str, &str) = ("FITHIRE_SERVER__PUBLIC_URL", "http://localhost:7878");

/// What is read, the log first: it tells of what was read after it.
fn reads() -> Vec<Line> {
    let mut reads: Vec<Line> = every().filter(|line| line.1 == "GET" && !moves_by_itself(line)).collect();
    reads.sort_by_key(|line| !is_of_log(line));
    reads
}

fn is_of_log(line: &Line) -> bool {
    line.0 == "/admin/audit"
}

/// The pages of presets, which differ from one server to the next.
fn says_when_the_program_started(line: &Line) -> bool {
    line.0.starts_with("/admin/presets")
}

/// The page of the queue, which says how long something waits, and which programs work; and whether one does.
fn moves_by_itself(line: &Line) -> bool {
    matches!(line.0, "/admin/queue" | "/readyz")
}

/// What everybody of a brand is shown, by operation or route, request and role.
type Record = BTreeMap<(&'static str, &'static str, &'static str), Shown>;

fn record(everybody: &[Somebody<'_>], lines: &[Line]) -> Record {
    let asked = |line: &Line| {
        let shown = everybody.iter().map(|somebody| ((line.0, line.2, somebody.role), somebody.ask(line)));
        shown.collect::<Vec<_>>()
    };
    lines.iter().flat_map(asked).collect()
}

#[test]
fn a_brand_is_shown_the_same_with_and_without_another_beside_it() {
    on_both(async |world| {
        let mut ours = make(&world, "ACME").await;
        let server = Server::on(&mut configured(&world));
        fill(&server, &mut ours);
        furnish(&world, &server, &mut ours).await;
        let everybody = Somebody::all(&server, &ours);
        let (log, others): (Vec<Line>, Vec<Line>) = reads().into_iter().partition(is_of_log);
        // Reading is itself on record, so that the log is read after everything else and then before it.
        let mut alone = record(&everybody, &others);
        settled(&world, ours.id("brand")).await;
        alone.extend(record(&everybody, &log));

        let mut theirs = make(&world, CANARY).await;
        fill(&server, &mut theirs);
        furnish(&world, &server, &mut theirs).await;
        let mut beside = record(&everybody, &log);
        beside.extend(record(&everybody, &others));
        for (asked, shown) in &alone {
            assert!(shown == &beside[asked], "{asked:?}:\n{}", shown.differs(&beside[asked]));
        }
        say(&format!(
            "{}: {} answers to a brand are the same bytes with and without another beside it",
            world.dialect,
            alone.len()
        ));
    });
}

/// Two brands with everything in them, as a server has left them, and what one is shown.
struct Filled<'s> {
    everybody: &'s [Somebody<'s>],
    things: (&'s Things, &'s Things),
    lines: Vec<Line>,
    foreign: Vec<Position>,
}

impl Filled<'_> {
    fn record(&self, server: &Server) -> Record {
        let everybody: Vec<Somebody<'_>> = self.everybody.iter().map(|one| one.at(server)).collect();
        record(&everybody, &self.lines)
    }

    /// The first answer that is not what it was, or that shows something for an id of the other brand.
    fn noticed(&self, server: &Server, before: &Record) -> Option<String> {
        let everybody: Vec<Somebody<'_>> = self.everybody.iter().map(|one| one.at(server)).collect();
        // Whoever sees most notices first.
        let asked = |line: &Line| everybody.iter().rev().map(|one| (one, *line)).collect::<Vec<_>>();
        let differs = |(one, line): (&Somebody<'_>, Line)| {
            let (shown, was) = (one.ask(&line), &before[&(line.0, line.2, one.role)]);
            (shown != *was).then(|| format!("{} as {}:\n{}", line.2, one.role, was.differs(&shown)))
        };
        let probed =
            |position: &Position| everybody.iter().rev().find_map(|one| leak(one, position, self.things));
        self.lines.iter().flat_map(asked).find_map(differs).or_else(|| self.foreign.iter().find_map(probed))
    }
}

/// Which pieces were missed by an answer, and which by the wall of transactions.
#[derive(Default)]
struct Missed {
    answers: Vec<&'static str>,
    wall: Vec<&'static str>,
    nothing: Vec<&'static str>,
}

impl Missed {
    fn add(&mut self, table: &'static str, noticed: Option<String>, holds: bool) {
        let list = match (noticed, holds) {
            (Some(_), _) => &mut self.answers,
            (None, false) => &mut self.wall,
            (None, true) => &mut self.nothing,
        };
        list.push(table);
    }

    fn report(&self, dialect: &str, pieces: &str, tables: usize) {
        let (by_answer, by_wall) = (self.answers.len(), self.wall.len());
        say(&format!(
            "{dialect}: {} of {tables} {pieces}, when dropped, fail a check ({by_answer} by an answer, {by_wall} by the wall of Tx: {})",
            by_answer + by_wall,
            self.wall.join(", "),
        ));
        assert!(self.nothing.is_empty(), "nobody misses {pieces} of {:?}", self.nothing);
        assert_eq!(by_answer + by_wall, tables);
    }
}

#[expect(clippy::print_stdout, reason = "what was proved is worth reading when nothing is wrong")]
fn say(line: &str) {
    println!("{line}");
}

#[test]
fn every_predicate_is_missed_when_it_is_dropped() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            filled(&world, without_predicates).await;
        }
    });
}

#[test]
fn the_policies_hold_alone_and_each_is_missed_when_it_is_dropped() {
    on_both(async |world| {
        if world.dialect == "PostgreSQL" {
            filled(&world, without_policies).await;
        }
    });
}

/// Fills two brands, and hands them on with the tables in which they are to be told apart.
async fn filled(world: &World, then: impl AsyncFnOnce(&World, &Filled<'_>, &[&'static str])) {
    let mut brands = [make(world, "ACME").await, make(world, CANARY).await];
    let server = Server::on(configured(world).env(SITE.0, SITE.1));
    for things in &mut brands {
        fill(&server, things);
        furnish(world, &server, things).await;
    }
    let [mut ours, theirs] = brands;
    join(world, &server, &mut ours, &theirs).await;
    let (ours, theirs) = (&ours, &theirs);
    let mut everybody = Somebody::all(&server, ours);
    // Whoever is in both brands is shown nothing of the one where they are not at the moment.
    everybody.push(Somebody::new(&server, ours, "member"));
    for things in [ours, theirs] {
        settled(world, things.id("brand")).await;
    }
    let tables: Vec<&'static str> =
        world.tables_of_brands().await.into_iter().map(|table| &*table.leak()).collect();
    assert!(tables.len() >= 18, "the tables are found: {tables:?}");
    for table in &tables {
        let rows = [world.count(table, ours.id("brand")).await, world.count(table, theirs.id("brand")).await];
        assert!(rows.iter().all(|rows| *rows > 0), "{table} has nothing to tell apart: {rows:?}");
    }
    let filled = Filled {
        everybody: &everybody,
        things: (ours, theirs),
        lines: reads().into_iter().filter(|line| !says_when_the_program_started(line)).collect(),
        foreign: reads().into_iter().flat_map(positions).collect(),
    };
    then(world, &filled, &tables).await;
}

/// Whether a transaction of our brand reaches its own rows and no others.
async fn wall_holds(world: &World, filled: &Filled<'_>, table: &'static str, dropped: &str) -> bool {
    let brand_id = filled.things.0.id("brand");
    let scope = BrandScope::mint(brand_id, Actor::System);
    world.reached(&scope, table, dropped).await.is_only(world.count(table, brand_id).await)
}

/// SQLite has the predicates alone. Each server gets a copy of its own, because reading is on record.
async fn without_predicates(world: &World, filled: &Filled<'_>, tables: &[&'static str]) {
    let original = world.copy("filled.db").await;
    let mut copies = 0;
    let mut start = |dropped: &str| {
        copies += 1;
        let copy = original.with_file_name(format!("copy-{copies}.db"));
        std::fs::copy(&original, &copy).unwrap();
        let mut program = configured(world);
        program.env("FITHIRE_DATABASE__URL", format!("sqlite:{}", copy.display())).env(SITE.0, SITE.1);
        // A worker without predicates would work for everybody.
        Server::without_worker(program.env("FITHIRE_TEST_UNSCOPED", dropped))
    };
    let before = filled.record(&start("nothing"));
    let mut missed = Missed::default();
    for table in tables {
        assert!(wall_holds(world, filled, table, "").await, "{table} is open");
        let noticed = filled.noticed(&start(table), &before);
        missed.add(table, noticed, wall_holds(world, filled, table, table).await);
    }
    // Nothing is noticed without a reason.
    assert_eq!(filled.noticed(&start("nothing"), &before), None);
    missed.report(world.dialect, "predicates", tables.len());
}

/// PostgreSQL has policies behind the predicates: with every predicate dropped nothing changes, and then each policy is
/// missed.
async fn without_policies(world: &World, filled: &Filled<'_>, tables: &[&'static str]) {
    const LOG: [&str; 2] = ["audit_log", "audit_heads"];
    for table in LOG {
        world.as_owner(&format!("CREATE TABLE kept_{table} AS TABLE {table}")).await;
    }
    // Reading is on record: each server finds the log as it was.
    let start = async |dropped: &str| {
        for table in LOG {
            world.as_owner(&format!("TRUNCATE {table}; INSERT INTO {table} TABLE kept_{table}")).await;
        }
        Server::without_worker(configured(world).env(SITE.0, SITE.1).env("FITHIRE_TEST_UNSCOPED", dropped))
    };
    let before = filled.record(&start("nothing").await);
    assert_eq!(filled.noticed(&start("*").await, &before), None, "the policies do not hold alone");
    let mut missed = Missed::default();
    for table in tables {
        assert!(wall_holds(world, filled, table, "*").await, "{table} is open without its predicate");
        world.as_owner(&format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")).await;
        let noticed = filled.noticed(&start("*").await, &before);
        missed.add(table, noticed, wall_holds(world, filled, table, "*").await);
        world.as_owner(&format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")).await;
    }
    // Nothing is noticed without a reason.
    assert_eq!(filled.noticed(&start("*").await, &before), None);
    missed.report(world.dialect, "policies", tables.len());
}
