//! A week as 672 quarter-hours from Monday 00:00, and spans of time within it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Quarter-hours in a week.
pub const QUARTERS: u16 = 672;
/// Quarter-hours in a day.
pub const QUARTERS_A_DAY: u16 = 96;
/// The days from 0 on.
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// 32-bit words in a week; 21 of them hold it exactly.
const WORDS: usize = 21;

/// A set of quarter-hours of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Week([u32; WORDS]);

impl Week {
    /// The union of spans.
    pub(crate) fn covering(spans: &[Span]) -> Self {
        let mut week = Self::default();
        for span in spans {
            week.insert(span.start, span.quarters);
        }
        week
    }

    /// Adds `quarters` quarter-hours from `start` on, wrapping round the week.
    pub(crate) fn insert(&mut self, start: u16, quarters: u16) {
        for offset in 0..quarters.min(QUARTERS) {
            let quarter = usize::from((start + offset) % QUARTERS);
            self.0[quarter / 32] |= 1 << (quarter % 32);
        }
    }

    /// The quarter-hours, the first of them in the lowest bits.
    pub(crate) fn words(&self) -> &[u32; WORDS] {
        &self.0
    }

    /// Whether a quarter-hour is in it.
    #[cfg(test)]
    fn has(&self, quarter: usize) -> bool {
        self.0[quarter / 32] >> (quarter % 32) & 1 == 1
    }

    /// How many quarter-hours are in both.
    pub(crate) fn common(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(one, other)| (one & other).count_ones()).sum()
    }
}

/// A stretch of the week, in whole quarter-hours; it may run past Sunday into Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First quarter-hour, 0..=671 from Monday 00:00.
    pub start: u16,
    /// How many, 1..=672.
    pub quarters: u16,
}

impl Span {
    /// A span from its day (0 is Monday), its time of day `HH:MM` and its length in minutes.
    ///
    /// # Errors
    /// A sentence that names the part that is out of range or not a multiple of 15 minutes.
    pub fn new(day: u8, start: &str, minutes: u32) -> Result<Self, String> {
        if day > 6 {
            return Err(format!("day {day} is outside 0..=6 (0 is Monday)"));
        }
        if !(15..=10_080).contains(&minutes) || !minutes.is_multiple_of(15) {
            return Err(format!("minutes {minutes} is not a multiple of 15 in 15..=10080"));
        }
        let quarter = quarter_of_day(start).map_err(|message| format!("start {message}"))?;
        let start = u16::from(day) * QUARTERS_A_DAY + quarter;
        let quarters = u16::try_from(minutes / 15).unwrap_or(QUARTERS);
        Ok(Self { start, quarters })
    }

    /// Its day, 0 is Monday.
    #[must_use]
    pub fn day(self) -> u16 {
        self.start / QUARTERS_A_DAY
    }

    /// Its length in minutes.
    #[must_use]
    pub fn minutes(self) -> u16 {
        self.quarters * 15
    }

    /// Its day, start and length in minutes, as [`Span::new`] takes them.
    #[must_use]
    pub fn written(self) -> (u8, String, u32) {
        (u8::try_from(self.day()).unwrap_or_default(), self.clock(), u32::from(self.minutes()))
    }

    /// Its start as `HH:MM`.
    fn clock(self) -> String {
        let quarter = self.start % QUARTERS_A_DAY;
        format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15)
    }
}

/// `Sat 09:00, 60 min`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][usize::from(self.day() % 7)];
        write!(f, "{day} {}, {} min", self.clock(), self.minutes())
    }
}

/// The quarter-hour of the day that `HH:MM` names, 0..=95.
///
/// # Errors
/// A sentence that says what a time looks like.
pub fn quarter_of_day(text: &str) -> Result<u16, String> {
    let wrong =
        || format!("`{text}` is not a time of day: write HH:MM, on a quarter-hour, from 00:00 to 23:45");
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).filter(|b| b.is_ascii_digit()).map(|b| u16::from(b - b'0'));
    if bytes.len() != 5 || bytes[2] != b':' {
        return Err(wrong());
    }
    let pair = |i| Some(digit(i)? * 10 + digit(i + 1)?);
    match (pair(0), pair(3)) {
        (Some(hour), Some(minute)) if hour < 24 && minute < 60 && minute % 15 == 0 => {
            Ok(hour * 4 + minute / 15)
        }
        _ => Err(wrong()),
    }
}

/// A span as the exchange format writes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "span")]
struct Written {
    day: u8,
    start: String,
    minutes: u32,
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (day, start, minutes) = self.written();
        Written { day, start, minutes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::new(written.day, &written.start, written.minutes).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_wrap_round_the_week() {
        let span = Span::new(6, "23:30", 60).unwrap();
        let week = Week::covering(&[span]);
        assert!([670, 671, 0, 1].iter().all(|quarter| week.has(*quarter)));
        assert!(!week.has(2) && !week.has(669));
        assert_eq!(span.to_string(), "Sun 23:30, 60 min");
    }

    #[test]
    fn a_whole_week_is_full_once() {
        let week = Week::covering(&[Span::new(3, "11:15", 10_080).unwrap()]);
        assert!((0..usize::from(QUARTERS)).all(|quarter| week.has(quarter)));
    }

    #[test]
    fn times_off_the_quarter_hour_are_refused() {
        for (day, start, minutes) in [
            (7, "09:00", 60),
            (0, "9:00", 60),
            (0, "24:00", 60),
            (0, "09:10", 60),
            (0, "09:00", 0),
            (0, "09:00", 61),
            (0, "09:00", 10_095),
        ] {
            assert!(Span::new(day, start, minutes).is_err(), "{day} {start} {minutes}");
        }
    }
}
