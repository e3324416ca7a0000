//! Great-circle distance by the haversine formula on a sphere of the Earth's mean radius.
//!
//! The trigonometry is that of the `libm` crate, the same on every platform, so that a distance rounds to
//! the same metre everywhere.

use serde::{Deserialize, Serialize};

use crate::num::TO_NEAREST;

/// The Earth's mean radius in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A place on Earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Latitude, -90..=90.
    pub lat: f64,
    /// Longitude, -180..=180.
    pub lon: f64,
}

impl Point {
    /// A place on Earth.
    ///
    /// # Errors
    /// A sentence that names the coordinate out of range.
    pub fn new(lat: f64, lon: f64) -> Result<Self, String> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(format!("lat {lat} is outside -90..=90"));
        }
        if !(-180.0..=180.0).contains(&lon) {
            return Err(format!("lon {lon} is outside -180..=180"));
        }
        Ok(Self { lat, lon })
    }

    /// Metres to another place, rounded half up.
    #[must_use]
    pub fn distance_m(self, other: Self) -> u32 {
        Sited::new(self).distance_m(Sited::new(other))
    }
}

/// A point with what the distance formula needs of it, so that a column computes it once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sited {
    /// Radians.
    pub(crate) lat: f64,
    /// Radians.
    pub(crate) lon: f64,
    pub(crate) cos_lat: f64,
}

impl Sited {
    pub(crate) fn new(point: Point) -> Self {
        let lat = point.lat.to_radians();
        Self { lat, lon: point.lon.to_radians(), cos_lat: libm::cos(lat) }
    }

    /// Metres to another place, rounded half up; at most half the circumference, about 20 million.
    pub(crate) fn distance_m(self, other: Self) -> u32 {
        let sin_lat = libm::sin((other.lat - self.lat) / 2.0);
        let sin_lon = libm::sin((other.lon - self.lon) / 2.0);
        let h = sin_lat * sin_lat + self.cos_lat * other.cos_lat * sin_lon * sin_lon;
        let metres = 2.0 * EARTH_RADIUS_M * libm::asin(libm::sqrt(h).min(1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=20_015_114")]
        let rounded = libm::floor(metres + 0.5) as u32;
        rounded
    }
}

/// Distances from a place to those near it, by series instead of trigonometry: what is not near is told apart, and what
/// the series cannot round to the metre of [`Sited::distance_m`] is left to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    site: Sited,
    /// The haversine of the farthest distance that is near.
    far: f64,
    is_short: bool,
}

impl Near {
    /// Beyond this many radians of latitude or longitude the series are cut off; 1 592 km.
    const ANGLE: f64 = 0.25;
    /// The same for short series, 318 km. Of distances up to half as much the terms that they lack are below a micrometre.
    const SHORT_ANGLE: f64 = 0.05;
    const SHORT_M: f64 = 150_000.0;
    /// Metres by which the series may be off, and then some.
    const DOUBT_M: f64 = 1e-4;

    /// Distances from a place up to some metres, at most 1 590 000.
    pub(crate) fn new(site: Sited, metres: f64) -> Self {
        let half = libm::sin(metres / EARTH_RADIUS_M / 2.0);
        Self { site, far: half * half, is_short: metres <= Self::SHORT_M }
    }

    /// Whether short series do.
    pub(crate) fn is_short(self) -> bool {
        self.is_short
    }

    /// Metres to a place; whether it is far, so that the metres mean nothing; whether the nearest whole metre and `far` are
    /// those of the exact formula.
    #[inline(always)]
    pub(crate) fn metres<const SHORT: bool>(self, lat: f64, lon: f64, cos_lat: f64) -> (f64, bool, bool) {
        /// sin²(x/2) of t = x², for x up to [`Near::ANGLE`]: relative error below 10⁻¹⁴; of the short one 10⁻¹².
        #[inline(always)]
        fn haversine<const SHORT: bool>(t: f64) -> f64 {
            let series = if SHORT {
                1.0 / 360.0
            } else {
                1.0 / 360.0 - t * (1.0 / 20_160.0 - t * (1.0 / 1_814_400.0))
            };
            0.25 * t * (1.0 - t * (1.0 / 12.0 - t * series))
        }
        let angle = if SHORT { Self::SHORT_ANGLE } else { Self::ANGLE };
        let most = angle * angle;
        let north = lat - self.site.lat;
        let east = lon - self.site.lon;
        let round = std::f64::consts::TAU;
        let east = if east > std::f64::consts::PI { east - round } else { east };
        let east = if east < -std::f64::consts::PI { east + round } else { east };
        let (north, east) = (north * north, east * east);
        let cut = (north > most) | (east > most);
        // Cut off, both parts are less than they are, and so is their sum.
        let north = haversine::<SHORT>(if north > most { most } else { north });
        let east = haversine::<SHORT>(if east > most { most } else { east });
        let h = north + self.site.cos_lat * cos_lat * east;
        let far = h > self.far;
        // asin(u) of u = √h, for u up to 0.125: relative error below 10⁻¹³; of the short one, for u up to 0.012, below
        // 2 · 10⁻¹³.
        let series = if SHORT {
            3.0 / 40.0
        } else {
            3.0 / 40.0 + h * (5.0 / 112.0 + h * (35.0 / 1_152.0 + h * (63.0 / 2_816.0)))
        };
        let series = 1.0 / 6.0 + h * series;
        let metres = 2.0 * EARTH_RADIUS_M * (h.sqrt() * (1.0 + h * series));
        let whole = (metres + TO_NEAREST) - TO_NEAREST;
        let doubt = (metres - whole).abs() > 0.5 - Self::DOUBT_M;
        (metres, far, far | !(cut | doubt))
    }
}

/// A box of latitudes and longitudes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    lat: (f64, f64),
    lon: (f64, f64),
    /// The least cosine of a latitude.
    cos_lat: f64,
}

/// It holds nothing yet.
impl Default for Bounds {
    fn default() -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        Self { lat: nothing, lon: nothing, cos_lat: 1.0 }
    }
}

impl Bounds {
    /// Grows to hold a place.
    pub(crate) fn include(&mut self, place: Sited) {
        let wider = |(low, high): (f64, f64), with: f64| (low.min(with), high.max(with));
        self.lat = wider(self.lat, place.lat);
        self.lon = wider(self.lon, place.lon);
        self.cos_lat = self.cos_lat.min(place.cos_lat);
    }

    /// Metres that rounding may take away, and then some.
    const DOUBT_M: f64 = 1.0;

    /// Whether every place in the box is more than so many metres away from another place. Mostly the latitudes tell.
    pub(crate) fn beyond(&self, from: Sited, metres: f64) -> bool {
        let north = EARTH_RADIUS_M * gap(self.lat, from.lat) - Self::DOUBT_M;
        north > metres || self.metres_at_least(from) > metres
    }

    /// Metres that every place in the box is away from another place, or less.
    fn metres_at_least(&self, from: Sited) -> f64 {
        let north = libm::sin(gap(self.lat, from.lat).min(std::f64::consts::PI) / 2.0);
        // The other way round may be shorter.
        let turn = std::f64::consts::TAU;
        let east = [from.lon - turn, from.lon, from.lon + turn].map(|at| gap(self.lon, at));
        let east = libm::sin(east.into_iter().fold(std::f64::consts::PI, f64::min) / 2.0);
        let h = north * north + from.cos_lat * self.cos_lat * east * east;
        2.0 * EARTH_RADIUS_M * libm::asin(libm::sqrt(h).min(1.0)) - Self::DOUBT_M
    }
}

/// How far a number is from a stretch.
fn gap((low, high): (f64, f64), at: f64) -> f64 {
    (low - at).max(at - high).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances() {
        let point = |lat, lon| Point::new(lat, lon).unwrap();
        assert_eq!(point(40.0, -74.0).distance_m(point(40.0, -74.0)), 0);
        assert_eq!(
            point(90.0, 0.0).distance_m(point(-90.0, 77.0)),
            20_015_114,
            "half the circumference, π · R = 20 015 114.4"
        );
        assert_eq!(point(0.0, 179.9).distance_m(point(0.0, -179.9)), 22_239, "across the date line");
        assert_eq!(point(90.0, -120.0).distance_m(point(90.0, 45.0)), 0, "a pole is one place");
    }

    #[test]
    fn places_off_the_earth_are_refused() {
        for (lat, lon) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(Point::new(lat, lon).is_err());
        }
    }

    /// Places all over, most of them near the other one, at poles and date line too.
    fn pairs() -> impl Iterator<Item = (Sited, Sited)> {
        let mut state = 1_u64;
        let mut share = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
        };
        (0..200_000).map(move |number| {
            let lat = match number % 4 {
                0 => 89.99 * (2.0 * share() - 1.0),
                1 => 90.0 - share() / 10.0,
                _ => 40.0 + share(),
            };
            let lon = if number % 5 == 0 { 180.0 - share() } else { 360.0 * share() - 180.0 };
            let spread = [0.001, 0.3, 2.0, 20.0, 180.0][number % 5];
            let near = |at: f64, off: f64, most: f64| (at + off * spread).clamp(-most, most);
            let other = (near(lat, share() - 0.5, 90.0), near(lon, 2.0 * share() - 1.0, 180.0));
            let other = if number % 7 == 0 { (other.0, -lon) } else { other };
            let site = |lat, lon| Sited::new(Point::new(lat, lon).unwrap());
            (site(lat, lon), site(other.0, other.1))
        })
    }

    #[test]
    fn the_series_rounds_to_the_metre_of_the_formula_or_says_that_it_cannot() {
        let (mut near, mut sure) = (0, 0);
        for (from, to) in pairs() {
            for most in [75_000.0, Near::SHORT_M, 1_500_000.0] {
                let exact = from.distance_m(to);
                let series = Near::new(from, most);
                let (metres, far, knows) = if series.is_short() {
                    series.metres::<true>(to.lat, to.lon, to.cos_lat)
                } else {
                    series.metres::<false>(to.lat, to.lon, to.cos_lat)
                };
                if far {
                    assert!(f64::from(exact) > most - 1.0, "{from:?} {to:?}: {exact}");
                } else if knows {
                    assert!(
                        (metres - f64::from(exact)).abs() <= 0.5,
                        "{from:?} {to:?}: {exact}, not {metres}"
                    );
                    sure += 1;
                }
                near += usize::from(!far);
            }
        }
        assert!(near > 150_000 && sure > near * 4 / 5, "{sure} of {near}");
    }

    #[test]
    fn bounds_are_no_farther_than_what_they_hold() {
        let places: Vec<(Sited, Sited)> = pairs().step_by(40).collect();
        for held in places.chunks(5) {
            let mut bounds = Bounds::default();
            for (_, place) in held {
                bounds.include(*place);
            }
            for (from, _) in places.iter().step_by(50) {
                let least = held.iter().map(|(_, place)| from.distance_m(*place)).min().unwrap();
                assert!(bounds.metres_at_least(*from) <= f64::from(least), "{from:?} {held:?}");
                assert!(!bounds.beyond(*from, f64::from(least)), "{from:?} {held:?}");
            }
        }
    }
}
