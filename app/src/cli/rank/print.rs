//! The three ways to print a ranking.

use std::io::{self, Write};

use clap::ValueEnum as _;
use fithire_kernel::spreadsheet;
use fithire_scoring::exchange;
use fithire_scoring::explain::{Explanation, exact, two_places};
use fithire_scoring::registry;
use fithire_scoring::score::{Component, Eligibility};
use fithire_scoring::subscore::State;
use serde_json::{Value, json};

use super::{Failure, Format, Ranked, Show};

/// Prints one job after the other, so that a long run need not be kept.
pub(super) struct Printer<W: Write> {
    format: Format,
    output: W,
    /// Whether a job has been printed.
    begun: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(format: Format, output: W) -> Self {
        Self { format, output, begun: false }
    }

    pub(super) fn job(&mut self, job: &Ranked<'_>) -> Result<(), Failure> {
        let begun = std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Table => {
                if begun {
                    writeln!(self.output)?;
                }
                table(&mut self.output, job)?;
            }
            Format::Json => {
                self.output.write_all(if begun { b",\n" } else { b"[\n" })?;
                serde_json::to_writer_pretty(&mut self.output, &job_json(job)).map_err(io::Error::from)?;
            }
            Format::Csv => {
                let mut output = csv::Writer::from_writer(&mut self.output);
                if !begun {
                    output.write_record(csv_header()).map_err(failed)?;
                }
                csv_rows(&mut output, job)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if matches!(self.format, Format::Json) {
            self.output.write_all(b"\n]\n")?;
        }
        self.output.flush()?;
        Ok(())
    }
}

fn table(output: &mut impl Write, job: &Ranked<'_>) -> io::Result<()> {
    heading(output, job)?;
    for (number, (coach, explanation)) in (1..).zip(&job.candidates) {
        candidate(output, number, &coach.name, explanation)?;
    }
    if job.candidates.is_empty() {
        writeln!(output, "  {}", nobody(job))?;
    }
    Ok(())
}

fn heading(output: &mut impl Write, job: &Ranked<'_>) -> io::Result<()> {
    let Ranked { job: row, preset, ranking, .. } = job;
    writeln!(output, "{}", one_line(&format!("{} · {} · {}", row.external_id, row.title, row.location)))?;
    writeln!(
        output,
        "preset {}, threshold {}, as of {}: {} ranked, {} below the threshold, {} ineligible",
        preset.name,
        exact(job.threshold),
        job.as_of,
        ranking.total,
        ranking.below_threshold,
        ranking.ineligible
    )?;
    if !job.candidates.is_empty() {
        let keys: Vec<String> = preset.keys().map(|(key, _)| format!("{:>7}", key.short())).collect();
        writeln!(output, "  #  FitScore        {}       km  coach", keys.join(" "))?;
    }
    Ok(())
}

/// What to do about an empty list.
fn nobody(job: &Ranked<'_>) -> &'static str {
    match job.show {
        Show::Ranked if job.ranking.below_threshold > 0 => {
            "Nobody reaches the threshold. --show below lists who comes closest."
        }
        Show::Ranked => "Nobody is eligible. --show ineligible lists everyone with the reason.",
        Show::Below => "Nobody is below the threshold.",
        Show::Ineligible => "Nobody is ineligible.",
    }
}

fn candidate(
    output: &mut impl Write,
    number: usize,
    name: &str,
    explanation: &Explanation,
) -> io::Result<()> {
    let score = &explanation.score;
    let parts: Vec<String> = score.components.iter().map(part).collect();
    let km =
        score.distance_m.map_or("–".to_owned(), |metres| format!("{:.1}", f64::from(metres) / 1_000.0));
    let mark = match score.eligibility {
        Eligibility::Eligible => String::new(),
        Eligibility::Provisional => " (provisional)".to_owned(),
        Eligibility::Ineligible => format!(" (ineligible: {})", score.blockers.join(", ")),
    };
    writeln!(
        output,
        "{number:>3}  {} {} {} {km:>8}  {}{mark}",
        two_places(score.bp),
        bar(score.bp),
        parts.join(" "),
        one_line(name)
    )?;
    for (sign, facts) in [("+", &explanation.strengths), ("-", &explanation.gaps)] {
        if !facts.is_empty() {
            writeln!(output, "     {sign} {}", facts.join(" · "))?;
        }
    }
    if let Some(best) = explanation.advice.first() {
        writeln!(output, "     ↑ {best}")?;
    }
    Ok(())
}

/// One sub-score in seven columns: an eighth-block as tall as it is good, and its hundredths.
fn part(component: &Component) -> String {
    let Some(figure) = component.figure else { return "      –".to_owned() };
    let tall = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][usize::from(figure.score) * 7 / 10_000];
    let doubt = if figure.state == State::Known { ' ' } else { '?' };
    format!(" {doubt}{tall} {:>3}", (u32::from(figure.score) + 50) / 100)
}

/// Ten columns, filled as far as the share goes.
fn bar(bp: u16) -> String {
    let eighths = usize::from(bp) * 80 / 10_000;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    let width = bar.chars().count();
    bar + &" ".repeat(10 - width)
}

/// Text on one line, without what would steer a terminal.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn job_json(job: &Ranked<'_>) -> Value {
    let candidates: Vec<Value> =
        job.candidates.iter().map(|(coach, explanation)| candidate_json(coach, explanation)).collect();
    json!({
        "job_id": job.job.external_id,
        "title": job.job.title,
        "location": job.job.location,
        "preset": job.preset.name,
        "as_of": job.as_of.to_string(),
        "show": job.show.to_possible_value().map(|value| value.get_name().to_owned()),
        "candidates": candidates,
        "total": job.ranking.total,
        "below_threshold": job.ranking.below_threshold,
        "ineligible": job.ranking.ineligible,
        "threshold": exchange::share(job.threshold),
    })
}

fn candidate_json(coach: &fithire_import::coaches::Row, explanation: &Explanation) -> Value {
    let mut candidate = json!({
        "coach_id": coach.external_id,
        "name": coach.name,
        "fitscore": exchange::share(explanation.score.bp),
    });
    if let (Value::Object(candidate), Value::Object(mut rest)) =
        (&mut candidate, exchange::explained(explanation))
    {
        // It is the FitScore above.
        rest.shift_remove("score");
        candidate.extend(rest);
    }
    candidate
}

fn csv_header() -> impl Iterator<Item = &'static str> {
    let head = [
        "job_id",
        "title",
        "preset",
        "threshold",
        "as_of",
        "rank",
        "coach_id",
        "name",
        "fitscore",
        "low",
        "high",
        "coverage",
        "eligibility",
        "blockers",
        "distance_m",
    ];
    head.into_iter().chain(registry::keys()).chain(["points", "strengths", "gaps", "advice"])
}

fn csv_rows(output: &mut csv::Writer<impl Write>, job: &Ranked<'_>) -> Result<(), Failure> {
    let share = |bp| exchange::share(bp).to_string();
    for (rank, (coach, explanation)) in (1_usize..).zip(&job.candidates) {
        let score = &explanation.score;
        let eligibility = serde_json::to_value(score.eligibility).map_err(io::Error::from)?;
        let mut cells = vec![
            spreadsheet::text(&job.job.external_id),
            spreadsheet::text(&job.job.title),
            spreadsheet::text(&job.preset.name),
            share(job.threshold),
            job.as_of.to_string(),
            rank.to_string(),
            spreadsheet::text(&coach.external_id),
            spreadsheet::text(&coach.name),
            share(score.bp),
            share(score.low),
            share(score.high),
            share(score.coverage),
            eligibility.as_str().unwrap_or_default().to_owned(),
            score.blockers.join("; "),
            score.distance_m.map_or(String::new(), |metres| metres.to_string()),
        ];
        cells.extend(registry::keys().map(|key| {
            let component = score.components.iter().find(|component| component.key == *key);
            component
                .and_then(|component| component.figure)
                .map_or(String::new(), |figure| share(figure.score))
        }));
        cells.push(exchange::points(score));
        let advice: Vec<String> = explanation.advice.iter().map(ToString::to_string).collect();
        cells.extend(
            [&explanation.strengths, &explanation.gaps, &advice]
                .map(|facts| spreadsheet::text(&facts.join("; "))),
        );
        output.write_record(&cells).map_err(failed)?;
    }
    output.flush()?;
    Ok(())
}

fn failed(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        kind => Failure::new(format!("cannot write CSV: {kind:?}")),
    }
}
