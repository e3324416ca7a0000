//! `/admin/members`: who is in the brand, as what, and which part of it they reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ManageMembers, Member, Role, Visitor, members};
use fithire_kernel::db::Db;
use fithire_kernel::form::capital;
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::Problem;
use poem::handler;
use poem::web::{Data, Html, Query};
use serde::{Deserialize, Serialize};

use crate::service;

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    role: &'static str,
    members: Vec<Listed>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    email: String,
    role: String,
    reaches: String,
    since: String,
    disabled: bool,
}

impl Template for Page {
    const NAME: &'static str = "orgs/members.html";
}

#[derive(Deserialize)]
pub(super) struct Asked {
    role: Option<String>,
    cursor: Option<String>,
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Html<String>, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let role = asked.role.as_deref().and_then(Role::read);
    let mut tx = db.read(&allowed).await?;
    let (rows, next) = members(&mut tx, role, DEFAULT_LIMIT, asked.cursor.as_deref()).await?;
    let names: BTreeMap<Id, String> = service::tree(&mut tx)
        .await?
        .into_iter()
        .flat_map(|region| {
            let locations = region.locations.into_iter().map(|location| (location.id, location.name));
            std::iter::once((region.id, region.name)).chain(locations).collect::<Vec<_>>()
        })
        .collect();
    let listed = |member: Member| {
        let limit = member.location_id.or(member.region_id);
        Listed {
            reaches: match limit {
                None if member.role == "coach" => "Their own profile".to_owned(),
                None => "The whole brand".to_owned(),
                Some(id) => names.get(&id).cloned().unwrap_or_default(),
            },
            name: member.name,
            email: member.email,
            role: capital(&member.role),
            since: member.created_at.date_naive().to_string(),
            disabled: member.disabled,
        }
    };
    let members = rows.into_iter().map(listed).collect();
    pages.render(visitor.shell(), &Page { role: role.map_or("", Role::as_str), members, next })
}
