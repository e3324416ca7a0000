//! # Location
//!
//! Is the job within reach?
//!
//! `d` is the great-circle distance in whole metres between the coach's home and the job. The reach `r` is the
//! coach's travel radius, or `default_radius_m` when none is given, and never more than `max_radius_m`, so
//! that a boast does not pay.
//!
//! | distance | s |
//! |---|---|
//! | `4d ≤ r` | 10000 |
//! | `d ≤ r` | `10000 − div_round(5000·(4d − r), 3r)`: from 10000 down to 5000 at the edge |
//! | `2d ≤ 3r` | `5000 − div_round(10000·(d − r), r)`: down to 0 at half as far again |
//! | farther | 0 |
//!
//! A postal code is only ever a way to a coordinate; it is never a feature.
//!
//! **Not applicable** for a virtual job and for one without a coordinate. **Unknown** when the coach has no
//! coordinate. **Range**: unknown is full at best. **Eligibility**: known, applicable and 0 means out of
//! reach and makes ineligible (see `gate`).

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::facts::{Coach, Job};
use crate::geo::Sited;
use crate::num::div_round_bp;
use crate::subscore::{
    BLOCKS, Case, Change, Figure, Gate, Kernel, Lanes, Outcome, Side, State, Statement, SubScore,
};

/// The table `[location]` of a preset.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How far, in metres, a coach is taken to travel who has not said. 1 to 1000000, and no more than
    /// `max_radius_m`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub default_radius_m: u32,
    /// The farthest travel radius, in metres, that counts. 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_radius_m: u32,
    /// What happens to a coach who is out of reach: "exclude" takes the coach off the ranked list (still
    /// counted and listed on request), "flag" leaves the coach on it, marked.
    pub gate: Gate,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { default_radius_m: 25_000, max_radius_m: 50_000, gate: Gate::default() }
    }
}

/// Where the coaches of a block live and how far they go.
pub struct Columns {
    home: Vec<Option<Sited>>,
    /// Metres, saturated at what any preset could count; 0 where none is given.
    radius_m: Vec<u32>,
}

/// The place of one job.
pub struct Place {
    site: Sited,
    default_radius_m: u32,
    max_radius_m: u32,
}

impl SubScore for Parameters {
    const KEY: &'static str = "location";
    const SHORT: &'static str = "loc";
    type Kernel = Place;

    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.default_radius_m > self.max_radius_m {
            let Self { default_radius_m, max_radius_m, .. } = self;
            return Err((
                "default_radius_m",
                format!("{default_radius_m} is more than max_radius_m {max_radius_m}"),
            ));
        }
        Ok(())
    }

    fn gate(&self) -> Gate {
        self.gate
    }

    fn pack(coaches: &[&Coach], _as_of: NaiveDate) -> Columns {
        let radius =
            |coach: &&Coach| coach.radius_m.map_or(0, |radius| u32::try_from(radius).unwrap_or(u32::MAX));
        Columns {
            home: coaches.iter().map(|coach| coach.point.map(Sited::new)).collect(),
            radius_m: coaches.iter().map(radius).collect(),
        }
    }

    fn compile(&self, job: &Job, _as_of: NaiveDate) -> Option<Place> {
        let point = job.point.filter(|_| !job.is_virtual)?;
        Some(Place {
            site: Sited::new(point),
            default_radius_m: self.default_radius_m,
            max_radius_m: self.max_radius_m,
        })
    }
}

impl Place {
    /// The reach that counts, from a column value.
    fn reach(&self, radius_m: u32) -> u32 {
        if radius_m == 0 { self.default_radius_m } else { radius_m }.min(self.max_radius_m)
    }
}

/// The table of the manual; `r` is at least 1.
fn score(d: u32, r: u32) -> u16 {
    let (d, r) = (u64::from(d), u64::from(r));
    if 4 * d <= r {
        10_000
    } else if d <= r {
        10_000 - div_round_bp(5_000 * (4 * d - r), 3 * r)
    } else if 2 * d <= 3 * r {
        5_000 - div_round_bp(10_000 * (d - r), r)
    } else {
        0
    }
}

impl Kernel for Place {
    type Columns = Columns;

    fn run(&self, columns: &Columns, case: Case, out: &mut Lanes) {
        for (row, home) in columns.home.iter().enumerate() {
            let Some(home) = home else {
                out.bp[row] = 0;
                out.unknown(row, case);
                continue;
            };
            let d = self.site.distance_m(*home);
            out.distance_m[row] = d;
            out.bp[row] = score(d, self.reach(columns.radius_m[row]));
            if out.bp[row] == 0 {
                out.flags[row] |= BLOCKS;
            }
        }
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let columns = <Parameters as SubScore>::pack(&[coach], NaiveDate::default());
        let fact = match columns.home[0] {
            None => "No home location given".to_owned(),
            Some(home) => {
                let d = self.site.distance_m(home);
                let r = self.reach(columns.radius_m[0]);
                let reach = if d <= r { "within" } else { "beyond" };
                format!("{} away, {reach} your {}", kilometres(d), kilometres(r))
            }
        };
        let evidence = match coach.radius_m {
            _ if figure.state == State::Unknown => Vec::new(),
            None => vec![format!("No travel radius given: {} assumed", kilometres(self.reach(0)))],
            Some(given) if given > u64::from(self.max_radius_m) => {
                vec![format!("Travel radius counts up to {}", kilometres(self.max_radius_m))]
            }
            Some(_) => Vec::new(),
        };
        // Within reach is 5000 and more, so a middling figure speaks for the coach.
        Statement { fact, middling: Some(Side::Strength), evidence }
    }

    fn advise(&self, _coach: &Coach, figure: &Figure) -> Vec<Change> {
        match figure.state {
            State::Unknown => {
                vec![Change { action: "Add your home location".to_owned(), outcome: Outcome::UpToFull }]
            }
            _ => Vec::new(),
        }
    }
}

/// `4.2 km`, `15 km`, `850 m`.
fn kilometres(metres: u32) -> String {
    match metres {
        ..1_000 => format!("{metres} m"),
        1_000..100_000 if metres % 1_000 >= 50 && metres % 1_000 < 950 => {
            let tenths = (metres + 50) / 100;
            format!("{}.{} km", tenths / 10, tenths % 10)
        }
        _ => format!("{} km", (metres + 500) / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_falls_in_three_stretches() {
        let r = 12_000;
        let at = |d| score(d, r);
        assert_eq!([at(0), at(3_000), at(12_000), at(18_000), at(18_001)], [10_000, 10_000, 5_000, 0, 0]);
        assert_eq!([at(7_500), at(15_000)], [7_500, 2_500]);
    }

    #[test]
    fn distances_read_well() {
        let read = [0, 999, 1_000, 1_049, 1_050, 4_187, 15_000, 49_960, 120_400].map(kilometres);
        assert_eq!(read, ["0 m", "999 m", "1 km", "1 km", "1.1 km", "4.2 km", "15 km", "50 km", "120 km"]);
    }
}
