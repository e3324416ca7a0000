//! What the issuer's rule gives, beside what a document says. Advice: the reviewer has the document and decides.

use chrono::NaiveDate;
use fithire_scoring::catalog::{Cert, Start, Term};
use serde::Serialize;

/// A sentence, with the last day that the rule gives where it gives one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Advice {
    pub(crate) text: String,
    /// good, wait or nothing.
    pub(crate) tone: &'static str,
    /// What can be accepted at once, because it is another day than the one that is given.
    pub(crate) offer: Option<NaiveDate>,
}

impl Advice {
    fn new(tone: &'static str, text: String) -> Self {
        Self { text, tone, offer: None }
    }
}

/// Holds a last day against the issuer's rule, from the day of issue where that is known.
pub(crate) fn advice(
    cert: Cert,
    issued_on: Option<NaiveDate>,
    last: Option<NaiveDate>,
    today: NaiveDate,
) -> Advice {
    let details = cert.details();
    let given = last.map_or_else(|| "no last day is given".to_owned(), |day| format!("{day} is given"));
    match (issued_on, details.term(Start::Issued(issued_on.unwrap_or(today)))) {
        (Some(_), Term::Until(day)) if last == Some(day) => {
            Advice::new("good", format!("The issuer’s rule gives {day}, too."))
        }
        (Some(issued), Term::Until(day)) => Advice {
            text: format!("From {issued} the issuer’s rule gives {day}, and {given}."),
            tone: "wait",
            offer: Some(day),
        },
        (None, Term::Until(latest)) if last.is_none_or(|last| last > latest) => {
            let text = format!("Issued today it would end on {latest} by the issuer’s rule, and {given}.");
            Advice::new("wait", text)
        }
        (_, Term::Unlimited) if last.is_some() => {
            Advice::new("wait", format!("By the issuer’s rule it does not expire, and {given}."))
        }
        _ if last.is_some_and(|last| last < today) => {
            Advice::new("wait", format!("It has expired: {given}."))
        }
        (_, Term::Unlimited) => Advice::new("good", "By the issuer’s rule it does not expire.".to_owned()),
        (_, Term::Unsaid) => Advice::new("", "The issuer’s rule gives no last day.".to_owned()),
        (None, Term::Until(_)) => {
            Advice::new("", "With the day of issue the issuer’s rule gives the last day.".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_held_against_the_rule() {
        let today: NaiveDate = "2026-11-23".parse().unwrap();
        let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
        let told = |code: &str, issued, last| {
            let advice = advice(Cert::named(code).unwrap(), issued, last, today);
            (advice.tone, advice.offer, advice.text)
        };
        assert_eq!(told("NCSF-CPT", day("2026-10-03"), day("2028-10-31")).0, "good");
        let (tone, offer, text) = told("NCSF-CPT", day("2026-10-03"), day("2029-10-31"));
        assert_eq!((tone, offer), ("wait", day("2028-10-31")));
        assert!(text.contains("2028-10-31") && text.contains("2029-10-31"), "{text}");
        assert_eq!(told("NASM-CPT", None, day("2029-01-01")).0, "wait", "longer than any that there is");
        assert_eq!(told("NASM-CPT", None, None).0, "wait", "it expires");
        assert_eq!(told("NASM-CPT", None, day("2028-11-23")).0, "");
        assert!(told("NASM-CPT", None, day("2026-11-22")).2.contains("has expired"));
    }
}
