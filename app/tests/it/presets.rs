//! `fithire presets`.

use std::fs;
use std::process::{Command, Stdio};

use fithire_kernel::testing::on_both;
use fithire_scoring::preset::BUILTIN;
use serde_json::{Value, json};

use crate::people::{fill, make};
use crate::program::fithire;
use crate::server::{Server, configured};

#[test]
fn the_projects_presets_are_valid() {
    let run = fithire(&["presets", "check"], "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn five_mistakes_are_drawn_in_their_places_with_exit_code_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let text = "# Ours\ntreshold = 0.6\nlimit = 1000\n\n[weights]\ncertifications = 0.25\nexperiance = 0.20\navailability = 0.25\n\
                location = 0.15\nculture = 0.25\nengagement = 0.10\n\n[location]\ndefault_radius_m = \"far\"\n";
    fs::write(&file, text).unwrap();
    let run = fithire(&["presets", "check", file.to_str().unwrap()], "");
    assert_eq!((run.code, run.stdout.as_str()), (78, ""));
    insta::assert_snapshot!(run.stderr.replace(folder.path().to_str().unwrap(), "FOLDER"));

    // The same folder is refused where presets are used.
    let run = fithire(&["score", "--presets", folder.path().to_str().unwrap()], "");
    assert_eq!(run.code, 78);
}

#[test]
fn a_folder_without_presets_and_a_file_that_is_no_text_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = fithire(&["presets", "check", folder.path().to_str().unwrap()], "");
    assert_eq!(run.code, 78);
    assert!(run.stderr.contains("there is no preset file"), "{}", run.stderr);
    fs::write(folder.path().join("bad.toml"), b"\xff\xfe").unwrap();
    let run = fithire(&["presets", "check", folder.path().to_str().unwrap()], "");
    assert_eq!(run.code, 78);
    assert!(run.stderr.contains("is not UTF-8"), "{}", run.stderr);
}

#[test]
fn a_preset_of_ones_own_is_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("near.toml"), "[weights]\nlocation = 1\n").unwrap();
    let line = r#"{"as_of":"2026-11-23","preset":"near","job":{"lat":40.7,"lon":-74.0},"coach":{"lat":40.7,"lon":-74.0}}"#;
    let run = fithire(&["score", "--presets", folder.path().to_str().unwrap()], line);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains(r#""components":{"location":"#), "{}", run.stdout);
}

const FIVE: &str = "# Ours\ntreshold = 0.6\nlimit = 1000\n\n[weights]\ncertifications = 0.25\nexperiance = 0.20\navailability = 0.25\n\
                    location = 0.15\nculture = 0.25\nengagement = 0.10\n\n[location]\ndefault_radius_m = \"fär\"\n";

#[test]
fn five_mistakes_are_five_places_for_programs_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mïne 1.toml");
    fs::write(&file, FIVE).unwrap();
    let check = |format: &str| {
        let run = fithire(&["presets", "check", "--offline", "--format", format, file.to_str().unwrap()], "");
        assert_eq!((run.code, run.stderr.as_str()), (78, "error: 5 problems in 1 file\n"));
        serde_json::from_str::<Value>(&run.stdout).unwrap()
    };
    let value = check("json");
    let problems = value["files"][0]["problems"].as_array().unwrap();
    let place = |problem: &Value| (problem["line"].as_u64().unwrap(), problem["column"].as_u64().unwrap());
    let places: Vec<(u64, u64)> = problems.iter().map(place).collect();
    assert_eq!(places, [(2, 1), (3, 9), (7, 1), (10, 11), (14, 20)]);
    for problem in problems {
        assert!(problem["message"].is_string() && problem["suggestion"].is_string(), "{problem}");
    }
    let last = &problems[4];
    assert_eq!((&last["snippet"], &last["end_column"]), (&json!("default_radius_m = \"fär\""), &json!(25)));
    assert_eq!(value["not_checked"].as_array().unwrap().len(), 2);

    let log = check("sarif");
    // Types that were made from the schema of SARIF 2.1.0: what it does not know would be lost on the way.
    let known: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
    assert_eq!(serde_json::to_value(&known).unwrap(), log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let region = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(
            place["artifactLocation"]["uri"].as_str().unwrap().ends_with("/m%C3%AFne%201.toml"),
            "{place}"
        );
        (place["region"]["startLine"].as_u64().unwrap(), place["region"]["startColumn"].as_u64().unwrap())
    };
    assert_eq!(results.iter().map(region).collect::<Vec<_>>(), places);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(results.iter().all(|result| rules.iter().any(|rule| rule["id"] == result["ruleId"])));
}

#[test]
fn what_is_valid_is_said_in_every_format_and_what_was_not_checked_too() {
    let run = fithire(&["presets", "check", "--offline", "scoring-presets"], "");
    assert_eq!(run.code, 0);
    let said = "not checked without a database: whether jobs name presets";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let run = fithire(&["presets", "check", "--format", "sarif", "scoring-presets"], "");
    let log: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, log["runs"][0]["results"].as_array().unwrap().len()), (0, 0));
}

/// What a run of a command answers: its code, its output and its errors.
fn told(mut program: Command, arguments: &[&str]) -> (i32, String, String) {
    let output = program.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_database_shows_which_jobs_a_folder_leaves_without_preset_or_words() {
    on_both(async |world| {
        let mut things = make(&world, "ACME").await;
        let server = Server::on(&mut configured(&world));
        fill(&server, &mut things);
        let style = json!([{"dimension": "tempo", "level": 2, "weight": 1}]);
        let change = json!({"facts": {"modality": "hiit", "style": style}}).to_string();
        let path = format!("/api/v1/jobs/{}", things.id("job"));
        let token = Some(things.token("admin"));
        let changed = server.send("PATCH", &path, token, Some(("application/json", &change)));
        assert_eq!(changed.status, 200, "{}", changed.body);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), "[weights]\nlocation = 1\n").unwrap();
        write("mine.toml");
        let check = ["presets", "check", folder.path().to_str().unwrap()];
        let (code, _, stderr) = told(configured(&world), &check);
        assert_eq!(code, 78, "{stderr}");
        let missing = "names the preset balanced, which is not there";
        for said in [missing, "asks for the style tempo", "1 problem in the database"] {
            assert!(stderr.contains(said), "{said} in {stderr}");
        }
        // Words alone are a warning, and without a database nothing is known.
        write("balanced.toml");
        let (code, _, stderr) = told(configured(&world), &check);
        assert!(code == 0 && stderr.contains("warning: ACME: job"), "{stderr}");
        let (code, stdout, stderr) = told(configured(&world), &[&check[..], &["--offline"]].concat());
        assert!(code == 0 && !stderr.contains("tempo") && stdout.contains("not checked"), "{stdout}{stderr}");
    });
}

/// What FitHire knows of two coaches: one has taught for long, the other is reliable.
fn veteran_and_reliable() -> [(&'static str, Value); 2] {
    let facts = |since: &str, done: u32, missed: u32, idle_days: u32| {
        json!({"positions": [{"modality": "hiit", "started_on": since}],
               "engagement": {"done": done, "late_cancels": missed, "no_shows": missed, "replied_in_24h": done.min(9),
                              "asked": 9, "idle_days": idle_days, "profile_filled": 8, "profile_sections": 8}})
    };
    [("Veteran", facts("2010-01-01", 0, 9, 300)), ("Reliable", facts("2026-06-01", 90, 0, 0))]
}

#[test]
fn what_a_change_would_do_is_told_before_it_is_in_force() {
    on_both(async |world| {
        let mut things = make(&world, "ACME").await;
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in BUILTIN {
            fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
        }
        let program = || {
            let mut program = configured(&world);
            program.env("FITHIRE_PRESETS__FOLDER", folder.path()).env("FITHIRE_LOG__FILTER", "error");
            program
        };
        let server = Server::on(&mut program());
        fill(&server, &mut things);
        let token = Some(things.token("admin"));
        for (name, facts) in veteran_and_reliable() {
            let body = json!({"name": name, "facts": facts}).to_string();
            let added = server.send("POST", "/api/v1/coaches", token, Some(("application/json", &body)));
            assert_eq!(added.status, 200, "{}", added.body);
        }
        let diff = |more: &[&str]| told(program(), &[&["presets", "diff"], more].concat());
        let (code, _, stderr) = diff(&[]);
        assert!(code == 1 && stderr.contains("there is no NAME.next.toml"), "{stderr}");
        let next = folder.path().join("balanced.next.toml");
        fs::write(&next, FIVE).unwrap();
        let (code, _, stderr) = diff(&[]);
        assert!(code == 78 && stderr.contains("5 problems in"), "{stderr}");
        fs::write(&next, "[weights]\nengagement = 1\n").unwrap();
        let (code, stdout, stderr) = diff(&[]);
        assert_eq!(code, 0, "{stderr}");
        for said in
            ["ACME: ACME, ACME (job", "ranked 3 -> 3", "Reliable", "scores shift by", "1 job compared"]
        {
            assert!(stdout.contains(said), "{said} in {stdout}");
        }
        let (job, file) = (things.id("job").to_string(), next.to_str().unwrap());
        let (code, stdout, stderr) =
            diff(&["--job", &job, "--against", file, "--brand", "acme", "--format", "json"]);
        assert_eq!(code, 0, "{stderr}");
        let found: Value = serde_json::from_str(&stdout).unwrap();
        let change = &found["jobs"][0]["change"];
        let first = change["moves"].as_array().unwrap().iter().find(|moved| moved["to"] == 1).unwrap();
        assert_eq!((&first["name"], &first["by"][0]), (&json!("Reliable"), &json!("engagement")), "{change}");
        let steps = change["shift"]["steps"].as_array().unwrap();
        assert_eq!(steps.iter().map(|step| step["coaches"].as_u64().unwrap()).sum::<u64>(), 3);
        let (code, _, stderr) = diff(&["--job", "1"]);
        assert!(code == 1 && stderr.contains("there is no active job 1"), "{stderr}");
        let (code, _, stderr) = diff(&["--brand", "nobody"]);
        assert!(code == 1 && !stderr.is_empty(), "{stderr}");
    });
}
