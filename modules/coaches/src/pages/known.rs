//! What is known of a coach, in words, section by section.

use chrono::{DateTime, NaiveDate, Utc};
use fithire_scoring::facts::{Coach, Holding, HoldingState, Position, Rating, Source};
use serde::Serialize;

use crate::form::Section;
use crate::hours::Hours;
use crate::model::Profile;
use crate::verification::{Item, ItemState};

/// A section of a profile in words.
#[derive(Debug, Serialize)]
pub struct Known {
    slug: &'static str,
    title: &'static str,
    /// Nothing where nothing is said.
    lines: Vec<Line>,
}

/// A line, with how far it is checked where that is worth saying.
#[derive(Debug, Serialize)]
pub struct Line {
    text: String,
    badge: Option<Badge>,
    /// What is to be known beside: since when it waits, why it was rejected, how soon it ends.
    note: Option<String>,
    /// How its coach can do something about it.
    upload: Option<Upload>,
}

/// A document that would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Upload {
    /// Of which certification.
    code: &'static str,
    /// What the coach does.
    word: &'static str,
}

/// A word with the tone in which it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Badge {
    pub(crate) word: &'static str,
    pub(crate) tone: &'static str,
}

/// How far a holding is checked, for people.
pub(super) fn badge(holding: &Holding, today: NaiveDate) -> Badge {
    let (word, tone) = match holding.state {
        HoldingState::Rejected => ("Rejected", "bad"),
        HoldingState::Revoked => ("Revoked", "bad"),
        _ if !holding.valid_on(today) => ("Expired", "bad"),
        HoldingState::Verified => ("Verified", "good"),
        HoldingState::Pending => ("Awaiting review", "wait"),
        HoldingState::Claimed => ("Not proved yet", "wait"),
    };
    Badge { word, tone }
}

/// The newest item that is about a holding; nothing where nobody has looked at it.
fn about<'i>(holding: &Holding, items: &'i [Item]) -> Option<&'i Item> {
    let state = match holding.state {
        HoldingState::Pending => ItemState::Pending,
        HoldingState::Verified => ItemState::Verified,
        HoldingState::Rejected => ItemState::Rejected,
        HoldingState::Revoked => ItemState::Revoked,
        HoldingState::Claimed => ItemState::Withdrawn,
    };
    items.iter().find(|item| {
        let last = if item.state == ItemState::Verified { item.valid_until } else { item.expires_on };
        item.cert == holding.code && item.state == state && last == holding.expires_on
    })
}

/// Days before the last one from which on people are told that it is near.
const SOON: i64 = 90;

/// How many days are left until a holding ends, where that is soon.
fn ends_in(holding: &Holding, today: NaiveDate) -> Option<i64> {
    let refused = matches!(holding.state, HoldingState::Rejected | HoldingState::Revoked);
    let left = (holding.expires_on.filter(|_| !refused)? - today).num_days();
    (0..=SOON).contains(&left).then_some(left)
}

/// What is to be known of a holding beside its state.
pub(super) fn note(holding: &Holding, today: NaiveDate, items: &[Item]) -> Option<String> {
    let ends = ends_in(holding, today).map(|left| match left {
        0 => "Ends today".to_owned(),
        1 => "Ends tomorrow".to_owned(),
        left => format!("Ends in {left} days"),
    });
    let notes: Vec<String> = become_of(holding, items).into_iter().chain(ends).collect();
    (!notes.is_empty()).then(|| format!("{}.", notes.join(". ")))
}

/// What has become of a holding by its item.
fn become_of(holding: &Holding, items: &[Item]) -> Option<String> {
    let item = about(holding, items);
    let why = item.and_then(|item| item.reason.as_deref());
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    match (holding.state, item) {
        (HoldingState::Pending, Some(item)) => {
            let document = if item.document.is_some() { "" } else { "; there is no document yet" };
            Some(format!("Waits since {}{document}", day(item.submitted_at)))
        }
        (HoldingState::Verified, Some(item)) => {
            Some(format!("Checked on {}", item.decided_at.map(day).unwrap_or_default()))
        }
        (HoldingState::Rejected, _) => {
            let why = why.unwrap_or("no reason was given");
            Some(sentence(why).to_owned())
        }
        (HoldingState::Revoked, _) | (HoldingState::Claimed, Some(_)) => {
            why.map(|why| sentence(why).to_owned())
        }
        _ => None,
    }
}

/// The document that a coach may upload for a holding; nothing where it would change nothing.
pub(super) fn upload(holding: &Holding, today: NaiveDate, items: &[Item]) -> Option<Upload> {
    let has_document = about(holding, items).is_some_and(|item| item.document.is_some());
    let word = match holding.state {
        HoldingState::Revoked => return None,
        HoldingState::Rejected => "Upload a better document",
        _ if !holding.valid_on(today) => "Upload the renewal",
        HoldingState::Pending if has_document => return None,
        HoldingState::Claimed | HoldingState::Pending => "Add the document",
        HoldingState::Verified => ends_in(holding, today).map(|_| "Upload the renewal")?,
    };
    Some(Upload { code: holding.code.details().code, word })
}

/// A reason without the mark at its end.
fn sentence(text: &str) -> &str {
    text.trim_end_matches(['.', '!'])
}

/// Every section that is shown of a profile to others, with what has become of its certificates: `items` are the coach's.
#[must_use]
pub fn known(profile: &Profile, today: NaiveDate, items: &[Item]) -> Vec<Known> {
    sections(profile, (today, items), Section::of_another)
}

/// The same, to the coach.
pub(super) fn known_to_oneself(profile: &Profile, today: NaiveDate, items: &[Item]) -> Vec<Known> {
    sections(profile, (today, items), Section::title)
}

fn sections(
    profile: &Profile,
    (today, items): (NaiveDate, &[Item]),
    title: fn(Section) -> &'static str,
) -> Vec<Known> {
    let shown = Section::ALL.iter().filter(|section| **section != Section::Hours);
    let section = |section: &Section| Known {
        slug: section.slug(),
        title: title(*section),
        lines: lines(*section, profile, (today, items)),
    };
    shown.map(section).collect()
}

fn lines(section: Section, profile: &Profile, (today, items): (NaiveDate, &[Item])) -> Vec<Line> {
    let facts = &profile.facts;
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let plain = |text: String| Line { text, badge: None, note: None, upload: None };
    let texts: Vec<String> = match section {
        Section::Certifications => {
            return holdings(facts, today, items);
        }
        Section::About => {
            let languages = said(&profile.languages).map(|languages| format!("Speaks {languages}"));
            [said(&profile.email), said(&profile.phone), languages, said(&profile.bio)]
                .into_iter()
                .flatten()
                .collect()
        }
        Section::Home => home(profile),
        Section::Experience => {
            let taught = facts.taught.iter().map(|taught| {
                format!("{}, last taught on {}", taught.modality.details().title, taught.last_taught_on)
            });
            facts.positions.iter().map(position).chain(taught).collect()
        }
        Section::Availability | Section::Hours => availability(facts),
        Section::Style => facts.style.iter().map(rating).collect(),
        Section::Pay => Some(profile.pay.to_string()).filter(|pay| !pay.is_empty()).into_iter().collect(),
    };
    texts.into_iter().map(plain).collect()
}

/// What a coach holds or claims in words.
#[must_use]
pub fn holdings(facts: &Coach, today: NaiveDate, items: &[Item]) -> Vec<Line> {
    facts.holdings.iter().map(|one| holding(one, today, items)).collect()
}

fn holding(holding: &Holding, today: NaiveDate, items: &[Item]) -> Line {
    let details = holding.code.details();
    let word = if holding.valid_on(today) { "valid until" } else { "expired on" };
    let until = holding.expires_on.map_or_else(String::new, |day| format!(", {word} {day}"));
    Line {
        text: format!("{}, {}{until}", details.code, details.title),
        badge: Some(badge(holding, today)),
        note: note(holding, today, items),
        upload: upload(holding, today, items),
    }
}

fn position(position: &Position) -> String {
    let until = position.ended_on.map_or_else(|| "today".to_owned(), |day| day.to_string());
    format!("{}, {} to {until}", position.modality.details().title, position.started_on)
}

fn rating(rating: &Rating) -> String {
    let by = match rating.source {
        Source::SelfRated => "self-rated",
        Source::Reviewer => "seen by a reviewer",
    };
    format!("{}: {} of 4, {by}", fithire_kernel::form::capital(&rating.dimension), rating.level)
}

fn home(profile: &Profile) -> Vec<String> {
    let address = [&profile.postal_code, &profile.city, &profile.region, &profile.country];
    let address: Vec<&str> =
        address.into_iter().flatten().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let reach = profile.facts.radius_m.map(|metres| format!("Travels up to {} km", metres.div_ceil(1_000)));
    let place = match (address.is_empty(), profile.facts.point) {
        (false, _) => Some(address.join(", ")),
        (true, Some(point)) => Some(format!("{:.4}, {:.4}", point.lat, point.lon)),
        (true, None) => None,
    };
    place.into_iter().chain(reach).collect()
}

fn availability(facts: &Coach) -> Vec<String> {
    let mut lines = Vec::new();
    for (what, spans) in [("Free", &facts.free), ("If needed,", &facts.if_needed)] {
        match spans.as_deref() {
            Some([]) if what == "Free" => lines.push("Not free at the moment".to_owned()),
            None | Some([]) => {}
            Some(spans) => {
                let hours = Hours::covering(spans);
                let quarters = hours.quarters();
                let word = if quarters == 4 { "hour" } else { "hours" };
                lines.push(format!("{what} {} {word} a week", f64::from(quarters) / 4.0));
                lines.extend(hours.days());
            }
        }
    }
    lines
}
