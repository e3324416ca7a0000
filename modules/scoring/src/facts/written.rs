//! Facts as they are written, where that differs from what they are: what may be missing, and what is
//! checked across keys.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Engagement as Counts, Holding, MAX_COUNT, MAX_DIMENSIONS, Modality, Point, Rating, Requirement, SlotKind,
    Span, Taught, Wanted, Years, Zone, few, repeated, within,
};
use crate::date;
use crate::object::Object;

/// The facts within their objects, if they are not too many.
fn all<T>(name: &str, objects: Option<Vec<Object<T>>>) -> Result<Option<Vec<T>>, String> {
    let Some(objects) = objects else { return Ok(None) };
    few(name, objects.len())?;
    Ok(Some(objects.into_iter().map(|Object(facts)| facts).collect()))
}

fn point(lat: Option<f64>, lon: Option<f64>) -> Result<Option<Point>, String> {
    match (lat, lon) {
        (Some(lat), Some(lon)) => Point::new(lat, lon).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err("lat is given without lon".to_owned()),
        (None, Some(_)) => Err("lon is given without lat".to_owned()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "job")]
pub(super) struct Job {
    #[serde(default, with = "date::optional")]
    starts_on: Option<NaiveDate>,
    #[serde(rename = "virtual")]
    is_virtual: Option<bool>,
    lat: Option<f64>,
    lon: Option<f64>,
    tz: Option<Zone>,
    modality: Option<Modality>,
    min_years: Option<f64>,
    requirements: Option<Vec<Object<Requirement>>>,
    slots: Option<Vec<Object<super::Slot>>>,
    style: Option<Vec<Object<Wanted>>>,
}

impl TryFrom<Object<Job>> for super::Job {
    type Error = String;

    fn try_from(Object(job): Object<Job>) -> Result<Self, String> {
        let style = all("style", job.style)?.unwrap_or_default();
        if style.len() > MAX_DIMENSIONS {
            return Err(format!("style has {} dimensions, more than {MAX_DIMENSIONS}", style.len()));
        }
        if let Some(twice) = repeated(style.iter().map(|wanted| &wanted.dimension)) {
            return Err(format!("style names the dimension `{twice}` twice"));
        }
        Ok(Self {
            starts_on: job.starts_on,
            is_virtual: job.is_virtual.unwrap_or_default(),
            point: point(job.lat, job.lon)?,
            tz: job.tz,
            modality: job.modality,
            min_years: job.min_years.map(Years::new).transpose()?.unwrap_or_default(),
            requirements: all("requirements", job.requirements)?.unwrap_or_default(),
            slots: all("slots", job.slots)?.unwrap_or_default(),
            style,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "coach")]
pub(super) struct Coach {
    lat: Option<f64>,
    lon: Option<f64>,
    tz: Option<Zone>,
    #[serde(default, deserialize_with = "radius")]
    radius_m: Option<u64>,
    holdings: Option<Vec<Object<Holding>>>,
    positions: Option<Vec<Object<super::Position>>>,
    taught: Option<Vec<Object<Taught>>>,
    free: Option<Vec<Object<Span>>>,
    if_needed: Option<Vec<Object<Span>>>,
    style: Option<Vec<Object<Rating>>>,
    engagement: Option<Object<Counts>>,
}

impl TryFrom<Object<Coach>> for super::Coach {
    type Error = String;

    fn try_from(Object(coach): Object<Coach>) -> Result<Self, String> {
        let style = all("style", coach.style)?.unwrap_or_default();
        if let Some((twice, _)) = repeated(style.iter().map(|rating| (&rating.dimension, rating.source))) {
            return Err(format!("style names the dimension `{twice}` twice from one source"));
        }
        Ok(Self {
            point: point(coach.lat, coach.lon)?,
            tz: coach.tz,
            radius_m: coach.radius_m,
            holdings: all("holdings", coach.holdings)?.unwrap_or_default(),
            positions: all("positions", coach.positions)?.unwrap_or_default(),
            taught: all("taught", coach.taught)?.unwrap_or_default(),
            free: all("free", coach.free)?,
            if_needed: all("if_needed", coach.if_needed)?,
            style,
            engagement: coach.engagement.map(|Object(counts)| counts),
        })
    }
}

fn radius<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bounded(deserializer, "radius_m", 1)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bounded(deserializer, "count", 0)
}

fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    name: &str,
    low: u64,
) -> Result<Option<u64>, D::Error> {
    Option::<u64>::deserialize(deserializer)?.map(|number| within(name, number, low, MAX_COUNT)).transpose()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "slot")]
pub(super) struct Slot {
    kind: SlotKind,
    day: u8,
    start: String,
    minutes: u32,
    weight: Option<u8>,
}

impl TryFrom<Slot> for super::Slot {
    type Error = String;

    fn try_from(slot: Slot) -> Result<Self, String> {
        let weight = slot.weight.unwrap_or(1);
        if !(1..=10).contains(&weight) {
            return Err(format!("weight {weight} is outside 1..=10"));
        }
        Ok(Self { kind: slot.kind, span: Span::new(slot.day, &slot.start, slot.minutes)?, weight })
    }
}

impl From<super::Slot> for Slot {
    fn from(slot: super::Slot) -> Self {
        let (day, start, minutes) = slot.span.written();
        Self { kind: slot.kind, day, start, minutes, weight: Some(slot.weight) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "position")]
pub(super) struct Position {
    modality: Modality,
    #[serde(with = "date")]
    started_on: NaiveDate,
    #[serde(default, with = "date::optional")]
    ended_on: Option<NaiveDate>,
}

impl TryFrom<Position> for super::Position {
    type Error = String;

    fn try_from(position: Position) -> Result<Self, String> {
        Self::new(position.modality, position.started_on, position.ended_on)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "engagement")]
pub(super) struct Engagement {
    #[serde(default, deserialize_with = "count")]
    done: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    late_cancels: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    no_shows: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    replied_in_24h: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    asked: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    idle_days: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    profile_filled: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    profile_sections: Option<u64>,
}

impl TryFrom<Engagement> for super::Engagement {
    type Error = String;

    fn try_from(given: Engagement) -> Result<Self, String> {
        let default = Self::default();
        Self {
            done: given.done.unwrap_or(default.done),
            late_cancels: given.late_cancels.unwrap_or(default.late_cancels),
            no_shows: given.no_shows.unwrap_or(default.no_shows),
            replied_in_24h: given.replied_in_24h.unwrap_or(default.replied_in_24h),
            asked: given.asked.unwrap_or(default.asked),
            idle_days: given.idle_days.unwrap_or(default.idle_days),
            profile_filled: given.profile_filled.unwrap_or(default.profile_filled),
            profile_sections: given.profile_sections.unwrap_or(default.profile_sections),
        }
        .checked()
    }
}
