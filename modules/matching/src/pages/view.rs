//! A score as pages show it: numbers as people read them, bars in percent.

use std::borrow::Cow;

use fithire_scoring::explain::{Explanation, exact, two_places};
use fithire_scoring::key::Key;
use fithire_scoring::score::{Component, Eligibility};
use fithire_scoring::subscore::State;
use serde::Serialize;

/// A score with everything that is said of it.
#[derive(Debug, Serialize)]
pub(super) struct Score {
    value: String,
    /// With four decimals where two would round.
    exact: String,
    low: String,
    high: String,
    /// Whether the range is one number.
    certain: bool,
    provisional: bool,
    excluded: bool,
    parts: Vec<Part>,
    strengths: Vec<String>,
    gaps: Vec<String>,
    advice: Vec<String>,
    coverage: String,
    preset: String,
    preset_hash: String,
    input_hash: String,
    reference_hash: &'static str,
    tzdata_version: &'static str,
    engine_version: u32,
    as_of: String,
}

/// One sub-score.
#[derive(Debug, Serialize)]
struct Part {
    key: Key,
    label: Cow<'static, str>,
    /// `None`: the job does not ask for it.
    value: Option<String>,
    percent: u16,
    /// What it would be at worst and at best, in percent.
    low: u16,
    high: u16,
    unknown: bool,
    weight: String,
    adds: String,
    evidence: Vec<String>,
}

impl From<&Explanation> for Score {
    fn from(explained: &Explanation) -> Self {
        let (score, from) = (&explained.score, &explained.provenance);
        let mut evidence = explained.evidence.clone();
        // The fact of a distance is its evidence.
        let place = score.components.iter().position(|part| part.key == *"location");
        if let (Some(place), Some(metres)) = (place, score.distance_m)
            && evidence[place].is_empty()
        {
            evidence[place].push(distance(metres));
        }
        let parts = score.components.iter().zip(&evidence);
        Self {
            value: two_places(score.bp),
            exact: exact(score.bp),
            low: two_places(score.low),
            high: two_places(score.high),
            certain: score.low == score.high,
            provisional: score.eligibility == Eligibility::Provisional,
            excluded: score.excluded,
            parts: parts.map(|(part, evidence)| Part::new(part, evidence)).collect(),
            strengths: explained.strengths.clone(),
            gaps: explained.gaps.clone(),
            advice: explained.advice.iter().map(ToString::to_string).collect(),
            coverage: percent(score.coverage),
            preset: from.preset.clone(),
            preset_hash: from.preset_hash.clone(),
            input_hash: from.input_hash.clone(),
            reference_hash: from.reference_hash,
            tzdata_version: from.tzdata_version,
            engine_version: from.engine_version,
            as_of: from.as_of.to_string(),
        }
    }
}

impl Score {
    /// The score of somebody else: explanations speak to the coach.
    pub(super) fn of_another(explained: &Explanation) -> Self {
        let mut score = Self::from(explained);
        let lists = [&mut score.strengths, &mut score.gaps, &mut score.advice].into_iter();
        let evidence = score.parts.iter_mut().map(|part| &mut part.evidence);
        for text in lists.chain(evidence).flatten() {
            *text = text.replace("your ", "their ");
        }
        score
    }
}

impl Part {
    fn new(part: &Component, evidence: &[String]) -> Self {
        let figure = part.figure.as_ref();
        Self {
            key: part.key.clone(),
            label: label(&part.key),
            value: figure.map(|figure| two_places(figure.score)),
            percent: figure.map_or(0, |figure| figure.score / 100),
            low: figure.map_or(0, |figure| figure.low / 100),
            high: figure.map_or(0, |figure| figure.high / 100),
            unknown: figure.is_some_and(|figure| figure.state == State::Unknown),
            weight: percent(part.weight),
            adds: exact(part.contribution),
            evidence: evidence.to_vec(),
        }
    }
}

/// A share in percent, with decimals only where it has them.
pub(super) fn percent(bp: u16) -> String {
    format!("{} %", f64::from(bp) / 100.0)
}

/// `12 km away`, or metres where it is near.
pub(super) fn distance(metres: u32) -> String {
    match metres {
        0..950 => format!("{} m away", metres.div_ceil(50) * 50),
        _ => format!("{} km away", (metres + 500) / 1_000),
    }
}

/// What people call a sub-score.
pub(super) fn label(key: &Key) -> Cow<'static, str> {
    if let Some(title) = key.title() {
        return Cow::Owned(title.to_owned());
    }
    Cow::Borrowed(match &**key {
        "certifications" => "Certifications",
        "experience" => "Experience",
        "availability" => "Availability",
        "location" => "Location",
        "culture" => "Teaching style",
        "engagement" => "Engagement",
        _ => "Other",
    })
}
