//! Whatever is given to the readers of presets and of the exchange format is read or refused in its place, and what can be
//! written in several ways is read the same in each. `just soak` tries much more of it.

use std::fmt::Write as _;

use fithire_scoring::exchange::{Question, explained};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::{builtin, read};
use fithire_scoring::reference::{self, Rules};
use proptest::prelude::*;

/// A whole number in one of TOML's notations.
fn integer(value: u16, notation: u8) -> String {
    match notation % 5 {
        0 => format!("0x{value:X}"),
        1 => format!("0o{value:o}"),
        2 => format!("0b{value:b}"),
        3 => format!("+{value}"),
        _ => value.to_string().chars().map(String::from).collect::<Vec<_>>().join("_"),
    }
}

/// A share of ten thousand in one of TOML's notations.
fn share(bp: u16, notation: u8) -> String {
    let (whole, rest) = (bp / 10_000, bp % 10_000);
    match notation % 4 {
        0 => format!("{whole}.{rest:04}"),
        1 => format!("+{whole}.{rest:04}e0"),
        2 => format!("{bp}.0E-4"),
        _ => format!("{whole}.{:02}_{:02}", rest / 100, rest % 100),
    }
}

/// A key in one of TOML's notations.
fn key(name: &str, notation: u8) -> String {
    match notation % 4 {
        0 => format!("\"{name}\""),
        1 => format!("'{name}'"),
        // The first letter as an escape.
        2 => format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]),
        _ => name.to_owned(),
    }
}

/// Pairs of keys and values as a table of a document: inline, dotted or under a header.
fn table(name: &str, pairs: &[(String, String)], notation: u8) -> String {
    let mut text = String::new();
    match notation % 3 {
        0 => {
            let inner: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            let _ = writeln!(text, "{name} = {{ {} }}", inner.join(" , "));
        }
        1 => {
            for (key, value) in pairs {
                let _ = writeln!(text, "{name} . {key}={value} # a remark");
            }
        }
        _ => {
            let _ = writeln!(text, "[ {name} ]");
            for (key, value) in pairs {
                let _ = writeln!(text, "\t{key}\t=\t{value}");
            }
        }
    }
    text
}

/// A value of TOML, whatever it may be good for.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[+-]?[0-9]{1,20}",
        "[+-]?(inf|nan)",
        "0[xob][0-9a-f_]{0,18}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?",
        "[0-9]{2}:[0-9]{2}(:[0-9]{2})?",
        "[+-]?[0-9]{1,3}(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
        "\"(\\\\([btnfr\"\\\\e]|x[0-9a-f]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|[ -~\u{e9}\u{1f600}&&[^\"\\\\]]){0,8}\"",
        "'[ -~\t&&[^']]{0,8}'",
        "\"\"\"\n?[ -~\n&&[^\\\\\"]]{0,12}\\\\?\n?\"\"\"",
        "'''[ -~\r\n&&[^']]{0,12}'''",
        "true|false|True|on",
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",\n"))),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..4).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    })
}

/// A document of TOML with keys that presets have and keys that they do not.
fn document() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "title|limit|threshold|weights|location|availability|experience|certifications",
        "\"[ -~&&[^\"\\\\]]{0,4}\"",
        "[A-Za-z0-9_-]{1,4}(\\.[a-z]{1,2}){0,3}",
    ];
    let line = prop_oneof![
        3 => (key.clone(), value()).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => key.clone().prop_map(|key| format!("[{key}]")),
        1 => key.prop_map(|key| format!("[[{key}]]")),
        1 => "#[ -~\t\u{e9}]{0,10}",
        1 => Just(String::new()),
    ];
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"), 1 => Just("")];
    prop::collection::vec((line, end), 0..12)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    /// The same preset in every notation that TOML has.
    #[test]
    fn a_preset_is_what_it_says_and_not_how_it_is_written(
        first in 1..9_999_u16,
        limit in 1..=200_u16,
        threshold in 0..=10_000_u16,
        notations in prop::array::uniform8(any::<u8>()),
        (mark, crlf) in any::<(bool, bool)>(),
    ) {
        let [a, b, c, d, e, f, g, h] = notations;
        let weights = [
            (key("location", a), share(first, b)),
            (key("availability", c), share(10_000 - first, d)),
        ];
        let text = format!(
            "{} = {}\n{} = {}\n{}",
            key("limit", e), integer(limit, f), key("threshold", g), share(threshold, h), table("weights", &weights, a ^ h),
        );
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let text = if mark { format!("\u{feff}{text}") } else { text };
        let preset = read("tried", &text);
        prop_assert!(preset.is_ok(), "{text}: {preset:?}");
        let preset = preset.unwrap();
        let plain = format!(
            "limit = {limit}\nthreshold = {}\n[weights]\nlocation = {}\navailability = {}\n",
            share(threshold, 0), share(first, 0), share(10_000 - first, 0)
        );
        let plain = read("tried", &plain).unwrap();
        prop_assert_eq!((preset.limit, preset.threshold), (limit.into(), threshold));
        prop_assert!(preset.weights().eq(plain.weights()), "{}", text);
        prop_assert_eq!((plain.limit, plain.threshold), (limit.into(), threshold));
    }

    /// Whatever else TOML can say is no preset, and each problem is told where it is.
    #[test]
    fn any_document_is_read_or_refused_in_its_place(text in document()) {
        match read("tried", &text) {
            Ok(preset) => prop_assert_eq!(preset.weights().map(|(_, weight)| u32::from(weight)).sum::<u32>(), 10_000),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len(), "{:?}", problem);
                    prop_assert!(text.is_char_boundary(problem.span.start) && text.is_char_boundary(problem.span.end));
                    let (line, column) = problem.position(&text);
                    prop_assert!(line >= 1 && column >= 1 && line <= text.matches('\n').count() + 1);
                }
            }
        }
    }

    /// A line of the exchange format that somebody has changed is refused, or is a question that every kernel answers like the
    /// reference, and that is the same when it is written down and read again.
    #[test]
    fn a_changed_question_is_refused_or_answered(
        cuts in prop::collection::vec((0..1_200_usize, 0..12_usize, "[0-9a-z\\[\\]{}:,\".\\- ]{0,8}|null|true|1e[0-9]{1,3}"), 1..4),
    ) {
        let mut line = QUESTION.replace('\n', "");
        for (at, length, insert) in cuts {
            let start = at % (line.len() + 1);
            let end = (start + length).min(line.len());
            line.replace_range(start..end, &insert);
        }
        let Ok(question) = Question::read(&line) else { return Ok(()) };
        let Ok(preset) = builtin().named(question.preset()) else { return Ok(()) };
        let explanation = Plan::compile(preset, &question.job, question.as_of).explain(&question.coach);
        let weights: Vec<u16> = preset.weights().map(|(_, weight)| weight).collect();
        let rules = Rules::with_weights(weights.try_into().unwrap());
        let expected = reference::score(&rules, &question.job, &question.coach, question.as_of);
        prop_assert_eq!(expected, explanation.score.clone());
        prop_assert!(explained(&explanation).is_object());
        prop_assert_eq!(Question::read(&question.write()).unwrap(), question);
    }
}

const QUESTION: &str = r#"{"as_of":"2026-11-23","job":{"lat":40.7,"lon":-74.0,"tz":"America/New_York","modality":"hiit","min_years":2.0,
"style":[{"dimension":"music","level":4,"weight":2}],"requirements":[{"any_of":["CPR-AED","NASM-CPT"],"kind":"required"}],
"slots":[{"kind":"class","day":5,"start":"09:00","minutes":60},{"kind":"shift","day":0,"start":"06:00","minutes":240,"weight":3}]},
"coach":{"lat":40.8,"lon":-74.1,"tz":"America/Chicago","radius_m":25000,"holdings":[{"code":"CPR-AED","state":"verified","expires_on":"2027-05-31"}],
"positions":[{"modality":"hiit","started_on":"2020-02-01","ended_on":"2024-03-31"}],"taught":[{"modality":"yin","last_taught_on":"2026-10-01"}],
"free":[{"day":5,"start":"08:00","minutes":240}],"if_needed":[{"day":0,"start":"05:00","minutes":600}],
"style":[{"dimension":"music","level":3,"source":"self"}],"engagement":{"done":40,"late_cancels":1,"no_shows":0,"replied_in_24h":9,"asked":10,
"idle_days":3,"profile_filled":6,"profile_sections":8}}}"#;

#[test]
fn the_question_that_is_changed_is_one() {
    assert!(Question::read(&QUESTION.replace('\n', "")).is_ok());
}
