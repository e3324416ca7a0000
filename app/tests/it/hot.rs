//! Presets that change while people read: what is broken changes nothing, what is valid is in force a moment later.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_matching::rescoring::{Of, kept};
use fithire_scoring::preset::BUILTIN;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::people::{Things, browser_of, fill, make};
use crate::server::{Browser, Server, configured};

/// Half by experience, half by what the preset itself asks for.
const POINTS: &str = r#"title = "Points"
[weights]
experience = 0.5
points.proved = 0.5
[points.proved]
title = "Proved <twice>"
rules = [
  { points = 60, teaches = "hiit" },
  { points = 40, classes = 1000000 },
  { points = 30, free = { days = ["sun"], from = "02:00", to = "02:15", minutes = 15 } },
]
"#;

/// Looks before something is taken never to happen, far more than it takes: nothing here is about time.
const LOOKS: usize = 3_000;
const BETWEEN: Duration = Duration::from_millis(20);

/// By experience alone, which the coach of every brand has some of.
const EXPERIENCE: &str = "title = \"Experience alone\"\n[weights]\nexperience = 1\n";
const BROKEN: &str = "threshold = 2\n[weights]\nexperiense = 1\n";
/// What is said of it in a line.
const PROBLEM: &str = "line 1, column 13: threshold must be";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(BETWEEN);
    }
    panic!("never {what}");
}

/// A server by presets of its own.
struct Site {
    folder: TempDir,
    server: Server,
    things: Things,
}

impl Site {
    async fn open(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in BUILTIN {
            fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
        }
        let mut things = make(world, "ACME").await;
        let server = Server::on(configured(world).env("FITHIRE_PRESETS__FOLDER", folder.path()));
        fill(&server, &mut things);
        Self { folder, server, things }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Hash of the preset and score of the one candidate.
    fn candidate(&self) -> (String, String) {
        let path = format!("/api/v1/jobs/{}/candidates", self.things.id("job"));
        let answer = self.server.send("GET", &path, Some(self.things.token("manager")), None);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let first = &answer.json()["candidates"][0];
        let hash = first["provenance"]["preset_hash"].as_str().unwrap().to_owned();
        (hash, first["fitscore"].to_string())
    }

    /// Whoever looks again and again signs in once.
    fn admin(&self) -> Browser<'_> {
        browser_of(&self.server, "admin", "ACME")
    }

    /// Sends a body and answers what comes back.
    fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let token = Some(self.things.token("manager"));
        self.server.send("POST", path, token, Some(("application/json", &body))).json()
    }

    /// The score of the one kept match.
    async fn kept(&self, world: &World) -> Option<i32> {
        let scope = BrandScope::mint(self.things.id("brand"), Actor::System);
        let mut tx = world.db.read(&scope).await.unwrap();
        kept(&mut tx, Of::Job(self.things.id("job"))).await.unwrap().first().map(|row| row.score)
    }
}

/// Writes as some editors do: the file is empty, then half there, then whole.
fn in_pieces(file: &Path, text: &str) {
    fs::write(file, "").unwrap();
    fs::write(file, &text[..text.len() / 2]).unwrap();
    fs::write(file, text).unwrap();
}

#[test]
fn a_broken_preset_changes_nothing_and_a_mended_one_is_in_force_while_people_read() {
    on_both(async |world| {
        let site = Site::open(&world).await;
        let admin = site.admin();
        let before = site.candidate();
        let pair = json!({"job_id": site.things.id("job"), "coach_id": site.things.id("coach")});
        let score = site.post("/api/v1/scores", &pair)["id"].clone();
        let done = AtomicBool::new(false);
        let (after, seen) = std::thread::scope(|scope| {
            let read = || {
                let mut seen = BTreeSet::new();
                while !done.load(Ordering::Relaxed) {
                    seen.insert(site.candidate());
                }
                seen
            };
            let readers = [scope.spawn(read), scope.spawn(read), scope.spawn(read)];
            let file = site.file("balanced.toml");
            in_pieces(&file, BROKEN);
            let page = until("refused", || {
                let page = admin.get("/admin/presets/balanced").body;
                page.contains("Its file has 2 problems").then_some(page)
            });
            for told in [
                "the last good one is in force",
                "Line 1, column 13",
                "Line 3, column 1",
                "experiense = 1",
                &before.0,
            ] {
                assert!(page.contains(told), "{told} in {page}");
            }
            assert_eq!(site.candidate(), before);
            in_pieces(&file, EXPERIENCE);
            let after = until("mended", || Some(site.candidate()).filter(|now| *now != before));
            done.store(true, Ordering::Relaxed);
            (after, readers.map(|reader| reader.join().unwrap()))
        });
        assert_ne!((&before.0, &before.1), (&after.0, &after.1));
        for seen in seen {
            assert!(seen.iter().all(|one| [&before, &after].contains(&one)), "{seen:?}");
        }
        // Kept matches follow, what was kept before can still be computed, and the admins have been told once.
        let expected: f64 = after.1.parse().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "0..=10000")]
        let expected = (expected * 10_000.0).round() as i32;
        let mut looks = 0;
        while site.kept(&world).await != Some(expected) {
            looks += 1;
            assert!(looks < LOOKS, "never rescored");
            tokio::time::sleep(BETWEEN).await;
        }
        let token = Some(site.things.token("manager"));
        let replay = site.server.send("GET", &format!("/api/v1/scores/{score}/replay"), token, None).json();
        assert_eq!(replay["same"], true, "{replay}");
        let told = admin.get("/notifications").body;
        // On a busy machine half a file may stand for long enough to be refused, too.
        assert_eq!(told.matches(PROBLEM).count(), 1, "{told}");
        assert!(told.contains("<strong>The preset file balanced.toml is refused"), "{told}");
        // Not on the first page of everything: what the readers read is on record as well.
        let applied = || admin.get("/admin/audit?kind=preset.").body.contains("preset applied").then_some(());
        until("on record", applied);
        let log = site.server.log();
        assert!(log.contains("a preset file is refused"), "{log}");
        assert_eq!(log.matches(PROBLEM).count(), 1, "it is logged once: {log}");
    });
}

#[test]
fn a_pending_change_is_shown_and_is_in_force_once_it_is_renamed() {
    on_both(async |world| {
        let site = Site::open(&world).await;
        let admin = site.admin();
        let before = site.candidate();
        fs::write(site.file("balanced.next.toml"), BROKEN).unwrap();
        until("refused", || {
            admin.get("/admin/presets/balanced").body.contains("It would be refused").then_some(())
        });
        fs::write(site.file("balanced.next.toml"), EXPERIENCE).unwrap();
        let page = until("pending", || {
            let page = admin.get("/admin/presets/balanced").body;
            page.contains("Scores shift by").then_some(page)
        });
        assert!(page.contains("Nobody among the first 20 moves") && page.contains("1 → 1"), "{page}");
        assert!(admin.get("/admin/presets").body.contains("A change is pending"));
        let (job, other) = (site.things.id("job"), site.things.id("coach"));
        let of = |id| {
            browser_of(&site.server, "admin", "ACME").get(&format!("/admin/presets/balanced?job={id}")).status
        };
        assert_eq!((of(job), of(other)), (200, 404));
        assert_eq!(site.candidate(), before, "it changes nothing");
        fs::rename(site.file("balanced.next.toml"), site.file("balanced.toml")).unwrap();
        until("in force", || Some(site.candidate()).filter(|now| *now != before));
        let page = admin.get("/admin/presets/balanced").body;
        assert!(page.contains("Experience alone") && !page.contains("Pending change"), "{page}");
    });
}

#[test]
fn a_sub_score_of_a_presets_own_is_compared_ranked_explained_and_replayed() {
    on_both(async |world| {
        let site = Site::open(&world).await;
        let admin = site.admin();
        let before = site.candidate();
        // Before it is in force, its page says what it would do, though no coach has been given points yet.
        fs::write(site.file("balanced.next.toml"), POINTS).unwrap();
        let page = until("pending", || {
            let page = admin.get("/admin/presets/balanced").body;
            page.contains("Scores shift by").then_some(page)
        });
        assert!(page.contains("1 → 1") && page.contains("Proved &lt;twice&gt;"), "{page}");
        assert!(page.contains("<li>Has taught HIIT: 60 points</li>"), "{page}");
        assert_eq!(site.candidate(), before, "it changes nothing");
        fs::rename(site.file("balanced.next.toml"), site.file("balanced.toml")).unwrap();
        let after = until("in force", || Some(site.candidate()).filter(|now| now.0 != before.0));

        let page = admin.get("/admin/presets/balanced").body;
        assert!(page.contains("Proved &lt;twice&gt;") && page.contains("50 %"), "{page}");

        let (job, coach) = (site.things.id("job"), site.things.id("coach"));
        let get = |path: &str| site.server.send("GET", path, Some(site.things.token("manager")), None);
        let listed = get(&format!("/api/v1/jobs/{job}/candidates")).json()["candidates"][0].clone();
        let parts = listed["components"].as_array().unwrap();
        assert_eq!(
            (parts.len(), &parts[1]["key"], &parts[1]["weight"]),
            (2, &json!("points.proved"), &json!(0.5))
        );
        let evidence: Vec<&str> =
            parts[1]["evidence"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(evidence.len(), 3);
        assert!(evidence[0].starts_with("Has taught HIIT: "), "{evidence:?}");
        assert!(evidence[2].starts_with("Free for 15 minutes a week between 02:00 and 02:15 on Sun: "));
        let page = admin.get(&format!("/manager/jobs/{job}/candidates")).body;
        assert!(page.contains("Proved &lt;twice&gt;") && !page.contains("<twice>"), "{page}");
        assert!(page.contains("name=\"points.proved\""), "its weight can be tried out: {page}");
        let tried =
            get(&format!("/api/v1/jobs/{job}/candidates?weights=points.proved:100,experience:0")).json();
        let tried = &tried["candidates"][0];
        assert_eq!(tried["fitscore"], parts[1]["score"], "{tried}");
        let csv = get(&format!("/api/v1/jobs/{job}/candidates.csv")).body;
        assert!(csv.contains(&format!("proved {}", parts[1]["score"])), "{csv}");

        // A kept score is computed again after the preset has changed once more; matches follow.
        let pair = json!({"job_id": job, "coach_id": coach});
        let kept = site.post("/api/v1/scores", &pair);
        assert_eq!(kept["fitscore"].to_string(), after.1, "{kept}");
        let expected = listed["fitscore"].as_f64().unwrap() * 10_000.0;
        let mut looks = 0;
        while site.kept(&world).await.map(f64::from) != Some(expected.round()) {
            looks += 1;
            assert!(looks < LOOKS, "never rescored");
            tokio::time::sleep(BETWEEN).await;
        }
        fs::write(site.file("balanced.toml"), POINTS.replace("points = 60", "points = 90")).unwrap();
        until("changed", || Some(site.candidate()).filter(|now| now.0 != after.0));
        let replay = get(&format!("/api/v1/scores/{}/replay", kept["id"])).json();
        assert_eq!(replay["same"], true, "{replay}");
    });
}

#[test]
fn what_jobs_use_stays_without_its_file_and_without_its_folder() {
    on_both(async |world| {
        let site = Site::open(&world).await;
        let admin = site.admin();
        let before = site.candidate();
        fs::remove_file(site.file("balanced.toml")).unwrap();
        fs::remove_file(site.file("local-team.toml")).unwrap();
        let listed = until("gone", || {
            let listed = admin.get("/admin/presets").body;
            listed.contains("Its file is gone").then_some(listed)
        });
        assert!(!listed.contains("local-team"), "no job uses it: {listed}");
        assert_eq!(site.candidate(), before);
        let moved = site.folder.path().with_extension("elsewhere");
        fs::rename(site.folder.path(), &moved).unwrap();
        until("told", || {
            admin.get("/admin/presets").body.contains("the folder cannot be read").then_some(())
        });
        assert_eq!(site.candidate(), before);
        // Back under the same name, which is another folder to whoever watches.
        fs::rename(&moved, site.folder.path()).unwrap();
        fs::write(site.file("balanced.toml"), EXPERIENCE).unwrap();
        until("back", || Some(site.candidate()).filter(|now| *now != before));
    });
}
