//! Reading the tables `[points.NAME]` of a preset, and their schema for editors.

use std::ops::Range;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use toml::de::{DeArray, DeTable, DeValue};

use super::read::{Key, Reader, Value_, a};
use crate::facts::{Cert, Modality};
use crate::num::MONTHS;
use crate::points::{Asks, Rule, Table, Window};
use crate::week::{QUARTERS_A_DAY, quarter_of_day};

/// Tables of points in a preset, at most.
pub(crate) const MOST_TABLES: usize = 8;
/// Rules in a table, at most.
const MOST_RULES: usize = 32;
/// Points that are full marks.
const WHOLE: u32 = 100;

/// A rule: how many points it gives, and the one fact that it asks for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["points"], "minProperties" = 2, "maxProperties" = 2))]
struct WrittenRule {
    /// How many points the fact gives, 1 to 100. A hundred together are full marks.
    #[schemars(range(min = 1, max = 100))]
    points: u8,
    /// The code of a certification: verified and valid, this one or one that implies it.
    #[schemars(with = "String")]
    holds: Option<Cert>,
    /// The code of a modality that the coach has ever taught.
    #[schemars(with = "String")]
    teaches: Option<Modality>,
    /// How long the coach has coached, such as `{ months = 24, modality = "hiit" }`; without a modality, in any.
    #[schemars(with = "Coached")]
    coached: Option<Coached>,
    /// How much time is free in a week, such as `{ from = "05:00", to = "07:00", days = ["sat"], minutes = 300 }`.
    #[schemars(with = "Free")]
    free: Option<Window>,
    /// How many classes the coach has given in the last 365 days.
    #[schemars(range(min = 1), with = "u64")]
    classes: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Coached {
    /// Calendar months, of the last 480.
    #[schemars(range(min = 1, max = 480))]
    #[serde(deserialize_with = "months")]
    months: u16,
    /// The code of a modality; missing means any.
    #[serde(default)]
    #[schemars(with = "String")]
    modality: Option<Modality>,
}

fn months<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let months = u16::deserialize(deserializer)?;
    if usize::from(months).clamp(1, MONTHS) != usize::from(months) {
        return Err(de::Error::custom(format!("months {months} is outside 1..={MONTHS}")));
    }
    Ok(months)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Free {
    /// On which days; missing means on every day.
    #[serde(default)]
    #[schemars(with = "Vec<Day>", length(min = 1))]
    days: Option<Vec<Day>>,
    /// Not before this time, HH:MM on a quarter-hour; missing means from midnight.
    #[serde(default)]
    #[schemars(with = "String")]
    from: Option<String>,
    /// Not after this time; missing means until midnight.
    #[serde(default)]
    #[schemars(with = "String")]
    to: Option<String>,
    /// Minutes in a week, a multiple of 15.
    #[schemars(range(min = 15, max = 10_080))]
    minutes: u16,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl TryFrom<Free> for Window {
    type Error = String;

    fn try_from(free: Free) -> Result<Self, String> {
        let time = |name: &str, text: Option<String>, otherwise| {
            text.map_or(Ok(otherwise), |text| {
                quarter_of_day(&text).map_err(|message| format!("{name} {message}"))
            })
        };
        let mut days: Vec<u8> = match free.days {
            Some(days) => days.into_iter().map(|day| day as u8).collect(),
            None => (0..7).collect(),
        };
        days.sort_unstable();
        days.dedup();
        if days.is_empty() {
            return Err("days names no day".to_owned());
        }
        let (from, to) = (time("from", free.from, 0)?, time("to", free.to, QUARTERS_A_DAY)?);
        if to <= from {
            return Err("to is not later than from".to_owned());
        }
        let window = Self { days, from, to, minutes: free.minutes };
        let whole = window.whole();
        if !(15..=whole).contains(&free.minutes) || !free.minutes.is_multiple_of(15) {
            return Err(format!(
                "minutes {} is not a multiple of 15 from 15 to {whole}, all that there is",
                free.minutes
            ));
        }
        Ok(window)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Free::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl WrittenRule {
    /// The facts that it asks for.
    fn asks(self) -> Vec<Asks> {
        let facts = [
            self.holds.map(Asks::Holds),
            self.teaches.map(Asks::Teaches),
            self.coached.map(|coached| Asks::Coached(coached.months, coached.modality)),
            self.free.map(Asks::Free),
            self.classes.map(Asks::Classes),
        ];
        facts.into_iter().flatten().collect()
    }
}

fn read(table: DeTable<'_>) -> Result<WrittenRule, toml::de::Error> {
    WrittenRule::deserialize(toml::de::Deserializer::from(toml::Spanned::new(0..0, table)))
}

/// The schema of a rule.
fn rule() -> Value {
    let mut generator =
        SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    WrittenRule::json_schema(&mut generator).to_value()
}

/// The schema of `[points]`.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "maxProperties": MOST_TABLES,
        "description": "Sub-scores of this preset alone: what else counts, in points.",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "What people call this sub-score."},
                "rules": {
                    "type": "array", "items": rule(), "minItems": 1, "maxItems": MOST_RULES,
                    "description": "What gives points; together at least 100."
                }
            },
            "required": ["rules"],
            "additionalProperties": false,
        }
    })
}

const KEYS: [&str; 2] = ["title", "rules"];

/// What a file has of tables `[points.NAME]`.
#[derive(Default)]
pub(super) struct Points {
    /// The names of all of them.
    pub(super) names: Vec<String>,
    /// Those in which nothing is wrong, with the places of their names.
    pub(super) valid: Vec<(Range<usize>, Table)>,
}

impl Reader {
    pub(super) fn points(&mut self, value: &Value_<'_>) -> Points {
        let DeValue::Table(tables) = value.get_ref() else {
            self.problem(value.span(), format!("points is {}, not a table", a(value.get_ref())), None);
            return Points::default();
        };
        if tables.len() > MOST_TABLES {
            let message = format!("there are {} tables of points, more than {MOST_TABLES}", tables.len());
            self.problem(value.span(), message, None);
        }
        let read = tables.iter().filter_map(|(key, value)| {
            let at = (key.get_ref().as_ref(), key.span());
            self.table(&at, value).map(|table| (at.1, table))
        });
        let valid = read.collect();
        Points { names: tables.keys().map(|key| key.get_ref().to_string()).collect(), valid }
    }

    fn table(&mut self, key: &Key<'_>, value: &Value_<'_>) -> Option<Table> {
        let before = self.problems.len();
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&key.0.len()) || !key.0.bytes().all(is_name) {
            let help = "up to 40 of a-z, 0-9 and -, such as early-bird".to_owned();
            self.problem(key.1.clone(), "a table of points needs a short name".to_owned(), Some(help));
        }
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(
                value.span(),
                format!("points.{} is {}, not a table", key.0, a(value.get_ref())),
                None,
            );
            return None;
        };
        let (mut title, mut rules) = (key.0.to_owned(), None);
        for (inner, value) in table {
            let at = (inner.get_ref().as_ref(), inner.span());
            match (at.0, value.get_ref()) {
                ("title", _) => title = self.string(&at, value),
                ("rules", DeValue::Array(list)) => rules = Some((at.1, self.rules(list))),
                ("rules", other) => {
                    self.problem(value.span(), format!("rules is {}, not a list", a(other)), None);
                    return None;
                }
                _ => self.unknown_key(&at, KEYS.into_iter(), &format!("[points.{}]", key.0)),
            }
        }
        let Some((span, rules)) = rules else {
            let help = "add rules = [ { points = 100, holds = \"CPR-AED\" } ]".to_owned();
            self.problem(key.1.clone(), format!("[points.{}] has no rules", key.0), Some(help));
            return None;
        };
        if self.problems.len() > before {
            return None;
        }
        let points: u32 = rules.iter().map(|rule| u32::from(rule.points)).sum();
        if rules.len() > MOST_RULES {
            self.problem(span, format!("there are {} rules, more than {MOST_RULES}", rules.len()), None);
        } else if points < WHOLE {
            let help = format!("{WHOLE} points are full marks: give {} more", WHOLE - points);
            self.problem(
                span,
                format!("the rules give {points} points together, which is no full marks"),
                Some(help),
            );
        }
        Some(Table { key: format!("points.{}", key.0), title, rules })
    }

    fn rules(&mut self, list: &DeArray<'_>) -> Vec<Rule> {
        list.iter().filter_map(|item| self.rule(item)).collect()
    }

    fn rule(&mut self, item: &Value_<'_>) -> Option<Rule> {
        let DeValue::Table(table) = item.get_ref() else {
            self.problem(item.span(), format!("a rule is {}, not a table", a(item.get_ref())), None);
            return None;
        };
        if !self.keys(table, &rule(), "a rule", |alone| read(alone).map(|_| ())) {
            return None;
        }
        let written = read(table.clone()).ok()?;
        let points = written.points;
        let mut asks = written.asks();
        let help = || Some("a rule is such as { points = 30, holds = \"CPR-AED\" }".to_owned());
        match (points, asks.pop(), asks.is_empty()) {
            (0, ..) => self.problem(item.span(), "a rule says how many points it gives".to_owned(), help()),
            (_, None, _) => self.problem(
                item.span(),
                "a rule asks for one fact, and this one for none".to_owned(),
                help(),
            ),
            (_, _, false) => {
                self.problem(
                    item.span(),
                    "a rule asks for one fact, and this one for several".to_owned(),
                    help(),
                );
            }
            (points, Some(asks), true) => return Some(Rule { points, asks }),
        }
        None
    }
}
