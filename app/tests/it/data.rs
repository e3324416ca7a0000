//! `fithire import`, `doctor` and `backup`, on both databases.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use fithire_kernel::testing::{World, on_both};
use serde_json::json;

use crate::server::{Server, configured};

/// Exit code, standard output and standard error.
fn run(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = configured(world).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// 10,000 made-up coaches; `spoil` changes rows by their number in the file.
fn coaches(folder: &Path, spoil: impl Fn(usize, &str) -> String) -> String {
    let made = folder.join("made");
    if !made.exists() {
        let sample = ["sample", "--coaches", "10000", "--jobs", "300", "--as-of", "2026-11-23"];
        let status =
            Command::new(env!("CARGO_BIN_EXE_fithire")).args(sample).arg(&made).output().unwrap().status;
        assert!(status.success());
    }
    let text = std::fs::read_to_string(made.join("coaches.csv")).unwrap();
    let mut spoilt = String::new();
    for (row, line) in text.lines().enumerate() {
        writeln!(spoilt, "{}", spoil(row + 1, line)).unwrap();
    }
    let path = folder.join("coaches.csv");
    std::fs::write(&path, spoilt).unwrap();
    path.display().to_string()
}

#[test]
fn a_file_is_taken_whole_or_not_at_all() {
    on_both(async |world| {
        let server = Server::start(&world);
        let folder = tempfile::tempdir().unwrap();
        let token = server.token();
        let count = || {
            let (mut count, mut cursor) = (0, String::new());
            loop {
                let page = server
                    .send("GET", &format!("/api/v1/coaches?limit=100{cursor}"), Some(&token), None)
                    .json();
                count += page["items"].as_array().unwrap().len();
                let Some(next) = page["next_cursor"].as_str() else { return count };
                cursor = format!("&cursor={next}");
            }
        };
        let spoilt = coaches(folder.path(), |row, line| match row {
            17 => line.replacen('@', " at ", 1),
            5_000 => line.replacen('@', "@ ", 1),
            9_999 => line.replacen('@', "", 1),
            _ => line.to_owned(),
        });
        let import = |file: &str, more: &[&str]| {
            let arguments = [&["import", "coaches", file, "--brand", "acme-studios"], more].concat();
            run(&world, &arguments)
        };
        let (code, _, told) = import(&spoilt, &[]);
        assert_eq!(code, Some(1), "{told}");
        for row in ["row 17, email", "row 5000, email", "row 9999, email", "3 problems"] {
            assert!(told.contains(row), "{told}");
        }
        assert!(told.contains("; nothing was written"), "{told}");
        assert_eq!(count(), 0);

        let right = coaches(folder.path(), |_, line| line.to_owned());
        let (code, _, told) = import(&right, &["--dry-run"]);
        assert_eq!((code, told.contains("10000 coaches added, 0 updated")), (Some(0), true), "{told}");
        assert_eq!(count(), 0, "a dry run writes nothing");
        let (code, _, told) = import(&right, &[]);
        assert_eq!((code, told.contains("10000 coaches added, 0 updated")), (Some(0), true), "{told}");
        assert_eq!(count(), 10_000);
        let (code, _, told) = import(&right, &[]);
        assert_eq!((code, told.contains("0 coaches added, 10000 updated")), (Some(0), true), "{told}");
        assert_eq!(count(), 10_000, "the same external_id updates");

        let jobs = folder.path().join("made/jobs.csv").display().to_string();
        let import = |more: &[&str]| {
            run(&world, &[&["import", "jobs", &jobs, "--brand", "acme-studios"], more].concat())
        };
        let (code, _, told) = import(&[]);
        assert_eq!(code, Some(1));
        assert!(told.contains("row 2, location: unknown location"), "{told}");
        assert!(told.contains("--create-locations"), "{told}");
        let (code, _, told) = import(&["--create-locations"]);
        assert_eq!((code, told.contains("300 jobs added, 0 updated")), (Some(0), true), "{told}");
        let (code, _, told) = import(&[]);
        assert_eq!((code, told.contains("0 jobs added, 300 updated")), (Some(0), true), "{told}");
        let job = &server.send("GET", "/api/v1/jobs?limit=1", Some(&token), None).json()["items"][0];
        let page =
            server.send("GET", &format!("/api/v1/jobs/{}/candidates", job["id"]), Some(&token), None).json();
        let everyone = ["total", "below_threshold", "ineligible"].map(|key| page[key].as_u64().unwrap());
        assert_eq!(everyone.iter().sum::<u64>(), 10_000);

        let (code, _, told) = run(&world, &["import", "coaches", &right, "--brand", "acme-studio"]);
        assert_eq!(code, Some(1));
        assert!(told.contains("did you mean"), "{told}");
    });
}

#[test]
fn what_a_file_does_not_mention_stays() {
    on_both(async |world| {
        let server = Server::start(&world);
        let folder = tempfile::tempdir().unwrap();
        let token = server.token();
        let right = coaches(folder.path(), |_, line| line.to_owned());
        let jobs = folder.path().join("made/jobs.csv").display().to_string();
        let brand = ["--brand", "acme-studios"];
        assert_eq!(run(&world, &[&["import", "coaches", &right][..], &brand].concat()).0, Some(0));
        assert_eq!(
            run(&world, &[&["import", "jobs", &jobs, "--create-locations"][..], &brand].concat()).0,
            Some(0)
        );
        let few = folder.path().join("few.csv");
        std::fs::write(&few, "external_id,name,email,phone\nc1,Ada Renamed,ada@example.test,+1 555 0100\n")
            .unwrap();
        let one = |text: &str| {
            let listed = server.send("GET", "/api/v1/coaches?limit=100", Some(&token), None).json();
            listed["items"].as_array().unwrap().iter().find(|coach| coach["external_id"] == "c1").unwrap()
                [text]
                .clone()
        };
        let facts = one("facts");
        let (code, _, told) =
            run(&world, &["import", "coaches", &few.display().to_string(), "--brand", "acme-studios"]);
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(
            (one("name"), one("phone"), one("facts")),
            (json!("Ada Renamed"), json!("+1 555 0100"), facts)
        );
        let job = |text: &str| {
            let listed = server.send("GET", "/api/v1/jobs?limit=100", Some(&token), None).json();
            listed["items"].as_array().unwrap().iter().find(|job| job["external_id"] == "j1").unwrap()[text]
                .clone()
        };
        let (facts, preset) = (job("facts"), job("preset"));
        std::fs::write(&few, "external_id,title,location,postal_code,threshold\nj1,Renamed,Nowhere,,0.7\nj2,Two,Here,10013,\nj3,Three,Here,60614,\n").unwrap();
        let jobs =
            ["import", "jobs", &few.display().to_string(), "--brand", "acme-studios", "--create-locations"];
        let (code, _, told) = run(&world, &jobs);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("row 2, location: `Nowhere` is new and has no place"), "{told}");
        assert!(told.contains("row 4, location: `Here` is somewhere else in row 3"), "{told}");
        std::fs::write(&few, "external_id,title,location,postal_code,threshold\nj1,Renamed,Here,10013,0.7\n")
            .unwrap();
        let (code, _, told) = run(&world, &jobs);
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(
            (job("title"), job("threshold"), job("preset"), job("facts")),
            (json!("Renamed"), json!(0.7), preset, facts)
        );
    });
}

#[test]
fn a_backup_is_one_moment_of_a_database_in_use() {
    on_both(async |world| {
        let server = Server::start(&world);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.db");
        let path = file.display().to_string();
        let token = server.token();
        if world.dialect == "PostgreSQL" {
            let (code, _, told) = run(&world, &["backup", &path]);
            assert_eq!((code, told.contains("pg_dump")), (Some(1), true), "{told}");
            return;
        }
        let add = |name: &str| {
            let body = json!({"name": name}).to_string();
            let made =
                server.send("POST", "/api/v1/coaches", Some(&token), Some(("application/json", &body)));
            assert_eq!(made.status, 200, "{}", made.body);
        };
        for n in 0..50 {
            add(&format!("Before {n}"));
        }
        let (code, _, told) = std::thread::scope(|scope| {
            let writing = scope.spawn(|| (0..50).for_each(|n| add(&format!("Meanwhile {n}"))));
            let done = run(&world, &["backup", &path]);
            writing.join().unwrap();
            done
        });
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(run(&world, &["backup", &path]).0, Some(1), "nothing is overwritten");
        drop(server);

        let restored = Server::on(
            Command::new(env!("CARGO_BIN_EXE_fithire")).env("DATABASE_URL", format!("sqlite:{path}")),
        );
        let token = restored.token();
        let listed = restored.send("GET", "/api/v1/coaches?limit=100", Some(&token), None).json();
        let names: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|coach| coach["name"].as_str().unwrap()).collect();
        let before: Vec<String> = (0..50).map(|n| format!("Before {n}")).collect();
        let meanwhile: Vec<String> = (0..50).map(|n| format!("Meanwhile {n}")).collect();
        assert_eq!(names[..50], before[..]);
        assert_eq!(names[50..], meanwhile[..names.len() - 50], "up to one moment, and nothing after it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "it holds secrets");
        }
    });
}

#[test]
fn the_doctor_names_what_is_wrong() {
    on_both(async |world| {
        let server = Server::start(&world);
        let (code, out, told) = run(&world, &["doctor"]);
        assert_eq!(code, Some(0), "{out}{told}");
        assert!(out.lines().all(|line| line.starts_with("ok  ")) && out.contains(world.dialect), "{out}");
        drop(server);
        if world.dialect == "PostgreSQL" {
            let output = configured(&world)
                .arg("doctor")
                .env("FITHIRE_DATABASE__URL", &world.owner_url)
                .output()
                .unwrap();
            let out = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(out.contains("bypasses row-level security") && out.contains("owns tables"), "{out}");
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let doctor = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_fithire"))
            .arg("doctor")
            .current_dir(folder.path())
            .env(name, value)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    std::fs::create_dir(folder.path().join("presets")).unwrap();
    std::fs::write(folder.path().join("presets/balanced.toml"), "[weights]\nexperience = 0.5\n").unwrap();
    for (name, value, told) in [
        ("FITHIRE_SERVER__PUBLIC_URL", "http://jobs.example.com", "FAIL  address"),
        ("FITHIRE_SERVER__PUBLIC_URL", "https://jobs.example.com/app", "with a path"),
        ("FITHIRE_PRESETS__FOLDER", "presets", "FAIL  presets"),
        ("DATABASE_URL", "sqlite:nowhere.db", "FAIL  database"),
    ] {
        let (code, out) = doctor(name, value);
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains(told), "{out}");
    }
    assert!(!folder.path().join("nowhere.db").exists(), "a doctor makes nothing");
}
