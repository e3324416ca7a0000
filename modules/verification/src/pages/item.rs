//! `/admin/verify/{id}`: the document beside the claim, and what can be decided.

mod view;

use std::sync::Arc;

use chrono::NaiveDate;
use fithire_coaches::{Decision, Item, Verdict, Which, claim_next};
use fithire_identity::{Nothing, Posted, ReviewCoaches, Visitor};
use fithire_kernel::audit::{Event, Reads};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Toast};
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_kernel::scope::Allowed;
use fithire_scoring::date;
use poem::web::{Data, Path, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Deserialize;

use self::view::show;

/// The usual reasons, by their place in the form.
const REASONS: [&str; 6] = [
    "The document cannot be read",
    "The name on it is another one",
    "It is for another certification",
    "The last day on it is another one",
    "It has expired",
    "It is no certificate",
];

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    reads: Data<&Reads>,
    id: Path<Id>,
) -> Result<Response, Problem> {
    let shown = show(&visitor, (&db, &clock, &pages), id.0, None).await?;
    reads.note(visitor.caller().scope(), Event::new("certificate.read", "verification", id.0))?;
    Ok(shown)
}

/// A day that was typed; what is blank is none.
fn day(fields: &Fields, name: &str) -> Result<Option<NaiveDate>, FieldError> {
    let Some(text) = form::text(fields, name) else { return Ok(None) };
    date::parse(text).map(Some).map_err(|_| FieldError {
        pointer: format!("/{name}"),
        detail: format!("is {text}; write a day as 2028-10-31"),
    })
}

/// A usual reason and own words, as one text.
fn reason(fields: &Fields) -> String {
    let usual = form::text(fields, "reason").and_then(|place| place.parse::<usize>().ok());
    let usual = usual.and_then(|place| REASONS.get(place)).map(|usual| (*usual).to_owned());
    let own = form::text(fields, "words").map(str::to_owned);
    usual.into_iter().chain(own).collect::<Vec<_>>().join(". ")
}

/// The decision that the fields say.
fn read(fields: &Fields) -> Result<Decision, Problem> {
    let mut errors = Vec::new();
    let mut days = ["issued_on", "expires_on"].map(|name| {
        day(fields, name).unwrap_or_else(|error| {
            errors.push(error);
            None
        })
    });
    // What the issuer's rule gives is accepted by its own button.
    if let Some(accepted) = form::text(fields, "accept").and_then(|day| date::parse(day).ok()) {
        days[1] = Some(accepted);
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let verdict = match form::text(fields, "decision") {
        Some("rejected") => Verdict::Rejected,
        Some("revoked") => Verdict::Revoked,
        Some("returned") => Verdict::Returned,
        _ => Verdict::Verified,
    };
    let verified = verdict == Verdict::Verified;
    let [issued_on, expires_on] = days;
    Ok(Decision {
        verdict,
        valid_until: verified.then_some(expires_on),
        issued_on: issued_on.filter(|_| verified),
        reason: reason(fields),
        seen: form::text(fields, "round").and_then(|round| round.parse().ok()),
    })
}

/// Decides, and opens the next item.
#[handler]
pub(super) async fn decide(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let decided = async {
        let decision = read(&form.0)?;
        fithire_coaches::decide(&db, (&clock, &ids), &allowed, Which::Item(id.0), decision).await
    };
    match decided.await {
        Ok(item) => {
            let to = after(&db, &clock, &allowed, item.id).await?;
            Ok(visitor.done(to, &toast(&item)).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            show(&visitor, (&db, &clock, &pages), id.0, Some((form.0, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// The next item that nobody looks at, claimed; the queue when there is none.
async fn after(db: &Db, clock: &Clock, allowed: &Allowed<ReviewCoaches>, id: Id) -> Result<String, Problem> {
    let next = claim_next(db, clock, allowed, (Some(id), true)).await?;
    Ok(next.map_or_else(|| "/admin/verify".to_owned(), |next| format!("/admin/verify/{next}")))
}

/// What was done, with the way back.
fn toast(item: &Item) -> Toast {
    let (word, _) = crate::words::state(item.state);
    let told = format!("{} of {}: {}", item.cert.details().code, item.coach, word.to_lowercase());
    let back = format!("/admin/verify/{}/undo", item.id);
    Toast::new(told).with_undo(back, &[("round", &item.round.to_string())])
}

/// Shows the page again with what the issuer's rule gives.
#[handler]
pub(super) async fn rule(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    id: Path<Id>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    visitor.caller().allowed::<ReviewCoaches>()?;
    let wrong: Vec<FieldError> =
        ["issued_on", "expires_on"].into_iter().filter_map(|name| day(&form.0, name).err()).collect();
    let problem = if wrong.is_empty() { None } else { Some(Problem::invalid(wrong)) };
    view::again(&visitor, (&db, &clock, &pages), id.0, (form.0, problem)).await
}

/// Claims the item, or renews the claim.
#[handler]
pub(super) async fn claim(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let item = fithire_coaches::claim(&db, &clock, &allowed, id.0).await?;
    Ok(Redirect::see_other(format!("/admin/verify/{}", item.id)))
}

/// Lets go of the item.
#[handler]
pub(super) async fn free(
    visitor: Visitor,
    db: Data<&Db>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    fithire_coaches::release(&db, &allowed, id.0).await?;
    Ok(Redirect::see_other("/admin/verify"))
}

/// Lets go of the item and opens the next one; after the last one the queue.
#[handler]
pub(super) async fn skip(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    fithire_coaches::release(&db, &allowed, id.0).await?;
    Ok(match claim_next(&db, &clock, &allowed, (Some(id.0), false)).await? {
        Some(next) => Redirect::see_other(format!("/admin/verify/{next}")),
        None => visitor.done("/admin/verify", &Toast::new("That was the last one; what you skipped is here")),
    })
}

#[derive(Deserialize)]
pub(super) struct Undone {
    #[serde(default)]
    round: i32,
}

/// Takes the decision back and opens the item.
#[handler]
pub(super) async fn undo(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    form: Posted<Undone>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ReviewCoaches>()?;
    let path = format!("/admin/verify/{}", id.0);
    let undone = fithire_coaches::undo(&db, (&clock, &ids), &allowed, (id.0, form.0.round)).await;
    match undone {
        Ok(item) => {
            // Who takes a decision back looks at the item again; where somebody else does by now, they see that.
            if item.state == fithire_coaches::ItemState::Pending {
                match fithire_coaches::claim(&db, &clock, &allowed, id.0).await {
                    Ok(_) => {}
                    Err(problem) if problem.code == Code::Conflict => {}
                    Err(problem) => return Err(problem),
                }
            }
            Ok(visitor.done(path, &Toast::new("Taken back; it is as it was")))
        }
        Err(problem) if problem.code == Code::Conflict => {
            let told = problem.detail.unwrap_or_default();
            Ok(visitor.done(path, &Toast::new(form::capital(&told))))
        }
        Err(problem) => Err(problem),
    }
}
