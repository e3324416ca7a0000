//! Any text is a preset or a list of problems that lie within it, never a panic; a preset that is read weighs
//! 10000 basis points, scores, and reads the same again.
#![no_main]

use fithire_scoring::exchange::Question;
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::read;
use libfuzzer_sys::fuzz_target;

const PAIR: &str = r#"{"as_of":"2026-11-23","job":{"lat":40.7,"lon":-74.0,"modality":"hiit","style":[{"dimension":"music","level":4}],
    "requirements":[{"any_of":["CPR-AED"],"kind":"required"}],"slots":[{"kind":"class","day":5,"start":"09:00","minutes":60}]},
    "coach":{"lat":40.8,"lon":-74.1,"free":[{"day":5,"start":"08:00","minutes":240}]}}"#;

fuzz_target!(|text: &str| match read("fuzzed", text) {
    Ok(preset) => {
        let weights: Vec<_> = preset.weights().collect();
        assert_eq!(weights.iter().map(|(_, weight)| u32::from(*weight)).sum::<u32>(), 10_000);
        assert!(weights.iter().all(|(key, weight)| *key != "culture" || *weight <= 1_500));
        assert!(preset.threshold <= 10_000 && (1..=200).contains(&preset.limit));
        let question = Question::read(PAIR).unwrap();
        let score = Plan::compile(&preset, &question.job, question.as_of).score(&question.coach);
        assert!(score.low <= score.bp && score.bp <= score.high && score.high <= 10_000);
        assert_eq!(read("fuzzed", text).unwrap().hash, preset.hash);
    }
    Err(problems) => {
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len());
            let (line, column) = problem.position(text);
            assert!(line >= 1 && column >= 1);
        }
    }
});
