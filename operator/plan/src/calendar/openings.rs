//! What is open: some recurring spans minus others, swept once from an instant on.

use super::recurring::Runs;
use super::span::{Opening, Span};
use jiff::Timestamp;

/// A sweep over what is open, forward in time.
pub(super) struct Openings<'a> {
    /// Open while one of these covers; none: while nothing closes it.
    pub allow: Option<Vec<Runs<'a>>>,
    /// Closed while one of these covers.
    pub deny: Vec<Runs<'a>>,
    /// Closed in these: sorted, apart from each other.
    pub shut: &'a [Span],
    /// Where the sweep is.
    pub at: Timestamp,
    /// No opening is looked for that begins later.
    pub limit: Timestamp,
    /// Until when the end of an opening is looked for. Later than `limit`: else an opening that the limit cuts would look endless.
    pub end: Timestamp,
}

/// What holds at an instant, and until when it surely goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Open(Timestamp),
    /// None: for good, as far as the limit.
    Closed(Option<Timestamp>),
}

impl Openings<'_> {
    /// `at` must not go back from call to call.
    pub fn look(&mut self, at: Timestamp) -> Look {
        let mut until = Timestamp::MAX;
        let shut = self.shut.partition_point(|span| span.to <= at);
        let denials = self.deny.iter_mut().filter_map(|runs| {
            runs.seek(at);
            runs.peek()
        });
        let mut denied = None;
        for span in denials.chain(self.shut.get(shut).copied()) {
            if span.covers(at) {
                denied = Some(span.to);
            } else {
                until = until.min(span.from);
            }
        }
        if denied.is_some() {
            return Look::Closed(denied);
        }
        let Some(allow) = &mut self.allow else {
            return Look::Open(until);
        };
        let mut allowed = None;
        let mut next: Option<Timestamp> = None;
        for runs in allow {
            runs.seek(at);
            match runs.peek() {
                Some(span) if span.covers(at) => allowed = allowed.max(Some(span.to)),
                Some(span) => next = Some(next.map_or(span.from, |next| next.min(span.from))),
                None => {}
            }
        }
        match allowed {
            Some(end) => Look::Open(end.min(until)),
            None => Look::Closed(next),
        }
    }

    /// The next piece that is open. Pieces may touch; only the last can reach past the limit.
    pub fn piece(&mut self) -> Option<Span> {
        while self.at <= self.limit {
            match self.look(self.at) {
                Look::Open(to) => {
                    let from = std::mem::replace(&mut self.at, to);
                    return Some(Span { from, to });
                }
                Look::Closed(Some(until)) => self.at = until,
                Look::Closed(None) => self.at = Timestamp::MAX,
            }
        }
        None
    }
}

impl Iterator for Openings<'_> {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        let open = self.piece()?.from;
        while self.at <= self.end {
            match self.look(self.at) {
                Look::Open(until) => self.at = until,
                Look::Closed(_) => {
                    let close = Some(self.at);
                    return Some(Opening { open, close });
                }
            }
        }
        Some(Opening { open, close: None })
    }
}
