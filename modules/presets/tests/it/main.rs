//! Folders of presets as editors, people and orchestrators leave them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_presets::{Change, Content, Files, Folder, InForce, Live, What};
use fithire_scoring::preset::{Presets, builtin, read};
use proptest::prelude::*;

const A: &str = "[weights]\nlocation = 1\n";
const B: &str = "[weights]\nexperience = 1\n";
const BROKEN: &str = "[weights]\nexperiense = 1\n";

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn first() -> InForce {
    InForce::at_start(None, Presets::new([read("a", A).unwrap(), read("b", B).unwrap()]), at(0))
}

fn files(current: &[(&str, &str)], next: &[(&str, &str)]) -> Files {
    let list = |list: &[(&str, &str)]| {
        let file = |(name, text): &(&str, &str)| ((*name).to_owned(), Content::Text((*text).to_owned()));
        list.iter().map(file).collect()
    };
    Files { current: list(current), next: list(next) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_has_not_changed_is_no_change() {
    assert!(first().after(&files(&[("a", A), ("b", B)], &[]), &BTreeSet::new(), at(1)).is_none());
}

#[test]
fn several_files_apply_at_once_and_a_broken_one_keeps_its_last_good() {
    let files_now = files(&[("a", B), ("b", BROKEN), ("c", A)], &[]);
    let (now, change) = first().after(&files_now, &BTreeSet::new(), at(1)).unwrap();
    let expected = Change { applied: names(&["a", "c"]), dropped: vec![], refused: names(&["b"]) };
    assert_eq!(change, expected);
    assert_eq!(now.presets.named("a").unwrap().text, B);
    assert_eq!(now.presets.named("b").unwrap().text, B);
    assert_eq!((now.standings["a"].since, now.standings["b"].since), (at(1), at(0)));
    let fault = now.standings["b"].fault.as_ref().unwrap();
    assert!(matches!(&fault.what, What::Invalid { problems, .. } if problems.len() == 1), "{fault:?}");
    // The same again is said once.
    assert!(now.after(&files_now, &BTreeSet::new(), at(2)).is_none());
    // Mended by what was in force all the time: nothing applies, and the fault is gone.
    let (mended, change) =
        now.after(&files(&[("a", B), ("b", B), ("c", A)], &[]), &BTreeSet::new(), at(3)).unwrap();
    assert_eq!(change, Change::default());
    assert!(mended.standings["b"].fault.is_none());
    assert!(Arc::ptr_eq(&mended.presets, &now.presets), "nobody's version changes");
}

#[test]
fn a_file_that_is_gone_leaves_a_preset_that_is_used_and_takes_one_that_is_not() {
    let used = BTreeSet::from(["b".to_owned()]);
    let here = files(&[("a", A)], &[]);
    assert_eq!(first().without_file(&here), names(&["b"]));
    let (kept, change) = first().after(&here, &used, at(1)).unwrap();
    assert_eq!(change, Change { refused: names(&["b"]), ..Change::default() });
    assert_eq!(kept.standings["b"].fault.as_ref().unwrap().what, What::Gone);
    assert!(kept.presets.named("b").is_ok());
    // Once no job uses it, it goes.
    let (gone, change) = kept.after(&here, &BTreeSet::new(), at(2)).unwrap();
    assert_eq!(change, Change { dropped: names(&["b"]), ..Change::default() });
    assert!(gone.presets.named("b").is_err() && !gone.standings.contains_key("b"));
    // And comes back with its file.
    let (back, change) = gone.after(&files(&[("a", A), ("b", B)], &[]), &BTreeSet::new(), at(3)).unwrap();
    assert_eq!(change.applied, names(&["b"]));
    assert!(back.presets.named("b").is_ok());
}

#[test]
fn the_preset_of_jobs_that_name_none_stays_whatever_is_gone() {
    let all = InForce::at_start(None, builtin().clone(), at(0));
    let (now, change) = all.after(&Files::default(), &BTreeSet::new(), at(1)).unwrap();
    assert_eq!(now.presets.iter().map(|preset| &*preset.name).collect::<Vec<_>>(), ["balanced"]);
    assert_eq!((change.dropped.len(), change.refused), (6, names(&["balanced"])));
}

#[test]
fn a_pending_change_waits_and_renaming_it_puts_it_in_force() {
    let waits = files(&[("a", A), ("b", B)], &[("a", B), ("new", BROKEN)]);
    let (now, change) = first().after(&waits, &BTreeSet::new(), at(1)).unwrap();
    assert_eq!(change, Change::default(), "a pending change changes no score");
    let next = now.standings["a"].next.as_ref().unwrap();
    assert_eq!((next.preset.as_ref().unwrap().text.as_str(), next.since), (B, at(1)));
    assert_eq!(now.presets.named("a").unwrap().text, A);
    let new = &now.standings["new"];
    assert!(new.preset.is_none() && new.next.as_ref().unwrap().preset.is_err());
    assert!(now.presets.named("new").is_err());
    let renamed = files(&[("a", B), ("b", B)], &[]);
    let (now, change) = now.after(&renamed, &BTreeSet::new(), at(2)).unwrap();
    assert_eq!(change.applied, names(&["a"]));
    assert!(now.standings["a"].next.is_none() && !now.standings.contains_key("new"));
    assert_eq!(now.presets.named("a").unwrap().text, B);
}

#[test]
fn a_folder_that_is_gone_changes_nothing_but_what_is_said() {
    let gone = first().without_folder("it is not there".to_owned()).unwrap();
    assert!(gone.presets.named("a").is_ok() && gone.presets.named("b").is_ok());
    assert!(gone.without_folder("it is not there".to_owned()).is_none(), "it is said once");
    let (back, change) = gone.after(&files(&[("a", A), ("b", B)], &[]), &BTreeSet::new(), at(1)).unwrap();
    assert!(back.unreadable.is_none() && change == Change::default());
}

#[test]
fn whoever_holds_a_version_keeps_it() {
    let live = Live::new(first());
    let held = live.now();
    let (next, change) =
        first().after(&files(&[("a", B), ("b", BROKEN)], &[]), &BTreeSet::new(), at(1)).unwrap();
    live.put(next, &change);
    assert_eq!(held.presets.named("a").unwrap().text, A);
    assert_eq!(live.now().presets.named("a").unwrap().text, B);
    assert_eq!(live.counts(), (1, 1, 1));
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn a_folder_is_read_past_what_editors_leave_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, text) in
        [("a.toml", A), ("a.next.toml", B), ("notes.txt", "x"), (".a.toml", "x"), ("a.toml~", "x")]
    {
        write(path, name, text);
    }
    write(path, "bytes.toml", b"\xff\xfe");
    write(path, "large.toml", vec![b'#'; (1 << 20) + 1]);
    fs::create_dir(path.join("folder.toml")).unwrap();
    let read = Folder::new(path.to_owned()).read().unwrap();
    assert_eq!(read.next, files(&[], &[("a", B)]).next);
    assert_eq!(
        read.current.keys().map(String::as_str).collect::<Vec<_>>(),
        ["a", "bytes", "folder", "large"]
    );
    for (name, why) in
        [("bytes", "not UTF-8"), ("folder", "not a file"), ("large", "more than 1048576 bytes")]
    {
        assert!(matches!(&read.current[name], Content::Unreadable(told) if told.contains(why)), "{name}");
    }
    assert!(Folder::new(path.join("nowhere")).read().is_err());
}

#[cfg(unix)]
#[test]
fn links_are_followed_as_an_orchestrator_makes_them_and_one_that_leads_nowhere_is_no_file() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (version, text) in [("..1", A), ("..2", B)] {
        fs::create_dir(path.join(version)).unwrap();
        write(&path.join(version), "a.toml", text);
    }
    symlink("..1", path.join("..data")).unwrap();
    symlink("..data/a.toml", path.join("a.toml")).unwrap();
    symlink("nowhere", path.join("b.toml")).unwrap();
    let here = Folder::new(path.to_owned());
    assert_eq!(here.read().unwrap(), files(&[("a", A)], &[]));
    symlink("..2", path.join("..data_tmp")).unwrap();
    fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    assert_eq!(here.read().unwrap(), files(&[("a", B)], &[]));
}

proptest! {
    /// Whatever happens to files, what is in force is valid, is what was last valid, and what is used is there.
    #[test]
    fn whatever_is_in_the_folder_the_last_good_of_each_is_in_force(
        rounds in proptest::collection::vec(proptest::collection::vec(0..5_u8, 3), 1..12),
    ) {
        let used = BTreeSet::from(["a".to_owned()]);
        let mut now = first();
        let mut good: Vec<Option<&str>> = vec![Some(A), Some(B), None];
        for (second, round) in (1..).zip(&rounds) {
            let mut found = Files::default();
            for ((name, state), good) in ["a", "b", "c"].iter().zip(round).zip(&mut good) {
                let text = match state {
                    0 => A,
                    1 => B,
                    2 => BROKEN,
                    3 => "",
                    _ => {
                        if *name != "a" {
                            *good = None;
                        }
                        continue;
                    }
                };
                if *state < 2 {
                    *good = Some(text);
                }
                found.current.insert((*name).to_owned(), Content::Text(text.to_owned()));
            }
            if let Some((next, _)) = now.after(&found, &used, at(second)) {
                now = next;
            }
            prop_assert!(now.after(&found, &used, at(second)).is_none(), "one look is enough");
            for (name, good) in ["a", "b", "c"].iter().zip(&good) {
                let in_force = now.presets.named(name).ok().map(|preset| &*preset.text);
                prop_assert_eq!(in_force, *good, "{}", name);
            }
        }
    }
}
