//! A CSV file as rows of named cells, and the problems found in it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use csv::{ByteRecord, ReaderBuilder, StringRecord};
use fithire_scoring::wording;

/// One thing wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The row as a spreadsheet counts: the header is row 1.
    pub row: u64,
    /// The column's name; empty when it is about the whole row.
    pub column: String,
    /// What is wrong, and what to do where that is not plain.
    pub message: String,
}

/// `row 17, certifications: unknown certification …`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if !self.column.is_empty() {
            write!(f, ", {}", self.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The cells of one row. A cell that is missing, empty or blank has no value.
pub(crate) struct Cells<'t> {
    row: u64,
    record: &'t StringRecord,
    header: &'t BTreeMap<String, usize>,
    problems: &'t mut Vec<Problem>,
}

impl<'t> Cells<'t> {
    /// The text of a cell, without blanks around it.
    pub(crate) fn text(&self, column: &str) -> Option<&'t str> {
        let text = self.record.get(*self.header.get(column)?)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The same as an owned value of so many characters at most, which are as many as the API takes.
    pub(crate) fn owned(&mut self, column: &str, most: usize) -> Option<String> {
        let text = self.text(column)?;
        if text.chars().count() > most {
            self.problem(column, format!("is longer than {most} characters"));
        }
        Some(text.to_owned())
    }

    /// The text of a cell that every row must have.
    pub(crate) fn needed(&mut self, column: &str, most: usize) -> String {
        self.owned(column, most).unwrap_or_else(|| {
            self.problem(column, "is empty; every row needs it".to_owned());
            String::new()
        })
    }

    /// A cell's value; what cannot be read is recorded as a problem.
    pub(crate) fn parse<T>(
        &mut self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(self.text(column)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(column, message);
                None
            }
        }
    }

    /// The row's number.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Records a problem of this row.
    pub(crate) fn problem(&mut self, column: &str, message: String) {
        self.problems.push(Problem { row: self.row, column: column.to_owned(), message });
    }
}

/// The columns that a file has, in lower case; what a file does not mention says nothing.
#[must_use]
pub fn columns(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
    let mut record = ByteRecord::new();
    let _ = reader.read_byte_record(&mut record);
    record.iter().map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect()
}

/// Reads a file whose first column set is `columns`, of which `needed` must be there; every row goes through
/// `read`. `progress` is told the bytes read so far.
///
/// # Errors
/// Every problem of the file, in row order.
pub(crate) fn read<T>(
    bytes: &[u8],
    columns: &[&str],
    needed: &[&str],
    progress: &mut dyn FnMut(u64),
    mut read: impl FnMut(&mut Cells<'_>) -> T,
) -> Result<Vec<T>, Vec<Problem>> {
    // A spreadsheet marks UTF-8 with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(vec![whole(1, "the file is UTF-16; save it as \"CSV UTF-8\"".to_owned())]);
    }
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut problems = Vec::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => {}
        Ok(false) => {
            return Err(vec![whole(1, "the file is empty; its first row names the columns".to_owned())]);
        }
        Err(error) => return Err(vec![whole(1, error.to_string())]),
    }
    let header = header(&record, columns, needed, &mut problems);
    if !problems.is_empty() {
        // Without its columns no row can be read, and every row would complain.
        return Err(problems);
    }
    let width = record.len();
    let mut rows = Vec::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut row = 1;
    let mut last = 0;
    loop {
        if problems.len() >= MOST_PROBLEMS {
            problems.truncate(MOST_PROBLEMS);
            problems.push(whole(row, "and more below; mend these first".to_owned()));
            return Err(problems);
        }
        match reader.read_byte_record(&mut record) {
            Ok(true) => progress(reader.position().byte()),
            Ok(false) => break,
            Err(error) => {
                problems.push(whole(row + 1, error.to_string()));
                break;
            }
        }
        // The reader passes over blank lines; a spreadsheet counts them.
        last = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or_default());
        let breaks = bytes[last..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .filter(|byte| **byte == b'\n');
        row += 1 + breaks.count() as u64;
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let Ok(record) = StringRecord::from_byte_record(record.clone()) else {
            problems.push(whole(row, "is not UTF-8; save the file as \"CSV UTF-8\"".to_owned()));
            continue;
        };
        if record.len() != width {
            problems.push(whole(
                row,
                format!("has {} cells, the header has {width}; is a comma missing its quotes?", record.len()),
            ));
            continue;
        }
        let mut cells = Cells { row, record: &record, header: &header, problems: &mut problems };
        for (name, place) in &header {
            // PostgreSQL keeps no NUL; the others would steer a terminal.
            let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
            if record.get(*place).is_some_and(|cell| cell.contains(control)) {
                cells.problem(name, "has a control character".to_owned());
            }
        }
        if let Some(id) = cells.text(needed[0])
            && let Some(first) = seen.insert(id.to_owned(), row)
        {
            cells.problem(needed[0], format!("`{id}` stands in row {first} too"));
        }
        rows.push(read(&mut cells));
    }
    if ends_in_quotes(bytes.get(last..).unwrap_or_default()) {
        problems.push(whole(
            row,
            "a quote opens in this row and is never closed; it swallows every row after it".to_owned(),
        ));
    }
    if problems.is_empty() && rows.is_empty() {
        problems.push(whole(1, "the file has no rows below its header".to_owned()));
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// Whether the record ends inside a quoted cell. The reader takes such an end for the cell's.
fn ends_in_quotes(record: &[u8]) -> bool {
    let mut quoted = false;
    // Where a quote opens: at the start of a cell, and right after one that closed, which it then doubles.
    let mut opens = true;
    for byte in record {
        match byte {
            b'"' if quoted => (quoted, opens) = (false, true),
            b'"' if opens => (quoted, opens) = (true, false),
            b',' | b'\n' if !quoted => opens = true,
            _ => opens = false,
        }
    }
    quoted
}

/// More than anyone mends in one go; a wrong file of millions of rows must not fill the memory with them.
const MOST_PROBLEMS: usize = 1_000;

/// A problem of a whole row.
fn whole(row: u64, message: String) -> Problem {
    Problem { row, column: String::new(), message }
}

/// Where each known column is.
fn header(
    record: &ByteRecord,
    columns: &[&str],
    needed: &[&str],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, usize> {
    let mut header = BTreeMap::new();
    let mut problem = |column: &str, message: String| {
        problems.push(Problem { row: 1, column: column.to_owned(), message });
    };
    for (separator, name) in [(b';', "`;`"), (b'\t', "tabs")] {
        if record.len() == 1 && record[0].contains(&separator) {
            problem("", format!("the columns are separated by {name}; save the file with commas"));
            return header;
        }
    }
    for (place, name) in record.iter().enumerate() {
        let name = String::from_utf8_lossy(name).trim().to_lowercase();
        if !columns.contains(&name.as_str()) {
            problem(&name, wording::unknown("column", &name, columns.iter().copied()));
        } else if header.insert(name.clone(), place).is_some() {
            problem(&name, "stands twice in the header".to_owned());
        }
    }
    for name in needed {
        if !header.contains_key(*name) {
            problem(name, "is missing from the header; every row needs it".to_owned());
        }
    }
    header
}
