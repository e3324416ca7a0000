//! Files that no spreadsheet would write: rows, or problems with their row and column. `just soak` tries much more of it.

use fithire_import::{Problem, coaches, jobs};
use fithire_scoring::preset::builtin;
use proptest::prelude::*;

/// The rows of a file, or its problems.
fn read(kind: bool, bytes: &[u8]) -> Result<usize, Vec<Problem>> {
    if kind {
        coaches::read(bytes, &mut |_| {}).map(|rows| rows.len())
    } else {
        let known = jobs::Known { presets: Some(builtin()), locations: None };
        jobs::read(bytes, known, &mut |_| {}).map(|rows| rows.len())
    }
}

const COACHES: &str = "external_id,name,email,postal_code,latitude,longitude,radius_km,time_zone,certifications,positions,taught,free,style";
const JOBS: &str = "external_id,title,location,latitude,longitude,modality,starts_on,virtual,pay_min,min_years,requirements,slots,style,preset,threshold";

/// A cell, in the language of cells or not.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+]?[0-9]{0,20}(\\.[0-9]{0,6})?([eE][0-9]{1,3})?",
        "(NASM-CPT|CPR-AED|X)(\\|(claimed|pending|verified|none))?(\\|[0-9]{4}-[0-9]{2}-[0-9]{2})?(; ?)?",
        "(hiit|yin|pilates)\\|[0-9]{4}-[0-9]{2}-[0-9]{2}\\|([0-9]{4}-[0-9]{2}-[0-9]{2})?",
        "((class|shift) )?(mon|sun|xyz) [0-9]{2}:[0-9]{2}(-[0-9]{2}:[0-9]{2}| [0-9]{1,5})",
        "(required|preferred): NASM-CPT(\\|CPR-AED)?",
        "[a-z]{1,6}=[0-9]",
        "[^\u{0}]{0,8}",
        "\"[^\"]{0,8}\"?",
        "c[0-9],?",
        Just(String::new()),
    ]
}

proptest! {
    /// Cells of every kind in columns of every kind: all is taken, or each problem says where it is.
    #[test]
    fn any_cells_are_taken_or_told_by_row_and_column(
        kind: bool,
        lines in prop::collection::vec(prop::collection::vec(cell(), 1..16), 0..6),
    ) {
        let header = if kind { COACHES } else { JOBS };
        let body: Vec<String> = lines.iter().map(|cells| cells.join(",")).collect();
        let file = format!("{header}\n{}\n", body.join("\n"));
        let last = file.matches(['\n', '\r']).count() as u64 + 1;
        match read(kind, file.as_bytes()) {
            Ok(rows) => prop_assert!(rows as u64 <= last),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!((1..=last).contains(&problem.row), "{} of {last}", problem);
                    prop_assert!(problem.column.is_empty() || header.split(',').any(|name| name == problem.column), "{}", problem);
                    prop_assert!(!problem.message.is_empty());
                }
            }
        }
    }

    /// Bytes of any kind.
    #[test]
    fn any_bytes_are_taken_or_told(kind: bool, head: bool, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let header = if kind { COACHES } else { JOBS };
        let file = [if head { header.as_bytes() } else { b"" }, if head { b"\n" } else { b"" }, &bytes[..]].concat();
        if let Err(problems) = read(kind, &file) {
            prop_assert!(!problems.is_empty() && problems.iter().all(|problem| problem.row >= 1));
        }
    }
}
