//! A coach's week as a grid of hours, and as exact stretches. The grid never loses what is finer than it: an hour that is
//! partly free stays as it is until it is ticked.

use fithire_kernel::form::{Fields, text};
use fithire_scoring::facts::Span;
use fithire_scoring::week::{self, DAYS, QUARTERS};
use serde::Serialize;

const QUARTERS_A_DAY: usize = week::QUARTERS_A_DAY as usize;
/// The grid begins here where nothing earlier is free.
const MORNING: usize = 5;

/// Quarter-hours of the week that are in spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hours(Vec<bool>);

/// A row of the grid: an hour of every day.
#[derive(Debug, Serialize)]
pub(crate) struct GridRow {
    label: String,
    cells: Vec<Cell>,
}

/// An hour of a day.
#[derive(Debug, Serialize)]
struct Cell {
    name: String,
    on: bool,
    /// Some of its quarters, not all.
    part: bool,
    label: String,
}

impl Hours {
    /// What spans cover.
    pub(crate) fn covering(spans: &[Span]) -> Self {
        let mut quarters = vec![false; usize::from(QUARTERS)];
        for span in spans {
            for offset in 0..span.quarters.min(QUARTERS) {
                quarters[usize::from((span.start + offset) % QUARTERS)] = true;
            }
        }
        Self(quarters)
    }

    /// The longest spans that cover just this. A week that is covered whole is one span.
    pub(crate) fn spans(&self) -> Vec<Span> {
        if self.0.iter().all(|on| *on) {
            return vec![Span { start: 0, quarters: QUARTERS }];
        }
        let count = self.0.len();
        let starts = (0..count).filter(|at| self.0[*at] && !self.0[(at + count - 1) % count]);
        let span = |start: usize| {
            let quarters = (0..count).take_while(|offset| self.0[(start + offset) % count]).count();
            let quarter = |number: usize| u16::try_from(number).unwrap_or(QUARTERS);
            Span { start: quarter(start), quarters: quarter(quarters) }
        };
        starts.map(span).collect()
    }

    /// Day by day in words: `Mon 06:00 to 12:00, 17:00 to 20:00`.
    pub(crate) fn days(&self) -> Vec<String> {
        let clock = |quarter: usize| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
        let line = |(day, quarters): (usize, &[bool])| {
            let mut stretches: Vec<(usize, usize)> = Vec::new();
            for at in (0..QUARTERS_A_DAY).filter(|at| quarters[*at]) {
                match stretches.last_mut() {
                    Some((_, end)) if *end == at => *end += 1,
                    _ => stretches.push((at, at + 1)),
                }
            }
            let stretch = |(from, to): &(usize, usize)| format!("{} to {}", clock(*from), clock(*to));
            let stretches: Vec<String> = stretches.iter().map(stretch).collect();
            (!stretches.is_empty()).then(|| format!("{} {}", &DAYS[day][..3], stretches.join(", ")))
        };
        self.0.chunks(QUARTERS_A_DAY).enumerate().filter_map(line).collect()
    }

    /// Hours a week, in quarters.
    pub(crate) fn quarters(&self) -> u16 {
        self.0.iter().map(|on| u16::from(*on)).sum()
    }

    fn hour(&mut self, day: usize, hour: usize) -> &mut [bool] {
        let start = day * QUARTERS_A_DAY + hour * 4;
        &mut self.0[start..start + 4]
    }

    /// The first hour that the grid shows.
    pub(crate) fn first_hour(&self) -> usize {
        let early = |at: &usize| (at % QUARTERS_A_DAY) < MORNING * 4;
        if (0..self.0.len()).any(|at| self.0[at] && early(&at)) { 0 } else { MORNING }
    }

    /// The rows of the grid from an hour on, with fields named `KIND-DAY-HOUR`.
    pub(crate) fn grid(mut self, kind: &str, first_hour: usize) -> Vec<GridRow> {
        let mut rows = Vec::new();
        for hour in first_hour..24 {
            let cells = (0..7).map(|day| {
                let quarters = self.hour(day, hour);
                let (on, some) = (quarters.iter().all(|on| *on), quarters.iter().any(|on| *on));
                Cell {
                    name: format!("{kind}-{day}-{hour}"),
                    on,
                    part: some && !on,
                    label: format!("{} {hour:02}:00 to {:02}:00", DAYS[day], hour + 1),
                }
            });
            rows.push(GridRow { label: format!("{hour:02}:00"), cells: cells.collect() });
        }
        rows
    }

    /// The same with what is ticked in the grid.
    pub(crate) fn with_grid(mut self, fields: &Fields, kind: &str, first_hour: usize) -> Self {
        for day in 0..7 {
            for hour in first_hour..24 {
                let ticked = text(fields, &format!("{kind}-{day}-{hour}")).is_some();
                let quarters = self.hour(day, hour);
                if ticked {
                    quarters.fill(true);
                } else if quarters.iter().all(|on| *on) {
                    quarters.fill(false);
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(day: u8, start: &str, minutes: u32) -> Span {
        Span::new(day, start, minutes).unwrap()
    }

    #[test]
    fn spans_come_back_joined_also_around_the_week() {
        let spans = [span(6, "22:00", 240), span(0, "02:00", 60), span(2, "09:15", 45)];
        assert_eq!(Hours::covering(&spans).spans(), [span(2, "09:15", 45), span(6, "22:00", 300)]);
        assert_eq!(Hours::covering(&[span(3, "12:00", 10_080)]).spans(), [span(0, "00:00", 10_080)]);
        assert_eq!(Hours::covering(&[]).spans(), []);
        let days = Hours::covering(&spans).days();
        assert_eq!(days, ["Mon 00:00 to 03:00", "Wed 09:15 to 10:00", "Sun 22:00 to 24:00"]);
    }

    #[test]
    fn the_grid_keeps_what_is_finer_than_it() {
        let hours = Hours::covering(&[span(0, "09:15", 105)]);
        let row = &hours.clone().grid("free", 5)[4];
        assert_eq!((row.label.as_str(), row.cells[0].part, row.cells[0].on), ("09:00", true, false));
        let sent = Fields::from([("free-0-10".to_owned(), "yes".to_owned())]);
        assert_eq!(hours.clone().with_grid(&sent, "free", 5), hours, "nothing was changed");
        let none = hours.clone().with_grid(&Fields::new(), "free", 5);
        assert_eq!(none.spans(), [span(0, "09:15", 45)], "the whole hour is gone, the part is kept");
        let more =
            Fields::from([("free-0-9", "yes"), ("free-0-10", "yes")].map(|(k, v)| (k.into(), v.into())));
        assert_eq!(hours.with_grid(&more, "free", 5).spans(), [span(0, "09:00", 120)]);
    }

    #[test]
    fn hours_that_are_not_shown_stay() {
        let hours = Hours::covering(&[span(0, "03:00", 60), span(0, "08:00", 60)]);
        assert_eq!(hours.first_hour(), 0);
        assert_eq!(hours.with_grid(&Fields::new(), "free", 5).spans(), [span(0, "03:00", 60)]);
    }
}
