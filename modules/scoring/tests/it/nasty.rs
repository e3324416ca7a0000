//! Preset files by people who know every corner of TOML, and by people who wish the reader ill.

use fithire_scoring::preset::read;

#[test]
fn every_way_to_write_a_preset_is_taken() {
    let cases = [
        "weights.location = 1",
        "weights = { location = 1.0 }",
        "\"weights\" . 'location' = 1",
        "[weights]\r\nlocation = 1\r\n",
        "\u{feff}[weights]\nlocation = 1",
        "[ weights ] # why\nlocation = 1_0e-1",
        "[weights]\nlocation = +1.0e+0",
        "title = \"\"\"\nTwo\nlines\"\"\"\n[weights]\nlocation = 1",
        "title = 'C:\\no\\escapes'\n[weights]\nlocation = 1",
        "title = \"\\u00e9\\U0001F600\"\nweights.location = 1",
        "limit = 0x14\nweights.location = 1",
        "limit = 0o24\nweights.location = 1",
        "limit = 0b10100\nweights.location = 1",
        "[location]\n[weights]\nlocation = 1",
        "location = {}\nweights = {location=1}",
    ];
    for text in cases {
        let preset = read("tried", text).unwrap_or_else(|problems| panic!("{text:?}: {problems:?}"));
        assert!(preset.weights().eq([("location", 10_000)]) && preset.limit == 20, "{text:?}");
    }
}

/// What is no TOML, in the ways of the public collections of such files.
const NO_TOML: &[&str] = &[
    "\0",
    "\u{feff}\u{feff}",
    "# \u{7f}",
    "=",
    "= 1",
    "a",
    "a =",
    "a = =",
    "a.b.",
    ".a = 1",
    "a..b = 1",
    "\"\"\"a\"\"\" = 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "a.b = 1\na = 2",
    "a = {b = 1}\n[a]",
    "[a]\n[a]",
    "[a]\n[[a]]",
    "[[a]]\n[a]",
    "[weights",
    "[weights]]",
    "[]",
    "[[]]",
    "[a.]",
    "[.a]",
    "[a]b = 1",
    "a = [",
    "a = ]",
    "a = [1, , 2]",
    "a = [1\n2]",
    "a = {",
    "a = {b}",
    "a = \"",
    "a = \"\n\"",
    "a = \"\\x\"",
    "a = \"\\u12\"",
    "a = \"\\uD800\"",
    "a = \"\\U00110000\"",
    "a = '",
    "a = '''",
    "a = \"\"\"",
    "a = 01",
    "a = 1__0",
    "a = _1",
    "a = 1_",
    "a = 0x",
    "a = 0xg",
    "a = 0b2",
    "a = +0x1",
    "a = 1.",
    "a = .1",
    "a = 1.e1",
    "a = 1e",
    "a = --1",
    "a = infinity",
    "a = True",
    "a = tru",
    "a = 2026-13-01",
    "a = 2026-02-30",
    "a = 25:00:00",
    "a = 2026-01-01T",
    "\u{e9} = 1",
    "a = \u{1f600}",
];

/// What is TOML and no preset.
const NO_PRESET: &[&str] = &[
    "points = 1",
    "points = []",
    "[points]",
    "[[points]]",
    "[points.a]",
    "[[points.a]]",
    "[points.a]\nrules = [[]]",
    "[points.a]\nrules = [{}]",
    "[[points.a.rules]]\npoints = 9223372036854775807\nclasses = -1",
    "weights.points = 1",
    "weights.points.a.b = 1",
    "[weights]\npoints.\"\" = 1\n[points.\"\"]\nrules = []",
    "",
    " ",
    "\n\r\n\t",
    "\u{feff}",
    "#",
    "\"\" = 1",
    "'' = 1",
    "a = +nan",
    "a = -inf",
    "a = 1979-05-27 07:32:00.999999Z",
    "a = 99999999999999999999",
    "a = -9223372036854775809",
    "a = 1e400",
    "weights = []",
    "weights = 1979-05-27",
    "weights = [[]]",
    "[[weights]]\nlocation = 1",
    "weights.location.x = 1",
    "weights.location = {}",
    "weights.location = []",
    "weights.location = true",
    "weights.location = 1e-400",
    "weights.location = -0.0",
    "weights.location = 1e16",
    "[weights]\nlocation = 1\n[location.location]",
    "[[location]]\n[weights]\nlocation = 1",
    "location = 5\nweights.location = 1",
    "weights.\"\u{202e}\" = 1",
    "limit = 1e2\nweights.location = 1",
    "limit = -0\nweights.location = 1",
    "limit = 0xffffffffffffffffffff\nweights.location = 1",
    "threshold = nan\nweights.location = 1",
];

/// What is large or deep.
fn monsters() -> Vec<String> {
    let deep = |open: &str, close: &str| format!("a = {}{}", open.repeat(20_000), close.repeat(20_000));
    let path = vec!["a"; 20_000].join(".");
    vec![
        deep("[", "]"),
        deep("[", ""),
        deep("{a=", ""),
        deep("{a = ", "1}"),
        format!("{path} = 1"),
        format!("[{path}]"),
        "[a]\n".repeat(2_000),
        format!("{} = 1", "a".repeat(1 << 20)),
    ]
}

#[test]
fn no_file_is_nasty_enough() {
    let cases = NO_TOML.iter().chain(NO_PRESET).map(|text| (*text).to_owned()).chain(monsters());
    for text in cases {
        let start: String = text.chars().take(60).collect();
        let problems = read("tried", &text).expect_err(&start);
        assert!(!problems.is_empty(), "{start:?}");
        for problem in problems {
            let span = problem.span.clone();
            assert!(span.start <= span.end && span.end <= text.len(), "{start:?}: {span:?}");
            let (line, column) = problem.position(&text);
            assert!(line >= 1 && column >= 1 && !problem.message.is_empty(), "{start:?}: {problem:?}");
        }
    }
}
