//! `/admin/webhooks`: where a brand's programs are told of what happens, and what came of each message.

mod one;

use std::sync::Arc;

use fithire_identity::{ManageWebhooks, Posted, Visitor};
use fithire_kernel::body;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Templates, shown};
use fithire_kernel::problem::Problem;
use poem::web::Data;
use poem::{Response, Route, get, handler, post};
use poem_openapi::types::ParseFromJSON;
use serde::Serialize;
use serde_json::{Value, json};

use crate::deliveries;
use crate::endpoints::{self, Sent};
use crate::model::{Delivery, Endpoint, FAILING, GONE, Kind, State};
use crate::sender::Sender;

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("webhooks/list.html", include_str!("../templates/webhooks/list.html")),
    ("webhooks/one.html", include_str!("../templates/webhooks/one.html")),
    ("webhooks/parts.html", include_str!("../templates/webhooks/parts.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/admin/webhooks", get(page).post(create))
        .at("/admin/webhooks/:id", get(one::page).post(one::change))
        .at("/admin/webhooks/:id/rotate", post(one::rotate))
        .at("/admin/webhooks/:id/test", post(one::test))
        .at("/admin/webhooks/:id/replay", post(one::replay_failed))
        .at("/admin/webhooks/:id/delete", post(one::delete))
        .at("/admin/webhooks/:id/deliveries/:delivery_id/replay", post(one::replay))
}

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    webhooks: Vec<Listed>,
    form: Form,
}

/// A webhook on the list.
#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    url: String,
    kinds: Vec<&'static str>,
    state: Health,
    last: Option<Last>,
    failed: u64,
}

/// The newest delivery.
#[derive(Debug, Serialize)]
struct Last {
    at: String,
    kind: String,
    state: &'static str,
}

impl Template for Page {
    const NAME: &'static str = "webhooks/list.html";
}

/// How an endpoint is, in words.
#[derive(Debug, Serialize)]
struct Health {
    /// good, wait, bad or nothing.
    tone: &'static str,
    word: &'static str,
    told: String,
}

impl Health {
    fn of(endpoint: &Endpoint) -> Self {
        let since = endpoint.failing_since.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        let (tone, word, told) = match (endpoint.enabled, endpoint.off_because.as_deref(), since) {
            (true, _, None) => ("good", "On", String::new()),
            (true, _, Some(since)) => (
                "wait",
                "Failing",
                format!("No message was taken since {since}. After five days of this it is switched off."),
            ),
            (false, Some(GONE), _) => (
                "bad",
                "Off",
                "It answered 410 Gone, which means that it wants no messages any more.".to_owned(),
            ),
            (false, Some(FAILING), since) => {
                let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
                ("bad", "Off", format!("It took no message for five days{since}."))
            }
            (false, ..) => ("", "Off", "It was switched off here.".to_owned()),
        };
        Self { tone, word, told }
    }
}

/// The fields of a webhook, as typed.
#[derive(Debug, Default, Serialize)]
struct Form {
    url: String,
    kinds: Vec<Choice>,
    enabled: bool,
    errors: Vec<FormError>,
    wrong: std::collections::BTreeMap<String, String>,
}

/// A kind to choose.
#[derive(Debug, Serialize)]
struct Choice {
    field: String,
    name: &'static str,
    words: &'static str,
    chosen: bool,
}

fn field(kind: Kind) -> String {
    format!("kind-{}", kind.as_str())
}

impl Form {
    fn with(url: String, chosen: impl Fn(Kind) -> bool, enabled: bool) -> Self {
        let choice = |kind: &Kind| Choice {
            field: field(*kind),
            name: kind.as_str(),
            words: kind.words(),
            chosen: chosen(*kind),
        };
        Self { url, kinds: Kind::ALL.iter().map(choice).collect(), enabled, ..Self::default() }
    }

    fn of(endpoint: &Endpoint) -> Self {
        let kinds = endpoint.kinds();
        Self::with(endpoint.url.clone(), |kind| kinds.contains(&kind), endpoint.enabled)
    }

    fn refused(fields: &Fields, problem: &Problem) -> Self {
        let chosen = |kind| form::text(fields, &field(kind)).is_some();
        let enabled = form::text(fields, "enabled").is_some();
        let url = fields.get("url").cloned().unwrap_or_default();
        let named = [("url", "url", "URL"), ("kinds", "kinds", "Events")];
        let errors = form::errors(problem, fields, &[], &named, "url");
        Self { wrong: form::by_field(&errors), errors, ..Self::with(url, chosen, enabled) }
    }
}

/// What the API would be sent for the fields.
fn request<T: ParseFromJSON>(fields: &Fields) -> Result<T, Problem> {
    let chosen = Kind::ALL.iter().filter(|kind| form::text(fields, &field(**kind)).is_some());
    let kinds: Vec<&str> = chosen.map(|kind| kind.as_str()).collect();
    if kinds.is_empty() {
        return Err(Problem::field("/kinds", "choose at least one; without any, nothing is sent"));
    }
    let url = fields.get("url").map(|url| url.trim()).unwrap_or_default();
    let sent: Value = json!({"url": url, "kinds": kinds, "enabled": form::text(fields, "enabled").is_some()});
    body::read(sent.to_string().as_bytes())
}

/// What people read of a delivery.
fn state_word(delivery: &Delivery) -> &'static str {
    match State::read(&delivery.state) {
        Some(State::Delivered) => "Delivered",
        Some(State::Waiting) if delivery.attempts == 0 => "On its way",
        Some(State::Waiting) => "Tried again",
        Some(State::Failed) | None => "Failed",
    }
}

async fn show(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    refused: Option<(Fields, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let mut tx = db.read(&allowed).await?;
    let mut webhooks = Vec::new();
    for endpoint in endpoints::list(&mut tx).await? {
        let (failed, newest) = deliveries::fares(&mut tx, endpoint.id).await?;
        webhooks.push(Listed {
            id: endpoint.id,
            kinds: endpoint.kinds().into_iter().map(Kind::as_str).collect(),
            state: Health::of(&endpoint),
            url: endpoint.url,
            last: newest.map(|delivery| Last {
                at: delivery.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
                state: state_word(&delivery),
                kind: delivery.kind,
            }),
            failed,
        });
    }
    let form = match &refused {
        None => Form::with(String::new(), |_| false, true),
        Some((fields, problem)) => Form::refused(fields, problem),
    };
    let whole = Page { webhooks, form };
    shown(pages.render(visitor.shell(), &whole)?, refused.as_ref().map(|(_, problem)| problem))
}

#[handler]
async fn page(visitor: Visitor, db: Data<&Db>, pages: Data<&Arc<Pages>>) -> Result<Response, Problem> {
    show(&visitor, (&db, &pages), None).await
}

#[handler]
async fn create(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    sender: Data<&Sender>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageWebhooks>()?;
    let made = async {
        let sent: Sent = request(&form.0)?;
        endpoints::create(&db, (&clock, &ids), &sender, &allowed, sent).await
    };
    match made.await {
        // The page of the webhook, because the secret is shown once.
        Ok((endpoint, secret)) => {
            one::show(&visitor, (&db, &pages), endpoint.id, one::Shown::fresh(secret)).await
        }
        Err(problem) if problem.keeps_form() => show(&visitor, (&db, &pages), Some((form.0, problem))).await,
        Err(problem) => Err(problem),
    }
}
