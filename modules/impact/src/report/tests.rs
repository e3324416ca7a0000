//! The report on people who were made up: what it says, and that it betrays nobody.

use std::collections::BTreeMap;

use fithire_kernel::ids::Id;
use proptest::prelude::*;

use super::{FEWEST, Measure, Report, Sample, Table, lines, report};
use crate::model::{Answer, Race, Sex};

/// People of one answer: how many there are, and how many of them are selected.
type Lot = (Option<Sex>, Option<Race>, usize, usize);

fn made(lots: &[Lot]) -> Report {
    let (mut samples, mut answers) = (Vec::new(), BTreeMap::new());
    for (sex, race, people, selected) in lots {
        for n in 0..*people {
            let coach_id = Id::try_from(samples.len()).unwrap();
            let selected = n < *selected;
            samples.push(Sample { coach_id, score: u64::from(selected), selected, shortlisted: false });
            answers.insert(coach_id, Answer { sex: *sex, race: *race });
        }
    }
    report(&samples, &answers)
}

fn find<'r>(report: &'r Report, by: &str) -> &'r Table {
    report.tables.iter().find(|table| table.measure == Measure::Selection && table.by == by).unwrap()
}

const F: Option<Sex> = Some(Sex::Female);
const M: Option<Sex> = Some(Sex::Male);

#[test]
fn rates_ratios_and_the_flag_are_those_of_the_law() {
    // The sample of the department's own rule: 1390 of 2000 men are selected, 990 of 1800 women.
    let report = made(&[(M, None, 2_000, 1_390), (F, None, 1_800, 990), (None, None, 120, 60)]);
    let table = find(&report, "Sex");
    let [women, men] = &table.rows[..] else { panic!("{table:?}") };
    let (women, men) = (women.figures.as_ref().unwrap(), men.figures.as_ref().unwrap());
    assert_eq!((men.rate.as_str(), men.ratio.as_deref(), men.flagged), ("0.695", Some("1.000"), false));
    assert_eq!((women.rate.as_str(), women.ratio.as_deref(), women.flagged), ("0.550", Some("0.791"), true));
    assert!(men.test.is_none() && women.test.as_ref().unwrap().fisher == "< 0.0001");
    assert_eq!((table.unknown, table.hides, report.flagged), (120, false, true));
}

#[test]
fn four_fifths_exactly_are_not_below_four_fifths() {
    for (women, flagged) in [(40, false), (39, true)] {
        let report = made(&[(M, None, 100, 50), (F, None, 100, women)]);
        assert_eq!(report.flagged, flagged, "{women}");
    }
}

#[test]
fn a_small_category_is_among_the_unknown_and_takes_another_with_it_when_it_would_be_found() {
    let other = Some(Sex::Other);
    let report = made(&[(F, None, 40, 20), (M, None, 30, 10), (other, None, 3, 1), (None, None, 20, 4)]);
    let table = find(&report, "Sex");
    assert_eq!((table.rows.len(), table.unknown, table.hides), (2, 23, true));
    // With nobody else unknown, three are found by subtraction: the smaller of the others joins them.
    let report = made(&[(F, None, 40, 20), (M, None, 30, 10), (other, None, 3, 1)]);
    let table = find(&report, "Sex");
    assert_eq!(table.rows.iter().map(|row| &*row.category).collect::<Vec<_>>(), ["Female"]);
    assert_eq!(table.unknown, 33);
}

#[test]
fn rates_that_would_tell_the_category_of_everybody_are_withheld() {
    let withheld = |women: usize, men: usize, unknown: usize| {
        let report = made(&[(F, None, 30, women), (M, None, 30, men), (None, None, 10, unknown)]);
        let table = find(&report, "Sex");
        assert_eq!(table.withheld, table.rows.iter().all(|row| row.figures.is_none()));
        table.withheld
    };
    assert!(withheld(4, 0, 0), "everybody chosen is a woman");
    assert!(!withheld(4, 0, 1) && !withheld(4, 1, 0));
    assert!(withheld(30, 20, 10), "everybody not chosen is a man");
    assert!(!withheld(30, 20, 9));
    assert!(!withheld(0, 0, 0), "nobody is chosen");
}

#[test]
fn a_file_has_lines_of_one_length_and_no_formula() {
    let report = made(&[(F, Some(Race::Asian), 40, 20), (M, Some(Race::White), 30, 10)]);
    let head = lines(&["=preset"], None);
    let rows = lines(&["=preset"], Some(&report));
    assert!(rows.iter().all(|row| row.len() == head[0].len() && row[0] == "'=preset"), "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row[3] == "Unknown").count(), report.tables.len());
}

/// What is left when the cells of a row or column are subtracted from its sum, and how many of those have said only one of
/// the two, which no cell counts.
fn subtracted(report: &Report, lots: &[Lot]) -> Vec<(usize, usize)> {
    let both = find(report, "Sex and race or ethnicity");
    let sexes = Sex::ALL.iter().map(|sex| ("Sex", sex.label(), (Some(*sex), None)));
    let races = Race::ALL.iter().map(|race| ("Race or ethnicity", race.label(), (None, Some(*race))));
    let mut left = Vec::new();
    for (by, label, half) in sexes.chain(races) {
        let Some(sum) = find(report, by).rows.iter().find(|row| row.category == label) else { continue };
        let within = both.rows.iter().filter(|row| row.category.split(", ").any(|part| part == label));
        let cells: Vec<u64> = within.map(|row| row.people).collect();
        if !cells.is_empty() {
            let halves = lots.iter().filter(|(sex, race, ..)| (*sex, *race) == half);
            let rest = usize::try_from(sum.people - cells.iter().sum::<u64>()).unwrap();
            left.push((rest, halves.map(|(.., people, _)| people).sum()));
        }
    }
    left
}

proptest! {
    #[test]
    fn no_table_has_or_leaves_fewer_than_are_allowed(
        sizes in proptest::collection::vec((0..4_usize, 0..8_usize, 0..12_usize, 0..12_usize), 1..24),
    ) {
        let lot = |(sex, race, people, selected): &(usize, usize, usize, usize)| {
            (Sex::ALL.get(*sex).copied(), Race::ALL.get(*race).copied(), *people, *selected.min(people))
        };
        let lots: Vec<Lot> = sizes.iter().map(lot).collect();
        let report = made(&lots);
        let few = |people: usize| people > 0 && people < FEWEST;
        for table in &report.tables {
            for row in &table.rows {
                prop_assert!(row.people >= FEWEST as u64, "{row:?}");
            }
            let shown: u64 = table.rows.iter().map(|row| row.people).sum();
            prop_assert_eq!(usize::try_from(shown).unwrap() + table.unknown, report.people);
            prop_assert!(!(table.hides && few(table.unknown) && !table.rows.is_empty()), "{table:?}");
        }
        for (left, halves) in subtracted(&report, &lots) {
            prop_assert!(!few(left) || left == halves, "{left} are found, {halves} of them have said half");
        }
    }
}
