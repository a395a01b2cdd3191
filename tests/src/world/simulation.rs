//! Seeded random plants: whatever happens, no rule is broken, and when it stops happening the plant comes to rest where it
//! should be, and stays there.

mod base;
mod chance;
mod demand;
mod happening;
mod leaving;
mod shrink;

use super::act::Act;
use super::{Faults, Random, Variant, World, analysis};
use andon_api::{
    Analysis, Bake, BakeClock, Go, MaxWait, RollbackScope, ShadowLimit, Standby, Then,
};
use demand::Bad;
pub(crate) use shrink::smallest;
pub use shrink::{Cut, shrink};
use std::collections::BTreeMap;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Rules that were broken.
    pub violations: Vec<String>,
    /// Looks that the operator took.
    pub steps: usize,
    /// The story, for whoever looks into a violation.
    pub story: Vec<String>,
}

/// A plant comes to rest within so many seconds of its last trouble: six lines one after the other, each with a deadline, a
/// bake, a pod that leaves slowly. Whatever takes longer never ends.
const PATIENCE: i64 = 2_400;

/// Runs one seed: some random releases amid trouble, then a good one and a bad one in peace.
pub fn simulate(seed: u64) -> Outcome {
    simulate_without(seed, &Cut::default()).0
}

/// The same without some of what happens in it, and how many things happened by chance.
fn simulate_without(seed: u64, cut: &Cut) -> (Outcome, usize) {
    let mut run = Run::new(seed, cut);
    run.trouble();
    run.peace();
    let world = run.world;
    let outcome = Outcome {
        seed,
        violations: world.violations,
        steps: world.looks,
        story: world.story,
    };
    (outcome, run.acts)
}

struct Run<'a> {
    seed: u64,
    world: World,
    random: Random,
    releases: u32,
    /// Releases of what is required, where the plant has it.
    base_releases: u64,
    cut: &'a Cut,
    acts: usize,
    /// Whether versions have shadows, and releases ask for them.
    shadows: bool,
}

impl<'a> Run<'a> {
    fn new(seed: u64, cut: &'a Cut) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let count = 1 + random.below(6);
        let lines: Vec<(String, i32)> = (1..=count)
            .map(|number| {
                (
                    format!("line-{number}"),
                    i32::try_from(random.below(4) * 10).unwrap_or(0),
                )
            })
            .collect();
        let mut world = World::new(&lines, seed);
        world.analysis = short();
        for line in &mut world.site.spec.lines {
            let family = random.below(4);
            line.equipment_family = (family > 0).then(|| format!("family-{family}"));
        }
        Self {
            seed,
            world,
            random,
            releases: 0,
            base_releases: 0,
            cut,
            acts: 0,
            // Of its own, so that the other half lives as before there were shadows.
            shadows: Random::new(seed ^ 0x5add).chance(500),
        }
    }

    /// Releases a version that is like this.
    fn release(&mut self, variant: Variant) {
        self.releases += 1;
        let version = format!("1.{}.0", self.releases);
        self.world.versions.insert(version.clone(), variant);
        self.world.act(&Act {
            release: Some(version),
            ..Act::default()
        });
    }

    /// Random releases, and random things that happen meanwhile.
    fn trouble(&mut self) {
        let faults = chance::faults(&mut self.random);
        if self.random.chance(300) {
            self.install_base();
        }
        self.world.faults = self.cut.faults(faults);
        if let Some(base) = &mut self.world.base {
            base.faults = self.world.faults.clone();
        }
        for _ in 0..1 + self.random.below(3) {
            let variant = self.variant();
            self.choose_rules();
            self.release(variant);
            for _ in 0..40 + self.random.below(120) {
                if self.random.chance(40) {
                    self.happens();
                }
                if self.random.chance(4) {
                    self.kill();
                }
                self.world.tick();
            }
        }
    }

    /// Something happens by chance. What it is does not depend on what was left out before.
    fn happens(&mut self) {
        let number = self.acts;
        self.acts += 1;
        let mut own = Random::new(self.random.next());
        if self.cut.acts.contains(&number) {
            return;
        }
        std::mem::swap(&mut self.random, &mut own);
        let act = self.act();
        self.world.act(&act);
        std::mem::swap(&mut self.random, &mut own);
    }

    /// All trouble ends: a good release must come through and can be undone, and then a bad one must be taken back.
    fn peace(&mut self) {
        self.world.tell("", "--- all trouble ends");
        self.world.faults = Faults::default();
        self.world.soaking = self.random.chance(300);
        self.world.standby = chance::standby(&mut self.random);
        self.world.site.spec.schedule = self.random.chance(500).then(chance::open);
        self.world.scope = match self.random.chance(300) {
            true => RollbackScope::Line,
            false => RollbackScope::Plant,
        };
        self.world.analysis = short();
        self.world.site.spec.max_concurrent_lines = None;
        self.world.act(&Act {
            validated: Some(Vec::new()),
            beside: Some(BTreeMap::new()),
            ..Act::default()
        });
        self.world.lines_at_a_time = chance::lines_at_a_time(&mut self.random);
        self.world.skip_drains();
        self.calm_base();
        // Some stay in the middle of an order for ever: that keeps nothing from coming through.
        for line in self.world.shop.values_mut() {
            line.order = i64::from(self.random.chance(200));
        }
        for line in &mut self.world.site.spec.lines {
            line.parameters.remove("erp");
        }
        self.release(Variant {
            new_source: true,
            veto: Some("20s".to_owned()),
            ..Variant::default()
        });
        if !self.rest("a good release") {
            return;
        }
        self.demand_all_done();
        if self.random.chance(150) && self.ran_something_that_works() && !self.undo() {
            return;
        }
        self.drain();
        if self.shadows && !self.shadow() {
            return;
        }
        // One at a time, so that it is certain which line sees the bad one.
        self.world.lines_at_a_time = 1;
        let bad = self.bad();
        let before = self.refused();
        let kind = format!("{:?}", bad.variant);
        self.world.soaking = bad.late.is_some();
        self.release(bad.variant.clone());
        if self.seed.is_multiple_of(10) {
            return self.leave();
        }
        if self.rest(&kind) && self.rest_late(&bad) {
            self.demand_taken_back(&bad, &before);
        }
    }

    /// A version that does harm, and where.
    fn bad(&mut self) -> Bad {
        let lines = self.order();
        if self.random.chance(500) {
            let on = self.random.pick(&lines).cloned().unwrap_or_default();
            let late = self.random.chance(500);
            let mut bad = Bad::on(on, late);
            bad.variant.shadow = self.shadows;
            return bad;
        }
        let first = lines.first().cloned().unwrap_or_default();
        if self.shadows && self.random.chance(200) {
            let variant = Variant {
                shadow: true,
                // Every one, so that none passes by good luck.
                differs: 1_000,
                ..Variant::default()
            };
            return Bad::everywhere(first, variant);
        }
        loop {
            // What waits for what it requires does no harm.
            let variant = Variant {
                requires: None,
                ..self.variant()
            };
            // What can pass so short a bake is another story.
            let passes = variant.crashes
                // Its post gets some documents of the old source while what stands by is put in place.
                || (variant.deaf_source && self.world.standby == Standby::Warm)
                || variant.wrong_on.is_some()
                || variant.wrong_after.is_some()
                || variant.differs > 0
                || variant.wrong_share > 0;
            if !variant.works() && !variant.template_error && !passes {
                return Bad::everywhere(first, variant);
            }
        }
    }

    /// From now on every version has a shadow; a good one passes as one. One whose image is missing never begins to, so that somebody
    /// has to give it up.
    fn shadow(&mut self) -> bool {
        self.world.analysis.shadow = Some(ShadowLimit {
            limit: "5%".to_owned(),
            min_samples: 6,
            max_wait: Some(MaxWait {
                duration: "1m".to_owned(),
                then: Then::RollBack,
            }),
        });
        self.release(Variant {
            new_source: true,
            shadow: true,
            ..Variant::default()
        });
        let rests = self.rest("a good release with a shadow");
        if rests {
            self.demand_all_done();
            self.drain();
        }
        rests
    }

    /// A person undoes the good release, and lets it proceed again.
    fn undo(&mut self) -> bool {
        for (go, what) in [
            (Go::Undo, "an undo"),
            (Go::Proceed, "going on after an undo"),
        ] {
            let promoted = self.promoted();
            self.world.act(&Act {
                go: Some(go),
                ..Act::default()
            });
            if !self.rest(what) {
                return false;
            }
            match go {
                Go::Undo => self.demand_undone(&promoted),
                Go::Proceed | Go::Wait | Go::Abort => self.demand_all_done(),
            }
        }
        true
    }

    /// Lets the lines get what has piled up done: a canary could pass on it whatever it does to new documents.
    fn drain(&mut self) {
        let begun = self.world.ticks;
        while self.world.ticks - begun < PATIENCE
            && self.world.shop.values().any(|line| line.queue > 1)
        {
            self.world.tick();
        }
    }

    /// Lets the plant come to rest. False: it does not.
    fn rest(&mut self, after: &str) -> bool {
        let begun = self.world.ticks;
        self.world.tick();
        while !self.world.settled() {
            self.world.tick();
            if self.world.ticks - begun > PATIENCE {
                let state = self.world.state();
                self.world
                    .violations
                    .push(format!("W3: never comes to rest after {after}:\n{state}"));
                return false;
            }
        }
        self.world.check_rest();
        // What nobody goes on with has no shadow.
        let shadows = self.world.shadows();
        if shadows > 0 {
            let left = format!("W14: {shadows} objects and pods of shadows are left after {after}");
            self.world.violations.push(left);
        }
        // Planning again changes nothing.
        let observed = self.world.observe();
        let plan = andon_plan::plan_with(&observed, &mut self.world.memory);
        let wakes = plan.wake.is_some() && !self.world.only_soaks();
        let writes = plan.write_status && !self.world.only_soaks();
        if !plan.changes.is_empty() || writes || wakes {
            self.world.violations.push(format!(
                "W4: planning again changes something: {:?}",
                plan.changes
            ));
        }
        true
    }

    /// Waits until what fails late has failed, and the plant has come to rest after it.
    fn rest_late(&mut self, bad: &Bad) -> bool {
        let Some(line) = &bad.late else {
            return true;
        };
        let begun = self.world.ticks;
        while !self.has_failed(line) {
            self.world.tick();
            if self.world.ticks - begun > PATIENCE {
                let state = self.world.state();
                self.world
                    .violations
                    .push(format!("W8: {line} never fails late:\n{state}"));
                return false;
            }
        }
        self.rest("a late failure")
    }
}

/// Short, so that many plants can be lived through.
fn short() -> Analysis {
    Analysis {
        bake: Bake {
            duration: "6s".to_owned(),
            clock: BakeClock::Always,
        },
        min_samples: 4,
        progress_deadline: "20s".to_owned(),
        ..analysis()
    }
}
