//! `/admin/keys`: keys of programs, each shown once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use fithire_identity::{
    ApiKey, Limits, ManageMembers, NewKey, Nothing, Posted, Role, Visitor, api_keys, create_key, revoke_key,
};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, FormError, capital};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::problem::Problem;
use poem::web::{Data, Path, Redirect};
use poem::{Response, handler};
use serde::{Deserialize, Serialize};

use super::reach;
use crate::service::{self, Branch};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    keys: Vec<Listed>,
    /// The key that has just been made, which is not shown again.
    fresh: Option<String>,
    roles: Vec<(&'static str, String)>,
    parts: Vec<(String, String)>,
    fields: BTreeMap<&'static str, String>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: Id,
    name: String,
    role: String,
    reaches: String,
    since: String,
    until: Option<String>,
    used: Option<String>,
    /// Why it no longer works.
    over: Option<&'static str>,
}

impl Template for Page {
    const NAME: &'static str = "orgs/keys.html";
}

async fn show(
    visitor: &Visitor,
    (db, clock, pages): (&Db, &Clock, &Pages),
    fresh: Option<String>,
    refused: Option<(Typed, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let mut tx = db.read(&allowed).await?;
    let tree = service::tree(&mut tx).await?;
    let keys = api_keys(&mut tx).await?;
    let (errors, fields, problem) = match refused {
        None => (Vec::new(), BTreeMap::new(), None),
        Some((typed, problem)) => {
            let Typed { name, role, reach, expires_on } = typed;
            let fields = BTreeMap::from([
                ("name", name),
                ("role", role),
                ("reach", reach),
                ("expires_on", expires_on),
            ]);
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &[], "name");
            (errors, fields, Some(problem))
        }
    };
    let roles = reach::roles().into_iter().filter(|(role, _)| *role != Role::Coach.as_str());
    let whole = Page {
        keys: keys.into_iter().map(|key| listed(key, clock.now(), &tree)).collect(),
        fresh,
        roles: roles.collect(),
        parts: reach::choices(&tree),
        fields,
        wrong: form::by_field(&errors),
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

fn listed(key: ApiKey, now: DateTime<Utc>, tree: &[Branch]) -> Listed {
    let limits = Limits { region_id: key.region_id, location_id: key.location_id };
    let day = |at: DateTime<Utc>| at.date_naive().to_string();
    Listed {
        id: key.id,
        reaches: reach::words(&key.role, limits, tree),
        name: key.name,
        role: capital(&key.role),
        since: day(key.created_at),
        // The last day, not the moment after it.
        until: key.expires_at.map(|until| day(until - TimeDelta::seconds(1))),
        used: key.used_at.map(day),
        over: match (key.revoked_at, key.expires_at) {
            (Some(_), _) => Some("Revoked"),
            (None, Some(until)) if until <= now => Some("Expired"),
            _ => None,
        },
    }
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &clock, &pages), None, None).await
}

/// A key to be, as typed.
#[derive(Deserialize)]
pub(super) struct Typed {
    name: String,
    role: String,
    reach: String,
    expires_on: String,
}

#[handler]
pub(super) async fn create(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Typed>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let typed = form.0;
    let made = async {
        let mut tx = db.read(&allowed).await?;
        let tree = service::tree(&mut tx).await?;
        drop(tx);
        let new = NewKey {
            name: typed.name.clone(),
            role: reach::role(&typed.role)?,
            limits: reach::limits(&typed.reach, &tree)?,
            expires_at: last_moment(typed.expires_on.trim())?,
        };
        create_key(&db, (&clock, &ids), &allowed, new).await
    };
    match made.await {
        Ok(key) => show(&visitor, (&db, &clock, &pages), Some(key), None).await,
        Err(problem) if problem.keeps_form() => {
            show(&visitor, (&db, &clock, &pages), None, Some((typed, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// The end of a day, in UTC; nothing for a blank one.
fn last_moment(day: &str) -> Result<Option<DateTime<Utc>>, Problem> {
    if day.is_empty() {
        return Ok(None);
    }
    let read = day.parse::<NaiveDate>().ok().and_then(|day| day.succ_opt());
    let read = read.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    read.map(Some).ok_or_else(|| Problem::field("/expires_on", "is not a day of the calendar"))
}

#[handler]
pub(super) async fn revoke(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let name = revoke_key(&db, (&clock, &ids), &allowed, id.0).await?;
    Ok(visitor.done("/admin/keys", &Toast::new(format!("{name} opens nothing any more"))))
}
