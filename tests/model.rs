//! The model check, as far as it is done in seconds without optimisation; `make model` explores the rest.

use andon_tests::model::check;
use andon_tests::model::configuration::{for_ever, quick};

/// Far more than there are.
const LIMIT: usize = 5_000_000;

#[test]
fn no_rule_is_broken_and_every_state_leads_to_rest() {
    let runs: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = quick()
            .into_iter()
            .map(|config| scope.spawn(move || (config.name, check(&config, LIMIT))))
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("exploring does not panic"))
            .collect()
    });
    for (name, report) in runs {
        let report = report.expect("the blueprint can be rendered");
        println!(
            "{name}: {} states, {} transitions, depth {}, {:.1} s",
            report.states, report.transitions, report.depth, report.seconds
        );
        assert!(
            report.wrong.is_none(),
            "{name}:\n{}",
            report
                .wrong
                .map_or_else(String::new, |(why, story)| format!("{story}\n{why}"))
        );
        assert!(!report.cut, "{name} is larger than {LIMIT} states");
        assert!(
            report.states > 10_000 && report.rests > 10,
            "{name} does nothing: {} states, {} of rest",
            report.states,
            report.rests
        );
    }
}

/// A create has no precondition but absence, and what was absent can be absent again. So the Lease has to rule out that a
/// write of a deposed leader arrives when the next one has already undone what it was for.
#[test]
fn a_write_that_may_take_for_ever_is_not_survived() {
    let report = check(&for_ever(), LIMIT).expect("the blueprint can be rendered");
    let (why, story) = report.wrong.expect("it is found");
    assert!(why.contains("W1"), "{why}");
    assert!(story.contains("Takeover(Apply"), "{story}");
    assert!(story.contains("Arrive(Apply"), "{story}");
}
