//! Tests on a table of two groups: how likely a difference at least as large is when the groups do not differ.
//!
//! The figures agree with those of `SciPy` and `statsmodels`, which `tests/figures.csv` holds (`scripts/impact-figures.py`).

/// How many of a group were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Chosen.
    pub chosen: u64,
    /// Everybody; at least as many.
    pub people: u64,
}

impl Share {
    /// The share that was chosen, 0 to 1; nothing of nobody.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.people > 0).then(|| real(self.chosen) / real(self.people))
    }
}

/// Counts of people are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

/// The natural logarithm of `n` over `k`.
fn ln_choose(n: u64, k: u64) -> f64 {
    let ln_factorial = |n: u64| libm::lgamma(real(n) + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Fisher's exact test, two-sided: the sum of the probabilities of all tables with the same margins that are no likelier
/// than this one. 1 where a group or an outcome is empty, because there is but one such table.
#[must_use]
pub fn fisher(a: Share, b: Share) -> f64 {
    /// Tables that differ by less in their logarithm are equally likely: rounding must not leave one out.
    const SAME: f64 = 1e-7;
    let (chosen, people) = (a.chosen + b.chosen, a.people + b.people);
    let all = ln_choose(people, chosen);
    let ln_likelihood = |of_a: u64| ln_choose(a.people, of_a) + ln_choose(b.people, chosen - of_a) - all;
    let observed = ln_likelihood(a.chosen);
    let (least, most) = (chosen.saturating_sub(b.people), chosen.min(a.people));
    let tail = (least..=most).map(ln_likelihood).filter(|ln| *ln <= observed + SAME);
    tail.map(libm::exp).sum::<f64>().min(1.0)
}

/// The two-proportion test with a pooled variance: `z` and its two-sided probability. Nothing where everybody or nobody
/// was chosen, or a group is empty: there is no variance to compare with.
#[must_use]
pub fn two_proportions(a: Share, b: Share) -> Option<(f64, f64)> {
    let (first, second) = (a.rate()?, b.rate()?);
    let pooled = real(a.chosen + b.chosen) / real(a.people + b.people);
    let variance = pooled * (1.0 - pooled) * (1.0 / real(a.people) + 1.0 / real(b.people));
    if variance <= 0.0 {
        return None;
    }
    let z = (first - second) / libm::sqrt(variance);
    Some((z, libm::erfc(libm::fabs(z) / std::f64::consts::SQRT_2)))
}

/// Whether a count that is expected in the table is below five, where the test of proportions is not to be relied on.
#[must_use]
pub fn is_small(a: Share, b: Share) -> bool {
    let (chosen, people) = (a.chosen + b.chosen, a.people + b.people);
    // In whole numbers: expected = group · outcome / everybody.
    let below = |group: u64, outcome: u64| u128::from(group) * u128::from(outcome) < 5 * u128::from(people);
    [a.people, b.people].iter().any(|group| below(*group, chosen) || below(*group, people - chosen))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Share, fisher, is_small, two_proportions};

    fn close(ours: f64, theirs: f64) -> bool {
        (ours - theirs).abs() <= 1e-12 + 1e-7 * theirs.abs()
    }

    #[test]
    fn the_figures_are_those_of_scipy_and_statsmodels() {
        let mut tables = 0;
        for line in include_str!("../tests/figures.csv").lines().filter(|line| !line.starts_with('#')).skip(1)
        {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
            let share = |at: usize| Share { chosen: cells[at] as u64, people: cells[at + 1] as u64 };
            let (a, b) = (share(0), share(2));
            assert!(close(fisher(a, b), cells[4]), "{line}: {}", fisher(a, b));
            match two_proportions(a, b) {
                Some((z, p)) => assert!(close(z, cells[5]) && close(p, cells[6]), "{line}: {z} {p}"),
                None => assert!(cells[5].is_nan(), "{line}"),
            }
            tables += 1;
        }
        assert!(tables >= 400, "{tables}");
    }

    #[test]
    fn small_is_what_the_rule_of_thumb_says() {
        let share = |chosen, people| Share { chosen, people };
        assert!(!is_small(share(5, 10), share(5, 10)));
        assert!(is_small(share(4, 10), share(5, 10)));
        assert!(is_small(share(0, 1), share(500, 1_000)));
    }

    proptest! {
        #[test]
        fn neither_test_cares_which_group_is_first(people in (0..40_u64, 0..40_u64), chosen in (0..40_u64, 0..40_u64)) {
            let share = |chosen: u64, people: u64| Share { chosen: chosen.min(people), people };
            let (a, b) = (share(chosen.0, people.0), share(chosen.1, people.1));
            let p = fisher(a, b);
            prop_assert!((0.0..=1.0).contains(&p) && close(p, fisher(b, a)));
            match (two_proportions(a, b), two_proportions(b, a)) {
                (Some((z, p)), Some((back, same))) => prop_assert!(close(z, -back) && close(p, same)),
                (None, None) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
