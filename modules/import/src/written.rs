//! The way back: what is known of a coach as the row of a file that can be imported again.

use chrono::NaiveDate;
use fithire_scoring::facts::{Coach, HoldingState, Span};

use crate::cells::NEVER;

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// The cells of what is scored, by the names of their columns, in the order of [`super::coaches::COLUMNS`].
#[must_use]
pub fn facts(coach: &Coach) -> [(&'static str, String); 10] {
    let joined = |values: Vec<String>| values.join("; ");
    let point = |degrees: fn((f64, f64)) -> f64| {
        coach.point.map_or_else(String::new, |point| degrees((point.lat, point.lon)).to_string())
    };
    let holdings = coach.holdings.iter().map(|holding| {
        format!("{}|{}|{}", holding.code.details().code, state(holding.state), day(holding.expires_on))
    });
    let positions = coach.positions.iter().map(|position| {
        let modality = position.modality.details().code;
        format!("{modality}|{}|{}", position.started_on, day(position.ended_on))
    });
    let taught = coach
        .taught
        .iter()
        .map(|taught| format!("{}|{}", taught.modality.details().code, taught.last_taught_on));
    let style = coach.style.iter().map(|rating| format!("{}={}", rating.dimension, rating.level));
    [
        ("latitude", point(|(lat, _)| lat)),
        ("longitude", point(|(_, lon)| lon)),
        ("radius_km", coach.radius_m.map_or_else(String::new, kilometres)),
        ("time_zone", coach.tz.map_or_else(String::new, |zone| zone.name().to_owned())),
        ("certifications", joined(holdings.collect())),
        ("positions", joined(positions.collect())),
        ("taught", joined(taught.collect())),
        ("free", availability(coach.free.as_deref())),
        ("if_needed", availability(coach.if_needed.as_deref())),
        ("style", joined(style.collect())),
    ]
}

/// Hours, or that there are none, or nothing where it is not known.
fn availability(spans: Option<&[Span]>) -> String {
    match spans {
        None => String::new(),
        Some([]) => NEVER.to_owned(),
        Some(spans) => spans.iter().flat_map(|span| hours(*span)).collect::<Vec<_>>().join("; "),
    }
}

fn state(state: HoldingState) -> &'static str {
    match state {
        HoldingState::Verified => "verified",
        HoldingState::Pending => "pending",
        HoldingState::Claimed => "claimed",
        HoldingState::Rejected => "rejected",
        HoldingState::Revoked => "revoked",
    }
}

fn day(day: Option<NaiveDate>) -> String {
    day.map_or_else(String::new, |day| day.to_string())
}

/// Metres as kilometres, exactly.
fn kilometres(metres: u64) -> String {
    let text = format!("{}.{:03}", metres / 1_000, metres % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A span as hours of a day, or of several where it is longer than one.
fn hours(span: Span) -> Vec<String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let (mut on, start, mut left) = span.written();
    let mut start = start;
    let mut written = Vec::new();
    while left > 0 {
        let now = left.min(DAY);
        let (hour, minute) = start.split_once(':').unwrap_or(("00", "00"));
        let from = hour.parse().unwrap_or(0) * 60 + minute.parse().unwrap_or(0_u32);
        let to = (from + now) % DAY;
        // A whole day from midnight ends at its own end; one from another hour is told in two.
        if now == DAY && from > 0 {
            written.push(format!("{} {start}-24:00", NAMES[usize::from(on % 7)]));
            left -= DAY - from;
            (on, start) = (on + 1, "00:00".to_owned());
            continue;
        }
        let end = if to == 0 { "24:00".to_owned() } else { format!("{:02}:{:02}", to / 60, to % 60) };
        written.push(format!("{} {start}-{end}", NAMES[usize::from(on % 7)]));
        left -= now;
        on += 1;
    }
    written
}

#[cfg(test)]
mod tests {
    use fithire_scoring::facts::{Coach, Span};

    use super::facts;
    use crate::cells;

    #[test]
    fn hours_are_read_as_they_are_written() {
        let free: Vec<Span> =
            [(0, "06:00", 360), (5, "22:00", 240), (6, "00:00", 1_440), (2, "00:00", 15), (3, "18:00", 360)]
                .map(|(day, start, minutes)| Span::new(day, start, minutes).unwrap())
                .into();
        let coach = Coach { free: Some(free.clone()), ..Coach::default() };
        let cell = facts(&coach).into_iter().find(|(name, _)| *name == "free").unwrap().1;
        assert_eq!(cells::hours(&cell).unwrap(), free, "{cell}");
        // What is longer than a day is told day by day, and covers the same hours.
        let long = Coach { free: Some(vec![Span::new(0, "20:00", 3_000).unwrap()]), ..Coach::default() };
        let cell = facts(&long).into_iter().find(|(name, _)| *name == "free").unwrap().1;
        assert_eq!(cell, "mon 20:00-24:00; tue 00:00-24:00; wed 00:00-22:00");
    }

    #[test]
    fn a_radius_is_told_to_the_metre() {
        for (metres, written) in [(15_000, "15"), (4_500, "4.5"), (1, "0.001"), (20_100_000, "20100")] {
            let coach = Coach { radius_m: Some(metres), ..Coach::default() };
            assert_eq!(facts(&coach)[2], ("radius_km", written.to_owned()));
        }
    }
}
