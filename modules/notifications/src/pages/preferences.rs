//! `/notifications/preferences`: how somebody wishes to be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{Mailbox, Nothing, Posted, Visitor, mailbox_of};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::Ids;
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::problem::Problem;
use poem::web::{Data, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;

use crate::inbox::{brand_zone, inbox};
use crate::model::{InboxRow, Kind, Way, Wishes};
use crate::preferences::{self, Chosen, field, time_of};

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    /// Where messages go; nothing where there is no address.
    address: Option<String>,
    confirmed: bool,
    /// The day on which the address was refused.
    refused_on: Option<String>,
    kinds: Vec<KindField>,
    ways: Vec<(&'static str, &'static str)>,
    hours: Vec<(String, String)>,
    /// The zone that counts while none is given.
    usual_zone: &'static str,
    fields: Fields,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct KindField {
    field: String,
    label: &'static str,
    help: &'static str,
}

impl Template for Page {
    const NAME: &'static str = "notifications/preferences.html";
}

/// What each kind is, in a sentence.
fn help(kind: Kind) -> &'static str {
    match kind {
        Kind::NewMatch => "A job that fits you and did not before.",
        Kind::MatchLost => "A job that fits you no longer.",
        Kind::JobChanged => "A job that you have to do with was changed.",
        Kind::CertificateExpiring => "In time to renew it.",
        Kind::VerificationResult => "Somebody has looked at what you sent in.",
        Kind::System => "What you should know about your account here.",
    }
}

/// The fields as they are kept.
fn fields(row: &InboxRow, wishes: &Wishes) -> Fields {
    let mut fields: Fields =
        Kind::ALL.into_iter().map(|kind| (field(kind), wishes.way(kind).as_str().to_owned())).collect();
    fields.insert("time_zone".to_owned(), row.time_zone.clone().unwrap_or_default());
    if let Some((from, to)) = wishes.quiet {
        fields.insert("quiet_from".to_owned(), time_of(from));
        fields.insert("quiet_to".to_owned(), time_of(to));
    }
    fields.insert("digest_hour".to_owned(), wishes.digest_hour.to_string());
    fields
}

/// What people call the fields.
fn named() -> Vec<(String, String, &'static str)> {
    let own = [
        ("quiet_from", "Quiet from"),
        ("quiet_to", "Quiet until"),
        ("time_zone", "Time zone"),
        ("digest_hour", "Hour of the daily e-mail"),
    ];
    let own = own.map(|(name, label)| (name.to_owned(), name.to_owned(), label));
    let kinds = Kind::ALL.map(|kind| (field(kind), field(kind), kind.label()));
    own.into_iter().chain(kinds).collect()
}

async fn show(
    visitor: &Visitor,
    (db, pages): (&Db, &Pages),
    typed: Option<(Fields, Problem)>,
) -> Result<Response, Problem> {
    let account_id = visitor.caller().account_id();
    let mut tx = db.read(visitor.caller().scope()).await?;
    let row = inbox(&mut tx, account_id).await?;
    let brand = brand_zone(&mut tx).await?;
    let mailbox = mailbox_of(&mut tx, account_id).await?;
    let address = mailbox.as_ref().and_then(Mailbox::address).map(str::to_owned);
    let wishes = row.wishes(brand);
    let usual = InboxRow { time_zone: None, ..row.clone() }.wishes(brand).zone;
    let (fields, problem) = match typed {
        Some((fields, problem)) => (fields, Some(problem)),
        None => (fields(&row, &wishes), None),
    };
    let named = named();
    let named: Vec<(&str, &str, &str)> =
        named.iter().map(|(pointer, field, label)| (&**pointer, &**field, *label)).collect();
    let errors = problem
        .as_ref()
        .map_or_else(Vec::new, |problem| form::errors(problem, &fields, &[], &named, "time_zone"));
    let refused_here = row.refused_at.filter(|_| row.refused_email == address);
    let whole = Page {
        confirmed: mailbox.as_ref().is_some_and(Mailbox::is_confirmed),
        refused_on: refused_here.map(|at| wishes.zone.day_at(at).format("%-d %b %Y").to_string()),
        address,
        kinds: Kind::ALL
            .map(|kind| KindField { field: field(kind), label: kind.label(), help: help(kind) })
            .into(),
        ways: Way::ALL.map(|way| (way.as_str(), way.label())).into(),
        hours: (0..24_u16).map(|hour| (hour.to_string(), time_of(hour * 60))).collect(),
        usual_zone: usual.name(),
        fields,
        wrong: form::by_field(&errors),
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    pages: Data<&Arc<Pages>>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &pages), None).await
}

#[handler]
pub(super) async fn save(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let caller = visitor.caller();
    let saved = async {
        let chosen = Chosen::read(&form.0)?;
        let mut tx = db.write(caller.scope()).await?;
        preferences::save(&mut tx, (&clock, &ids), caller.account_id(), &chosen).await?;
        tx.commit().await.map_err(Problem::from)
    };
    match saved.await {
        Ok(()) => Ok(visitor.done("/notifications/preferences", &Toast::new("Saved")).into_response()),
        Err(problem) if problem.keeps_form() => show(&visitor, (&db, &pages), Some((form.0, problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Has messages go to an address again that was refused.
#[handler]
pub(super) async fn try_again(
    visitor: Visitor,
    db: Data<&Db>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let caller = visitor.caller();
    let mut tx = db.write(caller.scope()).await?;
    preferences::try_again(&mut tx, caller.account_id()).await?;
    tx.commit().await?;
    Ok(visitor
        .done("/notifications/preferences", &Toast::new("Your address is tried again with the next message")))
}
