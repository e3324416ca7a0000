//! Preset files: what is taken, and what is said of what is not.

use fithire_scoring::preset::{BUILTIN, builtin, read, schema};
use proptest::prelude::*;

/// `line:column message (help)` for every problem.
fn problems(text: &str) -> String {
    let problems = read("tried", text).expect_err("the preset is taken");
    let told = problems.iter().map(|problem| {
        let (line, column) = problem.position(text);
        let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{line}:{column} {}{help}", problem.message)
    });
    told.collect::<Vec<_>>().join("\n")
}

const SIX: &str = "certifications = 0.25\nexperience = 0.20\navailability = 0.25\nlocation = 0.15\nculture = 0.05\nengagement = 0.10\n";

/// A preset with a sub-score of its own.
fn own(table: &str) -> String {
    let weights = SIX.replace("engagement = 0.10", "engagement = 0.05");
    format!("[weights]\n{weights}points.own = 0.05\n[points.own]\n{table}\n")
}

#[test]
fn a_sub_score_of_ones_own_is_weighed_after_the_six() {
    let preset = read("tried", &own("rules = [{ points = 100, classes = 1 }]")).unwrap();
    let (key, weight) = preset.keys().last().unwrap();
    assert_eq!((&**key, key.title(), key.short(), weight), ("points.own", Some("own"), "own", 500));
    let changed = preset.reweighed(&[("points.own", 100.0), ("experience", 0.0)]).unwrap();
    assert!(changed.points().eq(preset.points()), "{}", changed.text);
    let error = preset.reweighed(&[("points.won", 1.0)]).unwrap_err();
    assert!(error.contains("points.own"), "{error}");
}

#[test]
fn the_guide_shows_a_preset_that_is_taken() {
    let guide = include_str!("../../../../docs/presets.md");
    let example = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let preset = read("early-classes", example).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(preset.keys().any(|(key, _)| key.title() == Some("Early mornings")));
}

#[test]
fn the_seven_presets_weigh_what_the_specification_says() {
    let table = [
        ("balanced", [2_500, 2_000, 2_500, 1_500, 500, 1_000]),
        ("compliance-first", [4_000, 2_000, 1_500, 1_000, 500, 1_000]),
        ("experience-led", [2_000, 4_000, 1_500, 1_000, 500, 1_000]),
        ("local-team", [2_000, 1_500, 2_500, 2_500, 500, 1_000]),
        ("new-talent", [3_000, 500, 3_000, 1_500, 1_000, 1_000]),
        ("studio-launch", [2_500, 2_000, 2_000, 1_000, 1_500, 1_000]),
        ("urgent-cover", [2_500, 1_000, 3_500, 1_500, 0, 1_500]),
    ];
    assert_eq!(builtin().iter().count(), table.len());
    for (preset, (name, weights)) in builtin().iter().zip(table) {
        assert_eq!(preset.name, name);
        assert!(preset.weights().map(|(_, weight)| weight).eq(weights), "{name}");
        assert_eq!((preset.threshold, preset.limit), (6_000, 20), "{name}");
        assert!(!preset.title.is_empty() && !preset.description.is_empty(), "{name}");
    }
}

#[test]
fn five_mistakes_are_five_problems_each_in_its_place() {
    insta::assert_snapshot!(problems(
        "treshold = 0.6\n\
         limit = 1000\n\
         [weights]\n\
         certifications = 0.25\nexperiance = 0.20\navailability = 0.25\nlocation = 0.15\nculture = 0.25\nengagement = 0.10\n\
         [location]\n\
         default_radius_m = \"far\"\n"
    ));
}

#[test]
fn every_rule_has_its_words() {
    let cases = [
        String::new(),
        "weights = 3".to_owned(),
        "[weights]\n".to_owned(),
        format!("[weights]\n{}", SIX.replace("0.10", "0.15")),
        format!("[weights]\n{}", SIX.replace("0.10", "0.05")),
        format!("[weights]\n{}", SIX.replace("0.05", "nan")),
        format!("[weights]\n{}", SIX.replace("0.05", "-0.05")),
        format!("[weights]\n{}", SIX.replace("0.05", "inf")),
        format!("[weights]\n{}", SIX.replace("0.05", "\"0.05\"")),
        format!("[weights]\n{}", SIX.replace("culture = 0.05", "culture = 0.16").replace("0.10", "0.00")),
        format!("threshold = 1.01\n[weights]\n{SIX}"),
        format!("threshold = 0.12345\n[weights]\n{SIX}"),
        format!("title = 5\nlimit = 0\n[weights]\n{SIX}"),
        format!("location = true\n[weights]\n{SIX}"),
        format!("[weights]\n{SIX}[availability]\nbuffer_minutes = 20\n"),
        format!("[weights]\n{SIX}[availability]\nbuffer_minutes = -15\n"),
        format!("[weights]\n{SIX}[availability]\nbuffer_minutes = 99999999999999999999\n"),
        format!("[weights]\n{SIX}[certifications]\ngate = \"excluded\"\ngrace = 3\n"),
        format!("[weights]\n{SIX}[location]\ndefault_radius_m = 60000\n"),
        format!("[weights]\n{SIX}[location]\ndefault_radius_m = 0\nmax_radius_m = 1.5\n"),
        format!("[weights]\n{SIX}[experience]\nhalf_life = 60\n"),
        format!("[weights]\n{SIX}{SIX}"),
        format!("[weights]\n{SIX}points.own = 0.0\n"),
        format!("[weights]\n{SIX}points = 0.1\n"),
        format!(
            "[weights]\n{SIX}points.own = 1.5\n[points.own]\nrules = [{{ points = 100, classes = 1 }}]\n"
        ),
        own(""),
        own("rules = 3"),
        own("rules = []"),
        own("rules = [3]"),
        own("titel = \"x\"\nrules = [{ points = 99, classes = 1 }]"),
        own("rules = [{ points = 99, classes = 1 }]"),
        own("rules = [{ points = 100 }, { classes = 1 }, { points = 1, classes = 1, teaches = \"hiit\" }]"),
        own(
            "rules = [{ points = 0, classes = 1 }, { points = 101, classes = 1 }, { points = 1.5, classes = 0 }]",
        ),
        own(
            "rules = [{ points = 100, hold = \"CPR-AED\" }, { points = 1, holds = \"CPR-AEDD\" }, { points = 1, teaches = 3 }]",
        ),
        own(
            "rules = [{ points = 100, coached = { months = 0 } }, { points = 1, coached = { month = 3 } }, { points = 1, coached = { months = 481 } }]",
        ),
        own(
            "rules = [{ points = 100, free = { minutes = 20 } }, { points = 1, free = { from = \"7\", minutes = 15 } }]",
        ),
        own("rules = [{ points = 100, free = { from = \"07:00\", to = \"07:00\", minutes = 15 } }]"),
        own(
            "rules = [{ points = 100, free = { from = \"07:00\", to = \"08:00\", days = [\"sat\"], minutes = 75 } }]",
        ),
        own(
            "rules = [{ points = 100, free = { days = [\"someday\"], minutes = 75 } }, { points = 1, free = { days = [], minutes = 15 } }]",
        ),
        format!(
            "[weights]\n{SIX}[points]\nlonely = {{ rules = [{{ points = 100, classes = 1 }}] }}\n\"A b\" = 3\n"
        ),
        format!("points = 3\n[weights]\n{SIX}"),
        format!("[weights]\n{SIX}[points.own]\nrules = [{}]\n", "{ points = 100, classes = 1 },".repeat(33)),
        "[weights\nculture = = 1\n\"open".to_owned(),
    ];
    let told: Vec<String> = cases.iter().map(|text| problems(text)).collect();
    insta::assert_snapshot!(told.join("\n--\n"));
}

#[test]
fn weights_become_basis_points_by_largest_remainder() {
    let weigh = |text: &str| -> Vec<u16> {
        read("tried", text).unwrap().weights().map(|(_, weight)| weight).collect()
    };
    let thirds =
        "[weights]\ncertifications = 0.3333333333\nexperience = 0.3333333333\nengagement = 0.3333333334\n";
    assert_eq!(weigh(thirds), [3_333, 3_333, 3_334], "the largest remainder is served first");
    let halves = "[weights]\ncertifications = 0.33335\nexperience = 0.33335\nengagement = 0.3333\n";
    assert_eq!(weigh(halves), [3_334, 3_333, 3_333], "equal remainders are served in order");
    assert_eq!(weigh("[weights]\nlocation = 1\n"), [10_000], "one alone, and a whole number");
    assert_eq!(weigh("[weights]\nlocation = 0.9999999995\n"), [10_000], "within the tolerance");
}

#[test]
fn content_not_name_makes_the_hash() {
    let text = format!("[weights]\n{SIX}");
    let (a, b) = (read("a", &text).unwrap(), read("b", &text).unwrap());
    assert_eq!(a.hash, b.hash);
    assert_ne!(a.hash, read("a", &format!("{text}# a remark\n")).unwrap().hash);
    assert_eq!(a.hash.len(), 64);
}

#[test]
fn the_schema_for_editors_is_fresh() {
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../../../scoring-presets/preset.schema.json")).unwrap();
    assert_eq!(committed, schema(), "run: cargo run -- presets schema > scoring-presets/preset.schema.json");
}

proptest! {
    /// Whatever is in a file, it is read or refused, and problems lie within it.
    #[test]
    fn no_text_is_too_strange(
        preset in 0..=BUILTIN.len(),
        cuts in proptest::collection::vec((0..2_000_usize, 0..40_usize, "[ \\[\\]=\"'.0-9a-z{}\n#,\\-+\u{e9}\u{1f600}\\\\]{0,12}"), 1..6),
    ) {
        // The last one has sub-scores of its own.
        let base = BUILTIN.get(preset).map(|(_, text)| (*text).to_owned());
        let mut text = base.unwrap_or_else(|| crate::given::with_points().text);
        for (at, length, insert) in cuts {
            let start = text.floor_char_boundary(at.min(text.len()));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &insert);
        }
        if let Err(problems) = read("tried", &text) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len(), "{problem:?}");
                let (line, column) = problem.position(&text);
                prop_assert!(line >= 1 && column >= 1);
            }
        }
    }
}
