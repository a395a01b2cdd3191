//! What the bench says: as JSON (its shape is described at [`super`]) and as a table.

use super::rule::{Kind, Rule, Stop};
use super::{ALPHA, LIMIT, MESSAGES};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Everything the bench found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The highest share of good releases rolled back, of all cells of Andon's rules.
    pub false_rollback_share: f64,
    /// Messages until the verdict against the limit, looking at every message, by error rate.
    pub median_messages: BTreeMap<String, Option<usize>>,
    alpha: f64,
    limit: f64,
    messages: usize,
    seed: u64,
    /// What is to be reached.
    pub goals: Goals,
    /// Whether it is.
    pub met: bool,
    /// Every rule with every error rate.
    pub cells: Vec<Cell>,
}

/// What is to be reached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goals {
    /// The most good releases rolled back.
    pub false_rollback_share: f64,
    /// The most messages until the verdict.
    pub median_messages: BTreeMap<String, usize>,
}

/// One rule with one error rate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    rule: &'static str,
    baseline_messages: i64,
    control_lines: usize,
    failed_looks_allowed: Option<usize>,
    seconds_between_looks: usize,
    error_rate: f64,
    good: bool,
    runs: usize,
    rolled_back_share: f64,
    median_messages: Option<usize>,
    median_bad: Option<i64>,
    p90_messages: Option<usize>,
}

const GOALS: [(f64, usize); 3] = [(1.0, 2), (0.2, 20), (0.05, 220)];

impl Report {
    pub(super) fn new(seed: u64, cells: Vec<Cell>) -> Self {
        let good = cells.iter().filter(|cell| cell.good && cell.is_ours());
        let false_rollback_share = good.map(|cell| cell.rolled_back_share).fold(0.0, f64::max);
        let medians = GOALS.map(|(rate, goal)| {
            let plain = |cell: &&Cell| {
                cell.rule == "limit" && cell.seconds_between_looks == 1 && cell.error_rate == rate
            };
            let median = cells
                .iter()
                .find(plain)
                .and_then(|cell| cell.median_messages);
            (percent(rate), median, goal)
        });
        let soon = medians
            .iter()
            .all(|(_, median, goal)| median.is_some_and(|median| median <= *goal));
        Self {
            false_rollback_share,
            met: soon && false_rollback_share <= ALPHA,
            goals: Goals {
                false_rollback_share: ALPHA,
                median_messages: medians
                    .iter()
                    .map(|(rate, _, goal)| (rate.clone(), *goal))
                    .collect(),
            },
            median_messages: medians
                .into_iter()
                .map(|(rate, median, _)| (rate, median))
                .collect(),
            alpha: ALPHA,
            limit: LIMIT,
            messages: MESSAGES,
            seed,
            cells,
        }
    }
}

impl Cell {
    pub(super) fn new(rule: &Rule, rate: f64, stops: Vec<Option<Stop>>) -> Self {
        let runs = stops.len();
        let mut found: Vec<Stop> = stops.into_iter().flatten().collect();
        found.sort_unstable();
        let mut bad: Vec<i64> = found.iter().map(|stop| stop.bad).collect();
        bad.sort_unstable();
        // Runs that were never stopped are later than all others.
        let median = runs.saturating_sub(1) / 2;
        let late = (runs * 9).div_ceil(10).saturating_sub(1);
        let (name, baseline, lines, allowed) = match rule.kind {
            Kind::Limit => ("limit", 0, 0, None),
            Kind::Baseline(size) => ("baseline", size, 0, None),
            Kind::Controls(lines) => ("controls", 0, lines, None),
            Kind::Threshold(allowed) => ("threshold", 0, 0, Some(allowed)),
        };
        Self {
            rule: name,
            baseline_messages: baseline,
            control_lines: lines,
            failed_looks_allowed: allowed,
            seconds_between_looks: rule.every,
            error_rate: rate,
            good: rate <= rule.good_up_to(),
            runs,
            rolled_back_share: found.len() as f64 / runs.max(1) as f64,
            median_messages: found.get(median).map(|stop| stop.messages),
            median_bad: bad.get(median).copied(),
            p90_messages: found.get(late).map(|stop| stop.messages),
        }
    }

    fn is_ours(&self) -> bool {
        self.failed_looks_allowed.is_none()
    }

    /// The rule in words.
    fn name(&self) -> String {
        let every = match self.seconds_between_looks {
            1 => "every message".to_owned(),
            seconds => format!("every {seconds} s"),
        };
        let limit = percent(LIMIT);
        match (self.rule, self.failed_looks_allowed) {
            (_, Some(allowed)) => {
                format!("ratio > {limit}, {allowed} failed looks allowed, {every}")
            }
            ("baseline", _) => format!("baseline of {}, {every}", self.baseline_messages),
            ("controls", _) => format!("{} control lines, {every}", self.control_lines),
            _ => format!("limit {limit}, {every}"),
        }
    }

    /// Good: the share rolled back. Bad: messages until then, and the share where some are never rolled back.
    fn text(&self) -> String {
        let share = percent(self.rolled_back_share);
        match self.median_messages {
            _ if self.good => format!("({share})"),
            Some(median) if self.rolled_back_share >= 1.0 => format!("{median}"),
            Some(median) => format!("{median} of {share}"),
            None => format!("- of {share}"),
        }
    }
}

fn percent(share: f64) -> String {
    // Rounded to what an error of a simulation leaves.
    let rounded = (share * 1e5).round() / 1e3;
    format!("{rounded}%")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        let mut rates: Vec<f64> = Vec::new();
        for cell in &self.cells {
            if !rates.contains(&cell.error_rate) {
                rates.push(cell.error_rate);
            }
            let name = cell.name();
            match rows.iter_mut().find(|row| row.0 == name) {
                Some(row) => row.1.push(cell.text()),
                None => rows.push((name, vec![cell.text()])),
            }
        }
        writeln!(
            f,
            "(share) of good releases rolled back; messages until half of the bad ones were, of the share that ever was ({} messages)",
            self.messages
        )?;
        let heads: Vec<String> = rates.iter().map(|rate| percent(*rate)).collect();
        let line = |cells: &[String]| {
            cells
                .iter()
                .map(|cell| format!("{cell:>18}"))
                .collect::<String>()
        };
        writeln!(f, "{:<50}{}", "error rate", line(&heads))?;
        for (name, cells) in &rows {
            writeln!(f, "{name:<50}{}", line(cells))?;
        }
        writeln!(
            f,
            "false rollbacks: {} (at most {}); messages until the verdict: {}; goals {}",
            percent(self.false_rollback_share),
            percent(self.goals.false_rollback_share),
            self.medians(),
            if self.met { "met" } else { "MISSED" }
        )
    }
}

impl Report {
    fn medians(&self) -> String {
        let text = |(rate, median): (&String, &Option<usize>)| {
            let median = median.map_or("never".to_owned(), |median| median.to_string());
            let goal = self
                .goals
                .median_messages
                .get(rate)
                .copied()
                .unwrap_or_default();
            format!("{median} at {rate} (at most {goal})")
        };
        let all: Vec<String> = self.median_messages.iter().map(text).collect();
        all.join(", ")
    }
}
