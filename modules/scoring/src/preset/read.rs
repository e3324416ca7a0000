//! Reading a preset: syntax, known keys, types, ranges and the rules across keys, all problems at once.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::points::Points;
use super::{Preset, Weighed, schema};
use crate::key;
use crate::num::{FULL, largest_remainder};
use crate::points::Table;
use crate::registry::{self, Entry};
use crate::subscore::Configured;
use crate::{hash, wording};

/// One thing wrong with a preset file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file that it is about; empty at the start when it is about the whole file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// Line and column of its start, both from 1; a column is a character.
    #[must_use]
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

pub(super) type Value_<'i> = Spanned<DeValue<'i>>;
pub(super) type Key<'k> = (&'k str, Range<usize>);

/// Reads a preset of that name.
///
/// # Errors
/// Every problem of the file, in the order of their places; never an empty list.
pub fn read(name: &str, text: &str) -> Result<Preset, Vec<Problem>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader { problems: Vec::new(), whole: syntax.is_empty() };
    for error in syntax {
        reader.problem(error.span().unwrap_or_default(), error.message().to_owned(), None);
    }
    let preset = reader.preset(name, text, table.get_ref());
    let mut problems = reader.problems;
    if problems.is_empty() {
        return Ok(preset);
    }
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    Err(problems)
}

pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// The syntax is right, so that what is missing is really missing.
    whole: bool,
}

/// Weights are summed in units of 10^-15, exactly.
const UNITS: u64 = 1_000_000_000_000_000;
/// Weights may miss 1 by 1e-9.
const TOLERANCE: u64 = UNITS / 1_000_000_000;

const HEAD: [&str; 6] = ["title", "description", "threshold", "limit", "weights", POINTS];

/// Where a preset defines sub-scores of its own, and weighs them.
const POINTS: &str = "points";

/// A weight in [`UNITS`], of which sub-score, and where it stands. Those of the program come first, in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Weight<'i> {
    of: Of<'i>,
    units: u64,
    at: (usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of<'i> {
    /// By the place in the registry.
    Registered(usize),
    /// By the name of its table.
    Points(&'i str),
}

impl Reader {
    pub(super) fn problem(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Problem { span, message, help });
    }

    fn preset(&mut self, name: &str, text: &str, table: &DeTable<'_>) -> Preset {
        let mut preset = Preset {
            name: name.to_owned(),
            title: name.to_owned(),
            description: String::new(),
            threshold: 6_000,
            limit: 20,
            text: text.to_owned(),
            hash: hash::sha256(&[text.as_bytes()]),
            weighed: Vec::new(),
        };
        let mut weights = None;
        let mut points = Points::default();
        let mut tables: Vec<(&Entry, Range<usize>, DeTable<'_>)> = Vec::new();
        for (key, value) in table {
            let at = (key.get_ref().as_ref(), key.span());
            match at.0 {
                "title" => preset.title = self.string(&at, value),
                "description" => preset.description = self.string(&at, value),
                "threshold" => preset.threshold = self.threshold(value),
                "limit" => preset.limit = self.limit(value),
                "weights" => weights = Some((key.span(), self.weights(value))),
                POINTS => points = self.points(value),
                _ => match registry::all().iter().find(|entry| entry.key == at.0) {
                    Some(entry) => {
                        tables.extend(
                            self.parameters(entry, &at, value).map(|table| (entry, key.span(), table)),
                        );
                    }
                    None => self.unknown_key(&at, HEAD.into_iter().chain(registry::keys()), "a preset"),
                },
            }
        }
        match weights {
            Some((span, weights)) => preset.weighed = self.weighed(span, weights, &tables, points),
            None if self.whole => {
                let help = "add a table [weights] with one number per sub-score; they add up to 1".to_owned();
                self.problem(0..0, "there is no table [weights]".to_owned(), Some(help));
            }
            None => {}
        }
        preset
    }

    pub(super) fn unknown_key<'a>(
        &mut self,
        key: &Key<'_>,
        known: impl Iterator<Item = &'a str>,
        place: &str,
    ) {
        let listed: Vec<&str> = known.collect();
        let help = if listed.is_empty() {
            format!("{place} has no keys")
        } else {
            format!("{place} has: {}", listed.join(", "))
        };
        self.problem(
            key.1.clone(),
            wording::unknown("key", key.0, wording::nearest(key.0, listed.iter().copied())),
            Some(help),
        );
    }

    pub(super) fn string(&mut self, key: &Key<'_>, value: &Value_<'_>) -> String {
        match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            other => {
                self.problem(
                    value.span(),
                    format!("{} is {}, not a text", key.0, a(other)),
                    Some("write it in quotes".to_owned()),
                );
                String::new()
            }
        }
    }

    fn threshold(&mut self, value: &Value_<'_>) -> u16 {
        let bp =
            units(value.get_ref()).filter(|units| *units <= UNITS && units % (UNITS / u64::from(FULL)) == 0);
        bp.and_then(|units| u16::try_from(units / (UNITS / u64::from(FULL))).ok()).unwrap_or_else(|| {
            let help = "the lowest score that is ranked, such as 0.60".to_owned();
            self.problem(
                value.span(),
                "threshold must be a number from 0 to 1 with at most 4 decimals".to_owned(),
                Some(help),
            );
            0
        })
    }

    fn limit(&mut self, value: &Value_<'_>) -> usize {
        let limit = match value.get_ref() {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        limit.filter(|limit| (1..=200).contains(limit)).unwrap_or_else(|| {
            let help = "how many candidates a ranking lists, such as 20".to_owned();
            self.problem(value.span(), "limit must be a whole number from 1 to 200".to_owned(), Some(help));
            1
        })
    }

    /// The table `[weights]`; `None` when it cannot be summed.
    fn weights<'t>(&mut self, value: &'t Value_<'_>) -> Option<Vec<Weight<'t>>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(value.span(), format!("weights is {}, not a table", a(value.get_ref())), None);
            return None;
        };
        let before = self.problems.len();
        let mut weights = Vec::new();
        for (key, value) in table {
            let at = (key.get_ref().as_ref(), key.span());
            if at.0 == POINTS {
                let DeValue::Table(named) = value.get_ref() else {
                    let help = format!("write {POINTS}.NAME = 0.1 for a table [{POINTS}.NAME]");
                    self.problem(
                        value.span(),
                        format!("{POINTS} has a weight for each of its tables"),
                        Some(help),
                    );
                    continue;
                };
                for (key, value) in named {
                    let name = key.get_ref().as_ref();
                    weights.extend(self.weight(Of::Points(name), &format!("{POINTS}.{name}"), FULL, value));
                }
                continue;
            }
            let Some(place) = registry::keys().position(|known| known == at.0) else {
                self.unknown_key(&at, registry::keys().chain([POINTS]), "[weights]");
                continue;
            };
            weights.extend(self.weight(
                Of::Registered(place),
                at.0,
                registry::all()[place].max_weight_bp,
                value,
            ));
        }
        weights.sort_unstable();
        (self.problems.len() == before).then_some(weights)
    }

    fn weight<'t>(&mut self, of: Of<'t>, key: &str, most_bp: u32, value: &Value_<'_>) -> Option<Weight<'t>> {
        let most = UNITS / u64::from(FULL) * u64::from(most_bp);
        let found = units(value.get_ref());
        if let Some(units) = found.filter(|units| *units <= most) {
            let span = value.span();
            return Some(Weight { of, units, at: (span.start, span.end) });
        }
        let most = decimal(most);
        let message = match found {
            Some(found) => format!("the weight of {key} is {}, more than {most}", decimal(found)),
            None => format!("the weight of {key} must be a number from 0 to {most}"),
        };
        let help =
            (most_bp < FULL).then(|| format!("{key} never decides a score: {most} is the most it may weigh"));
        self.problem(value.span(), message, help);
        None
    }

    /// Weights in basis points with their parameters, once they add up.
    fn weighed(
        &mut self,
        span: Range<usize>,
        weights: Option<Vec<Weight<'_>>>,
        tables: &[(&Entry, Range<usize>, DeTable<'_>)],
        points: Points,
    ) -> Vec<Weighed> {
        let Some(weights) = weights.filter(|_| self.whole) else { return Vec::new() };
        let registered = tables.iter().map(|(entry, span, _)| (entry.key, span));
        let named: Vec<(&str, &Range<usize>)> =
            registered.chain(points.valid.iter().map(|(span, table)| (&*table.key, span))).collect();
        for (key, span) in named {
            if !weights.iter().any(|weight| weight.of.is(key)) {
                let help = if key.starts_with(POINTS) {
                    format!("give {key} a weight in [weights]")
                } else {
                    format!("give {key} a weight; with 0 it moves nothing, and its gate holds")
                };
                self.problem(
                    span.clone(),
                    format!("{key} has no weight, so this table has no effect"),
                    Some(help),
                );
            }
        }
        for weight in &weights {
            if let Of::Points(name) = weight.of
                && !points.names.iter().any(|known| known == name)
            {
                let help = format!("add a table [{POINTS}.{name}], or take the weight away");
                let message = format!("{POINTS}.{name} has a weight and no rules");
                self.problem(weight.at.0..weight.at.1, message, Some(help));
            }
        }
        let sum: u64 = weights.iter().map(|weight| weight.units).sum();
        if sum.abs_diff(UNITS) > TOLERANCE {
            let off = decimal(sum.abs_diff(UNITS));
            let help = if sum > UNITS { format!("take {off} away") } else { format!("add {off}") };
            self.problem(span, format!("the weights add up to {}, not to 1", decimal(sum)), Some(help));
            return Vec::new();
        }
        let shares: Vec<u64> = weights.iter().map(|weight| weight.units * u64::from(FULL)).collect();
        let bp = largest_remainder(&shares, UNITS, u64::from(FULL));
        let mut points: Vec<Arc<Table>> =
            points.valid.into_iter().map(|(_, table)| Arc::new(table)).collect();
        let weighed = weights.into_iter().zip(bp).filter_map(|(weight, bp)| {
            let (key, parameters): (_, Box<dyn Configured>) = match weight.of {
                Of::Registered(place) => {
                    let entry = &registry::all()[place];
                    let table = tables.iter().find(|(other, ..)| other.key == entry.key);
                    let table = table.map_or_else(DeTable::new, |(.., table)| table.clone());
                    (key::Key::Registered(place), (entry.configure)(table).ok()?)
                }
                Of::Points(_) => {
                    let place = points.iter().position(|table| weight.of.is(&table.key))?;
                    let table = points.swap_remove(place);
                    (key::Key::Points(table.clone()), Box::new(table))
                }
            };
            Some(Weighed { key, weight: u16::try_from(bp).unwrap_or_default(), parameters })
        });
        weighed.collect()
    }

    /// The table of one sub-score, when nothing is wrong with it.
    fn parameters<'i>(&mut self, entry: &Entry, key: &Key<'_>, value: &Value_<'i>) -> Option<DeTable<'i>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(value.span(), format!("{} is {}, not a table", key.0, a(value.get_ref())), None);
            return None;
        };
        let place = format!("[{}]", entry.key);
        if !self.keys(table, &schema::of(entry), &place, |alone| (entry.configure)(alone).map(|_| ())) {
            return None;
        }
        if let Err((parameter, message)) = (entry.check)(table.clone()) {
            let span = table
                .iter()
                .find(|(key, _)| key.get_ref() == parameter)
                .map_or(key.1.clone(), |(_, value)| value.span());
            self.problem(span, format!("{parameter} {message}"), None);
            return None;
        }
        Some(table.clone())
    }

    /// Whether a table has only keys that its schema has, each of the right type and within its bounds. `read` reads a
    /// table of one key alone, and so says whether that has the right type.
    pub(super) fn keys(
        &mut self,
        table: &DeTable<'_>,
        schema: &Value,
        place: &str,
        read: impl Fn(DeTable<'_>) -> Result<(), toml::de::Error>,
    ) -> bool {
        let before = self.problems.len();
        let empty = serde_json::Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for (key, value) in table {
            let at = (key.get_ref().as_ref(), key.span());
            let Some(rule) = known.get(at.0) else {
                self.unknown_key(&at, known.keys().map(String::as_str), place);
                continue;
            };
            let help = rule.get("description").and_then(Value::as_str).map(|text| text.replace('\n', " "));
            if let Err(error) = read(DeTable::from_iter([(key.clone(), value.clone())])) {
                let message = format!("{}: {}", at.0, wording::plain_types(error.message()));
                self.problem(value.span(), message, help);
            } else if let Some(message) = out_of_range(rule, value.get_ref()) {
                self.problem(value.span(), format!("{} {message}", at.0), help);
            }
        }
        self.problems.len() == before
    }
}

impl Of<'_> {
    fn is(self, key: &str) -> bool {
        match self {
            Self::Registered(place) => registry::all()[place].key == key,
            Self::Points(name) => {
                key.strip_prefix(POINTS).and_then(|key| key.strip_prefix('.')) == Some(name)
            }
        }
    }
}

/// A number in [`UNITS`], exactly as its shortest decimal has it; `None` for what is no number from 0 to 1000.
fn units(value: &DeValue<'_>) -> Option<u64> {
    let number = number(value)?;
    if !(0.0..=1_000.0).contains(&number) {
        return None;
    }
    let text = number.abs().to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals: String = decimals.chars().chain("0".repeat(15).chars()).take(15).collect();
    Some(whole.parse::<u64>().ok()? * UNITS + decimals.parse::<u64>().ok()?)
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        #[expect(clippy::cast_precision_loss, reason = "only compared with small bounds")]
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|integer| integer as f64)
        }
        _ => None,
    }
}

/// Units as a decimal, without trailing zeros.
fn decimal(units: u64) -> String {
    let text = format!("{}.{:015}", units / UNITS, units % UNITS);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Which bound of its schema a number breaks.
fn out_of_range(rule: &Value, value: &DeValue<'_>) -> Option<String> {
    let number = number(value)?;
    let bound = |name| rule.get(name).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Some(format!("is {number}, less than {least}"));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return Some(format!("is {number}, more than {most}"));
    }
    let step = bound("multipleOf").filter(|step| number % step != 0.0)?;
    Some(format!("is {number}, not a multiple of {step}"))
}

/// A value's kind with its article.
pub(super) fn a(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
