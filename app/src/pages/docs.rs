//! `/docs/…`: the guide for integrators, what the problems of the API mean, how the score works, and the living page of styles.
//! They are open to everybody: nothing in them belongs to a brand. The samples are files that tests run.

use std::sync::Arc;

use fithire_identity::Stranger;
use fithire_kernel::page::{Pages, Template};
use fithire_kernel::problem::{Code, Problem};
use fithire_webhooks::Kind;
use poem::handler;
use poem::web::{Data, Html};
use serde::Serialize;

use crate::document::example;

/// The page of `/docs`: an integrator's first hour.
#[derive(Debug, Serialize)]
struct Guide {
    typescript: Sample,
    python: Sample,
}

/// A sample as two parts: what is typed into a shell, and the program.
#[derive(Debug, Serialize)]
struct Sample {
    commands: String,
    program: String,
}

impl Sample {
    /// The commands stand at the head of a sample as comments.
    fn of(text: &str) -> Self {
        let command = |line: &str| line.strip_prefix("# ").or(line.strip_prefix("// ")).map(str::to_owned);
        let (commands, program): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| command(line).is_some());
        let commands: Vec<String> = commands.into_iter().filter_map(command).collect();
        Self { commands: commands.join("\n"), program: program.join("\n") }
    }
}

impl Template for Guide {
    const NAME: &'static str = "guide.html";
}

#[handler]
pub(super) fn guide(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    let guide = Guide {
        typescript: Sample::of(include_str!("../../../docs/quickstart/quickstart.mts")),
        python: Sample::of(include_str!("../../../docs/quickstart/quickstart.py")),
    };
    pages.render(&stranger.shell, &guide)
}

/// The page of `/docs/webhooks`.
#[derive(Debug, Serialize)]
struct Webhooks {
    verify: &'static str,
    kinds: Vec<(&'static str, &'static str)>,
}

impl Template for Webhooks {
    const NAME: &'static str = "guide-webhooks.html";
}

#[handler]
pub(super) fn webhooks(stranger: Stranger, pages: Data<&Arc<Pages>>) -> Result<Html<String>, Problem> {
    let verify = include_str!("../../../docs/quickstart/verify.py").trim_end();
    let kinds = Kind::ALL.iter().map(|kind| (kind.as_str(), kind.words())).collect();
    pages.render(&stranger.shell, &Webhooks { verify, kinds })
}

/// The page of `/docs/problems`, to which the `type` of every problem leads.
#[derive(Debug, Serialize)]
struct Problems {
    codes: Vec<Listed>,
    sample: String,
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
    let sample = serde_json::to_string_pretty(&example(Code::Invalid)).unwrap_or_default();
    pages.render(&stranger.shell, &Problems { codes: Code::ALL.iter().map(listed).collect(), sample })
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
