//! May something be changed now, why (not), and when does that change?

use super::checked::Calendar;
use super::openings::Look;
use super::span::Opening;
use andon_api::WindowKind;
use andon_api::duration;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What makes a plant open or closed for changes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum WindowReason {
    /// Open: no `Allow` window is defined and nothing denies.
    NoWindows,
    /// Open: in this `Allow` window (the first one listed).
    Window {
        /// Its name.
        name: String,
    },
    /// Closed by this `Deny` window (the first one listed).
    DeniedBy {
        /// Its name.
        name: String,
    },
    /// Closed on these days.
    NotAllowedDate {
        /// Why.
        reason: String,
        /// Where it was decided.
        reference: String,
        /// First day.
        from: Date,
        /// Last day, inclusive.
        to: Date,
    },
    /// Closed by a freeze (of several, the one that ends last).
    Freeze {
        /// Its name, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Why.
        reason: String,
        /// Where it was ordered.
        ticket: String,
        /// First instant after it.
        until: Timestamp,
    },
    /// Closed: outside every `Allow` window.
    Closed,
}

impl fmt::Display for WindowReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWindows => write!(f, "changes are always allowed"),
            Self::Window { name } => write!(f, "window {name} is open"),
            Self::DeniedBy { name } => write!(f, "window {name} denies changes"),
            Self::NotAllowedDate {
                reason,
                reference,
                from,
                to,
            } => write!(f, "no changes from {from} to {to}: {reason} ({reference})"),
            Self::Freeze {
                name,
                reason,
                ticket,
                until,
            } => {
                let name = name.as_deref().map(|name| format!(" {name}"));
                let name = name.unwrap_or_default();
                write!(f, "freeze{name} until {until}: {reason} ({ticket})")
            }
            Self::Closed => write!(f, "no window is open"),
        }
    }
}

/// Whether changes may be made at an instant, and when that changes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WindowState {
    /// Whether changes may be made.
    pub open: bool,
    /// Why (not).
    pub reason: WindowReason,
    /// The first later instant at which it opens; none: not within [`super::HORIZON`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_open: Option<Timestamp>,
    /// The first later instant at which it closes: of this opening, or of the next where it is closed; none: not within
    /// [`super::HORIZON`] and a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_close: Option<Timestamp>,
}

/// Why a change may not start now, and when it may.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// What makes the plant open or closed now. Open: the opening is too short.
    pub reason: WindowReason,
    /// What is left of the opening at this instant; zero where it is closed.
    pub left: Duration,
    /// What the change needs: change + bake + rollback.
    pub needed: Duration,
    /// The first later opening that is long enough; none: no opening within [`super::HORIZON`] ever is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_open: Option<Timestamp>,
    /// When that opening closes; none: not within [`super::HORIZON`] and a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_close: Option<Timestamp>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = duration::display(self.needed);
        write!(f, "{}; ", self.reason)?;
        if !self.left.is_zero() {
            let left = duration::display(self.left);
            write!(f, "{left} are left; ")?;
        }
        match self.next_open {
            Some(next) => write!(f, "the next opening that holds {needed} begins {next}"),
            None => write!(f, "no opening within nine years holds {needed}"),
        }
    }
}

/// What a change that has begun may do.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// Go on with everything, its next replacement included.
    Everything,
    /// What runs goes on baking and being judged, and may pass; nothing is replaced.
    BakeOnly,
}

impl Calendar {
    /// Whether changes may be made at `now`, why (not), and when that changes.
    pub fn state(&self, now: Timestamp) -> WindowState {
        let mut openings = self.sweep(now);
        let first = openings.next();
        let open = first.is_some_and(|first| first.open == now);
        let later = if open { openings.next() } else { first };
        WindowState {
            open,
            reason: self.reason(now, open),
            next_open: later.map(|later| later.open),
            next_close: first.and_then(|first| first.close),
        }
    }

    /// May a change start at `now` that takes `needed`: change + bake + rollback together? It must fit before the opening closes,
    /// because a change that fails at the very end of its bake must still be taken back within it.
    pub fn may_start(&self, now: Timestamp, needed: Duration) -> Result<(), Box<Closed>> {
        self.may_start_or(now, needed, || self.next_holding(now, now, needed))
    }

    /// The same; `next` finds the first later opening that is long enough.
    pub(super) fn may_start_or(
        &self,
        now: Timestamp,
        needed: Duration,
        next: impl FnOnce() -> Option<Opening>,
    ) -> Result<(), Box<Closed>> {
        let here = self.sweep(now).next().filter(|here| here.open == now);
        if here.is_some_and(|here| here.holds(needed)) {
            return Ok(());
        }
        let next = next();
        Err(Box::new(Closed {
            reason: self.reason(now, here.is_some()),
            left: here.and_then(|here| here.length()).unwrap_or_default(),
            needed,
            next_open: next.map(|next| next.open),
            next_close: next.and_then(|next| next.close),
        }))
    }

    /// What may a change do at `now` that has begun? Everything while the plant is open, whether or not it would still fit: it fitted
    /// when it started. When the plant has closed over it (a freeze that was ordered meanwhile, a bake that took longer), a trial goes
    /// on baking, since stopping it would be a change as well, but nothing new is begun.
    pub fn may_continue(&self, now: Timestamp) -> Continue {
        match self.sweep(now).look(now) {
            Look::Open(_) => Continue::Everything,
            Look::Closed(_) => Continue::BakeOnly,
        }
    }

    /// May a line be taken back at `now`? Always: a rollback never waits for a window, whatever closes it (design.md §4). It is asked
    /// here so that callers ask one place and cannot take it for one of the other questions.
    pub fn may_roll_back(&self, _now: Timestamp) -> bool {
        true
    }

    /// The longest opening that begins within [`super::HORIZON`] (of equal ones the first; the one at `from` counts from `from`).
    /// None: there is none at all. A change that it does not hold can never start.
    pub fn longest_opening(&self, from: Timestamp) -> Option<Opening> {
        let mut longest: Option<Opening> = None;
        for opening in self.sweep(from) {
            let Some(length) = opening.length() else {
                return Some(opening);
            };
            if longest
                .and_then(|longest| longest.length())
                .is_none_or(|longest| longest < length)
            {
                longest = Some(opening);
            }
        }
        longest
    }

    /// What makes it open or closed. The strongest word first: a freeze, then a date, then a `Deny` window.
    fn reason(&self, now: Timestamp, open: bool) -> WindowReason {
        let named = |kind| {
            let covers = self
                .windows
                .iter()
                .zip(self.runs(now, now))
                .find(|(window, runs)| {
                    window.kind == kind && runs.peek().is_some_and(|span| span.covers(now))
                });
            covers.map(|(window, _)| window.name.clone())
        };
        if open {
            return named(WindowKind::Allow).map_or(WindowReason::NoWindows, |name| {
                WindowReason::Window { name }
            });
        }
        let covering = self.dated.iter().filter(|(span, _)| span.covers(now));
        let strongest = covering.max_by_key(|(span, reason)| {
            let freeze = matches!(reason, WindowReason::Freeze { .. });
            (freeze, span.to)
        });
        if let Some((_, reason)) = strongest {
            return reason.clone();
        }
        named(WindowKind::Deny).map_or(WindowReason::Closed, |name| WindowReason::DeniedBy { name })
    }
}
