//! `/coach/demographics`: what a coach says of themselves for the report, if they wish.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{BeCoach, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::page::{Pages, Template, Templates, Toast};
use fithire_kernel::problem::{FieldError, Problem};
use poem::http::StatusCode;
use poem::web::{Data, Redirect};
use poem::{IntoResponse, Response, Route, get, handler};
use serde::Serialize;

use crate::answers::{declare, own};
use crate::model::{Answer, Race, Sex};
use crate::report::FEWEST;

/// The template of this page.
pub const TEMPLATES: Templates = &[("impact/own.html", include_str!("../templates/impact/own.html"))];

/// Adds this page to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route.at("/coach/demographics", get(form_page).post(save))
}

/// The page.
#[derive(Debug, Serialize)]
struct Page {
    /// When something was said, if anything was.
    said: Option<String>,
    sex: String,
    race: String,
    /// Value and label.
    sexes: Vec<(&'static str, &'static str)>,
    races: Vec<(&'static str, &'static str)>,
    fewest: usize,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for Page {
    const NAME: &'static str = "impact/own.html";
}

impl Page {
    fn new(said: Option<String>, (sex, race): (&str, &str)) -> Self {
        let silent = [("", "I would rather not say")].into_iter();
        Self {
            said,
            sex: sex.to_owned(),
            race: race.to_owned(),
            sexes: silent.clone().chain(Sex::ALL.iter().map(|sex| (sex.as_str(), sex.label()))).collect(),
            races: silent.chain(Race::ALL.iter().map(|race| (race.as_str(), race.label()))).collect(),
            fewest: FEWEST,
            errors: Vec::new(),
            wrong: BTreeMap::new(),
        }
    }
}

#[handler]
async fn form_page(visitor: Visitor, db: Data<&Db>, pages: Data<&Arc<Pages>>) -> Result<Response, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    let mut tx = db.read(caller.scope()).await?;
    if fithire_coaches::own_profile(&mut tx, caller).await?.is_none() {
        return Ok(Redirect::see_other("/coach/profile/about").into_response());
    }
    let said = own(&mut tx, caller).await?;
    let answer = said.map(|(answer, _)| answer).unwrap_or_default();
    let chosen = (answer.sex.map_or("", Sex::as_str), answer.race.map_or("", Race::as_str));
    let page = Page::new(said.map(|(_, at)| at.format("%Y-%m-%d").to_string()), chosen);
    Ok(pages.render(visitor.shell(), &page)?.into_response())
}

/// What was chosen.
fn read(fields: &Fields) -> Result<Answer, Problem> {
    let (sex, race) = (form::text(fields, "sex"), form::text(fields, "race"));
    let answer = Answer { sex: sex.and_then(Sex::read), race: race.and_then(Race::read) };
    let wrong =
        [("/sex", sex.is_some() && answer.sex.is_none()), ("/race", race.is_some() && answer.race.is_none())];
    let wrong: Vec<FieldError> = wrong
        .into_iter()
        .filter(|(_, wrong)| *wrong)
        .map(|(pointer, _)| FieldError {
            pointer: pointer.to_owned(),
            detail: "is none of the choices".to_owned(),
        })
        .collect();
    if wrong.is_empty() { Ok(answer) } else { Err(Problem::invalid(wrong)) }
}

#[handler]
async fn save(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    match read(&form.0) {
        Ok(answer) => {
            declare(&db, &clock, visitor.caller(), answer).await?;
            let told = if answer == Answer::default() {
                "Nothing is kept of your sex, race or ethnicity"
            } else {
                "Thank you: it is kept, and counts in the report alone"
            };
            Ok(visitor.done("/coach/demographics", &Toast::new(told)).into_response())
        }
        Err(problem) => {
            let named = [("sex", "sex", "Sex"), ("race", "race", "Race or ethnicity")];
            let errors = form::errors(&problem, &form.0, &[], &named, "sex");
            let page = Page { wrong: form::by_field(&errors), errors, ..Page::new(None, ("", "")) };
            let page = pages.render(visitor.shell(), &page)?;
            Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
    }
}
