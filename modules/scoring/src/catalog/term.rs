//! For how long a certificate is valid by its issuer's rule: what its last day should be, given when it was issued or
//! renewed. For people who hold a document against the rule; a score goes by the last day that the facts give.
//!
//! Invariants: a term never ends before it starts, and a later start never ends it sooner.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::Certification;

/// A year at whose end a cycle of every issuer with fixed cycles ends. They are NSCA's, whose cycles were 2018 to 2020, 2021
/// to 2023 and 2024 to 2026, for everybody alike.
const CYCLE_ENDS: i32 = 2026;

/// When a term starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the certificate.
    Issued(NaiveDate),
    /// After this last day of the term before.
    Renewed(NaiveDate),
}

/// When a term ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// On this last day.
    Until(NaiveDate),
    /// Never.
    Unlimited,
    /// The issuer's rule does not say: it goes with a membership or another certificate, or is not known.
    Unsaid,
}

impl Certification {
    /// The term that the issuer's rule gives.
    #[must_use]
    pub fn term(&self, start: Start) -> Term {
        let day = match start {
            Start::Issued(day) | Start::Renewed(day) => day,
        };
        let until = |last: Option<NaiveDate>| last.map_or(Term::Unsaid, Term::Until);
        match (self.expiry_rule, self.months()) {
            ("none", _) => Term::Unlimited,
            ("rolling", Some(months)) => until(day.checked_add_months(months)),
            ("end-of-month", Some(months)) => until(day.checked_add_months(months).and_then(end_of_month)),
            ("fixed-cycle", Some(months)) => until(end_of_cycle(start, months)),
            _ => Term::Unsaid,
        }
    }

    /// How long a term is, where the issuer says.
    fn months(&self) -> Option<Months> {
        let months = match self.valid_years {
            "0.5" => 6,
            years => years.parse::<u32>().ok().filter(|years| (1..=100).contains(years))? * 12,
        };
        Some(Months::new(months))
    }
}

fn end_of_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}

fn end_of_cycle(start: Start, months: Months) -> Option<NaiveDate> {
    let first = match start {
        Start::Issued(day) => day,
        Start::Renewed(last) => last.checked_add_days(Days::new(1))?,
    };
    let years = i32::try_from(months.as_u32() / 12).ok().filter(|years| *years > 0)?;
    let left = (CYCLE_ENDS - first.year()).rem_euclid(years);
    NaiveDate::from_ymd_opt(first.year() + left, 12, 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::Cert;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn term(code: &str, start: Start) -> Term {
        Cert::named(code).unwrap().details().term(start)
    }

    #[test]
    fn each_rule_gives_its_last_day() {
        let issued = |code: &str, on: &str| term(code, Start::Issued(day(on)));
        let until = |text: &str| Term::Until(day(text));
        assert_eq!(issued("NASM-CPT", "2026-06-15"), until("2028-06-15"));
        assert_eq!(issued("NASM-CPT", "2024-02-29"), until("2026-02-28"));
        assert_eq!(issued("NCSF-CPT", "2026-10-03"), until("2028-10-31"));
        assert_eq!(issued("NCSF-CPT", "2026-02-28"), until("2028-02-29"));
        assert_eq!(issued("CSCS", "2024-01-01"), until("2026-12-31"));
        assert_eq!(issued("CSCS", "2026-12-31"), until("2026-12-31"));
        assert_eq!(issued("CSCS", "2027-01-01"), until("2029-12-31"));
        assert_eq!(term("CSCS", Start::Renewed(day("2026-12-31"))), until("2029-12-31"));
        assert_eq!(term("NASM-CPT", Start::Renewed(day("2026-12-31"))), until("2028-12-31"));
    }

    #[test]
    fn what_does_not_expire_or_is_not_said_has_no_last_day() {
        for cert in Cert::all() {
            let details = cert.details();
            let term = details.term(Start::Issued(day("2026-06-15")));
            let expected = match details.expiry_rule {
                "none" => term == Term::Unlimited,
                "rolling" | "end-of-month" | "fixed-cycle" => matches!(term, Term::Until(_)),
                _ => term == Term::Unsaid,
            };
            assert!(expected, "{cert:?}: {term:?}");
        }
    }

    fn any_day() -> impl Strategy<Value = NaiveDate> {
        (0..40_000_u64).prop_map(|days| day("1990-01-01") + Days::new(days))
    }

    fn any_cert() -> impl Strategy<Value = Cert> {
        (0..Cert::all().count()).prop_map(|place| Cert::all().nth(place).unwrap())
    }

    proptest! {
        #[test]
        fn a_term_does_not_end_before_it_starts_nor_later_than_its_years(cert in any_cert(), on in any_day()) {
            let details = cert.details();
            for start in [Start::Issued(on), Start::Renewed(on)] {
                if let Term::Until(last) = details.term(start) {
                    let months = details.months().unwrap();
                    prop_assert!(last >= on, "{cert:?} {start:?} {last}");
                    prop_assert!(last <= end_of_month(on + months).unwrap() + Days::new(1), "{cert:?} {start:?} {last}");
                }
            }
        }

        #[test]
        fn a_later_start_never_ends_sooner(cert in any_cert(), one in any_day(), other in any_day()) {
            let (earlier, later) = (one.min(other), one.max(other));
            let details = cert.details();
            if let (Term::Until(first), Term::Until(second)) =
                (details.term(Start::Issued(earlier)), details.term(Start::Issued(later)))
            {
                prop_assert!(first <= second, "{cert:?} {earlier} {later}");
            }
        }

        #[test]
        fn a_renewal_goes_on_where_the_term_before_has_ended(cert in any_cert(), on in any_day()) {
            let details = cert.details();
            if let Term::Until(last) = details.term(Start::Issued(on)) {
                let Term::Until(next) = details.term(Start::Renewed(last)) else { panic!("{cert:?}") };
                prop_assert!(next > last, "{cert:?} {last} {next}");
            }
        }
    }
}
