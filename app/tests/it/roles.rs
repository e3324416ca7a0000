//! Somebody of a brand who sends requests of the table, and what is shown to them.

use std::cell::RefCell;

use fithire_kernel::testing::CANARY;

use crate::people::{Things, browser_of, email};
use crate::requests::{Line, is_page, with_ids};
use crate::server::{Answer, Browser, Server};

/// Everybody whom the table knows; a key is a manager's, and opens no page.
pub(crate) const ROLES: [&str; 5] = ["nobody", "coach", "manager", "admin", "key"];

/// Somebody with a token for the API and a browser for the pages.
pub(crate) struct Somebody<'s> {
    pub(crate) role: &'static str,
    server: &'s Server,
    things: &'s Things,
    browser: Browser<'s>,
    /// The token of forms, with the session that it belongs to.
    form: RefCell<(Option<String>, String)>,
}

impl<'s> Somebody<'s> {
    /// Signs somebody in.
    pub(crate) fn new(server: &'s Server, things: &'s Things, role: &'static str) -> Self {
        let browser = match role {
            "nobody" => Browser::new(server),
            "key" => Browser::with_bearer(server, things.token("key")),
            role => browser_of(server, role, things.mark),
        };
        let form = crate::pages::token(&browser.get("/sign-in").body);
        let form = RefCell::new((browser.cookie("fithire"), form));
        Self { role, server, things, browser, form }
    }

    /// Everybody of a brand.
    pub(crate) fn all(server: &'s Server, things: &'s Things) -> Vec<Self> {
        ROLES.map(|role| Self::new(server, things, role)).into()
    }

    /// The same, with a server on the same database or a copy of it.
    pub(crate) fn at(&self, server: &'s Server) -> Self {
        let form = self.form.clone();
        Self { role: self.role, server, things: self.things, browser: self.browser.at(server), form }
    }

    /// The status that the table says.
    pub(crate) fn expected(&self, line: &Line) -> u16 {
        match self.role {
            "coach" => line.4[1],
            "manager" => line.4[2],
            "admin" => line.4[3],
            "key" if !is_page(line) => line.4[2],
            _ => line.4[0],
        }
    }

    /// Sends a request with everything in it of the own brand.
    pub(crate) fn ask(&self, line: &Line) -> Shown {
        self.ask_with(line, |name| self.things.text(name))
    }

    /// Sends a request with whatever its names stand for.
    pub(crate) fn ask_with(&self, line: &Line, stands_for: impl Fn(&str) -> String) -> Shown {
        let by_role = |role: &str| match role {
            "nobody" => email("admin", self.things.mark),
            "key" => email("manager", self.things.mark),
            role => email(role, self.things.mark),
        };
        let fill = |text: &str| {
            with_ids(text, |name| if name == "email" { by_role(self.role) } else { stands_for(name) })
        };
        let (method, path, body) = (line.1, fill(line.2), fill(line.3));
        Shown::of(if !is_page(line) {
            let token = (self.role != "nobody").then(|| self.things.token(self.role));
            let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
            let body = (!body.is_empty()).then_some((kind, &*body));
            self.server.send(method, &format!("/api/v1{path}"), token, body)
        } else if method == "GET" {
            self.browser.get(&path)
        } else {
            self.post(&path, &body)
        })
    }

    fn post(&self, path: &str, fields: &str) -> Answer {
        let session = self.browser.cookie("fithire");
        if self.form.borrow().0 != session {
            let form = crate::pages::token(&self.browser.get("/sign-in").body);
            *self.form.borrow_mut() = (session, form);
        }
        let form = self.form.borrow().1.clone();
        let fields: Vec<(String, String)> = serde_urlencoded::from_str(fields).unwrap();
        let fields = fields.iter().map(|(name, value)| (&**name, &**value));
        let fields: Vec<(&str, &str)> = std::iter::once(("form_token", &*form)).chain(fields).collect();
        if path == "/admin/import" {
            return self.browser.post_file(
                path,
                &fields,
                ("new.csv", "external_id,name,email\nz1,Zoe,zoe@acme.test\n"),
            );
        }
        self.browser.post(path, &fields)
    }
}

/// What an answer shows: everything but its time, what is random in a page, and the end of the chain, which moves within a
/// second of whatever was read before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// A text without what stands between two marks, wherever it does.
fn without_between(text: &str, start: &str, end: &str) -> String {
    let mut parts = text.split(start);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        rest += start;
        rest += &part[part.find(end).unwrap()..];
    }
    rest
}

/// A text without what differs from one signed URL of a file to the next: the port of the store, and when it was signed.
fn without_signature(text: &str) -> String {
    const STORE: &str = "http://127.0.0.1:";
    let text = without_between(text, "&X-Amz-Algorithm=", "\"");
    let mut parts = text.split(STORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + STORE + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

impl Shown {
    fn of(answer: Answer) -> Self {
        let moves = |name: &str| matches!(name, "date" | "x-request-id" | "ratelimit");
        let headers = answer.headers.iter().filter(|(name, _)| !moves(name.as_str()));
        let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
        let body = without_between(&answer.body, "name=\"form_token\" value=\"", "\"");
        let body = without_between(&body, "<h2 id=\"head-title\">", "</section>");
        let headers = without_signature(&headers.join("\n"));
        Self { status: answer.status, headers, body: without_signature(&body) }
    }

    /// Whether it is refused, or leads to the sign-in.
    pub(crate) fn is_refused(&self) -> bool {
        (400..500).contains(&self.status)
            || self.status == 303 && self.headers.contains("location: \"/sign-in")
    }

    pub(crate) fn has_canary(&self) -> bool {
        self.headers.contains(CANARY) || self.body.contains(CANARY)
    }

    /// Where another answer differs first.
    pub(crate) fn differs(&self, other: &Self) -> String {
        let whole = |shown: &Self| format!("{}\n{}\n{}", shown.status, shown.headers, shown.body);
        let (one, two) = (whole(self), whole(other));
        let pair = one.lines().zip(two.lines()).find(|(one, two)| one != two);
        pair.map_or_else(|| format!("  alike: {}", self.status), |(one, two)| format!("  {one}\n  {two}"))
    }

    /// The same without a text that was sent.
    pub(crate) fn without(&self, text: &str) -> Self {
        let blank = |shown: &str| shown.replace(text, "…");
        Self { status: self.status, headers: blank(&self.headers), body: blank(&self.body) }
    }
}
