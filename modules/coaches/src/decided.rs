//! What others decide of a coach: a reviewer verifies, rejects or revokes a holding and rates a style; FitHire counts
//! engagement. Nobody else can say it, or lose it by saying something else: neither a coach nor whoever manages coaches.

use fithire_identity::{Caller, ManageCoaches, ReviewCoaches};
use fithire_kernel::problem::FieldError;
use fithire_scoring::facts::{Coach, Holding, HoldingState, Rating, Source};

/// What somebody who writes a profile may say of it that others cannot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct May {
    /// What certificates prove, and how somebody teaches.
    review: bool,
    /// Engagement, for whoever counts it elsewhere.
    count: bool,
}

impl May {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            review: caller.allowed::<ReviewCoaches>().is_ok(),
            count: caller.allowed::<ManageCoaches>().is_ok(),
        }
    }
}

fn is_decided(holding: &Holding) -> bool {
    !matches!(holding.state, HoldingState::Claimed | HoldingState::Pending)
}

fn is_reviewers(rating: &Rating) -> bool {
    rating.source == Source::Reviewer
}

/// What was sent by somebody who may not say it; what was decided before may be sent back as it is.
pub(crate) fn reserved(old: &Coach, sent: &Coach, may: May) -> Vec<FieldError> {
    let error = |pointer: String, detail: &str| FieldError { pointer, detail: detail.to_owned() };
    let holdings = sent.holdings.iter().enumerate().filter(|_| !may.review);
    let holdings = holdings.filter(|(_, holding)| is_decided(holding) && !old.holdings.contains(holding));
    let ratings = sent.style.iter().enumerate().filter(|_| !may.review);
    let ratings = ratings.filter(|(_, rating)| is_reviewers(rating) && !old.style.contains(rating));
    let mut errors: Vec<FieldError> = holdings
        .map(|(n, _)| {
            error(format!("/facts/holdings/{n}/state"), "is decided by a reviewer; send claimed or pending")
        })
        .chain(ratings.map(|(n, _)| error(format!("/facts/style/{n}/source"), "is a reviewer's; send self")))
        .collect();
    if !may.count && sent.engagement.is_some() && sent.engagement != old.engagement {
        errors.push(error("/facts/engagement".to_owned(), "is counted by FitHire and cannot be sent"));
    }
    errors
}

/// New facts by somebody who decides nothing of it, with what was decided on the old ones.
pub(crate) fn kept(old: &Coach, new: Coach, may: May) -> Coach {
    let counted = new.engagement;
    let new = if may.review { new } else { carried_over(old, new) };
    Coach { engagement: if may.count { counted } else { new.engagement.or(old.engagement) }, ..new }
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
