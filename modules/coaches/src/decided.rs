//! What others decide of a coach: a reviewer verifies, rejects or revokes a holding and rates a style; FitHire counts
//! engagement. A coach can neither say it nor lose it by saying something else.

use fithire_kernel::problem::FieldError;
use fithire_scoring::facts::{Coach, Holding, HoldingState, Rating, Source};

fn is_decided(holding: &Holding) -> bool {
    !matches!(holding.state, HoldingState::Claimed | HoldingState::Pending)
}

fn is_reviewers(rating: &Rating) -> bool {
    rating.source == Source::Reviewer
}

/// What a coach has sent and may not say; what was decided before may be sent back as it is.
pub(crate) fn reserved(old: &Coach, sent: &Coach) -> Vec<FieldError> {
    let error = |pointer: String, detail: &str| FieldError { pointer, detail: detail.to_owned() };
    let holdings = sent.holdings.iter().enumerate();
    let holdings = holdings.filter(|(_, holding)| is_decided(holding) && !old.holdings.contains(holding));
    let ratings = sent.style.iter().enumerate();
    let ratings = ratings.filter(|(_, rating)| is_reviewers(rating) && !old.style.contains(rating));
    let mut errors: Vec<FieldError> = holdings
        .map(|(n, _)| {
            error(format!("/facts/holdings/{n}/state"), "is decided by a reviewer; send claimed or pending")
        })
        .chain(ratings.map(|(n, _)| error(format!("/facts/style/{n}/source"), "is a reviewer's; send self")))
        .collect();
    if sent.engagement.is_some() && sent.engagement != old.engagement {
        errors.push(error("/facts/engagement".to_owned(), "is counted by FitHire and cannot be sent"));
    }
    errors
}

/// New facts with what was decided on the old ones; a holding that stands twice is one. A holding of the same certification and expiry keeps its
/// decision, another expiry is another document; what was rejected or revoked stays on record.
pub(crate) fn carried_over(old: &Coach, mut new: Coach) -> Coach {
    let mut seen: Vec<Holding> = Vec::with_capacity(new.holdings.len());
    for holding in std::mem::take(&mut new.holdings) {
        if !seen.contains(&holding) {
            seen.push(holding);
        }
    }
    new.holdings = seen;
    let decided: Vec<&Holding> = old.holdings.iter().filter(|holding| is_decided(holding)).collect();
    for holding in new.holdings.iter_mut().filter(|holding| !is_decided(holding)) {
        let same = |known: &&&Holding| known.code == holding.code && known.expires_on == holding.expires_on;
        if let Some(known) = decided.iter().find(same) {
            *holding = (*known).clone();
        }
    }
    let refused = decided.into_iter().filter(|holding| holding.state != HoldingState::Verified);
    for holding in refused {
        if !new.holdings.contains(holding) {
            new.holdings.push(holding.clone());
        }
    }
    for rating in old.style.iter().filter(|rating| is_reviewers(rating)) {
        if !new.style.contains(rating) {
            new.style.push(rating.clone());
        }
    }
    new.engagement = new.engagement.or(old.engagement);
    new
}
