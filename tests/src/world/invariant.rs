//! What must never be seen in the plant, whatever the plans say.

use super::World;
use std::collections::BTreeMap;

impl World {
    /// Looks at the plant itself.
    pub(super) fn check_world(&mut self) {
        let mut sessions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for toy in self
            .pods
            .iter()
            .filter(|toy| toy.pod.stage == "source" && toy.runs())
        {
            sessions
                .entry(&toy.pod.line)
                .or_default()
                .push(&toy.pod.instance);
        }
        let mut broken = Vec::new();
        for (line, mut instances) in sessions {
            instances.dedup();
            if instances.len() > 1 {
                broken.push(format!(
                    "W1: two instances hold the session of {line}: {instances:?}"
                ));
            }
        }
        for (name, line) in &self.shop {
            if line.produced != line.posted + line.refused + line.queue {
                broken.push(format!("W2: documents of {name} are lost: {line:?}"));
            }
        }
        self.violations.extend(broken);
    }
}
