//! `fithire score`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::program::{fithire, root};

#[test]
fn the_worked_examples_come_out_to_the_last_digit() {
    let examples =
        std::fs::read_to_string(root().join("modules/scoring/tests/fitscore-examples.jsonl")).unwrap();
    let examples: Vec<Value> = examples.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let input = examples.iter().fold(String::new(), |mut input, example| {
        writeln!(input, "{}", example["input"]).unwrap();
        input
    });
    let run = fithire(&["score"], &input);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let answers: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(answers.len(), examples.len());
    for (answer, example) in answers.iter().zip(&examples) {
        // The text, not only the value: 0.5 and 0.50 are different digits.
        assert_eq!(*answer, example["output"].to_string());
    }
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_the_others_are_scored() {
    let good = r#"{"as_of":"2026-11-23","job":{},"coach":{}}"#;
    let unknown = r#"{"as_of":"2026-11-23","preset":"balnced","job":{},"coach":{}}"#;
    let run = fithire(&["score"], &format!("{good}\n\n{{\"as_of\":\"2026-02-30\"\n{good}\n{unknown}\n"));
    assert_eq!(run.code, 1);
    let errors: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(
        errors,
        [
            "line 3: as_of: `2026-02-30` is not a day of the calendar at column 21",
            "line 5: preset: unknown preset `balnced`: did you mean `balanced`?",
            "error: 2 of 4 lines could not be scored",
        ]
    );
    let answers: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["score"], 0.58);
    assert_eq!(answers[1]["error"]["line"], 3);
    assert_eq!(answers[1]["error"]["field"], "as_of");
    assert_eq!(answers[3]["error"]["field"], "preset");
}

#[test]
fn input_that_is_no_json_never_ends_in_a_panic() {
    for input in [
        "",
        "\n\n",
        "NaN\n",
        "{\"as_of\":NaN}\n",
        "\u{0}\n",
        "[[[[\n",
        "{\"as_of\":\"2026-11-23\",\"job\":{\"min_years\":1e400}}\n",
    ] {
        let run = fithire(&["score"], input);
        assert_eq!(run.code, 1, "{input:?}");
        assert!(run.stderr.contains("error: "), "{}", run.stderr);
    }
}

#[test]
fn explain_adds_words_and_provenance_and_changes_no_figure() {
    let line = r#"{"as_of":"2026-11-23","job":{"modality":"hiit"},"coach":{}}"#;
    let plain: Value = serde_json::from_str(&fithire(&["score"], line).stdout).unwrap();
    let explained: Value = serde_json::from_str(&fithire(&["score", "--explain"], line).stdout).unwrap();
    for key in ["score", "range", "coverage", "eligibility", "blockers", "distance_m"] {
        assert_eq!(plain[key], explained[key], "{key}");
    }
    assert_eq!(explained["provenance"]["preset"], "balanced");
    assert_eq!(explained["explanation"]["gaps"][0], "No experience given");
}
