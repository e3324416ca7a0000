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

use crate::columns::put;
use crate::facts::{Coach, Job};
use crate::geo::{Bounds, Near, Sited};
use crate::num::{TO_NEAREST, div_round_bp, low_half, nearest, real};
use crate::rows::at_least;
use crate::subscore::{
    Case, Change, Columns, Figure, Gate, Kernel, Lanes, Outcome, PART, Rows, Side, State, Statement, Step,
    SubScore, lanes_of,
};
use crate::wide::{ahead, wide};

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
#[derive(Clone, Default)]
pub struct Homes {
    /// Who gives no coordinate; the coordinates are then those of nowhere, 0.
    unknown: Rows,
    /// Radians, and the cosine of the latitude.
    lat: Vec<f64>,
    lon: Vec<f64>,
    cos_lat: Vec<f64>,
    /// Metres, saturated at what any preset could count; 0 where none is given.
    radius_m: Vec<u32>,
    /// What holds every home that is or was in the block.
    bounds: Bounds,
    /// Whether there is or was a coach without a home.
    some_unknown: bool,
}

/// More than any preset counts.
const RADIUS_LIMIT_M: u32 = 1_000_000;

impl Columns for Homes {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        let home = coach.point.map(Sited::new);
        match home {
            Some(home) => self.bounds.include(home),
            None => self.some_unknown = true,
        }
        let radius = coach.radius_m.map_or(0, |radius| radius.min(RADIUS_LIMIT_M.into()));
        let home_or_nowhere = home.unwrap_or_default();
        self.unknown.put(row, home.is_none());
        put(&mut self.lat, row, home_or_nowhere.lat);
        put(&mut self.lon, row, home_or_nowhere.lon);
        put(&mut self.cos_lat, row, home_or_nowhere.cos_lat);
        put(&mut self.radius_m, row, u32::try_from(radius).unwrap_or(RADIUS_LIMIT_M));
    }

    fn shrink(&mut self) {
        for column in [&mut self.lat, &mut self.lon, &mut self.cos_lat] {
            column.shrink_to_fit();
        }
        self.radius_m.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let places = self.lat.capacity() + self.lon.capacity() + self.cos_lat.capacity();
        8 * places + 4 * self.radius_m.capacity()
    }
}

impl Homes {
    fn home(&self, row: usize) -> Sited {
        Sited { lat: self.lat[row], lon: self.lon[row], cos_lat: self.cos_lat[row] }
    }
}

/// The place of one job.
pub struct Place {
    site: Sited,
    near: Near,
    /// Half as far again as anyone goes, and what rounding could add.
    beyond_m: f64,
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

    fn compile(&self, job: &Job, _as_of: NaiveDate) -> Option<Place> {
        let point = job.point.filter(|_| !job.is_virtual)?;
        let site = Sited::new(point);
        let beyond_m = 1.5 * f64::from(self.max_radius_m) + 2.0;
        Some(Place {
            site,
            near: Near::new(site, beyond_m),
            beyond_m,
            default_radius_m: self.default_radius_m,
            max_radius_m: self.max_radius_m,
        })
    }
}

impl Place {
    /// Whether nobody within bounds can reach it.
    fn beyond(&self, bounds: &Bounds) -> bool {
        bounds.beyond(self.site, self.beyond_m)
    }

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

/// In place of metres: far beyond reach.
const FAR_M: f64 = 1e9;

/// In place of metres and of a figure: only the exact formula may round them.
const DOUBTFUL_M: f64 = -1.0;
const DOUBTFUL: u16 = u16::MAX;

/// Whole metres to each home, [`FAR_M`] where it is far; [`DOUBTFUL_M`] where they are so close to the middle between two that
/// only the exact formula may round them, or beyond the angles of the series. Short series leave many to it beyond 62° of latitude
/// where a job is within reach of 100 km and more.
#[inline(always)]
fn measure<const SHORT: bool>(metres: &mut [f64], lat: &[f64], lon: &[f64], cos_lat: &[f64], near: Near) {
    for (d, ((lat, lon), cos_lat)) in metres.iter_mut().zip(lat.iter().zip(lon).zip(cos_lat)) {
        let (metres, far, sure) = near.metres::<SHORT>(*lat, *lon, *cos_lat);
        let whole = (metres + TO_NEAREST) - TO_NEAREST;
        let d_or_doubt = if sure { whole } else { DOUBTFUL_M };
        *d = if far { FAR_M } else { d_or_doubt };
    }
}

/// The table of the manual, both slopes over 3r. Both are multiples of 1/3r, so that the nudge breaks ties and no more.
#[inline(always)]
fn weigh(bp: &mut [u16], metres: &[f64], radius_m: &[u32], (default, most): (u32, u32)) {
    for (bp, (d, radius)) in bp.iter_mut().zip(metres.iter().zip(radius_m)) {
        let reach = if *radius == 0 { default } else { *radius };
        let r = real(if reach < most { reach } else { most });
        let within = *d <= r;
        let cost = if within { 5_000.0 * (4.0 * *d - r) } else { 30_000.0 * (*d - r) };
        let full: u32 = if within { 10_000 } else { 5_000 };
        let slope = full.wrapping_sub(nearest(cost / (3.0 * r) + 1e-8));
        let score = if 4.0 * *d <= r { 10_000 } else { slope };
        let score = if 2.0 * *d > 3.0 * r { 0 } else { score };
        *bp = low_half(if *d < 0.0 { DOUBTFUL.into() } else { score });
    }
}

impl Kernel for Place {
    type Columns = Homes;

    fn run(&self, columns: &Homes, case: Case, out: &mut Lanes) {
        let rows = columns.lat.len();
        let unknown = columns.unknown;
        out.provisional = Rows::NONE;
        if self.beyond(&columns.bounds) {
            out.bp[..rows].fill(0);
            out.blocks = !unknown;
            out.set_unknown(&unknown, case);
            return;
        }
        let Lanes { bp, metres, .. } = out;
        let bp = &mut bp[..lanes_of(rows)];
        let radii = (self.default_radius_m, self.max_radius_m);
        for start in (0..rows).step_by(PART) {
            let part = start..rows.min(start + PART);
            let metres = &mut metres[..part.len()];
            let homes = [&columns.lat, &columns.lon, &columns.cos_lat].map(|column| &column[part.clone()]);
            let measured = (&mut *metres, homes[0], homes[1], homes[2], self.near);
            if self.near.is_short() {
                wide(measure::<true>, measured);
            } else {
                wide(measure::<false>, measured);
            }
            wide(weigh, (&mut bp[part.clone()], &*metres, &columns.radius_m[part], radii));
        }
        for row in (at_least(bp, DOUBTFUL) & Rows::first(rows)).iter() {
            bp[row] = score(self.site.distance_m(columns.home(row)), self.reach(columns.radius_m[row]));
        }
        // Nowhere is far from some places and near others.
        unknown.iter().for_each(|row| bp[row] = 0);
        if out.asks_blocks {
            out.blocks = !(at_least(bp, 1) | unknown);
        }
        out.set_unknown(&unknown, case);
    }

    fn ahead(&self, columns: &Homes, step: Step) {
        if step == Step::Index {
            return;
        }
        if !self.beyond(&columns.bounds) {
            for column in [&columns.lat, &columns.lon, &columns.cos_lat] {
                ahead(column);
            }
            ahead(&columns.radius_m);
        }
    }

    fn blocks_all(&self, columns: &Homes) -> bool {
        !columns.some_unknown && self.beyond(&columns.bounds)
    }

    fn distance_m(&self, columns: &Homes, row: usize) -> Option<u32> {
        (!columns.unknown.has(row)).then(|| self.site.distance_m(columns.home(row)))
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let fact = match coach.point {
            None => "No home location given".to_owned(),
            Some(home) => {
                let d = self.site.distance_m(Sited::new(home));
                let radius = coach.radius_m.map_or(0, |radius| u32::try_from(radius).unwrap_or(u32::MAX));
                let r = self.reach(radius);
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
