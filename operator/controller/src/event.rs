//! Tells events without ever holding up a reconcile or flooding: a bounded queue, one task, a token bucket per object.

use crate::context::chain;
use crate::server_side_apply::{Owner, Writer};
use andon_plan::Event;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Events that may wait to be told; when the API server is slow, more than that are not worth the memory.
const QUEUE: usize = 256;

/// A release tells five events a line: a plant of twenty lines may tell its whole story, even of two releases an hour, and
/// an object that goes wrong again and again tells six a minute. client-go's 25 and one every five minutes, meant for
/// events that repeat, swallowed the end of the fourth release of a plant of three lines.
const BURST: f64 = 100.0;
const REFILL: Duration = Duration::from_secs(10);

/// Takes events to tell.
#[derive(Clone)]
pub struct Teller(mpsc::Sender<(Owner, Event)>);

impl Teller {
    /// A teller, and the task that does the telling.
    pub fn new(writer: Writer, instance: String) -> (Self, impl Future<Output = ()>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), tell(receiver, writer, instance))
    }

    /// Tells an event, if there is room.
    pub fn tell(&self, regarding: &Owner, event: &Event) {
        tracing::info!(
            object = format!("{}/{}", regarding.namespace, regarding.name),
            kind = regarding.kind,
            reason = event.reason.as_str(),
            note = event.note,
            "event"
        );
        if self.0.try_send((regarding.clone(), event.clone())).is_err() {
            tracing::warn!("failed to tell an event: too many are waiting");
        }
    }
}

async fn tell(mut events: mpsc::Receiver<(Owner, Event)>, writer: Writer, instance: String) {
    let mut buckets = Buckets::default();
    while let Some((regarding, event)) = events.recv().await {
        if !buckets.take(&regarding.uid, Instant::now()) {
            tracing::warn!(
                object = regarding.name,
                "not told: this object tells too much"
            );
            continue;
        }
        if let Err(error) = writer.tell(&regarding, &instance, &event).await {
            tracing::warn!(error = %chain(&error), "failed to tell an event");
        }
    }
}

/// A token bucket per object.
#[derive(Default)]
struct Buckets(BTreeMap<String, (f64, Instant)>);

impl Buckets {
    fn take(&mut self, object: &str, now: Instant) -> bool {
        // A full bucket is the same as none: what has been quiet long enough is forgotten.
        self.0
            .retain(|_, (tokens, at)| refilled(*tokens, *at, now) < BURST);
        let (tokens, at) = self.0.entry(object.to_owned()).or_insert((BURST, now));
        *tokens = refilled(*tokens, *at, now);
        *at = now;
        let allowed = *tokens >= 1.0;
        if allowed {
            *tokens -= 1.0;
        }
        allowed
    }
}

fn refilled(tokens: f64, at: Instant, now: Instant) -> f64 {
    let gained = now.duration_since(at).as_secs_f64() / REFILL.as_secs_f64();
    (tokens + gained).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_floods_is_cut_off_and_others_are_not() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        let told = (0..150).filter(|_| buckets.take("noisy", now)).count();
        assert_eq!(told, 100);
        assert!(buckets.take("quiet", now));
        assert!(!buckets.take("noisy", now + REFILL / 2));
        assert!(buckets.take("noisy", now + REFILL * 2));
        buckets.take("other", now + REFILL * 200);
        assert_eq!(buckets.0.len(), 1, "full buckets are forgotten");
    }
}
