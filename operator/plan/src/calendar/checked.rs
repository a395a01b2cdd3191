//! A schedule that has been checked, and the sweeps over it.

use super::clock::CivilClock;
use super::openings::Openings;
use super::recurring::{Recurring, Runs};
use super::span::{Opening, Span, bounded, later};
use super::state::WindowReason;
use andon_api::WindowKind;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How far the calendar looks ahead: nine years of 366 days. 29 February can be eight years away (1896 to 1904, 2096 to 2104).
pub const HORIZON: Duration = Duration::from_secs(9 * YEAR);

/// How much farther the end of an opening is looked for.
pub(super) const BEYOND: Duration = Duration::from_secs(YEAR);

const YEAR: u64 = 366 * 86_400;

/// The last instant at which something may begin that is looked for at `now`.
pub(super) fn horizon(now: Timestamp) -> Timestamp {
    bounded(later(now, HORIZON))
}

/// The calendar of a plant. Made by [`Calendar::read`]; all its answers are pure functions of it and an instant.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// The plant's own, then those of its windows.
    pub(super) zones: Vec<TimeZone>,
    pub(super) windows: Vec<Named>,
    pub(super) shifts: Vec<Recurring>,
    /// Dates and freezes, as written.
    pub(super) dated: Vec<(Span, WindowReason)>,
    /// The same, joined.
    pub(super) shut: Vec<Span>,
}

#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: String,
    pub kind: WindowKind,
    /// Index into the zones.
    pub zone: usize,
    pub what: Recurring,
}

impl Calendar {
    /// The openings from `from` on, in order: times in which changes may be made. Begins with what is left of the opening at `from`,
    /// if there is one; ends with the last one that begins within [`HORIZON`], or with one that does not close.
    pub fn openings(&self, from: Timestamp) -> impl Iterator<Item = Opening> {
        self.sweep(from)
    }

    pub(super) fn sweep(&self, from: Timestamp) -> Openings<'_> {
        self.sweep_as_of(from, from)
    }

    /// From `from` on, as far as one looks ahead at `now`.
    pub(super) fn sweep_as_of(&self, now: Timestamp, from: Timestamp) -> Openings<'_> {
        let limit = horizon(now);
        let end = bounded(later(limit, BEYOND));
        let runs = self.runs(from, end);
        let mut allow = None;
        let mut deny = Vec::new();
        for (window, runs) in self.windows.iter().zip(runs) {
            match window.kind {
                WindowKind::Allow => allow.get_or_insert_with(Vec::new).push(runs),
                WindowKind::Deny => deny.push(runs),
            }
        }
        Openings {
            allow,
            deny,
            shut: &self.shut,
            at: from,
            limit,
            end,
        }
    }

    /// The sweep over production hours.
    pub(super) fn production(&self, from: Timestamp, limit: Timestamp) -> Openings<'_> {
        let limit = bounded(limit);
        let runs = |zone| {
            let clock = CivilClock::new(zone, from);
            let runs = self.shifts.iter();
            runs.map(|shift| Runs::new(shift, clock, from, limit))
                .collect()
        };
        let zone = self.zones.first().filter(|_| !self.shifts.is_empty());
        Openings {
            allow: zone.map(runs),
            deny: Vec::new(),
            shut: &[],
            at: from,
            limit,
            end: limit,
        }
    }

    /// The spans of each window from `at` on, in the order of the windows.
    pub(super) fn runs(&self, at: Timestamp, limit: Timestamp) -> impl Iterator<Item = Runs<'_>> {
        let clocks: Vec<_> = self
            .zones
            .iter()
            .map(|zone| CivilClock::new(zone, at))
            .collect();
        self.windows
            .iter()
            .map(move |window| Runs::new(&window.what, clocks[window.zone], at, limit))
    }
}
