//! `/admin/audit`: who did what, newest first, with filters, and the head of the chain to keep elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ManageBrand, Visitor, names};
use fithire_kernel::audit::{self, Entry, Filter};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use poem::handler;
use poem::web::{Data, Html, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Beginnings of actions, and what people call them.
const KINDS: [(&str, &str); 24] = [
    ("", "Everything"),
    ("coach", "Coaches"),
    ("candidates.", "Looking at candidates"),
    ("job", "Jobs"),
    ("certificate.", "Certificates"),
    ("profile.", "Approval of profiles"),
    ("media.", "Files"),
    ("video.", "Videos"),
    ("score.", "Scores"),
    ("preset.", "Presets"),
    ("review.", "Requests for review"),
    ("session.", "Signing in"),
    ("member.", "Members"),
    ("invitation.", "Invitations"),
    ("account.", "Accounts"),
    ("password.", "Passwords"),
    ("key.", "API keys"),
    ("webhook.", "Webhooks"),
    ("task.", "The queue"),
    ("link.", "The link for coaches"),
    ("style.", "Teaching styles"),
    ("brand.", "The brand"),
    ("region.", "Regions"),
    ("location.", "Locations"),
];

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    asked: Asked,
    filtered: bool,
    kinds: [(&'static str, &'static str); 24],
    entries: Vec<Listed>,
    next: Option<String>,
    /// How many are sealed, and the hash of the last.
    head: Option<(i64, String)>,
}

#[derive(Debug, Serialize)]
struct Listed {
    at: String,
    who: String,
    who_id: Option<Id>,
    origin: Option<String>,
    action: String,
    object: String,
    object_id: Option<Id>,
    /// Name, before and after.
    changes: Vec<(String, String, String)>,
    /// What else is known.
    more: Vec<(String, String)>,
    forgotten: bool,
    sealed: bool,
}

impl Template for Page {
    const NAME: &'static str = "audit.html";
}

/// The filters, as they stand in the address.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Asked {
    kind: String,
    object: String,
    who: String,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let asked = asked.0;
    let mut tx = db.read(&allowed).await?;
    let filter = Filter {
        action: Some(&*asked.kind).filter(|kind| !kind.is_empty()),
        object_id: asked.object.trim().parse().ok(),
        actor_id: asked.who.trim().parse().ok(),
        subject_id: None,
    };
    let (entries, next) = audit::page(&mut tx, filter, DEFAULT_LIMIT, asked.cursor.as_deref()).await?;
    let head = audit::head(&mut tx).await?.map(|head| (head.seq, head.hash));
    let accounts: Vec<Id> = entries.iter().filter_map(|entry| entry.actor_id).collect();
    let names = names(&mut tx, &accounts).await?;
    let pairs = [("kind", &asked.kind), ("object", &asked.object), ("who", &asked.who)];
    let given: Vec<_> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let query = serde_urlencoded::to_string(&given).unwrap_or_default();
    let page = Page {
        filtered: !given.is_empty(),
        kinds: KINDS,
        entries: entries.into_iter().map(|entry| listed(entry, &names)).collect(),
        next: next.map(|cursor| format!("{query}{}cursor={cursor}", if query.is_empty() { "" } else { "&" })),
        head,
        asked,
    };
    pages.render(visitor.shell(), &page)
}

fn listed(entry: Entry, names: &BTreeMap<Id, String>) -> Listed {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let details = entry.details.unwrap_or(Value::Null);
    let of = |part: &str| details.get(part).and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (of("before"), of("after"));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let changes = keys.into_iter().map(|key| (key.clone(), text(before.get(key)), text(after.get(key))));
    let more = details.as_object().into_iter().flatten();
    let more = more.filter(|(key, _)| !matches!(key.as_str(), "before" | "after"));
    Listed {
        at: entry.at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        who: match entry.actor_id {
            Some(id) if entry.actor_kind == "key" => format!("Key {id}"),
            Some(id) => names.get(&id).cloned().unwrap_or_else(|| id.to_string()),
            None => "The program".to_owned(),
        },
        who_id: entry.actor_id,
        origin: entry.origin,
        action: entry.action.replace(['.', '_'], " "),
        object: entry.object_kind,
        object_id: entry.object_id,
        changes: changes.collect(),
        more: more.map(|(key, value)| (key.clone(), text(Some(value)))).collect(),
        forgotten: details.is_null(),
        sealed: entry.seq.is_some(),
    }
}
