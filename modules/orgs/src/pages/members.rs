//! `/admin/members`: who is in the brand, as what, and which part of it they reach; inviting, changing and removing.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{
    Identity, Limits, ManageMembers, Member, Nothing, Posted, Role, Site, Visitor, change_member,
    invitations, invite, member_of, members, remove_member, take_back,
};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, FormError, capital};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::paging::DEFAULT_LIMIT;
use fithire_kernel::problem::{Code, Problem};
use poem::web::{Data, Path, Query, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};

use super::reach;
use crate::service::{self, Branch};

/// The page of `/admin/members`.
#[derive(Debug, Serialize)]
struct Page {
    role: &'static str,
    members: Vec<Listed>,
    next: Option<String>,
    invited: Vec<Invited>,
    /// Of the invitation that has just been made: for whom, and its link, which is not shown again.
    fresh: Option<(String, String)>,
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
    email: String,
    role: String,
    reaches: String,
    since: String,
    disabled: bool,
}

#[derive(Debug, Serialize)]
struct Invited {
    id: Id,
    email: String,
    role: String,
    reaches: String,
    until: String,
}

impl Template for Page {
    const NAME: &'static str = "orgs/members.html";
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    role: String,
    cursor: Option<String>,
}

/// What came of inviting somebody.
#[derive(Default)]
struct Outcome {
    fresh: Option<(String, String)>,
    refused: Option<(Invitee, Problem)>,
}

async fn show(
    visitor: &Visitor,
    (db, clock, pages): (&Db, &Clock, &Pages),
    asked: Asked,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let role = Role::read(&asked.role);
    let mut tx = db.read(&allowed).await?;
    let (rows, next) = members(&mut tx, role, DEFAULT_LIMIT, asked.cursor.as_deref()).await?;
    let tree = service::tree(&mut tx).await?;
    let invited = invitations(&mut tx, clock).await?.into_iter().map(|invitation| Invited {
        id: invitation.id,
        reaches: reach::words(
            &invitation.role,
            Limits { region_id: invitation.region_id, location_id: invitation.location_id },
            &tree,
        ),
        email: invitation.email,
        role: capital(&invitation.role),
        until: invitation.expires_at.date_naive().to_string(),
    });
    let (errors, fields, problem) = match outcome.refused {
        None => (Vec::new(), BTreeMap::new(), None),
        Some((typed, problem)) => {
            let fields =
                BTreeMap::from([("email", typed.email), ("role", typed.role), ("reach", typed.reach)]);
            let errors = form::errors(&problem, &BTreeMap::new(), &[], &[], "email");
            (errors, fields, Some(problem))
        }
    };
    let whole = Page {
        role: role.map_or("", Role::as_str),
        members: rows.into_iter().map(|member| listed(member, &tree)).collect(),
        next,
        invited: invited.collect(),
        fresh: outcome.fresh,
        roles: reach::roles(),
        parts: reach::choices(&tree),
        fields,
        wrong: form::by_field(&errors),
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

fn listed(member: Member, tree: &[Branch]) -> Listed {
    let limits = Limits { region_id: member.region_id, location_id: member.location_id };
    Listed {
        id: member.account_id,
        reaches: reach::words(&member.role, limits, tree),
        name: member.name,
        email: member.email,
        role: capital(&member.role),
        since: member.created_at.date_naive().to_string(),
        disabled: member.disabled,
    }
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &clock, &pages), asked.0, Outcome::default()).await
}

/// Somebody who is to be invited, as typed.
#[derive(Deserialize)]
pub(super) struct Invitee {
    email: String,
    role: String,
    reach: String,
}

#[handler]
#[expect(clippy::too_many_arguments, reason = "one per part of the request")]
pub(super) async fn invite_somebody(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    site: Data<&Site>,
    identity: Data<&Arc<Identity>>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Invitee>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let typed = form.0;
    let made = async {
        let mut tx = db.read(&allowed).await?;
        let what = (reach::role(&typed.role)?, reach::limits(&typed.reach, &service::tree(&mut tx).await?)?);
        drop(tx);
        invite(&db, (&clock, &ids), &allowed, &typed.email, what).await
    };
    let outcome = match made.await {
        Ok(code) => {
            let link = format!("{}/invitation?code={code}", site.origin());
            let brand = service::brand_name(&db, allowed.brand_id()).await?;
            let text = format!(
                "{} invites you to join {brand} on FitHire as {} {}.\n\nJoin here:\n{link}\n\n\
                 The link works once, for seven days. If you do not know what this is about, there is nothing to do.\n",
                visitor.caller().name(),
                if typed.role == "admin" { "an" } else { "a" },
                typed.role
            );
            identity.mail().send(typed.email.trim(), &format!("Join {brand}"), text);
            Outcome { fresh: Some((typed.email, link)), refused: None }
        }
        Err(problem) if problem.keeps_form() => Outcome { fresh: None, refused: Some((typed, problem)) },
        Err(problem) => return Err(problem),
    };
    show(&visitor, (&db, &clock, &pages), Asked::default(), outcome).await
}

#[handler]
pub(super) async fn end_invitation(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    take_back(&db, (&clock, &ids), &allowed, id.0).await?;
    Ok(visitor.done("/admin/members", &Toast::new("The invitation no longer works")))
}

/// The page of `/admin/members/{id}`.
#[derive(Debug, Serialize)]
struct One {
    member: Listed,
    role: String,
    reach: String,
    roles: Vec<(&'static str, String)>,
    parts: Vec<(String, String)>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for One {
    const NAME: &'static str = "orgs/member.html";
}

/// What a member is to be, as typed.
#[derive(Deserialize)]
pub(super) struct Change {
    role: String,
    reach: String,
}

async fn show_one(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    id: Id,
    refused: Option<(Option<Change>, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let mut tx = db.read(&allowed).await?;
    let member = member_of(&mut tx, id).await?;
    let tree = service::tree(&mut tx).await?;
    let limits = Limits { region_id: member.region_id, location_id: member.location_id };
    let (mut role, mut part, mut errors) = (member.role.clone(), reach::chosen(limits), Vec::new());
    let mut problem = None;
    if let Some((typed, why)) = refused {
        if !why.keeps_form() {
            return Err(why);
        }
        (role, part) = typed.map_or((role, part), |typed| (typed.role, typed.reach));
        errors = form::errors(&why, &BTreeMap::new(), &[], &[], "role");
        problem = Some(why);
    }
    let whole = One {
        member: listed(member, &tree),
        role,
        reach: part,
        roles: reach::roles(),
        parts: reach::choices(&tree),
        wrong: form::by_field(&errors),
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

#[handler]
pub(super) async fn one(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
) -> Result<Response, Problem> {
    show_one(&visitor, (&db, &pages), id.0, None).await
}

#[handler]
pub(super) async fn change(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Change>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let typed = form.0;
    let changed = async {
        let mut tx = db.read(&allowed).await?;
        let what = (reach::role(&typed.role)?, reach::limits(&typed.reach, &service::tree(&mut tx).await?)?);
        drop(tx);
        change_member(&db, (&clock, &ids), &allowed, id.0, what).await
    };
    match changed.await {
        Ok(()) => {
            let toast = Toast::new("Saved; it holds from their next request on");
            Ok(visitor.done("/admin/members", &toast).into_response())
        }
        Err(problem) => show_one(&visitor, (&db, &pages), id.0, Some((Some(typed), problem))).await,
    }
}

#[handler]
pub(super) async fn remove(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    match remove_member(&db, (&clock, &ids), &allowed, id.0).await {
        Ok(member) => {
            let limits = Limits { region_id: member.region_id, location_id: member.location_id };
            // Sealed: nobody is put into a brand by a number that was made up.
            let back = visitor.seal(&format!("{} {} {}", id.0, member.role, reach::chosen(limits)));
            let toast = Toast::new(format!("{} is no longer in the brand", member.name))
                .with_undo("/admin/members/back", &[("back", &back)]);
            Ok(visitor.done("/admin/members", &toast).into_response())
        }
        Err(problem) => show_one(&visitor, (&db, &pages), id.0, Some((None, problem))).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Back {
    back: String,
}

/// Puts somebody back who has just been removed in this very session.
#[handler]
pub(super) async fn put_back(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    form: Posted<Back>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageMembers>()?;
    let gone = || Problem::new(Code::NotFound);
    let text = visitor.open(&form.0.back).ok_or_else(gone)?;
    let mut parts = text.splitn(3, ' ');
    let (id, role, part) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let id: Id = id.and_then(|id| id.parse().ok()).ok_or_else(gone)?;
    let mut tx = db.read(&allowed).await?;
    let limits = reach::limits(part, &service::tree(&mut tx).await?)?;
    drop(tx);
    let role = reach::role(role.unwrap_or_default())?;
    fithire_identity::add_member(&db, &clock, &allowed, id, role, limits).await?;
    Ok(visitor.done("/admin/members", &Toast::new("They are back")))
}
