//! `fithire presets check`: every problem of every file at once, for people, programs and the pages of code hosts.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fithire_kernel::problem::Problem as Refusal;
use fithire_kernel::scope::{Limits, SystemScope};
use fithire_scoring::preset::{self, Preset, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use super::{files, sarif, tell};
use crate::cli::serve::{Configured, block_on, open};
use crate::cli::{Failure, counted, read_file, say};
use crate::config::Config;

/// What needs a database.
const ONLINE: [&str; 2] = [
    "whether jobs name presets that are not there",
    "whether jobs ask for styles that no brand has words for",
];

/// How the outcome is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
    /// SARIF 2.1.0, as code hosts and editors take it.
    Sarif,
}

/// `fithire presets check`
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    configured: Configured,
    /// Files, or folders of them
    #[arg(default_value = "scoring-presets")]
    paths: Vec<PathBuf>,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Ask no database, and say what was not checked for that
    #[arg(long)]
    offline: bool,
}

/// A file with what came of it.
pub(super) struct Checked {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) found: Result<Preset, Vec<Problem>>,
}

/// Something that the database shows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    /// `error` or `warning`.
    pub(super) level: &'static str,
    pub(super) rule: &'static str,
    brand: String,
    job: i64,
    pub(super) message: String,
}

impl Check {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut checked = Vec::new();
        for path in files(&self.paths)? {
            checked.push(Checked::read(path)?);
        }
        same_name_twice(&mut checked);
        let shown = if self.offline { None } else { self.online(&checked)? };
        self.print(&checked, shown.as_deref())?;
        let problems: usize = checked.iter().map(|one| one.found.as_ref().err().map_or(0, Vec::len)).sum();
        let bad_files = checked.iter().filter(|one| one.found.is_err()).count();
        let errors = shown.iter().flatten().filter(|shown| shown.level == "error").count();
        if bad_files > 0 {
            let told = format!("{} in {}", counted(problems, "problem"), counted(bad_files, "file"));
            return Err(Failure::configuration(told));
        }
        if errors > 0 {
            return Err(Failure::configuration(format!("{} in the database", counted(errors, "problem"))));
        }
        Ok(())
    }

    fn print(&self, checked: &[Checked], shown: Option<&[Shown]>) -> Result<(), Failure> {
        let mut output = io::stdout().lock();
        let value = match self.format {
            Format::Json => as_json(checked, shown),
            Format::Sarif => sarif::log(checked, shown.unwrap_or_default()),
            Format::Text => return self.print_text(checked, shown, &mut output),
        };
        serde_json::to_writer_pretty(&mut output, &value).map_err(io::Error::from)?;
        writeln!(output)?;
        Ok(())
    }

    fn print_text(
        &self,
        checked: &[Checked],
        shown: Option<&[Shown]>,
        output: &mut impl Write,
    ) -> Result<(), Failure> {
        let bad = checked.iter().any(|one| one.found.is_err());
        for one in checked {
            match &one.found {
                Ok(preset) if !bad => {
                    let weight = |(key, bp): (&str, u16)| format!("{key} {}%", f64::from(bp) / 100.0);
                    let weights: Vec<String> = preset.weights().map(weight).collect();
                    writeln!(output, "ok  {:<18} {}", preset.name, weights.join(", "))?;
                }
                Ok(_) => {}
                Err(problems) => tell(&one.path, &one.text, problems.clone()),
            }
        }
        for shown in shown.unwrap_or_default() {
            say(&format!("{}: {}: {}", shown.level, shown.brand, shown.message));
        }
        if self.offline {
            writeln!(output, "not checked without a database: {}", ONLINE.join("; "))?;
        }
        Ok(())
    }

    /// What the database shows; nothing where none is configured.
    fn online(&self, checked: &[Checked]) -> Result<Option<Vec<Shown>>, Failure> {
        let config = self.configured.read()?;
        if !is_there(&config) {
            return Ok(None);
        }
        // A file alone is not all that jobs may name.
        let whole = self.paths.iter().any(|path| path.is_dir());
        let names: Vec<String> = checked.iter().map(Checked::name).collect();
        block_on(shown(&config, whole.then_some(names))).map(Some)
    }
}

/// Whether there is a database that somebody means: the embedded one is made by the server.
fn is_there(config: &Config) -> bool {
    config.database.url.strip_prefix("sqlite:").is_none_or(|file| Path::new(file).exists())
}

async fn shown(config: &Config, names: Option<Vec<String>>) -> Result<Vec<Shown>, Failure> {
    let db = open(config).await?;
    let mut all = Vec::new();
    for scope in fithire_orgs::every_brand(&db, &SystemScope::new("checking presets")).await? {
        let brand = fithire_orgs::brand_name(&db, scope.brand_id()).await?;
        let mut tx = db.read(&scope).await.map_err(Refusal::from)?;
        let known: Vec<String> =
            fithire_orgs::dimensions(&mut tx).await?.into_iter().map(|dimension| dimension.name).collect();
        for job in fithire_jobs::active(&mut tx, Limits::default()).await? {
            let mut add = |level, rule, message| {
                all.push(Shown { level, rule, brand: brand.clone(), job: job.id, message });
            };
            if names.as_ref().is_some_and(|names| !names.contains(&job.preset)) {
                let told = format!(
                    "job {} ({}) names the preset {}, which is not there",
                    job.id, job.title, job.preset
                );
                add("error", sarif::MISSING, told);
            }
            for wanted in job.facts.style.iter().filter(|wanted| !known.contains(&wanted.dimension)) {
                let (id, title, style) = (job.id, &job.title, &wanted.dimension);
                let told = format!(
                    "job {id} ({title}) asks for the style {style}, for which the brand has no words"
                );
                add("warning", sarif::STYLE, told);
            }
        }
    }
    db.close().await;
    Ok(all)
}

impl Checked {
    fn read(path: PathBuf) -> Result<Self, Failure> {
        let (text, found) = match String::from_utf8(read_file(&path)?) {
            Ok(text) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let found = preset::read(name.strip_suffix(".next").unwrap_or(&name), &text);
                (text, found)
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (text, Err(vec![whole_file(valid, "the file is not UTF-8 from here on")]))
            }
        };
        Ok(Self { path, text, found })
    }

    fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn whole_file(at: usize, message: &str) -> Problem {
    Problem { span: at..at, message: message.to_owned(), help: None }
}

/// Two files of one name would be one preset.
fn same_name_twice(checked: &mut [Checked]) {
    for n in 1..checked.len() {
        let (before, rest) = checked.split_at_mut(n);
        let Some(other) = before.iter().find(|other| other.name() == rest[0].name()) else { continue };
        let told = whole_file(0, &format!("{} has the same name", other.path.display()));
        match &mut rest[0].found {
            Err(problems) => problems.insert(0, told),
            found @ Ok(_) => *found = Err(vec![told]),
        }
    }
}

/// Begin and end of a problem: line and column of each, from 1.
pub(super) fn place(problem: &Problem, text: &str) -> [(usize, usize); 2] {
    let end = Problem { span: problem.span.end..problem.span.end, message: String::new(), help: None };
    [problem.position(text), end.position(text)]
}

fn as_json(checked: &[Checked], shown: Option<&[Shown]>) -> Value {
    let problem = |text: &str, problem: &Problem| {
        let [(line, column), (end_line, end_column)] = place(problem, text);
        json!({
            "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            "message": problem.message, "suggestion": problem.help, "snippet": text.lines().nth(line - 1),
        })
    };
    let file = |one: &Checked| {
        let problems = one.found.as_ref().err().map(Vec::as_slice).unwrap_or_default();
        let preset = one.found.as_ref().ok();
        json!({
            "path": one.path.display().to_string(), "valid": preset.is_some(), "hash": preset.map(|preset| &preset.hash),
            "problems": problems.iter().map(|found| problem(&one.text, found)).collect::<Vec<_>>(),
        })
    };
    json!({
        "files": checked.iter().map(file).collect::<Vec<_>>(),
        "database": shown,
        "not_checked": if shown.is_none() { &ONLINE[..] } else { &[] },
    })
}
