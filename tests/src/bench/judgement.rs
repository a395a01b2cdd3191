//! The judgement bench: how often a rule rolls back a good release, and after how many messages it stops a bad one.
//!
//! All rules judge the **same** streams: one message a second, each bad with the error rate, for [`MESSAGES`] messages. Andon's
//! rules are the verdict itself (`andon_plan::statistics`); beside them stands a threshold with a failure limit, the rule of today's
//! canary engines. One check alone, at alpha 0.001.
//!
//! # The report
//! ```text
//! {
//!   "falseRollbackShare": 0.0005,       the highest share of good releases rolled back, of all cells of Andon's rules
//!   "medianMessages": {"100%": 2, …},   limit 1 %, looking at every message
//!   "alpha": 0.001, "limit": 0.01, "messages": 3000, "seed": 1,
//!   "goals": {"falseRollbackShare": 0.001, "medianMessages": {"100%": 2, "20%": 20, "5%": 220}}, "met": true,
//!   "cells": [{
//!     "rule": "limit" | "baseline" | "controls" | "threshold",
//!     "baselineMessages": 0,             rule "baseline": documents of the baseline; else 0
//!     "controlLines": 0,                 rule "controls": lines beside the canary, each with a message whenever it has one
//!     "failedLooksAllowed": null,        rule "threshold"
//!     "secondsBetweenLooks": 1,
//!     "errorRate": 0.002,
//!     "good": true,                      no worse than the rule demands: to be rolled back never
//!     "runs": 20000, "rolledBackShare": 0.0,
//!     "medianMessages": null, "medianBad": null,   over all runs; null: half of them or more were not rolled back
//!     "p90Messages": null                the same for nine runs of ten
//!   }, …]
//! }
//! ```
//! A baseline of 0 messages gives no limit, so the absolute limit alone judges: that is the rule "limit".

mod report;
mod rule;
mod stream;

pub use report::{Cell, Goals, Report};

use andon_plan::statistics::BadInput;
use rule::{Limits, Rule, Stop};
use std::collections::BTreeMap;
use std::thread;
use stream::Stream;

/// Messages of a stream: fifty minutes of a line that makes one a second.
pub const MESSAGES: usize = 3_000;
/// The chance of rolling back a good release that is put up with.
pub const ALPHA: f64 = 0.001;
/// The share of bad messages that is allowed.
pub const LIMIT: f64 = 0.01;
/// The error rate of a good release, of baselines and of control lines.
pub const USUAL: f64 = 0.002;
/// Error rates of the canary.
pub const RATES: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1.0];

/// How many streams are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// For error rates that a rule must not stop: rare events need many.
    pub good: usize,
    /// For the others.
    pub bad: usize,
    /// For control lines and a canary that is like them. Beside control lines every look costs a judgement.
    pub alike: usize,
    /// For control lines and any other canary.
    pub unlike: usize,
}

/// Runs the bench. The same seed and size give the same report, on any number of processors.
pub fn run(seed: u64, size: Size) -> Result<Report, BadInput> {
    let mut cells = Vec::new();
    for (index, rate) in RATES.into_iter().enumerate() {
        let seed = seed.wrapping_mul(1_000).wrapping_add(index as u64);
        let rules = Rule::all();
        let (alone, beside): (Vec<Rule>, Vec<Rule>) =
            rules.into_iter().partition(|rule| !rule.has_controls());
        let runs = if rate <= LIMIT { size.good } else { size.bad };
        cells.extend(cells_of(seed, rate, runs, &alone)?);
        let runs = if rate == USUAL {
            size.alike
        } else {
            size.unlike
        };
        cells.extend(cells_of(seed, rate, runs, &beside)?);
    }
    Ok(Report::new(seed, cells))
}

/// What every rule makes of `runs` streams with this error rate.
fn cells_of(seed: u64, rate: f64, runs: usize, rules: &[Rule]) -> Result<Vec<Cell>, BadInput> {
    const WORKERS: usize = 2;
    let judge = |worker: usize| {
        let mut limits = Limits::default();
        (worker..runs)
            .step_by(WORKERS)
            .map(|run| stops(seed, run, rate, rules, &mut limits))
            .collect::<Result<Vec<_>, BadInput>>()
    };
    let judged = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || judge(worker)))
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Vec<_>>()
    });
    let mut by_rule: BTreeMap<usize, Vec<Option<Stop>>> = BTreeMap::new();
    for runs in judged {
        for stops in runs? {
            for (index, stop) in stops.into_iter().enumerate() {
                by_rule.entry(index).or_default().push(stop);
            }
        }
    }
    Ok(by_rule
        .into_iter()
        .map(|(index, stops)| Cell::new(&rules[index], rate, stops))
        .collect())
}

fn stops(
    seed: u64,
    run: usize,
    rate: f64,
    rules: &[Rule],
    limits: &mut Limits,
) -> Result<Vec<Option<Stop>>, BadInput> {
    let stream = Stream::draw(seed, run as u64, rate);
    rules
        .iter()
        .map(|rule| rule.stop(&stream, limits))
        .collect()
}

#[cfg(test)]
mod tests;
