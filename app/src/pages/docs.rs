//! `/docs/…`: what the problems of the API mean, how the score works, and the living page of styles. They are open to
//! everybody: nothing in them belongs to a brand.

use std::sync::Arc;

use fithire_identity::Stranger;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

/// The page of `/docs/problems`, to which the `type` of every problem leads.
#[derive(Debug, Serialize)]
struct Problems {
    codes: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    code: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
}

impl Template for Problems {
    const NAME: &'static str = "problems.html";
}

#[handler]
pub(super) fn problems(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    let listed = |code: &Code| Listed {
        code: code.code(),
        status: code.status(),
        title: code.title(),
        advice: code.advice(),
    };
    pages.render(&stranger.shell, &Problems { codes: Code::ALL.iter().map(listed).collect() })
}

/// The page of `/docs/score`.
#[derive(Debug, Serialize)]
struct HowItScores {}

impl Template for HowItScores {
    const NAME: &'static str = "how-it-scores.html";
}

#[handler]
pub(super) fn score(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    pages.render(&stranger.shell, &HowItScores {})
}

/// The page of `/docs/style`: every component as it looks.
#[derive(Debug, Serialize)]
struct Style {}

impl Template for Style {
    const NAME: &'static str = "style.html";
}

#[handler]
pub(super) fn style(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    pages.render(&stranger.shell, &Style {})
}
