//! The report: rates by category, and who is left out of it so that it betrays nobody.
//!
//! Whoever reads it also sees the lists of who was chosen, with their names. Three rules keep it from telling what one of
//! them has answered. (1) A category of fewer than [`FEWEST`] people is not broken out; it counts among those of whom
//! nothing is known, and where these are then fewer than that, the smallest category that is left goes to them as well, so
//! that nobody is found by subtraction; in a table of intersections this holds in every row and column. (2) Where
//! everybody who was chosen, or everybody who was not, is in one category, the table has no rates, because they would tell
//! the category of each of them. (3) Answers come into the report [`FEWEST`] at a time.

use std::collections::{BTreeMap, BTreeSet};

use fithire_kernel::ids::Id;
use fithire_kernel::spreadsheet;
use serde::Serialize;

use crate::model::{Answer, Race, Sex};
use crate::statistics::{Share, fisher, is_small, two_proportions};

/// The people that a category has at least when it is broken out.
pub const FEWEST: usize = 5;
/// An impact ratio below it is flagged, in hundredths: the four-fifths rule.
const FOUR_FIFTHS: u64 = 80;
/// A category with a smaller share of the people, in hundredths, may be left out of the comparison.
const LEAST_SHARE: u64 = 2;

/// One person, as a score chooses.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Who.
    pub coach_id: Id,
    /// The score; only its order counts.
    pub score: u64,
    /// Whether they reach the threshold and are not excluded.
    pub selected: bool,
    /// Whether they are among the best that are listed.
    pub shortlisted: bool,
}

/// What counts as being chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Reaching the threshold.
    Selection,
    /// Being listed among the best.
    Shortlist,
    /// A score above the median of everybody.
    Scoring,
}

impl Measure {
    const ALL: [Self; 3] = [Self::Selection, Self::Shortlist, Self::Scoring];

    /// What people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Selection => "Ranked, which is at or above the threshold",
            Self::Shortlist => "On a first page",
            Self::Scoring => "Scored above the median of everybody",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::Shortlist => "shortlist",
            Self::Scoring => "scoring",
        }
    }
}

/// What a choice does to groups.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Everybody.
    pub people: usize,
    /// By measure, then by sex, by race or ethnicity, and by both.
    pub tables: Vec<Table>,
    /// Whether an impact ratio is below four fifths.
    pub flagged: bool,
}

/// One measure by one way to sort people.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What counts as being chosen.
    pub measure: Measure,
    /// The same in words.
    pub measure_label: &'static str,
    /// How people are sorted.
    pub by: &'static str,
    /// Categories that are broken out.
    pub rows: Vec<Row>,
    /// People who have not said it, or whose category is too small to be broken out.
    pub unknown: usize,
    /// Whether the unknown include small categories.
    pub hides: bool,
    /// Whether rates would tell the category of everybody who was chosen, or was not.
    pub withheld: bool,
}

/// One category.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What people call it.
    pub category: String,
    /// How many are in it.
    pub people: u64,
    /// Whether it has less than 2% of the people of known categories.
    pub minor: bool,
    /// What is made of it, unless that is withheld.
    pub figures: Option<Figures>,
}

/// What is made of a category.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How many of it were chosen.
    pub chosen: u64,
    /// Their share, with three decimals.
    pub rate: String,
    /// The rate by that of the category that is chosen most often, with three decimals; nothing where nobody is chosen.
    pub ratio: Option<String>,
    /// Whether that is below four fifths.
    pub flagged: bool,
    /// Against the category that is chosen most often, which is itself compared with nothing.
    pub test: Option<Test>,
}

/// Whether the difference can be chance.
#[derive(Clone, Debug, Serialize)]
pub struct Test {
    /// Fisher's exact test, two-sided.
    pub fisher: String,
    /// The two-proportion test, and its probability.
    pub z: Option<(String, String)>,
    /// Whether the sample is too small for the latter.
    pub small: bool,
}

/// The place of a category; of an intersection, the places of both.
type Cell = (usize, usize);

/// The report on a choice.
pub(crate) fn report(samples: &[Sample], answers: &BTreeMap<Id, Answer>) -> Report {
    let of = |sample: &Sample| answers.get(&sample.coach_id).copied().unwrap_or_default();
    let people: Vec<Answer> = samples.iter().map(of).collect();
    let median = twice_the_median(samples);
    let mut tables = Vec::new();
    for measure in Measure::ALL {
        let is_chosen = |sample: &Sample| match measure {
            Measure::Selection => sample.selected,
            Measure::Shortlist => sample.shortlisted,
            Measure::Scoring => u128::from(sample.score) * 2 > median,
        };
        let chosen: Vec<bool> = samples.iter().map(is_chosen).collect();
        for by in [By::Sex, By::Race, By::Both] {
            let cells: Vec<Option<Cell>> = people.iter().map(|answer| by.cell(*answer)).collect();
            let shown = by.shown(&people, &cells);
            tables.push(table((measure, by), &shown, &cells, &chosen));
        }
    }
    let flagged = tables
        .iter()
        .flat_map(|table| &table.rows)
        .any(|row| row.figures.as_ref().is_some_and(|figures| figures.flagged));
    Report { people: samples.len(), tables, flagged }
}

fn twice_the_median(samples: &[Sample]) -> u128 {
    let mut scores: Vec<u64> = samples.iter().map(|sample| sample.score).collect();
    scores.sort_unstable();
    let middle = scores.len() / 2;
    match scores.len() % 2 {
        _ if scores.is_empty() => 0,
        1 => u128::from(scores[middle]) * 2,
        _ => u128::from(scores[middle - 1]) + u128::from(scores[middle]),
    }
}

/// How people are sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Sex,
    Race,
    Both,
}

impl By {
    fn label(self) -> &'static str {
        match self {
            Self::Sex => "Sex",
            Self::Race => "Race or ethnicity",
            Self::Both => "Sex and race or ethnicity",
        }
    }

    fn cell(self, answer: Answer) -> Option<Cell> {
        let (sex, race) = (answer.sex.map(|sex| sex as usize), answer.race.map(|race| race as usize));
        match self {
            Self::Sex => sex.map(|sex| (sex, 0)),
            Self::Race => race.map(|race| (0, race)),
            Self::Both => sex.zip(race),
        }
    }

    fn category(self, (sex, race): Cell) -> String {
        let (sex, race) = (Sex::ALL[sex].label(), Race::ALL[race].label());
        match self {
            Self::Sex => sex.to_owned(),
            Self::Race => race.to_owned(),
            Self::Both => format!("{sex}, {race}"),
        }
    }

    /// The categories that can be broken out.
    fn shown(self, people: &[Answer], cells: &[Option<Cell>]) -> BTreeSet<Cell> {
        let mut sizes: BTreeMap<Cell, usize> = BTreeMap::new();
        for cell in cells.iter().flatten() {
            *sizes.entry(*cell).or_default() += 1;
        }
        let mut shown: BTreeSet<Cell> =
            sizes.iter().filter(|(_, size)| **size >= FEWEST).map(|(cell, _)| *cell).collect();
        while let Some(line) = self.betraying(people, cells, &shown) {
            let in_line = shown.iter().filter(|cell| line.has(**cell));
            let Some(smallest) = in_line.min_by_key(|cell| sizes[*cell]).copied() else { break };
            shown.remove(&smallest);
        }
        shown
    }

    /// A line of the table in which those that are not broken out are found by subtraction, because they are few. A line
    /// in which nothing is broken out has nothing to subtract.
    fn betraying(self, people: &[Answer], cells: &[Option<Cell>], shown: &BTreeSet<Cell>) -> Option<Line> {
        let margins = (0..Sex::ALL.len()).map(Line::Sex).chain((0..Race::ALL.len()).map(Line::Race));
        let lines = std::iter::once(Line::All).chain(margins.filter(|_| self == Self::Both));
        lines.into_iter().find(|line| {
            let within = || people.iter().zip(cells).filter(|(answer, _)| line.knows(**answer));
            let is_shown = |cell: &Option<Cell>| cell.is_some_and(|cell| shown.contains(&cell));
            let left = within().filter(|(_, cell)| !is_shown(cell)).count();
            let hides = within().any(|(_, cell)| cell.is_some() && !is_shown(cell));
            hides && left < FEWEST && shown.iter().any(|cell| line.has(*cell))
        })
    }
}

/// A line whose sum is known from elsewhere.
#[derive(Clone, Copy)]
enum Line {
    All,
    Sex(usize),
    Race(usize),
}

impl Line {
    fn has(self, (sex, race): Cell) -> bool {
        match self {
            Self::All => true,
            Self::Sex(place) => place == sex,
            Self::Race(place) => place == race,
        }
    }

    fn knows(self, answer: Answer) -> bool {
        match self {
            Self::All => true,
            Self::Sex(place) => answer.sex.is_some_and(|sex| sex as usize == place),
            Self::Race(place) => answer.race.is_some_and(|race| race as usize == place),
        }
    }
}

fn table(
    (measure, by): (Measure, By),
    shown: &BTreeSet<Cell>,
    cells: &[Option<Cell>],
    chosen: &[bool],
) -> Table {
    let mut shares: BTreeMap<Cell, Share> =
        shown.iter().map(|cell| (*cell, Share { chosen: 0, people: 0 })).collect();
    let mut unknown = 0;
    for (cell, chosen) in cells.iter().zip(chosen) {
        if let Some(share) = cell.and_then(|cell| shares.get_mut(&cell)) {
            share.people += 1;
            share.chosen += u64::from(*chosen);
        } else {
            unknown += 1;
        }
    }
    let in_all = |outcome: bool| count(chosen.iter().filter(|chosen| **chosen == outcome).count());
    let withheld = shares.values().any(|share| {
        let of = [(share.chosen, in_all(true)), (share.people - share.chosen, in_all(false))];
        of.iter().any(|(here, all)| *all > 0 && here == all)
    });
    let known: u64 = shares.values().map(|share| share.people).sum();
    let is_minor = |share: &Share| share.people * 100 < known * LEAST_SHARE;
    let best = shares.values().filter(|share| !is_minor(share)).copied();
    let best = best.reduce(|best, share| if is_above(share, best) { share } else { best });
    let row = |(cell, share): (&Cell, &Share)| Row {
        category: by.category(*cell),
        people: share.people,
        minor: is_minor(share),
        figures: (!withheld).then(|| figures(*share, best)),
    };
    Table {
        measure,
        measure_label: measure.label(),
        by: by.label(),
        rows: shares.iter().map(row).collect(),
        unknown,
        hides: cells.iter().flatten().any(|cell| !shown.contains(cell)),
        withheld,
    }
}

fn count(people: usize) -> u64 {
    u64::try_from(people).unwrap_or(u64::MAX)
}

/// Whether the rate of one is above that of another, without rounding.
fn is_above(one: Share, other: Share) -> bool {
    u128::from(one.chosen) * u128::from(other.people) > u128::from(other.chosen) * u128::from(one.people)
}

fn figures(share: Share, best: Option<Share>) -> Figures {
    let three = |number: f64| format!("{number:.3}");
    let best = best.filter(|best| best.chosen > 0);
    let ratio = best.and_then(|best| Some(share.rate()? / best.rate()?));
    // share.chosen / share.people < 0.8 · best.chosen / best.people, without rounding.
    let flagged = best.is_some_and(|best| {
        u128::from(share.chosen) * u128::from(best.people) * 100
            < u128::from(best.chosen) * u128::from(share.people) * u128::from(FOUR_FIFTHS)
    });
    let test = best.filter(|best| *best != share).map(|best| Test {
        fisher: probability(fisher(share, best)),
        z: two_proportions(share, best).map(|(z, p)| (format!("{z:.2}"), probability(p))),
        small: is_small(share, best),
    });
    Figures {
        chosen: share.chosen,
        rate: three(share.rate().unwrap_or_default()),
        ratio: ratio.map(three),
        flagged,
        test,
    }
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// The report as lines of a file, each begun with `first`; the head where it is asked for by no report at all.
#[must_use]
pub fn lines(first: &[&str], report: Option<&Report>) -> Vec<Vec<String>> {
    const HEAD: [&str; 13] = [
        "measure",
        "sorted_by",
        "category",
        "people",
        "chosen",
        "rate",
        "impact_ratio",
        "below_four_fifths",
        "fisher_p",
        "z",
        "z_p",
        "small_sample",
        "note",
    ];
    let Some(report) = report else {
        return vec![first.iter().chain(&HEAD).map(|&cell| cell.to_owned()).collect()];
    };
    let mut lines = Vec::new();
    for table in &report.tables {
        let begun = || -> Vec<String> {
            let first = first.iter().map(|cell| spreadsheet::text(cell));
            first.chain([table.measure.as_str().to_owned(), table.by.to_owned()]).collect()
        };
        for row in &table.rows {
            let mut line = begun();
            line.extend([spreadsheet::text(&row.category), row.people.to_string()]);
            line.extend(row.cells());
            lines.push(line);
        }
        let mut line = begun();
        let note = if table.hides { "Not said, or in a category of fewer than 5" } else { "Not said" };
        line.extend(["Unknown".to_owned(), table.unknown.to_string()]);
        line.extend(std::iter::repeat_n(String::new(), 8));
        line.push(note.to_owned());
        lines.push(line);
    }
    lines
}

impl Row {
    /// What a file has after the people: `chosen` to `note`.
    fn cells(&self) -> [String; 9] {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let note = match (&self.figures, self.minor) {
            (None, _) => "Withheld: it would tell the category of everybody chosen or not chosen",
            (_, true) => "Less than 2% of the people",
            _ => "",
        };
        let Some(figures) = &self.figures else {
            let mut cells: [String; 9] = Default::default();
            note.clone_into(&mut cells[8]);
            return cells;
        };
        let test = figures.test.as_ref();
        let z = test.and_then(|test| test.z.clone());
        // A minus is part of a number here and begins no formula that anybody else wrote.
        [
            figures.chosen.to_string(),
            figures.rate.clone(),
            figures.ratio.clone().unwrap_or_default(),
            yes(figures.flagged),
            test.map(|test| test.fisher.clone()).unwrap_or_default(),
            z.as_ref().map(|(z, _)| z.clone()).unwrap_or_default(),
            z.map(|(_, p)| p).unwrap_or_default(),
            test.map(|test| yes(test.small)).unwrap_or_default(),
            note.to_owned(),
        ]
    }
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
