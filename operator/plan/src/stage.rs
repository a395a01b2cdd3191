//! Brings a rendering about on a line, stage by stage, by each stage's strategy. The same function puts a trial in place,
//! goes back to the last good and puts drift back: it only looks at what is there and what should be.
//!
//! ```text
//! Takeover   apply new -> wait until it is ready -> delete old -> wait until it is gone
//! Replace    delete old -> wait until it is gone -> apply new -> wait until it is ready
//! InPlace    apply over -> wait until it is rolled out
//! ```
//!
//! Where something stands by (`standby.rs`), a Takeover on trial deletes the old pods and not their workload.
//!
//! On trial one stage follows the other, in the order of their dependencies. Going back turns that round: what a stage hands on may be
//! understood only by what came with it, so of each stage the last good comes only once all that came after it has left. It waits for
//! nothing else: not for another stage to be ready, since one that never is must not keep the others from coming back.
//!
//! Going back from a failure is in a hurry: a canary that does harm goes on doing it until it has gone, while what waits in its queue is
//! safe. So all of it is deleted in one go; whoever is ready first finds the queue free.

use crate::drift;
use crate::health::{self, Health};
use crate::hold::Hold;
use crate::object::{self, Scene, Staged};
use crate::plan::{Change, Related};
use crate::standby::{self, Reserve};
use andon_api::Strategy;
use andon_render::{RenderedStage, Rendering};
use serde_json::Value;

/// What to do now to bring a rendering about, and what is still waited for.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) changes: Vec<Change>,
    /// What the next step waits for; none: the rendering is in place.
    pub(crate) waits: Option<Hold>,
    /// Objects that were not as rendered.
    pub(crate) differed: Vec<Related>,
}

impl Outcome {
    /// Applies an object where it is missing or not as rendered. False: it is just being deleted.
    pub(crate) fn ensure(&mut self, scene: Scene<'_>, rendered: &Value) -> bool {
        let live = scene.find(rendered);
        if live.is_some_and(object::terminating) {
            return false;
        }
        if live.is_some_and(|live| drift::holds(rendered, live)) {
            return true;
        }
        self.differed.push(object::related(rendered));
        self.changes.push(Change::Apply {
            object: rendered.clone(),
            uid: live.map(|live| object::uid(live).to_owned()),
        });
        true
    }

    /// Deletes objects that are not being deleted yet.
    fn delete<'a>(&mut self, objects: impl IntoIterator<Item = &'a Value>) {
        self.changes.extend(
            objects
                .into_iter()
                .filter(|object| !object::terminating(object))
                .map(object::delete),
        );
    }

    /// Remembers what is waited for first.
    pub(crate) fn wait(&mut self, hold: Hold) {
        self.waits.get_or_insert(hold);
    }
}

/// What is known of how the line's earlier instances may be treated.
pub(crate) trait Strategies {
    /// The strategy of an instance that is there, from the rendering it belongs to.
    fn of(&self, instance: &str) -> Option<Strategy>;
}

/// Why a rendering is brought about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A trial takes its place.
    Try,
    /// The last good comes back: what failed leaves at once.
    GoBack,
    /// The last good comes back, but nothing does harm: what takes over works before the other leaves.
    Return,
    /// The line runs it already, and drift is put back: a stage that is not ready keeps no later one from being put right.
    Keep,
}

/// How a rendering is brought about.
pub(crate) struct Way<'a> {
    pub(crate) strategies: &'a dyn Strategies,
    pub(crate) purpose: Purpose,
    /// What of the last good stays beside it.
    pub(crate) reserve: Option<Reserve<'a>>,
}

impl<'a> Way<'a> {
    /// One on which nothing stays.
    pub(crate) fn new(strategies: &'a dyn Strategies, purpose: Purpose) -> Self {
        Self {
            strategies,
            purpose,
            reserve: None,
        }
    }

    /// What stays behind a stage.
    fn behind(&self, stage: &RenderedStage) -> Option<(Reserve<'a>, &'a RenderedStage)> {
        let reserve = self.reserve?;
        Some((reserve, reserve.behind(stage)?))
    }
}

/// What to do now so that `rendering` comes about.
pub(crate) fn bring_about(scene: Scene<'_>, rendering: &Rendering, way: &Way<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for object in &rendering.common {
        outcome.ensure(scene, object);
    }
    remove_vanished(scene, rendering, &mut outcome);
    match way.purpose {
        Purpose::Try | Purpose::Keep => {
            for stage in &rendering.stages {
                if outcome.waits.is_some() && way.purpose != Purpose::Keep {
                    return outcome;
                }
                step(scene, stage, way, &mut outcome);
            }
        }
        Purpose::GoBack | Purpose::Return if outcome.waits.is_some() => return outcome,
        Purpose::GoBack | Purpose::Return => {
            reversed(scene, rendering, way, &mut outcome);
        }
    }
    if outcome.waits.is_none() {
        remove_leftovers(scene, rendering, way, &mut outcome);
    }
    outcome
}

/// The stages against the order in which they came: each waits until what came after it has left.
fn reversed(scene: Scene<'_>, rendering: &Rendering, way: &Way<'_>, outcome: &mut Outcome) {
    let mut left = true;
    for stage in rendering.stages.iter().rev() {
        let old = Old::of(scene, stage, None);
        if left {
            step(scene, stage, way, outcome);
        } else if way.purpose == Purpose::GoBack {
            outcome.delete(old.staged());
        }
        left &= old.gone();
    }
}

/// Deletes the stages that the rendering does not have. They go first: a stage of another name may hold the session
/// that the new one needs.
fn remove_vanished(scene: Scene<'_>, rendering: &Rendering, outcome: &mut Outcome) {
    let vanished = |stage: &str| !rendering.stages.iter().any(|known| known.name == stage);
    let old: Vec<&Staged<'_>> = scene
        .stage_objects()
        .filter(|o| vanished(o.stage))
        .collect();
    let pods = scene.pods().filter(|pod| vanished(&pod.stage)).count();
    let stage = old.first().map_or_else(
        || {
            scene
                .pods()
                .find(|pod| vanished(&pod.stage))
                .map(|pod| pod.stage.clone())
        },
        |o| Some(o.stage.to_owned()),
    );
    if let Some(stage) = stage {
        outcome.wait(Hold::OldInstanceLeaving {
            stage,
            left: old.len() + pods,
        });
    }
    outcome.delete(old.iter().map(|o| o.object));
}

/// One stage.
fn step(scene: Scene<'_>, stage: &RenderedStage, way: &Way<'_>, outcome: &mut Outcome) {
    let purpose = way.purpose;
    let behind = way.behind(stage);
    let old = Old::of(scene, stage, behind.map(|(_, behind)| behind));
    // The stricter of the two decides: an old instance that must not be joined is not joined by a new one that would not
    // mind. Nobody knows an instance that no kept rendering has, so it counts as strict.
    let strict = stage.strategy == Strategy::Replace
        || old.instances().any(|instance| {
            way.strategies
                .of(instance)
                .is_none_or(|s| s == Strategy::Replace)
        });
    if strict && !old.gone() {
        outcome.wait(old.leaving(stage));
        outcome.delete(old.staged());
        return;
    }
    if purpose == Purpose::GoBack && !old.gone() {
        outcome.delete(old.staged());
    }
    let before = outcome.changes.len();
    let mut free = true;
    for object in &stage.objects {
        free &= outcome.ensure(scene, object);
    }
    if !free {
        outcome.wait(Hold::OldInstanceLeaving {
            stage: stage.name.clone(),
            left: 1,
        });
        return;
    }
    // What is seen of an object that is only just being changed says nothing about what it will be.
    let changed = outcome.changes.len() > before;
    let not_ready = match health::of_stage(scene, stage) {
        Health::Ready { .. } if !changed => None,
        Health::Ready { wanted } => Some((0, wanted, None)),
        Health::NotReady {
            ready,
            wanted,
            trouble,
        } => Some((ready, wanted, trouble)),
    };
    if let Some((ready, wanted, trouble)) = not_ready {
        outcome.wait(Hold::StageNotReady {
            stage: stage.name.clone(),
            ready,
            wanted,
            trouble,
        });
        return;
    }
    if !old.gone() {
        outcome.wait(old.leaving(stage));
        if purpose != Purpose::GoBack {
            outcome.delete(old.staged());
        }
    }
    if let Some((reserve, behind)) = behind {
        standby::stand(scene, reserve, (stage, behind), outcome);
    }
}

/// What is there of other instances of a stage, but for the one that stays.
struct Old<'a> {
    objects: Vec<&'a Staged<'a>>,
    pods: Vec<&'a str>,
}

impl<'a> Old<'a> {
    fn of(scene: Scene<'a>, stage: &RenderedStage, stays: Option<&RenderedStage>) -> Self {
        let old = |instance: &str| {
            instance != stage.instance && stays.is_none_or(|stays| stays.instance != instance)
        };
        Self {
            objects: scene
                .stage_objects()
                .filter(|o| o.stage == stage.name && old(o.instance))
                .collect(),
            pods: scene
                .pods()
                .filter(|pod| pod.stage == stage.name && old(&pod.instance))
                .map(|pod| pod.instance.as_str())
                .collect(),
        }
    }

    fn staged(&self) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().map(|o| o.object)
    }

    fn gone(&self) -> bool {
        self.objects.is_empty() && self.pods.is_empty()
    }

    fn instances(&self) -> impl Iterator<Item = &'a str> {
        let objects = self.objects.iter().map(|o| o.instance);
        objects.chain(self.pods.iter().copied())
    }

    fn leaving(&self, stage: &RenderedStage) -> Hold {
        let workloads = self.staged().filter(|o| object::is_workload(o));
        Hold::OldInstanceLeaving {
            stage: stage.name.clone(),
            left: workloads.count() + self.pods.len(),
        }
    }
}

/// Deletes what carries the label of an instance that is in place but that its rendering does not name, such as the
/// ConfigMap of an earlier content of an `InPlace` stage.
fn remove_leftovers(scene: Scene<'_>, rendering: &Rendering, way: &Way<'_>, outcome: &mut Outcome) {
    let id = |o| (object::kind(o), object::name(o));
    let stages = rendering.stages.iter();
    let stays = stages
        .clone()
        .filter_map(|stage| Some(way.behind(stage)?.1));
    let named: Vec<_> = stages
        .chain(stays)
        .flat_map(|s| &s.objects)
        .map(id)
        .collect();
    let live = scene.stage_objects().map(|o| o.object);
    outcome.delete(live.filter(|live| !named.contains(&id(live))));
}

/// What to do now so that nothing of one stage is left.
pub(crate) fn stop_one(scene: Scene<'_>, stage: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let objects: Vec<&Value> = scene
        .stage_objects()
        .filter(|o| o.stage == stage)
        .map(|o| o.object)
        .collect();
    let pods = scene.pods().filter(|pod| pod.stage == stage).count();
    outcome.wait(Hold::OldInstanceLeaving {
        stage: stage.to_owned(),
        left: objects.len() + pods,
    });
    outcome.delete(objects);
    outcome
}

/// What to do now so that nothing of a first install is left but its `InPlace` stages, which keep what they hold.
/// The stages go in reverse order, each gone before the next is touched.
pub(crate) fn stop(scene: Scene<'_>, rendering: Option<&Rendering>) -> Outcome {
    let stays = |stage: &str| {
        rendering.is_some_and(|rendering| {
            rendering
                .stages
                .iter()
                .any(|s| s.name == stage && s.strategy == Strategy::InPlace)
        })
    };
    let rank = |stage: &str| {
        rendering.and_then(|rendering| rendering.stages.iter().position(|s| s.name == stage))
    };
    let mut stages: Vec<&str> = scene
        .stage_objects()
        .map(|o| o.stage)
        .chain(scene.pods().map(|pod| pod.stage.as_str()))
        .filter(|stage| !stays(stage))
        .collect();
    stages.sort_by_key(|stage| (std::cmp::Reverse(rank(stage)), *stage));
    match stages.first() {
        Some(stage) => stop_one(scene, stage),
        None => Outcome::default(),
    }
}
