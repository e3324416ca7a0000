//! What must hold for the sources themselves.

use std::fs;
use std::process::Command;

use crate::program::root;

/// Crates that bring input and output, a runtime or a clock of their own.
const IMPURE: [&str; 8] = ["tokio", "sqlx", "poem", "async-std", "reqwest", "hyper", "mio", "socket2"];

#[test]
fn the_scoring_crate_is_pure() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "fithire-scoring",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"serde"), "the tree is read");
    for name in names {
        assert!(
            !IMPURE.contains(&name) && !name.starts_with("sqlx-") && !name.starts_with("tokio-"),
            "{name} in the scoring crate"
        );
    }
}

#[test]
fn every_source_says_what_it_is_for_and_is_of_a_size_to_be_read() {
    let mut sources = 0;
    for folder in ["app", "modules"] {
        visit(&root().join(folder), &mut |path, text| {
            assert!(text.starts_with("//!"), "{path} does not begin with //!");
            let lines = text.lines().count();
            assert!(lines <= 600, "{path} has {lines} lines; look for the missing concept");
            sources += 1;
        });
    }
    assert!(sources > 30, "the sources are found");
}

pub(crate) fn visit(folder: &std::path::Path, then: &mut impl FnMut(&str, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name() != Some("target".as_ref()) {
                visit(&path, then);
            }
        } else if path.extension() == Some("rs".as_ref()) {
            then(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        }
    }
}
