//! The last good, connected behind its canary while that bakes (`rollback.standby: Warm`), so that taking the canary back is removing it.
//!
//! An exclusive queue belongs to whoever has been connected for longest, and when that one leaves, to the next. So what stands by has to
//! connect *after* the canary, and before the canary gets the queue, since that may do harm with its first document:
//!
//! ```text
//! queue: old                  apply new -> ready
//!        old, new             twice the replicas of the old one -> ready
//!        old, new, standby    delete the pods that were there before, not their Deployment
//!        new, standby (, ..)  replicas as rendered -> ready: the bake begins
//! ```
//!
//! Nobody can see who is first on a queue, and clocks of nodes differ. So every pod that stands by and is there while the canary does not
//! work, or when its pods or their restarts are others than in the look before, counts as *before* it; so does one that has counted a
//! document, since what stands behind counts none. That is written, and once the canary works, what is written is deleted, so that the
//! canary is the only one on the queue until the next one has queued up. Until it works, the standby does its work.

use crate::drift::quantity;
use crate::event;
use crate::health::{self, Health};
use crate::hold::Hold;
use crate::input::Input;
use crate::line::Turn;
use crate::object::{self, Scene};
use crate::observed::{Pod, Reading};
use crate::plan::Change;
use crate::stage::Outcome;
use andon_api::{LineStatus, Standby, Strategy, Trial, WarmStandby};
use andon_render::{RenderedStage, Rendering};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stays beside the stages of a canary.
#[derive(Clone, Copy)]
pub(crate) struct Reserve<'a> {
    /// The last good.
    kept: &'a Rendering,
    asked: &'a WarmStandby,
    /// Whether the bake has begun, so that it is written which pod gives the queue back.
    baking: bool,
}

impl<'a> Reserve<'a> {
    /// What a trial says that stays; none: nothing, or the last good is not kept any more.
    pub(crate) fn of(input: &Input<'a>, line: &LineStatus, trial: &'a Trial) -> Option<Self> {
        let kept = input.revision(&line.name, line.last_good.as_ref()?)?;
        Some(Self {
            kept: &kept.rendering,
            asked: trial.standby.as_ref()?,
            baking: trial.baking_since.is_some(),
        })
    }

    /// What stays behind a stage of the canary.
    pub(crate) fn behind(&self, stage: &RenderedStage) -> Option<&'a RenderedStage> {
        let stays = self.asked.stages.contains(&stage.name);
        can(stage, self.kept).filter(|_| stays)
    }
}

/// The stage of the last good that can stay behind this one.
fn can<'a>(stage: &RenderedStage, kept: &'a Rendering) -> Option<&'a RenderedStage> {
    let mut stages = kept.stages.iter();
    let old = stages.find(|old| old.name == stage.name && old.instance != stage.instance)?;
    let both = [old, stage].map(|it| it.strategy) == [Strategy::Takeover; 2];
    (both && replicas(old).is_some()).then_some(old)
}

/// What a trial that begins is to have beside it; none: nobody asks for anything. An error is why it can have nothing.
pub(crate) fn asked(
    input: &Input<'_>,
    line: &LineStatus,
    desired: &Rendering,
) -> Option<Result<WarmStandby, String>> {
    if input.target()?.rollback.standby != Standby::Warm {
        return None;
    }
    let kept = line.last_good.as_ref();
    let Some(kept) = kept.and_then(|kept| input.revision(&line.name, kept)) else {
        return Some(Err("the line runs nothing that could stand by".to_owned()));
    };
    let kept = &kept.rendering;
    let flagged = || desired.stages.iter().filter(|stage| stage.standby);
    let behind: Vec<&RenderedStage> = flagged().filter_map(|stage| can(stage, kept)).collect();
    if !behind.is_empty() {
        return Some(Ok(WarmStandby {
            version: kept.version.clone(),
            stages: behind.iter().map(|stage| stage.name.clone()).collect(),
            cost: cost(&behind),
            ..WarmStandby::default()
        }));
    }
    let changes = |stage: &&RenderedStage| {
        let mut old = kept.stages.iter();
        old.all(|old| old.instance != stage.instance)
    };
    Some(Err(if flagged().next().is_none() {
        format!("no stage of {} has standby", desired.version)
    } else if let Some(stage) = flagged().find(changes) {
        format!(
            "{} of {} is no Takeover that says its replicas",
            stage.name, kept.version
        )
    } else {
        format!("no stage that has standby differs from {}", kept.version)
    }))
}

/// Pods and what they request, in words.
fn cost(stages: &[&RenderedStage]) -> String {
    let workloads = stages.iter().flat_map(|stage| &stage.objects);
    let (mut pods, mut cpu, mut memory) = (0, 0.0, 0.0);
    for workload in workloads.filter(|o| object::is_workload(o)) {
        let replicas = workload.pointer("/spec/replicas").and_then(Value::as_i64);
        let replicas = replicas.unwrap_or(1);
        pods += replicas;
        let containers = workload.pointer("/spec/template/spec/containers");
        for container in containers.and_then(Value::as_array).into_iter().flatten() {
            #[expect(clippy::cast_precision_loss, reason = "a handful of pods")]
            let times = replicas as f64;
            cpu += times * requested(container, "cpu");
            memory += times * requested(container, "memory");
        }
    }
    const MEBI: f64 = 1_048_576.0;
    let pods = match pods {
        1 => "1 pod".to_owned(),
        pods => format!("{pods} pods"),
    };
    format!(
        "{pods}, cpu {:.0}m, memory {:.0}Mi",
        cpu * 1e3,
        memory / MEBI
    )
}

/// What a container requests; where it says only its limit, that.
fn requested(container: &Value, what: &str) -> f64 {
    let said = |kind: &str| quantity(container.pointer(&format!("/resources/{kind}/{what}"))?);
    said("requests").or_else(|| said("limits")).unwrap_or(0.0)
}

/// What stands by, as the end of a message.
pub(crate) fn said(trial: &Trial) -> Option<String> {
    let standby = trial.standby.as_ref()?;
    trial.baking_since.as_ref()?;
    Some(format!(
        "; {} of {} stands by until the bake is over ({})",
        standby.stages.join(", "),
        standby.version,
        standby.cost
    ))
}

/// Brings about what stays behind a stage that works. Until the bake begins, it waits for that.
pub(crate) fn stand(
    scene: Scene<'_>,
    reserve: Reserve<'_>,
    (stage, behind): (&RenderedStage, &RenderedStage),
    outcome: &mut Outcome,
) {
    let is_before = |pod: &Pod| reserve.asked.before.contains_key(&pod.uid);
    let alive = || scene.pods_of(behind).filter(|pod| !pod.terminating);
    let before: Vec<&Pod> = alive().filter(|pod| is_before(pod)).collect();
    let next = || alive().filter(|pod| !is_before(pod));
    let ready = next().filter(|pod| pod.ready).count();
    let wanted = replicas(behind).unwrap_or(1);
    let not_ready = |ready: usize, trouble: Option<String>| Hold::StandbyNotReady {
        stage: stage.name.clone(),
        version: reserve.kept.version.clone(),
        ready,
        wanted,
        trouble,
    };
    if reserve.baking {
        bring(scene, behind, 1, outcome);
        give_back(&before, outcome);
    } else if !before.is_empty() && ready < wanted {
        bring(scene, behind, 2, outcome);
        // Of those before the canary as many stay as are wanted, so that there is room for those behind it.
        let (works, rest): (Vec<&Pod>, Vec<&Pod>) = before.iter().partition(|pod| pod.ready);
        if let Some(more) = works.get(wanted..) {
            give_back(more, outcome);
            give_back(&rest, outcome);
        }
        let trouble = next().find_map(|pod| pod.trouble.clone());
        outcome.wait(not_ready(ready, trouble));
    } else if !before.is_empty() {
        give_back(&before, outcome);
        outcome.wait(leaving(stage, before.len()));
    } else {
        let changes = outcome.changes.len();
        bring(scene, behind, 1, outcome);
        let changed = outcome.changes.len() > changes;
        let left = scene.pods_of(behind).filter(|pod| pod.terminating).count();
        let trouble = next().find_map(|pod| pod.trouble.clone());
        match health::of_stage(scene, behind) {
            _ if left > 0 => outcome.wait(leaving(stage, left)),
            Health::Ready { .. } if !changed => {}
            _ => outcome.wait(not_ready(ready.min(wanted), trouble)),
        }
    }
}

fn leaving(stage: &RenderedStage, left: usize) -> Hold {
    Hold::OldInstanceLeaving {
        stage: stage.name.clone(),
        left,
    }
}

/// Applies what stands by where it is not as rendered, with so many times its replicas.
fn bring(scene: Scene<'_>, behind: &RenderedStage, times: usize, outcome: &mut Outcome) {
    for object in &behind.objects {
        let mut object = object.clone();
        if object::is_workload(&object)
            && let Some(replicas) = object.pointer_mut("/spec/replicas")
            && let Some(said) = replicas.as_u64()
        {
            *replicas = Value::from(said * times as u64);
        }
        outcome.ensure(scene, &object);
    }
}

/// Deletes pods; their Deployment makes others, which queue up behind the canary.
fn give_back(pods: &[&Pod], outcome: &mut Outcome) {
    let going = pods.iter().map(|pod| Change::DeletePod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
    });
    outcome.changes.extend(going);
}

/// How many pods a stage says that it wants; none: it does not say.
fn replicas(stage: &RenderedStage) -> Option<usize> {
    let mut workloads = stage.objects.iter().filter(|o| object::is_workload(o));
    let said = workloads.find_map(|o| o.pointer("/spec/replicas")?.as_u64())?;
    usize::try_from(said).ok().filter(|said| *said > 0)
}

/// Documents that a pod has counted; those of one that cannot be read are not known.
fn worked(scene: Scene<'_>, pod: &Pod) -> i64 {
    match scene.readings.get(&pod.uid) {
        Some(Reading::Counts(counts)) => {
            let counted = counts.indicators.values().map(|it| it.good + it.bad);
            counted.chain(counts.done).max().unwrap_or(0)
        }
        Some(Reading::NoAnswer(_)) | None => 0,
    }
}

/// Notes which pods are before the canary, and whether one had its queue. It is only written here.
pub(crate) fn notice(turn: &mut Turn<'_>, trial: &mut Trial, rendering: &Rendering) {
    let Some(mut state) = trial.standby.take() else {
        return;
    };
    let seen = Seen::of(turn, &state, rendering);
    let known = state.before.len();
    state
        .before
        .retain(|uid, _| seen.behind.iter().any(|pod| pod.uid == *uid));
    let restarts = seen.restarts(trial);
    for pod in &seen.behind {
        if seen.anew || worked(turn.scene(), pod) > 0 {
            state.before.entry(pod.uid.clone()).or_insert(false);
        }
    }
    state.canary.clone_from(&seen.canary);
    let version = state.version.clone();
    if trial.baking_since.is_none() {
        state.restarts = restarts;
    } else if let Some((pod, documents)) = seen.took_over(turn.scene(), &state) {
        state.before.insert(pod.uid.clone(), true);
        // Where a container restarted, that counts already.
        state.taken += i32::from(restarts <= state.restarts);
        state.restarts = restarts;
        // The queue was not the canary's: its clock starts anew.
        trial.progress = None;
        let pod = (pod, version.as_str());
        let event = event::standby_active(&turn.line.name, pod, documents);
        turn.tell(event);
    } else if state.before.len() > known {
        let event = event::standby_before(&turn.line.name, &version);
        turn.tell(event);
    }
    trial.standby = Some(state);
}

/// What is seen of a canary and what stands by behind it.
struct Seen<'a> {
    /// The canary's pods and how often they have restarted.
    canary: BTreeMap<String, i32>,
    /// The pods that stand by.
    behind: Vec<&'a Pod>,
    /// Whether every stage of the canary behind which something stands works.
    works: bool,
    /// Whether the canary may have come to its queue only after what stands by.
    anew: bool,
}

impl<'a> Seen<'a> {
    fn of(turn: &Turn<'a>, state: &WarmStandby, rendering: &Rendering) -> Self {
        let (input, line) = (turn.input, turn.line.name.as_str());
        let kept = turn.line.last_good.as_ref();
        let kept = kept.and_then(|kept| input.revision(line, kept));
        let stages = rendering.stages.iter();
        let stages: Vec<&RenderedStage> = stages
            .filter(|stage| state.stages.contains(&stage.name))
            .collect();
        let behind = |stage: &&RenderedStage| can(stage, &kept?.rendering);
        let of = |wanted: &[&RenderedStage]| -> Vec<&'a Pod> {
            let wanted: Vec<&str> = wanted.iter().map(|it| it.instance.as_str()).collect();
            let pods = input.observed.pods.iter();
            pods.filter(|pod| pod.line == line && wanted.contains(&pod.instance.as_str()))
                .collect()
        };
        let canary: BTreeMap<String, i32> = of(&stages)
            .into_iter()
            .filter(|pod| !pod.terminating)
            .map(|pod| (pod.uid.clone(), pod.restarts))
            .collect();
        let scene = input.scene(line);
        let ready =
            |stage: &&RenderedStage| matches!(health::of_stage(scene, stage), Health::Ready { .. });
        let works = stages.iter().all(ready);
        let same = |(uid, restarts): (&String, &i32)| state.canary.get(uid) == Some(restarts);
        Self {
            anew: !works || !canary.iter().all(same),
            works,
            behind: of(&stages.iter().filter_map(behind).collect::<Vec<_>>()),
            canary,
        }
    }

    /// Restarts of the canary's containers during the trial.
    fn restarts(&self, trial: &Trial) -> i32 {
        let each = self.canary.iter().map(|(uid, restarts)| {
            let before = trial.restarts_before.get(uid);
            restarts - before.copied().unwrap_or(0)
        });
        each.sum()
    }

    /// A pod that has had the queue, which has not been counted, and the documents it has finished. Not before the canary works again:
    /// a container that has ended has not restarted yet.
    fn took_over(&self, scene: Scene<'_>, state: &WarmStandby) -> Option<(&'a Pod, i64)> {
        let mut pods = self.behind.iter().filter(|_| self.works);
        pods.find_map(|pod| {
            let documents = worked(scene, pod);
            let fresh = state.before.get(&pod.uid) == Some(&false);
            (fresh && documents > 0).then_some((*pod, documents))
        })
    }
}
