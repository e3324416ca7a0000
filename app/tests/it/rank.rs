//! `fithire rank` and `fithire sample`.

use std::fs;

use serde_json::Value;

use crate::program::{Run, fithire, root};

fn sample(more: &[&str]) -> Run {
    let mut arguments = vec![
        "rank",
        "--coaches",
        "samples/coaches.csv",
        "--jobs",
        "samples/jobs.csv",
        "--as-of",
        "2026-11-23",
    ];
    arguments.extend(more);
    fithire(&arguments, "")
}

#[test]
fn the_sample_ranks_as_the_readme_shows() {
    let run = sample(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(run.stdout);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let heading = run.stdout.lines().nth(1).unwrap();
    assert!(readme.contains(heading), "README.md shows another ranking than: {heading}");
}

#[test]
fn json_has_the_shape_of_the_api_and_counts_everyone() {
    let coaches = fs::read_to_string(root().join("samples/coaches.csv")).unwrap().lines().count() - 1;
    for show in ["ranked", "below", "ineligible"] {
        let run = sample(&["--format", "json", "--show", show, "--limit", "100"]);
        let jobs: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
        for job in jobs {
            let count = |key: &str| usize::try_from(job[key].as_u64().unwrap()).unwrap();
            assert_eq!(count("total") + count("below_threshold") + count("ineligible"), coaches);
            let listed = job["candidates"].as_array().unwrap();
            let group = match show {
                "ranked" => "total",
                "below" => "below_threshold",
                _ => "ineligible",
            };
            assert_eq!(listed.len(), count(group), "{show}");
            for candidate in listed {
                assert!(
                    candidate["coach_id"].is_string()
                        && candidate["name"].is_string()
                        && candidate["fitscore"].is_number()
                );
                assert!(
                    candidate["explanation"]["strengths"].is_array()
                        && candidate["explanation"]["gaps"].is_array()
                );
            }
        }
    }
}

#[test]
fn csv_is_one_row_per_candidate_and_no_formula() {
    let folder = tempfile::tempdir().unwrap();
    let coaches = folder.path().join("coaches.csv");
    fs::write(&coaches, "external_id,name,email\n=1+1,@SUM(A1),evil@example.test\n").unwrap();
    let jobs = folder.path().join("jobs.csv");
    fs::write(&jobs, "external_id,title,location,threshold\nj1,-2+3,Soho,0\n").unwrap();
    let run = fithire(
        &[
            "rank",
            "--coaches",
            coaches.to_str().unwrap(),
            "--jobs",
            jobs.to_str().unwrap(),
            "--format",
            "csv",
            "--as-of",
            "2026-11-23",
        ],
        "",
    );
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn one_job_and_another_preset() {
    let whole = sample(&["--format", "json"]);
    let jobs: Vec<Value> = serde_json::from_str(&whole.stdout).unwrap();
    let id = jobs[1]["job_id"].as_str().unwrap();
    let one = sample(&["--format", "json", "--job", id, "--preset", "local-team"]);
    let one: Vec<Value> = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!((one[0]["job_id"].as_str(), one[0]["preset"].as_str()), (Some(id), Some("local-team")));

    let run = sample(&["--job", "nowhere"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("unknown job `nowhere`"), "{}", run.stderr);
    let run = sample(&["--preset", "locl-team"]);
    assert!(run.stderr.contains("did you mean `local-team`?"), "{}", run.stderr);
}

#[test]
fn ten_thousand_coaches_with_three_bad_rows_name_the_three_and_rank_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(fithire(&["sample", &at(""), "--as-of", "2026-11-23"], "").code, 0);
    let rank = || {
        fithire(
            &[
                "rank",
                "--coaches",
                &at("coaches.csv"),
                "--jobs",
                &at("jobs.csv"),
                "--as-of",
                "2026-11-23",
                "--format",
                "json",
            ],
            "",
        )
    };
    let jobs: Vec<Value> = serde_json::from_str(&rank().stdout).unwrap();
    assert_eq!(jobs.len(), 40);
    assert!(
        jobs.iter().filter(|job| job["total"].as_u64() > Some(0)).count() >= 35,
        "nearly every job has candidates"
    );

    let whole = fs::read_to_string(at("coaches.csv")).unwrap();
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let mut set = |row: usize, column: usize, cell: &str| {
        let mut cells: Vec<&str> = lines[row - 1].split(',').collect();
        cells[column] = cell;
        lines[row - 1] = cells.join(",");
    };
    set(17, 6, "NASM-CTP|verified|2027-01-31");
    set(5_000, 3, "00000");
    set(10_001, 7, "hiit|2026-02-30|");
    fs::write(at("coaches.csv"), lines.join("\n")).unwrap();
    let run = rank();
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let told = run.stderr.replace(&at("coaches.csv"), "coaches.csv");
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "coaches.csv: row 17, certifications: unknown certification `NASM-CTP`: did you mean `NASM-CPT`?",
            "coaches.csv: row 5000, postal_code: ZIP code 00000 is not known; give a city or coordinates",
            "coaches.csv: row 10001, positions: `2026-02-30` is not a day of the calendar",
            "error: 3 problems; nothing was ranked",
        ]
    );
    // A sample never replaces a file.
    let again = fithire(&["sample", &at("")], "");
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let run = fithire(&["rank", "--coaches", "nowhere.csv", "--jobs", "samples/jobs.csv"], "");
    assert_eq!(run.code, 1);
    assert!(run.stderr.starts_with("error: cannot read nowhere.csv: "), "{}", run.stderr);
}
