//! What follows from where the waves are: who may be asked, what the status shows, when to look again, what is told.

use super::ObservedRelease;
use super::wave::end;
use crate::plan::Event;
use andon_api::WaveStatus;
use andon_api::reason::EventReason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// Whether plants of a wave may be asked now, and how many more may be under way.
pub(super) struct Places {
    pub(super) open: bool,
    pub(super) free: usize,
}

/// Where each wave is after this look.
pub(super) struct Progress {
    /// None: the release has no waves.
    pub(super) waves: Option<Vec<Step>>,
    /// Whether any plant may be asked at all.
    pub(super) going: bool,
    /// Plants that may be under way at a time, in all waves together.
    pub(super) most: usize,
}

/// One wave after this look.
pub(super) struct Step {
    pub(super) status: WaveStatus,
    /// Whether it was open already when this look began, so that plants may be asked now.
    pub(super) was_open: bool,
    /// Whether it was over already when this look began, so that its plants may be told.
    pub(super) was_over: bool,
    /// Plants that may be under way at a time.
    pub(super) most: usize,
    pub(super) soak: Duration,
    pub(super) failed: usize,
}

impl Progress {
    /// How many more plants of a wave may be asked now, when `under_way` are.
    pub(super) fn places(&self, wave: usize, under_way: usize) -> Places {
        let steps = self.waves.as_ref();
        let most = steps.map_or(usize::MAX, |steps| {
            steps.get(wave).map_or(0, |step| step.most)
        });
        Places {
            open: self.going && self.is_open(wave),
            free: most.saturating_sub(under_way),
        }
    }

    /// Whether a wave was open when this look began; without waves everything is.
    pub(super) fn is_open(&self, wave: usize) -> bool {
        self.waves
            .as_ref()
            .is_none_or(|steps| steps.get(wave).is_some_and(|step| step.was_open))
    }

    /// Whether the plants of a wave go on being judged although they are done.
    pub(super) fn soaking(&self, wave: usize) -> bool {
        let step = self.waves.as_ref().and_then(|steps| steps.get(wave));
        step.is_some_and(|step| !step.was_over)
    }

    /// The waves as the status shows them.
    pub(super) fn statuses(&self) -> Vec<WaveStatus> {
        self.waves
            .iter()
            .flatten()
            .map(|step| step.status.clone())
            .collect()
    }

    /// The first wave that is not over.
    pub(super) fn current(&self) -> Option<&WaveStatus> {
        let mut steps = self.waves.iter().flatten();
        steps
            .find(|step| step.status.completed.is_none())
            .map(|step| &step.status)
    }

    /// When the next soak is over. The gate of the next wave is looked at at once.
    pub(super) fn wake(&self, now: Timestamp) -> Option<Duration> {
        let soaking = self
            .waves
            .iter()
            .flatten()
            .filter(|step| step.status.completed.is_none());
        let ends = soaking.filter_map(|step| Some(end(step.status.finished.as_ref()?, step.soak)));
        let wait = |end: Timestamp| Duration::try_from(end.duration_since(now)).unwrap_or_default();
        ends.map(wait).min()
    }

    /// What became true in this look and is worth telling.
    pub(super) fn news(&self, observed: &ObservedRelease) -> Vec<Event> {
        let had = &observed.release.status;
        let mut events = Vec::new();
        for status in self.waves.iter().flatten().map(|step| &step.status) {
            let old = had.waves.iter().find(|old| old.name == status.name);
            let same = |get: fn(&WaveStatus) -> &Option<Time>| {
                old.is_some_and(|old| get(old) == get(status))
            };
            if status.opened.is_some() && !same(|it| &it.opened) {
                events.push(told(
                    EventReason::WaveOpened,
                    format!(
                        "wave {}: its plants ({}) may start with {}",
                        status.name, status.total, observed.release.spec.blueprint.version
                    ),
                ));
            }
            if status.completed.is_some() && !same(|it| &it.completed) {
                events.push(told(
                    EventReason::WaveCompleted,
                    format!(
                        "wave {}: {} of {} plants run {}",
                        status.name,
                        status.done,
                        status.total,
                        observed.release.spec.blueprint.version
                    ),
                ));
            }
        }
        events
    }
}

fn told(reason: EventReason, note: String) -> Event {
    Event {
        warning: false,
        reason,
        note,
        related: None,
    }
}
