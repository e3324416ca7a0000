//! `fithire presets`.

use std::fs;

use crate::program::fithire;

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
