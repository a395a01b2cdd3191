//! Own metrics. Never labelled by plant or line: there may be thousands.

use andon_api::PlantIntegrationStatus;
use andon_api::reason::{EventReason, FailureReason};
use andon_plan::Plan;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByController {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVerdict {
    verdict: &'static str,
}

/// Own metrics; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    reconciles: Family<ByController, Counter>,
    errors: Family<ByController, Counter>,
    seconds: Histogram,
    holds: Family<ByReason, Gauge>,
    verdicts: Family<ByVerdict, Counter>,
    decision: Histogram,
    leader: Gauge,
    memory: Mutex<Memory>,
}

/// What must be remembered from one reconcile to the next, and may be forgotten at a restart.
#[derive(Default)]
struct Memory {
    /// Integration -> the reasons its lines wait for.
    holds: BTreeMap<String, BTreeMap<String, i64>>,
    /// Trial -> when its first bad document was seen.
    first_bad: BTreeMap<(String, String, String), Instant>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that all stand at 0.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("andon");
        let reconciles = Family::default();
        registry.register("reconciles", "Reconciles begun", Family::clone(&reconciles));
        let errors = Family::default();
        registry.register(
            "reconcile_errors",
            "Reconciles that failed",
            Family::clone(&errors),
        );
        let seconds = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]);
        registry.register("reconcile_seconds", "Time of a reconcile", seconds.clone());
        let holds = Family::default();
        registry.register("holds", "Lines that wait, by reason", Family::clone(&holds));
        let verdicts = Family::<ByVerdict, Counter>::default();
        registry.register(
            "verdicts",
            "Trials that ended, by verdict",
            Family::clone(&verdicts),
        );
        let decision = Histogram::new([0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0]);
        registry.register(
            "decision_seconds",
            "Time from the first bad document seen to the decision to go back",
            decision.clone(),
        );
        let leader: Gauge = Gauge::default();
        registry.register("leader", "1 while this operator leads", leader.clone());
        for verdict in ["pass", "fail"] {
            verdicts.get_or_create(&ByVerdict { verdict }).inc_by(0);
        }
        Self(Arc::new(Inner {
            registry,
            reconciles,
            errors,
            seconds,
            holds,
            verdicts,
            decision,
            leader,
            memory: Mutex::default(),
        }))
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    /// A reconcile ended after so long.
    pub fn reconciled(&self, controller: &'static str, took: Duration) {
        self.0
            .reconciles
            .get_or_create(&ByController { controller })
            .inc();
        self.0.seconds.observe(took.as_secs_f64());
    }

    /// A reconcile failed.
    pub fn failed(&self, controller: &'static str) {
        self.0
            .errors
            .get_or_create(&ByController { controller })
            .inc();
    }

    /// Whether this operator leads.
    pub fn leader(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
    }

    /// What a plan for an integration says about holds, verdicts and how fast they came.
    pub fn planned(&self, integration: &str, plan: &Plan) {
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        self.count_holds(&mut memory, integration, &plan.status);
        for event in &plan.events {
            let verdict = match event.reason {
                EventReason::LinePromoted => "pass",
                EventReason::LineFailed => "fail",
                _ => continue,
            };
            self.0.verdicts.get_or_create(&ByVerdict { verdict }).inc();
        }
        self.time_decisions(&mut memory, integration, &plan.status);
    }

    /// An integration is no longer there.
    pub fn forget(&self, integration: &str) {
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        self.count_holds(&mut memory, integration, &PlantIntegrationStatus::default());
        memory.holds.remove(integration);
        memory
            .first_bad
            .retain(|(name, _, _), _| name != integration);
    }

    fn count_holds(&self, memory: &mut Memory, integration: &str, status: &PlantIntegrationStatus) {
        let mut now = BTreeMap::<String, i64>::new();
        for hold in status.lines.iter().filter_map(|line| line.hold.as_ref()) {
            *now.entry(hold.reason.clone()).or_default() += 1;
        }
        let before = memory.holds.insert(integration.to_owned(), now.clone());
        for (reason, count) in before.unwrap_or_default() {
            self.0
                .holds
                .get_or_create(&ByReason { reason })
                .dec_by(count);
        }
        for (reason, count) in now {
            self.0
                .holds
                .get_or_create(&ByReason { reason })
                .inc_by(count);
        }
    }

    fn time_decisions(
        &self,
        memory: &mut Memory,
        integration: &str,
        status: &PlantIntegrationStatus,
    ) {
        let now = Instant::now();
        let mut kept = BTreeMap::new();
        for line in &status.lines {
            let Some(trial) = line.trial.as_ref().filter(|trial| trial.bad > 0) else {
                continue;
            };
            let key = (
                integration.to_owned(),
                line.name.clone(),
                trial.rendering.digest.clone(),
            );
            let since = memory.first_bad.get(&key).copied();
            match &trial.failure {
                Some(failure) if failure.reason == FailureReason::CheckFailed.as_str() => {
                    // Decided at the first look: no time at all. Decided before: counted then.
                    if !memory.first_bad.contains_key(&decided(&key)) {
                        let took =
                            since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
                        self.0.decision.observe(took);
                    }
                    kept.insert(decided(&key), now);
                }
                _ => {
                    kept.insert(key, since.unwrap_or(now));
                }
            }
        }
        memory
            .first_bad
            .retain(|(name, _, _), _| name != integration);
        memory.first_bad.extend(kept);
    }
}

/// Key under which it is remembered that a trial's decision was timed.
fn decided((integration, line, digest): &(String, String, String)) -> (String, String, String) {
    (
        integration.clone(),
        line.clone(),
        format!("decided {digest}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(bad: i64, failed: bool, hold: Option<&str>) -> Plan {
        let failure = failed
            .then(|| json!({"reason": "CheckFailed", "message": "", "at": "2026-11-21T08:00:00Z"}));
        let mut line = json!({
            "name": "packaging-1", "phase": "Baking",
            "trial": {
                "rendering": {"version": "1.2.0", "digest": "sha256:aa", "revision": "r"},
                "targetDigest": "sha256:bb", "started": "2026-11-21T08:00:00Z", "checked": true, "bad": bad
            }
        });
        if let Some(failure) = failure {
            line["trial"]["failure"] = failure;
        }
        if let Some(reason) = hold {
            line["hold"] = json!({"reason": reason, "message": ""});
        }
        serde_json::from_value(json!({
            "changes": [], "status": {"observedGeneration": 1, "lines": [line]}, "writeStatus": true, "events": [],
            "wake": null
        }))
        .unwrap()
    }

    #[test]
    fn holds_follow_the_plans_and_are_forgotten_with_the_integration() {
        let metrics = Metrics::new();
        metrics.planned("ulm/confirmations", &plan(0, false, Some("Baking")));
        metrics.planned("ulm/confirmations", &plan(0, false, Some("NoData")));
        metrics.planned("brno/confirmations", &plan(0, false, Some("NoData")));
        let text = metrics.encode().unwrap();
        assert!(text.contains("andon_holds{reason=\"Baking\"} 0"), "{text}");
        assert!(text.contains("andon_holds{reason=\"NoData\"} 2"), "{text}");
        metrics.forget("brno/confirmations");
        assert!(
            metrics
                .encode()
                .unwrap()
                .contains("andon_holds{reason=\"NoData\"} 1")
        );
    }

    #[test]
    fn a_decision_is_timed_once() {
        let metrics = Metrics::new();
        for (bad, failed) in [(0, false), (1, false), (2, true), (2, true)] {
            metrics.planned("ulm/confirmations", &plan(bad, failed, None));
        }
        let text = metrics.encode().unwrap();
        assert!(text.contains("andon_decision_seconds_count 1"), "{text}");
    }
}
