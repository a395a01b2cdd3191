//! Somebody deletes everything in the middle of a release.

use super::{PATIENCE, Run};
use crate::world::act::Act;
use andon_api::label;

impl Run<'_> {
    /// The integration is deleted by hand, or its whole namespace. It must go, and leave nothing behind.
    pub(super) fn leave(&mut self) {
        for _ in 0..self.random.below(60) {
            self.world.tick();
        }
        let namespace = self.random.chance(300);
        self.world.act(&Act {
            delete_integration: !namespace,
            delete_namespace: namespace,
            ..Act::default()
        });
        if self.goes() {
            return;
        }
        // What cannot say whether documents wait is left to a person.
        self.world.skip_drains();
        if !self.goes() {
            let state = self.world.state();
            let rule = format!("W13: the deleted integration never goes:\n{state}");
            self.world.violations.push(rule);
        }
    }

    /// Whether it goes in time.
    fn goes(&mut self) -> bool {
        let begun = self.world.ticks;
        while !self.world.gone && self.world.ticks - begun < PATIENCE {
            self.world.tick();
        }
        // Check Jobs belong to no line and do nothing: the garbage collector takes them.
        let of_line =
            |object: &serde_json::Value| object["metadata"]["labels"][label::LINE].is_string();
        let objects = self.world.objects.values().filter(|it| of_line(it));
        let pods = self.world.pods.iter();
        let pods = pods.filter(|toy| !toy.pod.line.is_empty());
        let left = objects.count() + pods.count();
        if self.world.gone && left > 0 {
            let rule =
                format!("W13: the integration is let go, and {left} objects and pods are left");
            self.world.violations.push(rule);
        }
        self.world.gone
    }
}
