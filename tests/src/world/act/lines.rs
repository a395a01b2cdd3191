//! Lines come, go and get other parameters.

use super::Act;
use crate::world::{World, line, shop};
use andon_api::label;

impl World {
    pub(super) fn act_on_lines(&mut self, act: &Act) {
        if let Some(added) = &act.add_line {
            self.tell(
                "",
                &format!(
                    "--- the line {} is added, criticality {}",
                    added.name, added.criticality
                ),
            );
            self.site
                .spec
                .lines
                .push(line(&added.name, added.criticality));
            self.shop
                .insert(added.name.clone(), shop::ToyLine::default());
            self.site_changed();
        }
        if let Some(name) = &act.remove_line {
            self.tell(
                "",
                &format!("--- the line {name} is taken out of the PlantSite"),
            );
            self.site.spec.lines.retain(|line| line.name != *name);
            self.site_changed();
        }
        if act.remove_integration {
            self.tell("", "--- the integration is taken out of the PlantSite");
            self.site.spec.integrations.clear();
            self.site_changed();
        }
        self.act_on_deletion(act);
        if let Some(lines) = &act.skip_drain {
            self.tell("", &format!("--- andon.dev/skip-drain: {lines}"));
            let annotations = &mut self.integration.annotations;
            annotations.insert(label::SKIP_DRAIN.to_owned(), lines.clone());
            self.touch_integration();
        }
        if let Some(set) = &act.parameter {
            self.tell(
                "",
                &format!("--- {} gets {}: {}", set.line, set.key, set.value),
            );
            let mut lines = self.site.spec.lines.iter_mut();
            if let Some(line) = lines.find(|line| line.name == set.line) {
                line.parameters.insert(set.key.clone(), set.value.clone());
            }
            self.site_changed();
        }
    }

    /// Somebody deletes what is not theirs to delete.
    fn act_on_deletion(&mut self, act: &Act) {
        if act.delete_integration {
            self.tell("", "--- somebody deletes the PlantIntegration by hand");
            self.deleted();
        }
        if act.delete_namespace {
            self.tell(
                "",
                "--- somebody deletes the namespace, with all that is in it",
            );
            self.faults.terminating = true;
            self.objects.clear();
            self.pods.clear();
            self.revisions.clear();
            self.deleted();
        }
    }

    /// The PlantIntegration is deleted; its finalizer keeps it.
    fn deleted(&mut self) {
        self.integration.deleting = true;
        self.spec_changed();
    }
}
