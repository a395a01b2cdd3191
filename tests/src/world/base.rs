//! A second integration at the same plant, which the first one requires: a toy plant of its own beside it, with the same clock. Each
//! sees of the other what an operator sees.

use super::scenario::Base;
use super::{BLUEPRINT, World};
use andon_plan::Neighbour;

/// What it is called, and what its blueprint is called by those that require it.
const NAME: &str = "base";
const REQUIRED: &str = "plant-base";

impl World {
    /// Puts the required integration beside this one.
    pub fn install_base(&mut self, base: &Base, crash_always: bool) -> Result<(), String> {
        let lines: Vec<(String, i32)> = base
            .lines
            .iter()
            .map(|(name, criticality)| (name.clone(), *criticality))
            .collect();
        let mut world = World::new(&lines, 2);
        (world.begun, world.now) = (self.begun, self.now);
        world.called = Some(NAME);
        world.versions = base.versions.clone();
        world.analysis = self.analysis.clone();
        world.release(&base.runs);
        world.wait("settled")?;
        world.set_clock(-world.seconds());
        world.faults.crash_always = crash_always;
        world.story.clear();
        self.base = Some(Box::new(world));
        Ok(())
    }

    /// A second of the required integration.
    pub(super) fn tick_base(&mut self) {
        let Some(mut base) = self.base.take() else {
            return;
        };
        let mut seen = Neighbour::of(
            self.integration.name.clone(),
            "dependent".to_owned(),
            &self.integration.status.lines,
        );
        for need in &mut seen.needs {
            // Both are made from the same toy blueprint.
            need.requires.blueprint = BLUEPRINT.to_owned();
        }
        base.meet(seen);
        base.tick();
        self.meet(Neighbour::of(
            NAME.to_owned(),
            REQUIRED.to_owned(),
            &base.integration.status.lines,
        ));
        self.story.append(&mut base.story);
        let broken = base.violations.drain(..);
        self.violations
            .extend(broken.map(|it| format!("{it} ({NAME})")));
        self.check_needs(&base);
        self.base = Some(base);
    }

    /// Sees another integration as it is now; what matters to others is watched.
    fn meet(&mut self, neighbour: Neighbour) {
        let name = &neighbour.integration;
        let known = self
            .neighbours
            .iter()
            .position(|it| it.integration == *name);
        let same = |known: &Neighbour| {
            known.last_good == neighbour.last_good
                && known.needs == neighbour.needs
                && known.leaving == neighbour.leaving
        };
        match known.map(|index| &mut self.neighbours[index]) {
            Some(known) => {
                self.dirty |= !same(known);
                *known = neighbour;
            }
            None => {
                self.dirty = true;
                self.neighbours.push(neighbour);
            }
        }
    }

    /// Nothing that has passed here runs on what it does not accept. Versions only rise here, so only going back could do that.
    fn check_needs(&mut self, base: &World) {
        let runs = base.integration.status.lines.iter();
        let runs = runs.filter_map(|line| line.last_good.as_ref());
        let runs: Vec<&str> = runs.map(|it| it.version.as_str()).collect();
        let accepts = |range: &str, version: &str| {
            let range = andon_render::version_range(range);
            let version = semver::Version::parse(version);
            range.is_ok_and(|range| version.is_ok_and(|version| range.matches(&version)))
        };
        for line in &self.integration.status.lines {
            for required in line.last_good.iter().flat_map(|it| &it.requires) {
                let range = &required.version;
                if let Some(version) = runs.iter().find(|version| !accepts(range, version)) {
                    self.violations.push(format!(
                        "W16: {} needs {NAME} {range}, which runs {version}",
                        line.name
                    ));
                }
            }
        }
    }
}
