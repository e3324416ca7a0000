//! Cursors and cells that nobody would write: refused, or what they say. `just soak` tries much more of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fithire_kernel::paging::{after, cursor};
use fithire_kernel::spreadsheet::{csv, text};
use proptest::prelude::*;

const NUL: char = '\u{0}';

/// With what a formula begins, in letters of full width too.
const STARTERS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A key as lists have them.
type Key = (String, i64);

proptest! {
    /// What a list wrote it reads again, and no other list does.
    #[test]
    fn a_cursor_says_what_was_written_to_its_own_list(name in "[^\u{0}]{0,12}", id: i64, list in "[a-z]{1,8}", other in "[a-z]{1,8}") {
        let written = cursor(&list, &(name.clone(), id));
        prop_assert_eq!(after::<Key>(&list, &written).unwrap(), (name, id));
        prop_assert_eq!(after::<Key>(&other, &written).is_ok(), list == other);
        // Nor does a list with another kind of key.
        prop_assert!(after::<i64>(&list, &written).is_err());
    }

    /// One that somebody has changed is refused, or is of this list and says something that could be written to it.
    #[test]
    fn a_changed_cursor_is_refused_or_read_whole(name in "[a-z]{0,6}", id: i64, at: prop::sample::Index, put in any::<char>(), cut: bool) {
        let mut letters: Vec<char> = cursor("jobs", &(name, id)).chars().collect();
        let place = at.index(letters.len());
        if cut { letters.truncate(place) } else { letters[place] = put }
        let changed: String = letters.into_iter().collect();
        if let Ok(key) = after::<Key>("jobs", &changed) {
            prop_assert!(!key.0.contains(NUL));
            prop_assert_eq!(after::<Key>("jobs", &cursor("jobs", &key)).unwrap(), key);
        }
    }

    /// JSON of any kind behind a cursor, too.
    #[test]
    fn any_text_is_refused_or_read(raw in any::<String>(), json in "[\\[\\]{}\",:0-9a-z\\\\u.eE+-]{0,40}") {
        prop_assert!(after::<Key>("jobs", &raw).is_err());
        let packed = URL_SAFE_NO_PAD.encode(&json);
        prop_assert_eq!(after::<Key>("jobs", &packed).is_ok(), serde_json::from_str::<(String, Key)>(&json).is_ok_and(|(list, _)| list == "jobs"));
    }

    /// No cell is a formula, and every line comes out as it went in.
    #[test]
    fn a_file_for_spreadsheets_holds_what_was_put_in_and_no_formula(
        lines in prop::collection::vec(prop::collection::vec("([=+@\t\r\n-]|[\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}])?[^\u{0}]{0,10}", 3), 1..6),
    ) {
        let safe: Vec<Vec<String>> = lines.iter().map(|line| line.iter().map(|cell| text(cell)).collect()).collect();
        let file = csv(&safe);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_bytes());
        let read: Vec<Vec<String>> = reader.deserialize().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(&read, &safe);
        for (cell, was) in read.iter().flatten().zip(lines.iter().flatten()) {
            prop_assert!(!cell.starts_with(STARTERS));
            prop_assert!(cell == was || cell.strip_prefix('\'') == Some(was));
        }
    }
}
