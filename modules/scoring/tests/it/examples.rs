//! The worked examples of the specification, to the last digit.

use fithire_scoring::exchange::{Question, answer};
use fithire_scoring::plan::Plan;
use fithire_scoring::preset::builtin;
use fithire_scoring::reference::{self, Rules};
use serde_json::Value;

#[test]
fn every_worked_example_is_reproduced() {
    let mut examples = 0;
    for (number, line) in (1..).zip(include_str!("../fitscore-examples.jsonl").lines()) {
        let example: Value = serde_json::from_str(line).unwrap();
        let question = Question::read(&example["input"].to_string()).unwrap();
        let preset = builtin().named(question.preset()).unwrap();
        let score = Plan::compile(preset, &question.job, question.as_of).score(&question.coach);
        assert_eq!(answer(&score), example["output"], "example {number}");

        let weights: Vec<u16> = preset.weights().map(|(_, weight)| weight).collect();
        let rules = Rules::with_weights(weights.try_into().unwrap());
        assert_eq!(
            reference::score(&rules, &question.job, &question.coach, question.as_of),
            score,
            "example {number}"
        );
        examples += 1;
    }
    assert_eq!(examples, 60);
}
