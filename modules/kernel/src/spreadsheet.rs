//! CSV for spreadsheets: quoted where it must be, and no text that would run as a formula.

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

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

/// A file as an answer.
#[derive(Clone, Debug)]
pub struct File {
    /// What it is saved as.
    pub name: String,
    /// What [`csv()`] has made.
    pub csv: String,
    /// Where the next page of it is, as path and query.
    pub next: Option<String>,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .content_type("text/csv; charset=utf-8")
            .header("Content-Disposition", format!("attachment; filename=\"{}\"", self.name));
        if let Some(next) = self.next {
            response = response.header("Link", format!("<{next}>; rel=\"next\""));
        }
        response.body(self.csv)
    }
}

impl ApiResponse for File {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "CSV in UTF-8, with a header; no cell runs as a formula in a spreadsheet.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: "text/csv", schema: String::schema_ref() }],
                headers: vec![MetaHeader {
                    name: "Link".to_owned(),
                    description: Some(
                        "Where the next page is (`rel=\"next\"`); missing on the last.".to_owned(),
                    ),
                    required: false,
                    deprecated: false,
                    schema: String::schema_ref(),
                }],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
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
