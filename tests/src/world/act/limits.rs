//! What is on trial beside each other, and lines that were taken out and cannot drain.

use super::Act;
use crate::world::World;
use andon_plan::Neighbour;
use std::collections::BTreeMap;

/// Lines on trial, in words.
fn beside(on_trial: &BTreeMap<String, bool>) -> String {
    let word = |checked: bool| if checked { "checked" } else { "unchecked" };
    let lines = on_trial
        .iter()
        .map(|(line, checked)| format!("{line} ({})", word(*checked)));
    match on_trial.is_empty() {
        true => "nothing".to_owned(),
        false => lines.collect::<Vec<_>>().join(", "),
    }
}

impl World {
    /// How many lines may be on trial beside each other, and which.
    pub(super) fn act_on_limits(&mut self, act: &Act) {
        if let Some(lines) = act.lines_at_a_time {
            self.lines_at_a_time = lines;
        }
        if let Some(lines) = act.plant_allows {
            self.site.spec.max_concurrent_lines = Some(lines);
            self.site_changed();
        }
        for line in &mut self.site.spec.lines {
            if let Some(family) = act.families.get(&line.name) {
                line.equipment_family = Some(family.clone());
            }
        }
        if let Some(on_trial) = &act.beside {
            self.tell(
                "",
                &format!(
                    "--- beside it, consumption has on trial: {}",
                    beside(on_trial)
                ),
            );
            self.neighbours = vec![Neighbour {
                integration: "consumption".to_owned(),
                blueprint: "line-consumption".to_owned(),
                last_good: BTreeMap::new(),
                on_trial: on_trial.clone(),
                needs: Vec::new(),
                leaving: BTreeMap::new(),
            }];
            // No watch tells: the operator looks again by itself.
        }
    }

    /// Somebody looks after every line that was taken out and cannot say whether documents wait.
    pub(in crate::world) fn skip_drains(&mut self) {
        let lines = &self.site.spec.lines;
        let gone = self.shop.keys().filter(|name| {
            self.integration.deleting || lines.iter().all(|line| line.name != **name)
        });
        let gone: Vec<String> = gone.cloned().collect();
        self.act(&Act {
            skip_drain: Some(gone.join(",")),
            ..Act::default()
        });
    }
}
