//! What a message says: one text from two templates, and a subject that tells nothing of its person.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use fithire_kernel::page::{Pages, Shell, Template, Templates};
use fithire_kernel::problem::Problem;
use fithire_mail::Letter;
use serde::Serialize;

use crate::model::NoticeRow;

const TEMPLATES: Templates = &[
    ("notifications/letter.txt", include_str!("../templates/notifications/letter.txt")),
    ("notifications/letter.html", include_str!("../templates/notifications/letter.html")),
];

static LETTERS: LazyLock<Pages> = LazyLock::new(|| Pages::new(&[TEMPLATES], &[]));

/// Notices that a message shows; of more it says how many there are.
const SHOWN: usize = 50;

/// Whom a message is for, and who sends it.
pub(crate) struct Sender<'s> {
    pub(crate) origin: &'s str,
    pub(crate) brand: String,
    pub(crate) name: String,
    pub(crate) to: String,
    pub(crate) token: String,
    pub(crate) is_digest: bool,
}

#[derive(Serialize)]
struct Shown<'n> {
    label: &'static str,
    title: &'n str,
    text: &'n str,
    href: String,
}

#[derive(Serialize)]
struct Content<'s> {
    brand: &'s str,
    name: &'s str,
    is_digest: bool,
    notices: Vec<Shown<'s>>,
    more: usize,
    all: String,
    preferences: String,
    unsubscribe: String,
}

#[derive(Serialize)]
struct Text<'s>(&'s Content<'s>);
#[derive(Serialize)]
struct Html<'s>(&'s Content<'s>);

impl Template for Text<'_> {
    const NAME: &'static str = "notifications/letter.txt";
}

impl Template for Html<'_> {
    const NAME: &'static str = "notifications/letter.html";
}

impl Sender<'_> {
    /// The message of these notices, of which there is at least one.
    pub(crate) fn letter(&self, message_id: String, notices: &[NoticeRow]) -> Result<Letter, Problem> {
        let shown = |row: &'_ NoticeRow| format!("{}{}", self.origin, row.path);
        let unsubscribe = format!("{}/unsubscribe?token={}", self.origin, self.token);
        let content = Content {
            brand: &self.brand,
            name: &self.name,
            is_digest: self.is_digest,
            notices: notices
                .iter()
                .take(SHOWN)
                .map(|row| Shown { label: row.label(), title: &row.title, text: &row.text, href: shown(row) })
                .collect(),
            more: notices.len().saturating_sub(SHOWN),
            all: format!("{}/notifications", self.origin),
            preferences: format!("{}/notifications/preferences", self.origin),
            unsubscribe: unsubscribe.clone(),
        };
        let text = LETTERS.render(&Shell::default(), &Text(&content))?.0;
        let html = LETTERS.render(&Shell::default(), &Html(&content))?.0;
        Ok(Letter {
            to: self.to.clone(),
            subject: format!("{}: {}", self.brand, subject(self.is_digest, notices)),
            text,
            html: Some(html),
            message_id,
            headers: vec![
                ("List-Unsubscribe", format!("<{unsubscribe}>")),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
                ("Auto-Submitted", "auto-generated".to_owned()),
            ],
        })
    }
}

/// What kind of thing it is about, which says nothing of anybody.
fn subject(is_digest: bool, notices: &[NoticeRow]) -> String {
    let kinds: BTreeSet<&str> = notices.iter().map(NoticeRow::label).collect();
    match (is_digest, kinds.first(), notices.len()) {
        (true, _, n) => format!("your day, {n} {}", if n == 1 { "notice" } else { "notices" }),
        (false, Some(only), 1) => (*only).to_owned(),
        (false, Some(only), n) if kinds.len() == 1 => format!("{only} ({n})"),
        (false, _, n) => format!("{n} notices"),
    }
}
