//! Calendar days, written `YYYY-MM-DD` and nothing else, in the years 0001..=9999.
//!
//! The strict form is on purpose: a day that two programs read differently would give two scores.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, Serializer, de};

/// Reads `YYYY-MM-DD`.
///
/// # Errors
/// A sentence that says what is wrong: the form, or a day that the calendar does not have.
pub fn parse(text: &str) -> Result<NaiveDate, String> {
    let bytes = text.as_bytes();
    let formed = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !formed {
        return Err(format!("`{text}` is not a day: write it as YYYY-MM-DD"));
    }
    let number =
        |range: std::ops::Range<usize>| bytes[range].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    let year = i32::try_from(number(0..4)).unwrap_or_default();
    NaiveDate::from_ymd_opt(year, number(5..7), number(8..10))
        .filter(|date| date.year() >= 1)
        .ok_or_else(|| format!("`{text}` is not a day of the calendar"))
}

/// Months since the year 0, the measure of experience: `12 · year + month`.
pub(crate) fn month_index(date: NaiveDate) -> i32 {
    // `month0` is below 12.
    12 * date.year() + i32::try_from(date.month0()).unwrap_or_default()
}

/// A day as a number, for columns and differences in days.
pub(crate) fn day_number(date: NaiveDate) -> i32 {
    date.num_days_from_ce()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(crate) fn serialize<S: Serializer>(date: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    parse(&text).map_err(de::Error::custom)
}

/// The same for a day that may be missing; `null` is missing.
pub(crate) mod optional {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        date: &Option<NaiveDate>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => super::serialize(date, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NaiveDate>, D::Error> {
        #[derive(Deserialize)]
        struct Day(#[serde(with = "super")] NaiveDate);
        Ok(Option::<Day>::deserialize(deserializer)?.map(|day| day.0))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn takes_days_of_the_calendar_only() {
        for good in ["2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "2026-02-29",
            "2026-2-9",
            "20261123",
            "2026-11-23T00:00",
            "0000-01-01",
            "2026/11/23",
            "",
            "२०२६-११-२३",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
