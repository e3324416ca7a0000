//! # Points: a sub-score that a preset defines
//!
//! An administrator writes down what else counts, without a line of Rust:
//!
//! ```toml
//! [weights]
//! points.early-bird = 0.10
//!
//! [points.early-bird]
//! title = "Early mornings"
//! rules = [
//!   { points = 70, free = { from = "05:00", to = "07:00", minutes = 300 } },
//!   { points = 30, holds = "CPR-AED" },
//! ]
//! ```
//!
//! A rule asks for one fact of a coach and gives its points where the fact is there; a hundred points are full marks, and
//! more do not count. `s = min(10000, 100 · Σ points)`.
//!
//! | rule | holds when | not known |
//! |---|---|---|
//! | `holds` | a verified certification that is, or implies, this one is valid on `as_of` | no certification at all |
//! | `teaches` | a position in the modality has begun, or it was taught, by `as_of` | no position begun and nothing taught |
//! | `coached` | positions (in the modality) cover so many of the last 480 months | no position begun and nothing taught |
//! | `free` | so many minutes a week between two times are free, in the coach's own zone | no availability given |
//! | `classes` | so many classes were given in the last 365 days | no activity kept |
//!
//! A certification that is pending, or claimed and not refuted, is not proved: its points count at best only. **Always
//! applicable**: points depend on the coach alone. **Unknown** when no rule's fact is known. **Range**: rules of which
//! the fact is not known or not proved give nothing at worst and all at best; unknown: full marks at best. It never makes
//! anybody ineligible.
//!
//! Invariants: points are never negative and every rule asks for at least so much of something that is good, so more is
//! never less; nothing of a job, of another coach or of a clock is read. A coach's points are worked out when the coach is
//! put into columns, once for each table in force, so that a ranking reads one number.

use std::fmt;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};

use crate::columns::put;
use crate::facts::{Cert, Coach, HoldingState, Modality};
use crate::num::{FULL, MONTHS};
use crate::subscore::{
    AnyKernel, Case, Columns, Configured, Figure, Gate, Kernel, Lanes, Rows, State, Statement, Step,
};
use crate::week::{QUARTERS_A_DAY, Week};
use crate::wide::ahead;

/// A table of points.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// `points.` and the name that its preset gives it.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// What gives points; together at least a hundred.
    pub rules: Vec<Rule>,
}

/// Tables, those that are alike once.
pub fn each_once<'t>(tables: impl IntoIterator<Item = &'t Arc<Table>>) -> Vec<Arc<Table>> {
    let mut distinct: Vec<Arc<Table>> = Vec::new();
    for table in tables {
        if !distinct.contains(table) {
            distinct.push(table.clone());
        }
    }
    distinct
}

/// What a fact is worth.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// 1..=100.
    pub points: u8,
    /// What it asks for.
    pub asks: Asks,
}

/// A fact that a rule asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asks {
    /// This certification, or one that implies it.
    Holds(Cert),
    /// This modality, ever.
    Teaches(Modality),
    /// So many months of coaching, in a modality or in any.
    Coached(u16, Option<Modality>),
    /// So much time.
    Free(Window),
    /// So many classes in the last 365 days.
    Classes(u64),
}

/// A part of each of some days, and how much of it in a week.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    /// Which days, 0 is Monday; in order, each once, at least one.
    pub days: Vec<u8>,
    /// First quarter-hour of the day.
    pub from: u16,
    /// The quarter-hour that is no longer in it, at most [`QUARTERS_A_DAY`].
    pub to: u16,
    /// Minutes a week, a multiple of 15.
    pub minutes: u16,
}

impl Window {
    /// The quarter-hours of the week.
    pub(crate) fn week(&self) -> Week {
        let mut week = Week::default();
        for day in &self.days {
            week.insert(u16::from(*day) * QUARTERS_A_DAY + self.from, self.to - self.from);
        }
        week
    }

    /// How much there is of it in a week, in minutes.
    #[must_use]
    pub fn whole(&self) -> u16 {
        u16::try_from(self.days.len()).unwrap_or_default() * (self.to - self.from) * 15
    }
}

/// What is known of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// It is said, and not proved.
    Unproved,
    /// The coach has given nothing of the kind.
    Missing,
}

/// What a table gives a coach, in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    sure: u16,
    most: u16,
    unknown: bool,
}

impl Table {
    /// The name that its preset gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.strip_prefix("points.").unwrap_or(&self.key)
    }

    fn count(&self, coach: &Coach, as_of: NaiveDate) -> Count {
        let (mut sure, mut open, mut unknown) = (0, 0, true);
        for rule in &self.rules {
            let answer = rule.asks.of(coach, as_of);
            unknown &= answer == Answer::Missing;
            match answer {
                Answer::Yes => sure += u32::from(rule.points),
                Answer::No => {}
                Answer::Unproved | Answer::Missing => open += u32::from(rule.points),
            }
        }
        let bp = |points: u32| u16::try_from((100 * points).min(FULL)).unwrap_or_default();
        Count { sure: bp(sure), most: bp(sure + open), unknown }
    }
}

impl Asks {
    fn of(&self, coach: &Coach, as_of: NaiveDate) -> Answer {
        let begun = || coach.positions.iter().filter(|position| position.started_on <= as_of);
        let taught = || coach.taught.iter().filter(|taught| taught.last_taught_on <= as_of);
        let holds = match self {
            Self::Holds(cert) if coach.holdings.is_empty() => return Answer::Missing,
            Self::Holds(cert) => return held(*cert, coach, as_of),
            Self::Teaches(_) | Self::Coached(..) if begun().next().is_none() && taught().next().is_none() => {
                return Answer::Missing;
            }
            Self::Teaches(modality) => {
                begun().any(|position| position.modality == *modality)
                    || taught().any(|taught| taught.modality == *modality)
            }
            Self::Coached(months, modality) => {
                let of_it =
                    begun().filter(|position| modality.is_none_or(|asked| position.modality == asked));
                covered(of_it.map(|position| (position.started_on, position.ended_on)), as_of)
                    >= usize::from(*months)
            }
            Self::Free(_) if coach.free.is_none() && coach.if_needed.is_none() => return Answer::Missing,
            Self::Free(window) => {
                let free = Week::covering(coach.free.as_deref().unwrap_or_default());
                free.common(&window.week()) * 15 >= u32::from(window.minutes)
            }
            Self::Classes(asked) => match coach.engagement {
                None => return Answer::Missing,
                Some(counts) => counts.done >= *asked,
            },
        };
        if holds { Answer::Yes } else { Answer::No }
    }
}

/// Whether a coach has proved a certification, or only says so.
fn held(cert: Cert, coach: &Coach, as_of: NaiveDate) -> Answer {
    let refuted = |code: Cert| {
        coach.holdings.iter().any(|other| {
            other.code == code && matches!(other.state, HoldingState::Rejected | HoldingState::Revoked)
        })
    };
    let mut answer = Answer::No;
    for holding in
        coach.holdings.iter().filter(|holding| holding.code.proves(cert) && holding.valid_on(as_of))
    {
        match holding.state {
            HoldingState::Verified => return Answer::Yes,
            HoldingState::Pending => answer = Answer::Unproved,
            HoldingState::Claimed if !refuted(holding.code) => answer = Answer::Unproved,
            HoldingState::Claimed | HoldingState::Rejected | HoldingState::Revoked => {}
        }
    }
    answer
}

/// How many of the last [`MONTHS`] calendar months, that of `as_of` included, stretches cover.
fn covered(stretches: impl Iterator<Item = (NaiveDate, Option<NaiveDate>)>, as_of: NaiveDate) -> usize {
    let month = |day: NaiveDate| 12 * i64::from(day.year()) + i64::from(day.month0());
    let now = month(as_of);
    let mut months = [false; MONTHS];
    for (from, to) in stretches {
        let (oldest, newest) = (now - month(from), now - to.map_or(now, month));
        for age in newest.max(0)..=oldest {
            match usize::try_from(age).ok().and_then(|age| months.get_mut(age)) {
                Some(month) => *month = true,
                None => break,
            }
        }
    }
    months.iter().filter(|covered| **covered).count()
}

/// What the coaches of a block get by one table.
#[derive(Clone)]
pub struct Granted {
    table: Arc<Table>,
    sure: Vec<u16>,
    most: Vec<u16>,
    unknown: Rows,
}

impl Granted {
    pub(crate) fn by(table: Arc<Table>) -> Self {
        Self { table, sure: Vec::new(), most: Vec::new(), unknown: Rows::NONE }
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }
}

impl Columns for Granted {
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate) {
        let Count { sure, most, unknown } = self.table.count(coach, as_of);
        put(&mut self.sure, row, sure);
        put(&mut self.most, row, most);
        self.unknown.put(row, unknown);
    }

    fn shrink(&mut self) {
        self.sure.shrink_to_fit();
        self.most.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        2 * (self.sure.capacity() + self.most.capacity())
    }
}

/// A table on a day.
struct Counting {
    table: Arc<Table>,
    as_of: NaiveDate,
}

impl Configured for Arc<Table> {
    fn gate(&self) -> Gate {
        Gate::Flag
    }

    fn compile(&self, _job: &crate::facts::Job, as_of: NaiveDate) -> Option<Box<dyn AnyKernel>> {
        Some(Box::new(Counting { table: self.clone(), as_of }))
    }
}

impl Kernel for Counting {
    type Columns = Granted;

    fn run(&self, columns: &Granted, case: Case, out: &mut Lanes) {
        let bp = if case == Case::Best { &columns.most } else { &columns.sure };
        out.bp[..bp.len()].copy_from_slice(bp);
        (out.blocks, out.provisional) = (Rows::NONE, Rows::NONE);
        out.set_unknown(&columns.unknown, case);
    }

    fn ahead(&self, columns: &Granted, step: Step) {
        if step == Step::Index {
            return;
        }
        ahead(&columns.sure);
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let Table { title, rules, .. } = &*self.table;
        let told = |rule: &Rule| match rule.asks.of(coach, self.as_of) {
            Answer::Yes => format!("{}: yes, {} points", rule.asks, rule.points),
            Answer::No => format!("{}: no, it would give {} points", rule.asks, rule.points),
            Answer::Unproved => format!("{}: not proved yet, up to {} points", rule.asks, rule.points),
            Answer::Missing => format!("{}: not known, up to {} points", rule.asks, rule.points),
        };
        Statement {
            fact: match figure.state {
                State::Unknown => format!("{title}: nothing known yet"),
                _ => format!("{title}: {} of 100 points", figure.score / 100),
            },
            middling: None,
            evidence: rules.iter().map(told).collect(),
        }
    }
}

/// What it asks for, in words.
impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds(cert) => write!(f, "Holds {cert:?}"),
            Self::Teaches(modality) => write!(f, "Has taught {}", modality.details().title),
            Self::Coached(months, modality) => {
                let of = modality.map_or("coaching", |modality| modality.details().title);
                match (months / 12, months % 12) {
                    (1, 0) => write!(f, "1 year of {of}"),
                    (years, 0) => write!(f, "{years} years of {of}"),
                    _ => write!(f, "{months} months of {of}"),
                }
            }
            Self::Free(window) => window.fmt(f),
            Self::Classes(1) => f.write_str("A class in the last year"),
            Self::Classes(count) => write!(f, "{count} classes in the last year"),
        }
    }
}

/// `Free for 300 minutes a week between 05:00 and 07:00 on Sat, Sun`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |quarter: u16| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
        write!(f, "Free for {} minutes a week", self.minutes)?;
        if self.to - self.from < QUARTERS_A_DAY {
            write!(f, " between {} and {}", clock(self.from), clock(self.to))?;
        }
        if self.days.len() < 7 {
            let names = self.days.iter().map(|day| &crate::week::DAYS[usize::from(*day)][..3]);
            write!(f, " on {}", names.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn months_are_counted_once_and_forty_years_back() {
        let today = day("2026-11-23");
        let count = |stretches: &[(&str, Option<&str>)]| {
            covered(stretches.iter().map(|(from, to)| (day(from), to.map(day))), today)
        };
        assert_eq!(count(&[("2026-11-01", None)]), 1);
        assert_eq!(count(&[("2026-10-31", Some("2026-10-31"))]), 1);
        assert_eq!(count(&[("2025-12-01", None), ("2026-03-01", Some("2026-04-01"))]), 12);
        assert_eq!(count(&[("1950-01-01", None)]), 480);
        assert_eq!(count(&[("1950-01-01", Some("1960-01-01"))]), 0);
        assert_eq!(count(&[("2026-11-01", Some("2030-01-01"))]), 1);
    }

    #[test]
    fn what_is_asked_is_said_in_words() {
        let window = |days: &[u8], from, to| Window { days: days.to_vec(), from, to, minutes: 300 };
        assert_eq!(
            window(&[5, 6], 20, 28).to_string(),
            "Free for 300 minutes a week between 05:00 and 07:00 on Sat, Sun"
        );
        assert_eq!(window(&[0, 1, 2, 3, 4, 5, 6], 0, 96).to_string(), "Free for 300 minutes a week");
        assert_eq!(Asks::Coached(24, None).to_string(), "2 years of coaching");
        assert_eq!(Asks::Coached(30, Modality::named("hiit").ok()).to_string(), "30 months of HIIT");
        assert_eq!(Asks::Holds(Cert::named("CPR-AED").unwrap()).to_string(), "Holds CPR-AED");
        assert_eq!(Asks::Classes(1).to_string(), "A class in the last year");
    }
}
