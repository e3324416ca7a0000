//! Great-circle distance by the haversine formula on a sphere of the Earth's mean radius.
//!
//! The trigonometry is that of the `libm` crate, the same on every platform, so that a distance rounds to
//! the same metre everywhere.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sited {
    lat: f64,
    lon: f64,
    cos_lat: f64,
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
}
