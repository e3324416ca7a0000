//! What a profile is made of, and how much of it is there.

use fithire_scoring::facts::Source;
use serde::Serialize;

use crate::model::{Pay, Profile};

/// One piece of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What people call it.
    pub label: &'static str,
    /// The page on which it is filled in.
    pub href: &'static str,
    /// Whether it is there.
    pub done: bool,
    /// What it is good for.
    pub hint: &'static str,
}

/// The eight pieces of a profile.
#[must_use]
pub fn pieces(profile: &Profile) -> [Piece; 8] {
    let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let facts = &profile.facts;
    let piece = |label, href, done, hint| Piece { label, href, done, hint };
    [
        piece("About you", "/coach/profile/about", said(&profile.bio), "Managers read it; it is not scored"),
        piece(
            "Languages",
            "/coach/profile/about",
            said(&profile.languages),
            "Managers read them; they are not scored",
        ),
        piece(
            "Where you live",
            "/coach/profile/home",
            facts.point.is_some(),
            "How far each job is, and how far you go",
        ),
        piece(
            "Certifications",
            "/coach/profile/certifications",
            !facts.holdings.is_empty(),
            "Most jobs ask for some",
        ),
        piece(
            "Experience",
            "/coach/profile/experience",
            !facts.positions.is_empty() || !facts.taught.is_empty(),
            "What you have taught, and how lately",
        ),
        piece(
            "When you are free",
            "/coach/profile/availability",
            facts.free.is_some() || facts.if_needed.is_some(),
            "Which classes and shifts you can take",
        ),
        piece(
            "Teaching style",
            "/coach/profile/style",
            facts.style.iter().any(|rating| rating.source == Source::SelfRated),
            "How you teach, in your own view",
        ),
        piece(
            "Pay",
            "/coach/profile/pay",
            profile.pay != Pay::default(),
            "What you wish to be paid; it is not scored",
        ),
    ]
}
