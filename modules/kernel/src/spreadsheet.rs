//! CSV for spreadsheets: quoted where it must be, and no text that would run as a formula.

/// Text that no spreadsheet takes for a formula, not even in full-width characters.
#[must_use]
pub fn text(cell: &str) -> String {
    const STARTERS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(STARTERS) { format!("'{cell}") } else { cell.to_owned() }
}

/// A file of these lines (RFC 4180), with the mark by which spreadsheets know UTF-8.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn csv(lines: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("memory takes it, and lines are of one length");
    }
    let bytes = writer.into_inner().expect("memory takes it");
    format!("\u{feff}{}", String::from_utf8(bytes).expect("strings are UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::{csv, text};

    #[test]
    fn formulas_are_text_and_quotes_are_doubled() {
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("@import"), "'@import");
        assert_eq!(text("Ada - yoga"), "Ada - yoga");
        let lines = [vec!["a".to_owned(), "b".to_owned()], vec!["x, \"y\"\nz".to_owned(), String::new()]];
        assert_eq!(csv(&lines), "\u{feff}a,b\r\n\"x, \"\"y\"\"\nz\",\r\n");
    }
}
