//! The same preset with other weights, for trying out.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Preset, read};
use crate::num::{FULL, largest_remainder};
use crate::{registry, wording};

/// The largest number that stands for a weight.
const MOST: f64 = 1_000_000.0;

impl Preset {
    /// What this preset would be if its file had other weights: a preset like any other, with its own text and
    /// hash, so that its scores can be explained and replayed.
    ///
    /// Weights are in percent and need not add up to 100: they count relative to one another. What is not named keeps
    /// its own. All are rounded to basis points, by largest remainder.
    ///
    /// # Errors
    /// A sentence that names the weight that cannot be.
    pub fn reweighed(&self, weights: &[(&str, f64)]) -> Result<Self, String> {
        let mut relative: BTreeMap<&str, f64> =
            self.weights().map(|(key, bp)| (key, f64::from(bp) / 100.0)).collect();
        let mut known: Vec<&str> = registry::keys().collect();
        known.extend(self.points().map(|table| &*table.key));
        for (key, weight) in weights {
            if !known.contains(key) {
                return Err(wording::unknown("sub-score", key, known));
            }
            if !(0.0..=MOST).contains(weight) {
                return Err(format!("the weight of {key} is not a number from 0 to {MOST}"));
            }
            relative.insert(key, *weight);
        }
        let text = self.text_with(&normalised(&relative)?).map_err(|error| error.to_string())?;
        read(&self.name, &text).map_err(|problems| problems[0].message.clone())
    }

    /// The file's text with other weights; its comments are lost.
    fn text_with(&self, weights: &Table) -> Result<String, toml::ser::Error> {
        let mut table: Table = self.text.parse().unwrap_or_default();
        table.insert("weights".to_owned(), Value::Table(weights.clone()));
        toml::to_string(&table)
    }
}

/// Weights that add up to 1, in steps of 0.0001.
fn normalised(relative: &BTreeMap<&str, f64>) -> Result<Table, String> {
    // In millionths of the largest, so that the shares are whole numbers.
    let most = relative.values().copied().fold(0.0, f64::max);
    if most == 0.0 {
        return Err("at least one weight must be more than 0".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1000000")]
    let shares: Vec<u64> =
        relative.values().map(|weight| (weight / most * 1_000_000.0).round() as u64).collect();
    let sum: u64 = shares.iter().sum();
    let scaled: Vec<u64> = shares.iter().map(|share| share * u64::from(FULL)).collect();
    let parts = largest_remainder(&scaled, sum, u64::from(FULL));
    let weight = |bp: u64| Value::Float(f64::from(u32::try_from(bp).unwrap_or(FULL)) / f64::from(FULL));
    let mut weights = Table::new();
    for (key, bp) in relative.keys().zip(parts) {
        // `points.NAME` is a key within a table.
        match key.split_once('.') {
            Some((table, name)) => {
                let within = weights.entry(table).or_insert_with(|| Value::Table(Table::new()));
                within.as_table_mut().map(|within| within.insert(name.to_owned(), weight(bp)));
            }
            None => {
                weights.insert((*key).to_owned(), weight(bp));
            }
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use crate::preset::builtin;

    fn weights(changed: &[(&str, f64)]) -> Result<Vec<u16>, String> {
        let preset = builtin().named("balanced").unwrap().reweighed(changed)?;
        Ok(preset.weights().map(|(_, bp)| bp).collect())
    }

    #[test]
    fn weights_count_relative_to_one_another() {
        let even =
            ["certifications", "experience", "availability", "location", "engagement"].map(|key| (key, 20.0));
        let changed: Vec<_> = even.into_iter().chain([("culture", 0.0)]).collect();
        let expected = [2_000, 2_000, 2_000, 2_000, 0, 2_000];
        assert_eq!(weights(&changed).unwrap(), expected);
    }

    #[test]
    fn what_is_not_named_keeps_its_own_and_the_rest_of_the_file_stays() {
        let balanced = builtin().named("balanced").unwrap();
        let same = balanced.reweighed(&[]).unwrap();
        assert!(same.weights().eq(balanced.weights()));
        assert_eq!(
            (same.threshold, same.limit, &same.title),
            (balanced.threshold, balanced.limit, &balanced.title)
        );
        let local = builtin().named("local-team").unwrap();
        let changed: toml::Table = local.reweighed(&[("location", 30.0)]).unwrap().text.parse().unwrap();
        let original: toml::Table = local.text.parse().unwrap();
        for (key, value) in original.iter().filter(|(key, _)| *key != "weights") {
            assert_eq!(changed.get(key), Some(value), "{key}");
        }
    }

    #[test]
    fn weights_that_cannot_be_are_named() {
        let zero: Vec<_> =
            builtin().named("balanced").unwrap().weights().map(|(key, _)| (key, 0.0)).collect();
        for (changed, told) in [
            (&[("experiense", 1.0)][..], "experience"),
            (&[("experience", -1.0)], "the weight of experience is not a number from 0"),
            (&[("experience", f64::NAN)], "the weight of experience is not a number from 0"),
            (&[("culture", 100.0)], "more than 0.15"),
            (&zero, "at least one weight must be more than 0"),
        ] {
            let message = weights(changed).unwrap_err();
            assert!(message.contains(told), "{message}");
        }
    }
}
