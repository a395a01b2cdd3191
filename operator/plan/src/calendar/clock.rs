//! Civil time <-> instants in one zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use std::time::Duration;

/// A zone's clock with the offset that holds around the last instant asked about. Asking about times near each other, as the
/// calendar does, then costs an addition instead of a search in the zone's transitions.
#[derive(Clone, Copy)]
pub(super) struct CivilClock<'a> {
    zone: &'a TimeZone,
    offset: Offset,
    /// Instants at which `offset` holds: `since <= t < until`.
    since: Timestamp,
    until: Timestamp,
    /// Civil times that are shown exactly once or for the first time while `offset` holds: `from <= civil < to`.
    from: DateTime,
    to: DateTime,
}

impl<'a> CivilClock<'a> {
    pub fn new(zone: &'a TimeZone, around: Timestamp) -> Self {
        let mut clock = Self {
            zone,
            offset: Offset::UTC,
            since: Timestamp::MIN,
            until: Timestamp::MAX,
            from: DateTime::MIN,
            to: DateTime::MAX,
        };
        clock.center(around);
        clock
    }

    fn center(&mut self, around: Timestamp) {
        const INSTANT: Duration = Duration::from_nanos(1);
        self.offset = self.zone.to_offset(around);
        // `preceding` excludes its argument, but a transition at `around` has already happened.
        let inclusive = super::span::later(around, INSTANT);
        (self.since, self.from) = match self.zone.preceding(inclusive).next() {
            None => (Timestamp::MIN, DateTime::MIN),
            Some(change) => {
                let at = change.timestamp();
                let before = self.zone.to_offset(super::span::earlier(at, INSTANT));
                // After a step back, what the clock shows up to the old time is a repetition.
                (at, self.offset.to_datetime(at).max(before.to_datetime(at)))
            }
        };
        (self.until, self.to) = match self.zone.following(around).next() {
            None => (Timestamp::MAX, DateTime::MAX),
            Some(change) => {
                let at = change.timestamp();
                (at, self.offset.to_datetime(at))
            }
        };
    }

    /// What the clock shows at an instant.
    pub fn civil(&mut self, at: Timestamp) -> DateTime {
        if at < self.since || self.until <= at {
            self.center(at);
        }
        self.offset.to_datetime(at)
    }

    /// The first instant at which the clock shows `civil` or a later time.
    pub fn instant(&mut self, civil: DateTime) -> Timestamp {
        if self.shows(civil) {
            return self.offset.to_timestamp(civil).unwrap_or(Timestamp::MAX);
        }
        let at = first_instant(self.zone, civil);
        self.center(at);
        at
    }

    /// Whether a civil time happens while the offset in use holds.
    pub fn shows(&self, civil: DateTime) -> bool {
        self.from <= civil && civil < self.to
    }

    /// Whether the clock runs evenly from the beginning of one date to the end of another, as far as known without a search.
    pub fn even(&self, first: Date, last: Date) -> bool {
        self.from <= first.at(0, 0, 0, 0)
            && last
                .tomorrow()
                .is_ok_and(|next| next.at(0, 0, 0, 0) <= self.to)
    }

    /// The last date before which the clock surely runs evenly, seen from the offset in use.
    pub fn even_until(&self) -> Date {
        self.to.date()
    }
}

fn first_instant(zone: &TimeZone, civil: DateTime) -> Timestamp {
    let at = |offset: Offset| {
        let end = if civil.year() < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        offset.to_timestamp(civil).unwrap_or(end)
    };
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset),
        AmbiguousOffset::Fold { before, .. } => at(before),
        // The clock jumps past `civil`: read with the offset after the jump, `civil` lies just before it.
        AmbiguousOffset::Gap { before, after } => zone
            .following(at(after))
            .find(|change| change.offset() == after)
            .map_or_else(|| at(before), |change| change.timestamp()),
    }
}
