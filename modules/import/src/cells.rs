//! The small languages within cells: lists, certifications, positions, hours, styles.

use chrono::NaiveDate;
use fithire_scoring::date;
use fithire_scoring::facts::{
    Cert, Holding, HoldingState, Modality, Position, Rating, Requirement, RequirementKind, Slot, SlotKind,
    Source, Span, Taught, Wanted, few, repeated,
};
use fithire_scoring::week::quarter_of_day;
use fithire_scoring::wording;

/// In place of hours.
pub(crate) const NEVER: &str = "never";

/// The values of a cell, separated by `;`; empty ones do not count.
fn list<T>(cell: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let values: Vec<T> = cell
        .split(';')
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(read)
        .collect::<Result<_, _>>()?;
    few("it", values.len())?;
    Ok(values)
}

/// The parts of a value, separated by `|`; `form` shows how to write it.
fn parts<'c>(value: &'c str, most: usize, form: &str) -> Result<Vec<&'c str>, String> {
    let parts: Vec<&str> = value.split('|').map(str::trim).collect();
    if parts.len() > most { Err(format!("`{value}` has too many parts; write {form}")) } else { Ok(parts) }
}

/// A day that may be left out.
fn optional_day(part: Option<&&str>) -> Result<Option<NaiveDate>, String> {
    part.filter(|part| !part.is_empty()).map(|part| date::parse(part)).transpose()
}

/// One of a few words.
fn word<T: Copy>(what: &str, written: &str, known: &[(&str, T)]) -> Result<T, String> {
    let written = written.to_lowercase();
    known
        .iter()
        .find(|(name, _)| *name == written)
        .map(|(_, value)| *value)
        .ok_or_else(|| wording::unknown(what, &written, known.iter().map(|(name, _)| *name)))
}

/// `NASM-CPT|claimed|2027-06-30; CPR-AED|pending|`.
pub(crate) fn holdings(cell: &str) -> Result<Vec<Holding>, String> {
    const STATES: [(&str, HoldingState); 5] = [
        ("verified", HoldingState::Verified),
        ("pending", HoldingState::Pending),
        ("claimed", HoldingState::Claimed),
        ("rejected", HoldingState::Rejected),
        ("revoked", HoldingState::Revoked),
    ];
    list(cell, |value| {
        let parts = parts(value, 3, "NASM-CPT|claimed|2027-06-30")?;
        let code = Cert::named(parts[0])?;
        let state =
            parts.get(1).ok_or_else(|| format!("`{value}` has no state; write {}|claimed|", parts[0]))?;
        Ok(Holding { code, state: word("state", state, &STATES)?, expires_on: optional_day(parts.get(2))? })
    })
}

/// `hiit|2021-02-01|2023-05-31; yin|2023-06-01|`.
pub(crate) fn positions(cell: &str) -> Result<Vec<Position>, String> {
    list(cell, |value| {
        let parts = parts(value, 3, "hiit|2021-02-01|2023-05-31")?;
        let modality = Modality::named(parts[0])?;
        let start = parts
            .get(1)
            .ok_or_else(|| format!("`{value}` has no first day; write {}|2021-02-01|", parts[0]))?;
        Position::new(modality, date::parse(start)?, optional_day(parts.get(2))?)
    })
}

/// `hiit|2026-10-01`.
pub(crate) fn taught(cell: &str) -> Result<Vec<Taught>, String> {
    list(cell, |value| {
        let parts = parts(value, 2, "hiit|2026-10-01")?;
        let modality = Modality::named(parts[0])?;
        let day =
            parts.get(1).ok_or_else(|| format!("`{value}` has no day; write {}|2026-10-01", parts[0]))?;
        Ok(Taught { modality, last_taught_on: date::parse(day)? })
    })
}

/// `mon 06:00-12:00; sat 22:00-02:00`: a span that ends before it starts runs past midnight.
pub(crate) fn hours(cell: &str) -> Result<Vec<Span>, String> {
    const MIDNIGHT: u16 = 96;
    list(cell, |value| {
        let form = || format!("`{value}` is not a stretch of hours; write mon 06:00-12:00");
        let (day_name, times) = value.split_once(char::is_whitespace).ok_or_else(form)?;
        let (start, end) = times.split_once('-').ok_or_else(form)?;
        let (start, end) = (start.trim(), end.trim());
        let from = quarter_of_day(start)?;
        let to = if end == "24:00" { MIDNIGHT } else { quarter_of_day(end)? };
        if from == to {
            return Err(format!(
                "`{value}` starts and ends at the same time; write 00:00-24:00 for a whole day"
            ));
        }
        let quarters = if to > from { to - from } else { to + MIDNIGHT - from };
        Span::new(day(day_name)?, start, u32::from(quarters) * 15)
    })
}

/// The same of somebody's availability, of whom `never` says that no hour is free; an empty cell says nothing.
pub(crate) fn availability(cell: &str) -> Result<Vec<Span>, String> {
    if cell.trim().eq_ignore_ascii_case(NEVER) { Ok(Vec::new()) } else { hours(cell) }
}

/// `class sat 09:00 60; shift mon 06:00 240`.
pub(crate) fn slots(cell: &str) -> Result<Vec<Slot>, String> {
    list(cell, |value| {
        let words: Vec<&str> = value.split_whitespace().collect();
        let [kind, day_name, start, minutes] = words[..] else {
            return Err(format!("`{value}` is not a slot; write class sat 09:00 60 (minutes last)"));
        };
        let kind = word("kind of slot", kind, &[("class", SlotKind::Class), ("shift", SlotKind::Shift)])?;
        let minutes = minutes.parse().map_err(|_| format!("`{minutes}` is not a number of minutes"))?;
        Ok(Slot { kind, span: Span::new(day(day_name)?, start, minutes)?, weight: 1 })
    })
}

fn day(name: &str) -> Result<u8, String> {
    const DAYS: [(&str, u8); 7] =
        [("mon", 0), ("tue", 1), ("wed", 2), ("thu", 3), ("fri", 4), ("sat", 5), ("sun", 6)];
    word("day", name, &DAYS)
}

/// `required: NASM-CPT|ACE-CPT; preferred: CPR-AED`.
pub(crate) fn requirements(cell: &str) -> Result<Vec<Requirement>, String> {
    list(cell, |value| {
        let (kind, codes) = value
            .split_once(':')
            .ok_or_else(|| format!("`{value}` is not a requirement; write required: NASM-CPT|ACE-CPT"))?;
        let kinds = [("required", RequirementKind::Required), ("preferred", RequirementKind::Preferred)];
        let kind = word("kind of requirement", kind.trim(), &kinds)?;
        let any_of = codes.split('|').map(|code| Cert::named(code.trim())).collect::<Result<_, _>>()?;
        Ok(Requirement { any_of, kind })
    })
}

/// `intensity=3; music=1` as a job wants it, every dimension with weight 1.
pub(crate) fn wanted(cell: &str) -> Result<Vec<Wanted>, String> {
    const MOST: usize = fithire_scoring::facts::MAX_DIMENSIONS;
    let levels = levels(cell)?;
    if levels.len() > MOST {
        return Err(format!("names {} dimensions, more than {MOST}", levels.len()));
    }
    Ok(levels.into_iter().map(|(dimension, level)| Wanted { dimension, level, weight: 1 }).collect())
}

/// The same as a coach's own rating.
pub(crate) fn ratings(cell: &str) -> Result<Vec<Rating>, String> {
    /// As many as the API takes.
    const MOST: usize = 50;
    let levels = levels(cell)?;
    if levels.len() > MOST {
        return Err(format!("names {} dimensions, more than {MOST}", levels.len()));
    }
    let rate = |(dimension, level)| Rating { dimension, level, source: Source::SelfRated };
    Ok(levels.into_iter().map(rate).collect())
}

fn levels(cell: &str) -> Result<Vec<(String, u8)>, String> {
    /// Characters of a dimension.
    const MOST: usize = 50;
    let levels = list(cell, |value| {
        let (dimension, level) =
            value.split_once('=').ok_or_else(|| format!("`{value}` is not a style; write intensity=3"))?;
        if dimension.trim().chars().count() > MOST {
            return Err(format!("names a dimension of more than {MOST} characters"));
        }
        match level.trim().parse() {
            Ok(level @ 0..=4) => Ok((dimension.trim().to_owned(), level)),
            _ => Err(format!("`{value}`: a level is a whole number from 0 to 4")),
        }
    })?;
    match repeated(levels.iter().map(|(dimension, _)| dimension)) {
        Some(twice) => Err(format!("names the dimension `{twice}` twice")),
        None => Ok(levels),
    }
}

/// A number within bounds.
pub(crate) fn number(cell: &str, low: f64, high: f64) -> Result<f64, String> {
    match cell.parse::<f64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        Ok(_) => Err(format!("{cell} is outside {low}..={high}")),
        Err(_) => Err(format!("`{cell}` is not a number")),
    }
}

/// `yes` or `no`, in the usual spellings.
pub(crate) fn yes_or_no(cell: &str) -> Result<bool, String> {
    match cell.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Ok(true),
        "false" | "no" | "n" | "0" => Ok(false),
        _ => Err(format!("`{cell}` is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_run_past_midnight() {
        let spans = hours("mon 06:00-12:00; sat 22:00-02:00; Sun 00:00-24:00;").unwrap();
        let read: Vec<String> = spans.iter().map(ToString::to_string).collect();
        assert_eq!(read, ["Mon 06:00, 360 min", "Sat 22:00, 240 min", "Sun 00:00, 1440 min"]);
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        let error = |result: Result<(), String>| result.unwrap_err();
        assert_eq!(
            error(holdings("NASM-CPT|verifed|").map(drop)),
            "unknown state `verifed`: did you mean `verified`?"
        );
        assert_eq!(error(holdings("NASM-CPT").map(drop)), "`NASM-CPT` has no state; write NASM-CPT|claimed|");
        assert_eq!(
            error(hours("mon 6-12").map(drop)),
            "`6` is not a time of day: write HH:MM, on a quarter-hour, from 00:00 to 23:45"
        );
        assert_eq!(
            error(slots("class sat 09:00").map(drop)),
            "`class sat 09:00` is not a slot; write class sat 09:00 60 (minutes last)"
        );
        assert_eq!(error(ratings("music=1; music=2").map(drop)), "names the dimension `music` twice");
        assert_eq!(
            error(requirements("NASM-CPT").map(drop)),
            "`NASM-CPT` is not a requirement; write required: NASM-CPT|ACE-CPT"
        );
    }
}
