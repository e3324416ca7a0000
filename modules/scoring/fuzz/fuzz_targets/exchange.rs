//! Any line is refused or scored, never a panic; what is scored equals the reference in every figure, and
//! written down and read again it is the same question.
#![no_main]

use fithire_scoring::exchange::{Question, explained};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::builtin;
use fithire_scoring::reference::{self, Rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| {
    let Ok(question) = Question::read(line) else { return };
    let Ok(preset) = builtin().named(question.preset()) else { return };
    let explanation = Plan::compile(preset, &question.job, question.as_of).explain(&question.coach);
    let weights: Vec<u16> = preset.weights().map(|(_, weight)| weight).collect();
    let rules = Rules::with_weights(weights.try_into().unwrap());
    assert_eq!(reference::score(&rules, &question.job, &question.coach, question.as_of), explanation.score);
    assert!(explained(&explanation).is_object());
    assert_eq!(Question::read(&question.write()).unwrap(), question);
});
