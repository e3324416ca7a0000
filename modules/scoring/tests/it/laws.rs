//! The laws of the specification, each over thousands of pairs.

use chrono::TimeDelta;
use fithire_scoring::exchange::{Question, answer};
use fithire_scoring::facts::{Coach, Engagement, Holding, HoldingState, Span};
use fithire_scoring::plan::{Group, Plan, Query, Ranked};
use fithire_scoring::reference;
use fithire_scoring::snapshot::Snapshot;
use proptest::prelude::*;

use crate::given::{self, Asked, Weighing};

fn numbered(coaches: &[Coach]) -> Vec<(u64, &Coach)> {
    (0..).zip(coaches).collect()
}

fn in_block(plan: &Plan<'_>, asked: &Asked, coaches: &[Coach]) -> Vec<u16> {
    let mut scores = vec![0; coaches.len()];
    let place = |id| usize::try_from(id).unwrap();
    let snapshot = Snapshot::build(asked.as_of, &plan.points(), &numbered(coaches));
    plan.each(&snapshot, |id, bp| scores[place(id)] = bp);
    scores
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1_000 } else { 20_000 }))]

    /// Law 6, and with it the specification: block == scalar reference == explanation, in every figure.
    #[test]
    fn one_answer(weighing in given::weighing(), (asked, coaches) in given::field(1..6)) {
        let Weighing { preset, rules } = &weighing;
        let plan = Plan::compile(preset, &asked.job, asked.as_of);
        let in_block = in_block(&plan, &asked, &coaches);
        for (coach, bp) in coaches.iter().zip(in_block) {
            let expected = reference::score(rules, &asked.job, coach, asked.as_of);
            let score = plan.score(coach);
            prop_assert_eq!(&score, &expected);
            prop_assert_eq!(bp, expected.bp);
            prop_assert_eq!(&plan.explain(coach).score, &expected);
            let of_one = Plan::each_of(std::slice::from_ref(&plan), coach);
            prop_assert_eq!(of_one, vec![(expected.bp, expected.excluded)]);
        }
    }

    /// Laws 1 and 2: again, alone, reversed and among others, a pair's score is the same.
    #[test]
    fn deterministic_and_independent(weighing in given::weighing(), (asked, coaches) in given::field(2..6)) {
        let plan = Plan::compile(&weighing.preset, &asked.job, asked.as_of);
        let together = in_block(&plan, &asked, &coaches);
        prop_assert_eq!(&together, &in_block(&Plan::compile(&weighing.preset, &asked.job, asked.as_of), &asked, &coaches));
        let reversed: Vec<Coach> = coaches.iter().rev().cloned().collect();
        let mut again = in_block(&plan, &asked, &reversed);
        again.reverse();
        prop_assert_eq!(&together, &again);
        for (coach, bp) in coaches.iter().zip(together) {
            prop_assert_eq!(in_block(&plan, &asked, std::slice::from_ref(coach)), vec![bp]);
        }
    }

    /// Laws 3 and 4: whole basis points, within the range, contributions that add up.
    #[test]
    fn whole_and_additive(weighing in given::weighing(), (asked, coach) in given::pair()) {
        let score = Plan::compile(&weighing.preset, &asked.job, asked.as_of).score(&coach);
        prop_assert!(score.low <= score.bp && score.bp <= score.high && score.high <= 10_000, "{score:?}");
        prop_assert!(score.coverage <= 10_000);
        let contributions: u32 = score.components.iter().map(|part| u32::from(part.contribution)).sum();
        prop_assert_eq!(contributions, u32::from(score.bp));
        for part in &score.components {
            if let Some(figure) = part.figure {
                prop_assert!(figure.low <= figure.score && figure.score <= figure.high && figure.high <= 10_000, "{part:?}");
            } else {
                prop_assert_eq!(part.contribution, 0);
            }
        }
    }

    /// Law 7: facts written down and read again have the same hash and the same explanation.
    #[test]
    fn replayable((asked, coach) in given::pair()) {
        let preset = fithire_scoring::preset::builtin().named("balanced").unwrap();
        let question = Question { as_of: asked.as_of, preset: None, job: asked.job.clone(), coach: coach.clone() };
        let read = Question::read(&question.write()).unwrap();
        prop_assert_eq!(&read, &question);
        let before = Plan::compile(preset, &asked.job, asked.as_of).explain(&coach);
        let after = Plan::compile(preset, &read.job, read.as_of).explain(&read.coach);
        prop_assert_eq!(answer(&before.score), answer(&after.score));
        prop_assert_eq!(before, after);
    }

    /// Law 8: three groups that together are everyone, each in the order of the specification.
    #[test]
    fn never_silent(weighing in given::weighing(), (asked, coaches) in given::field(0..9), threshold in 0..=10_000_u16) {
        let plan = Plan::compile(&weighing.preset, &asked.job, asked.as_of);
        let snapshot = Snapshot::build(asked.as_of, &plan.points(), &numbered(&coaches));
        let list = |group, limit| plan.rank(&snapshot, Query { threshold, limit, group });
        let mut seen = Vec::new();
        for group in [Group::Ranked, Group::BelowThreshold, Group::Ineligible] {
            let all = list(group, usize::MAX);
            prop_assert_eq!(all.total + all.below_threshold + all.ineligible, coaches.len());
            prop_assert!(all.rows.is_sorted_by_key(|row| order(&plan, &coaches, row)));
            let counted = match group {
                Group::Ranked => all.total,
                Group::BelowThreshold => all.below_threshold,
                Group::Ineligible => all.ineligible,
            };
            prop_assert_eq!(all.rows.len(), counted);
            prop_assert_eq!(&list(group, 2).rows[..], &all.rows[..counted.min(2)], "a shorter list is its beginning");
            for row in &all.rows {
                let score = plan.score(&coaches[usize::try_from(row.id).unwrap()]);
                let belongs = match group {
                    Group::Ranked => !score.excluded && score.bp >= threshold,
                    Group::BelowThreshold => !score.excluded && score.bp < threshold,
                    Group::Ineligible => score.excluded,
                };
                prop_assert!(belongs);
            }
            seen.extend(all.rows.iter().map(|row| row.id));
        }
        seen.sort_unstable();
        prop_assert!(seen.into_iter().eq(0..coaches.len() as u64));
    }

    /// Law 5, certifications: one more, checked further or valid longer.
    #[test]
    fn more_credit_is_never_less((asked, coach) in given::pair(), more in given::holding(given::day("2026-11-23"))) {
        let mut better = coach.clone();
        better.holdings.push(Holding { state: HoldingState::Verified, ..more });
        never_less(&asked, &coach, &better)?;
        for place in 0..coach.holdings.len() {
            let mut better = coach.clone();
            let holding = &mut better.holdings[place];
            holding.state = match holding.state {
                HoldingState::Claimed => HoldingState::Pending,
                _ => HoldingState::Verified,
            };
            never_less(&asked, &coach, &better)?;
            better.holdings[place].expires_on = None;
            never_less(&asked, &coach, &better)?;
        }
    }

    /// Law 5, experience: one position or class more, or a position that lasted longer.
    #[test]
    fn more_experience_is_never_less(
        (asked, coach) in given::pair(),
        position in given::position(given::day("2026-11-23")),
        taught in given::taught(given::day("2026-11-23")),
    ) {
        let mut better = coach.clone();
        better.positions.push(position);
        never_less(&asked, &coach, &better)?;
        let mut better = coach.clone();
        better.taught.push(taught);
        never_less(&asked, &coach, &better)?;
        for place in 0..coach.positions.len() {
            let mut better = coach.clone();
            better.positions[place].ended_on = None;
            never_less(&asked, &coach, &better)?;
        }
    }

    /// Law 5, availability: more hours free, or free instead of if needed.
    #[test]
    fn more_hours_are_never_less((asked, coach) in given::pair(), start in 0..672_u16, quarters in 1..=672_u16) {
        let mut better = coach.clone();
        better.free.get_or_insert_default().push(Span { start, quarters });
        never_less(&asked, &coach, &better)?;
        let mut better = coach.clone();
        better.if_needed.get_or_insert_default().push(Span { start, quarters });
        never_less(&asked, &coach, &better)?;
        let mut better = coach.clone();
        better.free.get_or_insert_default().extend(coach.if_needed.clone().unwrap_or_default());
        never_less(&asked, &coach, &better)?;
    }

    /// Law 5, location: closer, or travelling farther.
    #[test]
    fn closer_is_never_less((asked, coach) in given::pair(), other in given::pair(), more in 0..100_000_u64) {
        let mut better = coach.clone();
        better.radius_m = coach.radius_m.map(|radius| radius.saturating_add(more).min((1 << 53) - 1));
        never_less(&asked, &coach, &better)?;
        let (Some(place), Some(home), Some(elsewhere)) = (asked.job.point, coach.point, other.1.point) else { return Ok(()) };
        let mut moved = coach.clone();
        moved.point = Some(elsewhere);
        if place.distance_m(elsewhere) <= place.distance_m(home) {
            never_less(&asked, &coach, &moved)?;
        } else {
            never_less(&asked, &moved, &coach)?;
        }
    }

    /// Law 5, engagement: every count, one step better.
    #[test]
    fn better_engagement_is_never_less((asked, coach) in given::pair()) {
        let counts = coach.engagement.unwrap_or_default();
        let steps = [
            Engagement { done: counts.done + 1, ..counts },
            Engagement { late_cancels: counts.late_cancels.saturating_sub(1), ..counts },
            Engagement { no_shows: counts.no_shows.saturating_sub(1), ..counts },
            Engagement { replied_in_24h: (counts.replied_in_24h + 1).min(counts.asked), ..counts },
            Engagement { idle_days: counts.idle_days.saturating_sub(1), ..counts },
            Engagement { profile_filled: (counts.profile_filled + 1).min(counts.profile_sections), ..counts },
        ];
        for step in steps {
            let better = Coach { engagement: Some(step), ..coach.clone() };
            never_less(&asked, &coach, &better)?;
        }
    }

    /// Advice is worth its while, best first, and never more than three.
    #[test]
    fn advice_is_worth_it((asked, coach) in given::pair()) {
        let preset = fithire_scoring::preset::builtin().named("balanced").unwrap();
        let explanation = Plan::compile(preset, &asked.job, asked.as_of).explain(&coach);
        prop_assert!(explanation.advice.len() <= 3);
        prop_assert!(explanation.advice.is_sorted_by_key(|advice| std::cmp::Reverse(advice.to)));
        for advice in explanation.advice {
            prop_assert_eq!(advice.from, explanation.score.bp);
            prop_assert!(advice.to >= advice.from + 100, "{advice}");
        }
    }

    /// A score depends on the facts of the day alone: what is dated after it does not exist.
    #[test]
    fn the_future_does_not_count((asked, mut coach) in given::pair(), ahead in 1..4_000_i64) {
        let preset = fithire_scoring::preset::builtin().named("experience-led").unwrap();
        let plan = Plan::compile(preset, &asked.job, asked.as_of);
        let before = plan.score(&coach);
        let later = asked.as_of + TimeDelta::days(ahead);
        let Some(modality) = asked.job.modality else { return Ok(()) };
        coach.positions.push(fithire_scoring::facts::Position::new(modality, later, None).unwrap());
        coach.taught.push(fithire_scoring::facts::Taught { modality, last_taught_on: later });
        prop_assert_eq!(plan.score(&coach), before);
    }
}

/// Score ↓, certifications ↓, distance ↑ with unknown last, id ↑.
fn order(plan: &Plan<'_>, coaches: &[Coach], row: &Ranked) -> impl Ord + use<> {
    let score = plan.score(&coaches[usize::try_from(row.id).unwrap()]);
    let certifications = score.components[0].figure.map_or(0, |figure| figure.score);
    (
        std::cmp::Reverse(score.bp),
        std::cmp::Reverse(certifications),
        score.distance_m.unwrap_or(u32::MAX),
        row.id,
    )
}

fn never_less(asked: &Asked, worse: &Coach, better: &Coach) -> Result<(), TestCaseError> {
    let with_points = given::with_points();
    for preset in [fithire_scoring::preset::builtin().named("balanced").unwrap(), &with_points] {
        let plan = Plan::compile(preset, &asked.job, asked.as_of);
        let (worse, better) = (plan.score(worse), plan.score(better));
        prop_assert!(better.bp >= worse.bp, "{} < {}", better.bp, worse.bp);
        for (was, is) in worse.components.iter().zip(&better.components) {
            prop_assert!(
                is.figure.map(|figure| figure.score) >= was.figure.map(|figure| figure.score),
                "{was:?} {is:?}"
            );
        }
    }
    Ok(())
}
