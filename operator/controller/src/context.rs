//! What a reconcile may use.

use crate::event::Teller;
use crate::metrics::Metrics;
use crate::server_side_apply::Writer;
use andon_plan::Memory;
use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A reconcile that takes longer hangs on something; it is given up and tried again.
pub const RECONCILE_PATIENCE: Duration = Duration::from_secs(60);

/// How soon to look again after somebody else changed what we observed.
const STALE_RETRY: Duration = Duration::from_millis(200);

/// A plan may ask to be looked at again at once; what it wrote is then given a moment to arrive.
const SHORTEST_WAKE: Duration = Duration::from_millis(50);

/// An edge in time is looked at just after it, never just before.
const PAST_THE_EDGE: Duration = Duration::from_millis(10);

/// When a plan is looked at again; none: only when something changes.
pub fn look_again(wake: Option<Duration>) -> Action {
    wake.map_or_else(Action::await_change, |wake| {
        Action::requeue((wake + PAST_THE_EDGE).max(SHORTEST_WAKE))
    })
}

/// Which object of which controller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which {
    /// The controller.
    pub controller: &'static str,
    /// `namespace/name`.
    pub object: String,
}

impl Which {
    /// That object.
    pub fn of(controller: &'static str, object: &impl ResourceExt) -> Self {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        Self {
            controller,
            object: format!("{namespace}/{name}"),
        }
    }
}

/// What a reconcile may use.
pub struct Context {
    /// For reads.
    pub client: Client,
    /// For writes.
    pub writer: Writer,
    /// For Prometheus servers.
    pub http: reqwest::Client,
    /// For events.
    pub teller: Teller,
    /// Own metrics.
    pub metrics: Metrics,
    failures: Mutex<BTreeMap<Which, u32>>,
    renderings: Mutex<BTreeMap<String, Memory>>,
}

impl Context {
    /// A context without failures so far.
    pub fn new(
        (client, http): (Client, reqwest::Client),
        writer: Writer,
        teller: Teller,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            writer,
            http,
            teller,
            metrics,
            failures: Mutex::default(),
            renderings: Mutex::default(),
        }
    }

    /// The renderings of an integration's looks before, taken out while it is planned: no object is reconciled twice at once.
    /// Of one that has gone nothing is put back.
    pub fn take_renderings(&self, object: &str) -> Memory {
        let mut all = self
            .renderings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.remove(object).unwrap_or_default()
    }

    /// Keeps them for the next look.
    pub fn keep_renderings(&self, object: String, renderings: Memory) {
        let mut all = self
            .renderings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(object, renderings);
    }

    /// Runs the steps of one reconcile, but not for ever.
    pub async fn reconcile<E: Failure>(
        &self,
        which: &Which,
        steps: impl Future<Output = Result<Action, E>>,
    ) -> Result<Action, E> {
        let begun = Instant::now();
        let result = timeout(RECONCILE_PATIENCE, steps).await;
        self.metrics.reconciled(which.controller, begun.elapsed());
        let result = result.unwrap_or_else(|_| Err(E::too_long()));
        if result.is_ok() {
            self.failures().remove(which);
        }
        result
    }

    /// What to do after a failed reconcile: look again soon and quietly, or later and loudly.
    pub fn after_failure(&self, which: Which, error: &impl Failure) -> Action {
        let (controller, object) = (which.controller, which.object.clone());
        if error.stale() {
            tracing::debug!(controller, object, "changed meanwhile; looking again");
            return Action::requeue(STALE_RETRY);
        }
        self.metrics.failed(controller);
        tracing::warn!(controller, object, error = %chain(error), "failed to reconcile");
        self.retry(which)
    }

    /// When to look again after one more failure.
    pub fn retry(&self, which: Which) -> Action {
        let mut failures = self.failures();
        let count = failures.entry(which).or_default();
        *count = count.saturating_add(1);
        Action::requeue(backoff(*count))
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<Which, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 0.5 s, 1 s, 2 s … 64 s: a short failure of the API server costs a rollback little, a long one is not hammered.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(7);
    Duration::from_millis(500) * 2_u32.pow(doublings)
}

/// An error of a reconcile, as the shell has to treat it.
pub trait Failure: StdError + 'static {
    /// Whether the object changed while we looked: nothing is wrong, look again.
    fn stale(&self) -> bool;

    /// The error of a reconcile that was given up.
    fn too_long() -> Self;
}

/// An error with all its causes, outermost first.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = said(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = said(error);
        // Some libraries print their cause themselves.
        if !text.ends_with(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text
}

/// What an error says; of the API server's answers the message, not the whole object.
pub fn said(error: &(dyn StdError + 'static)) -> String {
    let error = error
        .downcast_ref::<Box<kube::Error>>()
        .map_or(error, |it| &**it);
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => {
            format!("{} ({} {})", status.message, status.code, status.reason)
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let waits: Vec<_> = [1, 2, 3, 8, 50].map(|it| backoff(it).as_millis()).into();
        assert_eq!(waits, [500, 1_000, 2_000, 64_000, 64_000]);
    }
}
