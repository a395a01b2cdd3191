//! What must be true once a plant has come to rest.

use super::{Run, Variant};
use andon_api::condition::{self, ConditionType};
use andon_api::{LinePhase, LineStatus, RollbackScope};
use std::collections::BTreeMap;

/// A version that does harm.
pub(super) struct Bad {
    pub(super) variant: Variant,
    /// The line that fails it.
    fails: String,
    /// The line that fails it only after it has passed.
    pub(super) late: Option<String>,
}

impl Bad {
    /// Wherever it is tried: on the first line, that is.
    pub(super) const fn everywhere(fails: String, variant: Variant) -> Self {
        Self {
            variant,
            fails,
            late: None,
        }
    }

    /// On one line only.
    pub(super) fn on(line: String, late: bool) -> Self {
        let variant = Variant {
            wrong_on: Some(line.clone()),
            // More than a bake sees.
            wrong_on_after: if late { 40 } else { 0 },
            ..Variant::default()
        };
        Self {
            variant,
            late: late.then(|| line.clone()),
            fails: line,
        }
    }
}

impl Run<'_> {
    fn line(&self, name: &str) -> Option<&LineStatus> {
        let lines = &self.world.integration.status.lines;
        lines.iter().find(|line| line.name == name)
    }

    fn runs(&self, name: &str) -> Option<String> {
        let running = self.line(name)?.running.as_ref();
        running.map(|running| running.version.clone())
    }

    /// The lines of the plant, in the order in which they move.
    pub(super) fn order(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.world.site.spec.lines.iter().collect();
        lines.sort_by_key(|line| (line.criticality, line.name.clone()));
        lines.iter().map(|line| line.name.clone()).collect()
    }

    /// Documents refused so far, by line.
    pub(super) fn refused(&self) -> BTreeMap<String, i64> {
        let shop = self.world.shop.iter();
        shop.map(|(name, line)| (name.clone(), line.refused))
            .collect()
    }

    pub(super) fn has_failed(&self, name: &str) -> bool {
        self.line(name).is_some_and(|line| line.failed.is_some())
    }

    /// The lines that could be undone, each with the digest that it would go back to.
    pub(super) fn promoted(&self) -> Vec<(String, String)> {
        let target = self.world.integration.spec.target.as_ref();
        let target = target.map(|target| target.digest.clone());
        let lines = self.world.integration.status.lines.iter();
        let promoted = lines.filter_map(|line| {
            let promoted = line.promoted.as_ref();
            let promoted = promoted.filter(|it| Some(&it.target_digest) == target.as_ref())?;
            Some((line.name.clone(), promoted.previous.digest.clone()))
        });
        promoted
            .filter(|(name, _)| self.world.site.spec.lines.iter().any(|l| l.name == *name))
            .collect()
    }

    /// Whether what the lines would go back to comes to rest itself: one that crashes can pass so short a bake.
    pub(super) fn ran_something_that_works(&self) -> bool {
        let promoted = self.world.integration.status.lines.iter();
        let mut promoted = promoted.filter_map(|line| line.promoted.as_ref());
        promoted.all(|promoted| {
            let variant = self.world.versions.get(&promoted.previous.version);
            variant.is_some_and(Variant::works)
        })
    }

    /// What was promoted runs what it ran before.
    pub(super) fn demand_undone(&mut self, promoted: &[(String, String)]) {
        for (name, digest) in promoted {
            let runs = self.line(name).and_then(|line| line.running.as_ref());
            if runs.map(|runs| &runs.digest) != Some(digest) {
                let state = self.world.state();
                self.world.violations.push(format!(
                    "W10: {name} was undone, but does not run what it ran:\n{state}"
                ));
            }
        }
    }

    /// Every line runs the newest version, and the status says so.
    pub(super) fn demand_all_done(&mut self) {
        let version = format!("1.{}.0", self.releases);
        for name in self.order() {
            let runs = self.runs(&name);
            if runs.as_ref() != Some(&version) || self.world.phase(&name) != Some(LinePhase::Steady)
            {
                let state = self.world.state();
                self.world.violations.push(format!(
                    "W5: {name} runs {runs:?} and not {version}:\n{state}"
                ));
            }
        }
        if !condition::is_true(
            &self.world.integration.status.conditions,
            ConditionType::Ready,
        ) {
            self.world
                .violations
                .push("W5: every line is done, but not Ready".to_owned());
        }
    }

    /// The line that fails runs what it ran; the others what the scope says; no other line saw harm.
    pub(super) fn demand_taken_back(&mut self, bad: &Bad, before: &BTreeMap<String, i64>) {
        let (old, new) = (
            format!("1.{}.0", self.releases - 1),
            format!("1.{}.0", self.releases),
        );
        let order = self.order();
        let place = |name: &String| order.iter().position(|known| known == name);
        let mut broken = Vec::new();
        for name in &order {
            let runs = self.runs(name);
            let fails = *name == bad.fails;
            let kept = self.world.scope == RollbackScope::Line && place(name) < place(&bad.fails);
            let (rule, fits) = match (fails, self.world.scope) {
                (true, _) | (_, RollbackScope::Plant | RollbackScope::Release) => {
                    ("W8", runs.as_ref() == Some(&old))
                }
                // What fails late may do so before or after the lines that follow it have passed.
                (false, RollbackScope::Line) if bad.late.is_some() && !kept => {
                    ("W9", [Some(&old), Some(&new)].contains(&runs.as_ref()))
                }
                (false, RollbackScope::Line) => {
                    ("W9", runs.as_ref() == Some(if kept { &new } else { &old }))
                }
            };
            if !fits {
                broken.push(format!(
                    "{rule}: {name} runs {runs:?} after {} failed {new}",
                    bad.fails
                ));
            }
            if self.has_failed(name) != fails {
                broken.push(format!(
                    "W6: {name} has failed, or has not: {fails} is right"
                ));
            }
            let seen = self.world.shop.get(name).map_or(0, |line| line.refused);
            let harm = seen - before.get(name).copied().unwrap_or(0);
            // What a shadow finds has done no harm on its own line either.
            let found = self.shadows && bad.variant.wrong_unit;
            if (!fails || found) && harm != 0 {
                broken.push(format!("W6: {harm} documents of {name} were refused"));
            }
        }
        if !condition::is_true(
            &self.world.integration.status.conditions,
            ConditionType::RolledBack,
        ) {
            broken.push("W6: RolledBack is not said".to_owned());
        }
        if !broken.is_empty() {
            broken.push(self.world.state());
        }
        self.world.violations.extend(broken);
    }
}
