//! What the trial's containers have done, counted since the trial began to count them. Kept per pod UID and container
//! start, because a container that has gone cannot be asked again and a restarted one begins at 0.

use crate::input::Input;
use crate::object::Scene;
use crate::observed::{Counts, GoodBad, Pod, Reading};
use andon_api::{ContainerCount, ControlIndicators, Trial, label};
use andon_render::{RenderedStage, Rendering};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::{BTreeMap, BTreeSet};

/// A status is no log: more containers than a line ever has at once, so that only those that have gone are folded.
pub const MOST_CONTAINERS: usize = 20;

/// A plant has tens of lines; more would only make the status longer.
pub(crate) const MOST_CONTROLS: usize = 50;

/// Pod UID of the entry that sums up containers that have gone.
const FOLDED: &str = "folded";

/// What a trial's containers have done, with the newest readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) indicators: BTreeMap<String, GoodBad>,
    /// Finished documents, whatever became of them.
    pub(crate) done: i64,
    /// Input that waits now on the canary; none: nobody says.
    pub(crate) waiting: Option<i64>,
    /// Why the newest readings are not complete; none: they are.
    pub(crate) missing: Option<String>,
    /// Whether the canary's progress could be read now.
    pub(crate) progress_read: bool,
}

/// Takes up the newest readings of the trial's containers.
pub(crate) fn update(scene: Scene<'_>, rendering: &Rendering, trial: &mut Trial) -> Tally {
    let mut missing = None;
    let mut waiting = None;
    let mut progress_read = false;
    let mut alive: BTreeSet<(&str, i64)> = BTreeSet::new();
    for stage in counted_stages(rendering) {
        let is_progress = rendering
            .progress
            .as_ref()
            .is_some_and(|p| p.stage == stage.name);
        let mut asked = 0;
        for pod in scene.pods_of(stage).filter(|pod| !pod.terminating) {
            asked += 1;
            match read(scene, pod) {
                Ok((started, counts)) => {
                    alive.insert((&pod.uid, started.as_second()));
                    let since = trial.replacing_since.as_ref();
                    if let Err(why) = take_up(&mut trial.containers, since, pod, (started, counts))
                    {
                        missing.get_or_insert(why);
                    } else if is_progress {
                        progress_read |= counts.done.is_some();
                        if let Some(more) = counts.waiting {
                            waiting = Some(waiting.unwrap_or(0) + more);
                        }
                    }
                }
                Err(why) => {
                    missing.get_or_insert(why);
                }
            }
        }
        if asked == 0 {
            missing.get_or_insert(format!("{} has no pod yet", stage.name));
        }
        // A container that is just leaving may have finished a few more.
        for pod in scene.pods_of(stage).filter(|pod| pod.terminating) {
            if let Ok((started, counts)) = read(scene, pod) {
                alive.insert((&pod.uid, started.as_second()));
                let since = trial.replacing_since.as_ref();
                let _ = take_up(&mut trial.containers, since, pod, (started, counts));
            }
        }
    }
    fold(&mut trial.containers, &alive);
    let (indicators, done) = sums(rendering, trial);
    Tally {
        indicators,
        done,
        waiting,
        missing,
        progress_read,
    }
}

/// The stages whose pods count something.
fn counted_stages(rendering: &Rendering) -> impl Iterator<Item = &RenderedStage> {
    rendering.stages.iter().filter(|stage| {
        stage.metrics.is_some()
            && (rendering.indicators.iter().any(|i| i.stage == stage.name)
                || rendering
                    .progress
                    .as_ref()
                    .is_some_and(|p| p.stage == stage.name))
    })
}

/// What a pod's counters say now, with the start of the container they belong to.
pub(crate) fn read<'a>(scene: Scene<'a>, pod: &Pod) -> Result<(Timestamp, &'a Counts), String> {
    let Some(started) = pod.started else {
        return Err(format!("{} is not running", pod.name));
    };
    match scene.readings.get(&pod.uid) {
        Some(Reading::Counts(counts)) => Ok((started, counts)),
        Some(Reading::NoAnswer(why)) => Err(format!("{}: {why}", pod.name)),
        None => Err(format!("{} was not asked", pod.name)),
    }
}

/// Takes up one reading. A container that is new to the trial counts from 0 if it started since then (pods may change), and from
/// its first reading if it ran before. A counter that goes backwards is no restart (that would be another start) but an
/// error, and is not believed.
pub(crate) fn take_up(
    containers: &mut Vec<ContainerCount>,
    since: Option<&Time>,
    pod: &Pod,
    (started, counts): (Timestamp, &Counts),
) -> Result<(), String> {
    let pairs = |counts: &Counts| -> BTreeMap<String, Vec<i64>> {
        let pair = |(name, count): (&String, &GoodBad)| (name.clone(), vec![count.good, count.bad]);
        counts.indicators.iter().map(pair).collect()
    };
    let last = pairs(counts);
    let done = counts.done.unwrap_or(0);
    let second = started.as_second();
    let known = containers
        .iter_mut()
        .find(|c| c.pod == pod.uid && c.started.0.as_second() == second);
    if let Some(known) = known {
        let back = |name: &String, old: &Vec<i64>| {
            let new = last.get(name);
            new.is_none_or(|new| new.iter().zip(old).any(|(new, old)| new < old))
        };
        let went_back = known.last.iter().any(|(name, old)| back(name, old))
            || known.done.last().is_some_and(|old| done < *old);
        if went_back {
            return Err(format!("a counter of {} went backwards", pod.name));
        }
        known.last = last;
        known.done = vec![known.done.first().copied().unwrap_or(0), done];
        return Ok(());
    }
    // Both instants are whole seconds: one that started in the very second counts as started by the trial.
    let by_trial = since.is_some_and(|since| second >= since.0.as_second());
    let base = match by_trial {
        true => last.keys().map(|name| (name.clone(), vec![0, 0])).collect(),
        false => last.clone(),
    };
    containers.push(ContainerCount {
        pod: pod.uid.clone(),
        started: Time(started),
        base,
        last,
        done: vec![if by_trial { 0 } else { done }, done],
    });
    Ok(())
}

/// What the line's own containers have counted so far, for a comparison; an error where one cannot be read.
pub(crate) fn baseline(scene: Scene<'_>) -> Result<BTreeMap<String, Vec<i64>>, String> {
    let mut sums = BTreeMap::new();
    for pod in scene.pods().filter(|pod| !pod.terminating) {
        match scene.readings.get(&pod.uid) {
            Some(Reading::Counts(counts)) => add(&mut sums, counts),
            Some(Reading::NoAnswer(why)) => return Err(format!("{}: {why}", pod.name)),
            None => {}
        }
    }
    Ok(sums)
}

fn add(sums: &mut BTreeMap<String, Vec<i64>>, counts: &Counts) {
    for (name, count) in &counts.indicators {
        let sum = sums.entry(name.clone()).or_insert_with(|| vec![0, 0]);
        sum[0] += count.good;
        sum[1] += count.bad;
    }
}

/// Containers of other lines that nothing is tried on, with what they count now; none: they cannot be read now.
pub(crate) fn control_pods<'a>(
    input: &'a Input<'_>,
    line: &'a str,
) -> impl Iterator<Item = (&'a Pod, Timestamp, Option<&'a Counts>)> {
    let status = &input.observed.integration.status;
    let steady = move |name: &str| {
        let known = status.lines.iter().find(|other| other.name == name);
        // A line that was taken out of the plant is kept as it is, whatever it does: it says nothing about the ERP.
        let takes_part = input.desired(name).is_some();
        name != line && takes_part && known.is_some_and(|other| other.trial.is_none())
    };
    let pods = input.observed.pods.iter();
    pods.filter(move |pod| steady(&pod.line) && !pod.terminating && pod.stage != label::SHADOW)
        .filter_map(|pod| {
            let counts = match input.readings.get(&pod.uid)? {
                Reading::Counts(counts) => Some(counts),
                Reading::NoAnswer(_) => None,
            };
            Some((pod, pod.started?, counts))
        })
}

/// Those that can be read.
fn control_counts<'a>(
    input: &'a Input<'_>,
    line: &'a str,
) -> impl Iterator<Item = (&'a Pod, Timestamp, &'a Counts)> {
    control_pods(input, line).filter_map(|(pod, started, counts)| Some((pod, started, counts?)))
}

/// Where the other lines' counters stand now.
pub(crate) fn snapshot(input: &Input<'_>, line: &str) -> Vec<ControlIndicators> {
    let controls = control_counts(input, line).take(MOST_CONTROLS);
    let of = |(pod, started, counts): (&Pod, Timestamp, &Counts)| {
        let mut base = BTreeMap::new();
        add(&mut base, counts);
        ControlIndicators {
            pod: pod.uid.clone(),
            started: Time(started),
            base,
        }
    };
    controls.map(of).collect()
}

/// What the other lines have done since [`snapshot`]. One whose container is another now is left out.
pub(crate) fn controls(input: &Input<'_>, line: &str, trial: &Trial) -> BTreeMap<String, GoodBad> {
    let mut sums: BTreeMap<String, GoodBad> = BTreeMap::new();
    for (pod, started, counts) in control_counts(input, line) {
        let second = started.as_second();
        let mut known = trial.controls.iter();
        let known = known.find(|it| it.pod == pod.uid && it.started.0.as_second() == second);
        let Some(known) = known else { continue };
        for (name, count) in &counts.indicators {
            let at = |index: usize| {
                let pair = known.base.get(name);
                pair.and_then(|pair| pair.get(index)).copied().unwrap_or(0)
            };
            let sum = sums.entry(name.clone()).or_default();
            sum.good += (count.good - at(0)).max(0);
            sum.bad += (count.bad - at(1)).max(0);
        }
    }
    sums
}

/// Sums containers that have gone up in one entry where there are too many.
pub(crate) fn fold(containers: &mut Vec<ContainerCount>, alive: &BTreeSet<(&str, i64)>) {
    while containers.len() > MOST_CONTAINERS {
        let gone: Vec<usize> = (0..containers.len())
            .filter(|index| {
                let container = &containers[*index];
                !alive.contains(&(container.pod.as_str(), container.started.0.as_second()))
            })
            .take(2)
            .collect();
        let [first, second] = gone[..] else {
            // So many live ones at once: the oldest is let go, which can only make the count smaller.
            containers.remove(0);
            continue;
        };
        let other = containers.remove(second);
        let kept = &mut containers[first];
        let mut base = BTreeMap::new();
        let mut last = BTreeMap::new();
        for name in kept.last.keys().chain(other.last.keys()) {
            let (a, b) = (increase(kept, name), increase(&other, name));
            base.insert(name.clone(), vec![0, 0]);
            last.insert(name.clone(), vec![a.good + b.good, a.bad + b.bad]);
        }
        *kept = ContainerCount {
            pod: FOLDED.to_owned(),
            started: kept.started.clone(),
            base,
            last,
            done: vec![0, finished(kept) + finished(&other)],
        };
    }
}

/// What a container has counted since the trial began to count it.
pub(crate) fn increase(container: &ContainerCount, indicator: &str) -> GoodBad {
    let at = |map: &BTreeMap<String, Vec<i64>>, index: usize| {
        map.get(indicator)
            .and_then(|pair| pair.get(index))
            .copied()
            .unwrap_or(0)
    };
    GoodBad {
        good: at(&container.last, 0) - at(&container.base, 0),
        bad: at(&container.last, 1) - at(&container.base, 1),
    }
}

/// Documents a container has finished since the trial began to count it.
fn finished(container: &ContainerCount) -> i64 {
    match container.done[..] {
        [first, .., last] => last - first,
        _ => 0,
    }
}

fn sums(rendering: &Rendering, trial: &Trial) -> (BTreeMap<String, GoodBad>, i64) {
    let mut indicators: BTreeMap<String, GoodBad> = BTreeMap::new();
    for indicator in rendering.indicators.iter().filter(|it| it.value.is_none()) {
        indicators.insert(indicator.name.clone(), GoodBad::default());
    }
    for container in &trial.containers {
        for name in container.last.keys() {
            let (more, sum) = (
                increase(container, name),
                indicators.entry(name.clone()).or_default(),
            );
            sum.good += more.good;
            sum.bad += more.bad;
        }
    }
    (indicators, trial.containers.iter().map(finished).sum())
}
