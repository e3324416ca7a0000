//! `fithire score`: pairs in, scores out, one JSON object a line.

use std::io::{self, BufRead, Write};

use clap::Args;
use fithire_scoring::exchange::{self, Question, Unreadable};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::Presets;
use serde_json::{Value, json};

use super::{Failure, PresetFolder, say};

/// Score pairs of coach and job: one JSON object a line on standard input, one answer a line
///
/// A line that cannot be read is answered by {"error": {"line", "field", "message"}}; the others are
/// still scored, and the exit code is 1. Blank lines are passed over.
#[derive(Args)]
pub(super) struct Score {
    /// Add strengths, gaps, evidence, advice and provenance to each answer
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    presets: PresetFolder,
}

impl Score {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let presets = self.presets.load()?;
        let mut input = io::stdin().lock();
        let mut output = io::BufWriter::new(io::stdout().lock());
        let (mut answered, mut refused) = (0_u64, 0_u64);
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let answer = match self.answer(line.trim_ascii_end(), &presets) {
                Ok(answer) => {
                    answered += 1;
                    answer
                }
                Err(Unreadable { field, message }) => {
                    refused += 1;
                    say(&format!("line {number}: {field}: {message}"));
                    json!({"error": {"line": number, "field": field, "message": message}})
                }
            };
            serde_json::to_writer(&mut output, &answer).map_err(io::Error::from)?;
            output.write_all(b"\n")?;
        }
        output.flush()?;
        match (answered, refused) {
            (0, 0) => Err(Failure::new("standard input is empty: give one JSON object a line")),
            (_, 0) => Ok(()),
            _ => Err(Failure::new(format!("{refused} of {} lines could not be scored", answered + refused))),
        }
    }

    fn answer(&self, line: &[u8], presets: &Presets) -> Result<Value, Unreadable> {
        let line = std::str::from_utf8(line)
            .map_err(|error| Unreadable { field: ".".to_owned(), message: format!("not UTF-8: {error}") })?;
        let question = Question::read(line)?;
        let preset = presets
            .named(question.preset())
            .map_err(|message| Unreadable { field: "preset".to_owned(), message })?;
        let plan = Plan::compile(preset, &question.job, question.as_of);
        Ok(if self.explain {
            exchange::explained(&plan.explain(&question.coach))
        } else {
            exchange::answer(&plan.score(&question.coach))
        })
    }
}
