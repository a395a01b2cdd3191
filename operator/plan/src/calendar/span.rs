//! Half-open spans of time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `from` belongs to it, `to` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    pub fn covers(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// A time in which changes may be made, with nothing closed in between.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// Its first instant, but never earlier than the instant that was asked about.
    pub open: Timestamp,
    /// The first instant after it; none: it does not close within [`super::HORIZON`] and a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<Timestamp>,
}

impl Opening {
    /// How long it is; none: it does not close within [`super::HORIZON`] and a year.
    pub fn length(&self) -> Option<Duration> {
        self.close.map(|close| between(self.open, close))
    }

    /// Whether a change that takes `needed` fits. One that ends at the instant of closing fits.
    pub fn holds(&self, needed: Duration) -> bool {
        self.length().is_none_or(|length| needed <= length)
    }
}

/// The time from `from` to `to`; zero where `to` is not later (a clock that stepped back is no negative time).
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    if to <= from {
        Duration::ZERO
    } else {
        to.duration_since(from).unsigned_abs()
    }
}

/// `at + duration`, or the last instant there is.
pub(super) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// `at - duration`, or the first instant there is.
pub(super) fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// A limit for a search: the last instant there is stands for "never", so nothing is looked for there.
pub(super) fn bounded(limit: Timestamp) -> Timestamp {
    limit.min(earlier(Timestamp::MAX, Duration::from_nanos(1)))
}

/// Sorts and joins spans that overlap or touch; drops empty ones.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.from < span.to);
    spans.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => joined.push(span),
        }
    }
    joined
}
