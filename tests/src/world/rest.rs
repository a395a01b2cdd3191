//! Whether a plant has come to rest.

use super::World;
use andon_api::condition::{self, ConditionType};

impl World {
    /// Whether nothing will happen any more unless somebody does something.
    pub fn settled(&self) -> bool {
        if self.gone {
            return true;
        }
        (self.wake.is_none() || self.only_soaks())
            && !self.dirty
            // What was only just written is looked at again.
            && self.last_plan.as_ref().is_some_and(|plan| !plan.write_status)
            && self.pods.iter().all(|toy| toy.is_quiet())
            && self.base.as_ref().is_none_or(|base| base.settled())
    }

    /// Whether it has settled, or waits for something that is more than a minute away.
    pub fn rests(&self) -> bool {
        let wake = self
            .wake
            .map(|wake| wake.duration_since(self.now).as_secs());
        let later = wake.is_none_or(|seconds| seconds > 60);
        self.settled() || (later && !self.dirty && self.pods.iter().all(|toy| toy.is_quiet()))
    }

    /// Whether the operator looks again only to judge promoted lines on.
    pub fn only_soaks(&self) -> bool {
        let status = &self.integration.status;
        let judged = |line: &andon_api::LineStatus| {
            line.promoted.as_ref().is_some_and(|it| it.trial.is_some())
        };
        status.lines.iter().any(judged)
            && status.lines.iter().all(|line| line.trial.is_none())
            && !condition::is_true(&status.conditions, ConditionType::Reconciling)
    }

    /// What the status says, for messages of tests.
    pub fn state(&self) -> String {
        let lines = self.integration.status.lines.iter().map(|line| {
            let hold = line.hold.as_ref().map_or(String::new(), |hold| {
                format!(" {}: {}", hold.reason, hold.message)
            });
            format!("{} {:?}{hold}", line.name, line.phase)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
