//! A score with everything that can be said of it in numbers.

use serde::Serialize;

use crate::key::Key;
use crate::num::{FULL, div_round_bp, largest_remainder};
use crate::subscore::{Figure, Gate, State};

/// The score of one coach for one job. All shares are basis points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The `FitScore`.
    pub bp: u16,
    /// The same with what is uncertain at its worst.
    pub low: u16,
    /// And at its best.
    pub high: u16,
    /// How much of the weight rests on known facts.
    pub coverage: u16,
    /// Whether the coach may do the job at all.
    pub eligibility: Eligibility,
    /// Keys of the sub-scores that decide eligibility, in registration order.
    pub blockers: Vec<&'static str>,
    /// Whether the preset takes this coach off the ranked list.
    pub excluded: bool,
    /// Metres between job and coach; `None` when unknown or not applicable.
    pub distance_m: Option<u32>,
    /// The sub-scores that the preset weighs, in registration order.
    pub components: Vec<Component>,
}

/// One sub-score's part of a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The sub-score.
    pub key: Key,
    /// The preset's weight.
    pub weight: u16,
    /// What it adds to the score; contributions add up to it.
    pub contribution: u16,
    /// What its kernel says; `None` when the job does not ask for it.
    pub figure: Option<Figure>,
}

/// Whether a coach may do a job, whatever the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Eligibility {
    /// Everything demanded is proved.
    Eligible,
    /// A required certification rests on something not yet proved.
    Provisional,
    /// A required certification is missing, or no slot or the place is within reach.
    Ineligible,
}

/// One sub-score as the plan weighs it.
pub(crate) struct Part {
    pub(crate) key: Key,
    pub(crate) weight: u16,
    pub(crate) gate: Gate,
    pub(crate) figure: Option<Figure>,
}

impl Score {
    /// The score if one component had another figure.
    pub(crate) fn with(&self, place: usize, bp: u16) -> u16 {
        let parts = self.components.iter().enumerate().filter_map(|(at, part)| {
            let figure = if at == place { bp } else { part.figure?.score };
            Some((u64::from(part.weight), u64::from(figure)))
        });
        let (weight, sum) =
            parts.fold((0, 0), |(weights, sum), (weight, bp)| (weights + weight, sum + weight * bp));
        if weight == 0 { 0 } else { div_round_bp(sum, weight) }
    }

    /// Combines figures; with no applicable weight the score, range and coverage are 0.
    pub(crate) fn combine(parts: &[Part], distance_m: Option<u32>) -> Self {
        let applicable = || parts.iter().filter_map(|part| part.figure.map(|figure| (part, figure)));
        let total: u64 = applicable().map(|(part, _)| u64::from(part.weight)).sum();
        let weigh = |of: fn(&Figure) -> u16| match total {
            0 => 0,
            _ => div_round_bp(
                applicable().map(|(part, figure)| u64::from(part.weight) * u64::from(of(&figure))).sum(),
                total,
            ),
        };
        let bp = weigh(|figure| figure.score);
        let halves_known: u64 = applicable()
            .map(|(part, figure)| {
                u64::from(part.weight)
                    * match figure.state {
                        State::Known => 2,
                        State::Partial => 1,
                        State::Unknown | State::NotApplicable => 0,
                    }
            })
            .sum();
        let shares: Vec<u64> = parts
            .iter()
            .map(|part| part.figure.map_or(0, |figure| u64::from(part.weight) * u64::from(figure.score)))
            .collect();
        let contributions = largest_remainder(&shares, total.max(1), u64::from(bp));
        let (eligibility, blockers) = eligibility(parts);
        Self {
            bp,
            low: weigh(|figure| figure.low),
            high: weigh(|figure| figure.high),
            coverage: if total == 0 { 0 } else { div_round_bp(u64::from(FULL) * halves_known, 2 * total) },
            eligibility,
            blockers,
            excluded: applicable().any(|(part, figure)| figure.blocks && part.gate == Gate::Exclude),
            distance_m,
            components: parts
                .iter()
                .zip(contributions)
                .map(|(part, contribution)| Component {
                    key: part.key.clone(),
                    weight: part.weight,
                    contribution: u16::try_from(contribution).unwrap_or(u16::MAX),
                    figure: part.figure,
                })
                .collect(),
        }
    }
}

fn eligibility(parts: &[Part]) -> (Eligibility, Vec<&'static str>) {
    let keys = |holds: fn(&Figure) -> bool| -> Vec<&'static str> {
        let deciding = parts.iter().filter(|part| part.figure.as_ref().is_some_and(holds));
        deciding.filter_map(|part| part.key.of_program()).collect()
    };
    let blockers = keys(|figure| figure.blocks);
    if !blockers.is_empty() {
        return (Eligibility::Ineligible, blockers);
    }
    let doubts = keys(|figure| figure.provisional);
    if doubts.is_empty() { (Eligibility::Eligible, doubts) } else { (Eligibility::Provisional, doubts) }
}
