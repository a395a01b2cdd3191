//! The clock that runs only while the plant produces, and the next instant at which anything changes.

use super::checked::{Calendar, HORIZON};
use super::clock::CivilClock;
use super::openings::Look;
use super::span::{between, bounded, later};
use jiff::Timestamp;
use std::time::Duration;

impl Calendar {
    /// Whether the plant produces at `now`: one of its shifts is on, or it has none (then it always does).
    pub fn producing(&self, now: Timestamp) -> bool {
        matches!(self.production(now, now).look(now), Look::Open(_))
    }

    /// The production time between two instants: elapsed time within the union of all shifts, whatever the windows say. Zero where
    /// `to` is not later than `from`. A night shift over a clock change counts the hours that really pass.
    pub fn production_elapsed(&self, from: Timestamp, to: Timestamp) -> Duration {
        let mut elapsed = Duration::ZERO;
        let mut production = self.production(from, to);
        while let Some(piece) = production.piece() {
            elapsed = elapsed.saturating_add(between(piece.from, piece.to.min(to)));
        }
        elapsed
    }

    /// The first instant by which so much production time has passed since `from`; none: not within [`HORIZON`].
    pub fn production_instant(&self, from: Timestamp, needed: Duration) -> Option<Timestamp> {
        let limit = bounded(later(from, HORIZON));
        let mut left = needed;
        if left.is_zero() {
            return Some(from);
        }
        let mut production = self.production(from, limit);
        while let Some(piece) = production.piece() {
            let there = between(piece.from, piece.to);
            if left <= there {
                return Some(later(piece.from, left)).filter(|at| *at <= limit);
            }
            left = left.saturating_sub(there);
        }
        None
    }

    /// The first instant after `now` at which an answer of this calendar may change by itself: openness, its reason, production.
    /// Until then every answer is the same, but for what runs down evenly: what is left of an opening (and with it
    /// [`Calendar::may_start`] turns to no when what is needed no longer fits) and production time. None: not within [`HORIZON`].
    ///
    /// The end of a shift counts even where the next shift begins.
    pub fn next_edge(&self, now: Timestamp) -> Option<Timestamp> {
        let limit = bounded(later(now, HORIZON));
        let dated = self.dated.iter().flat_map(|(span, _)| [span.from, span.to]);
        let dated = dated.filter(|edge| *edge > now).min();
        let mut first = dated.unwrap_or(Timestamp::MAX);
        if let Look::Open(edge) | Look::Closed(Some(edge)) =
            self.production(now, first.min(limit)).look(now)
        {
            first = first.min(edge);
        }
        for mut runs in self.runs(now, first.min(limit)) {
            let edge = match runs.peek() {
                Some(span) if !span.covers(now) => Some(span.from),
                Some(_) => runs.covers_until(now, first),
                None => None,
            };
            first = edge.map_or(first, |edge| first.min(edge));
        }
        Some(first).filter(|first| *first <= limit)
    }

    /// What the plant's clock shows, for messages to people there.
    pub fn civil(&self, at: Timestamp) -> jiff::civil::DateTime {
        match self.zones.first() {
            Some(zone) => CivilClock::new(zone, at).civil(at),
            None => jiff::tz::Offset::UTC.to_datetime(at),
        }
    }
}
