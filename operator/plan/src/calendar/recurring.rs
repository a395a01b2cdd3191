//! Spans that recur by civil time: windows and shifts.

use super::clock::CivilClock;
use super::days::Days;
use super::span::{Span, earlier, later};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use std::time::Duration;

const DAY: u16 = 24 * 60;

/// When a recurring span ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So much later, in elapsed time.
    After(Duration),
    /// At this minute of the day; `true`: of the next day.
    At(u16, bool),
}

/// Spans that begin at certain civil times of certain dates.
#[derive(Clone, Debug)]
pub(super) struct Recurring {
    days: Days,
    /// Minutes of the day at which one begins, ascending, at least one.
    times: Vec<u16>,
    /// For each of `times`: the index of the last one that is reached from it without a gap, on a day without a clock change.
    reach: Vec<usize>,
    end: End,
    /// There is no gap at all while the clock runs evenly.
    gapless: bool,
}

impl Recurring {
    pub fn new(days: Days, times: Vec<u16>, end: End) -> Self {
        let covers = |minutes: u16| match end {
            End::After(duration) => Duration::from_secs(u64::from(minutes) * 60) <= duration,
            End::At(..) => false,
        };
        let mut reach: Vec<usize> = (0..times.len()).collect();
        for n in (1..times.len()).rev() {
            if covers(times[n] - times[n - 1]) {
                reach[n - 1] = reach[n];
            }
        }
        let whole = match end {
            End::At(minute, true) => times.last().is_some_and(|last| *last == minute),
            End::At(_, false) => false,
            End::After(_) => {
                let night = times
                    .first()
                    .zip(times.last())
                    .is_some_and(|(first, last)| covers(DAY - last + first));
                night && reach.first().is_some_and(|last| last + 1 == times.len())
            }
        };
        Self {
            gapless: whole && days.every(),
            days,
            times,
            reach,
            end,
        }
    }

    fn ends(&self, date: Date, from: Timestamp, clock: &mut CivilClock<'_>) -> Timestamp {
        match self.end {
            End::After(duration) => later(from, duration),
            End::At(end, next_day) => {
                let day = if next_day { date.tomorrow() } else { Ok(date) };
                day.map_or(Timestamp::MAX, |day| clock.instant(at_minute(day, end)))
            }
        }
    }

    /// After how many days it recurs while the clock runs evenly; none: it hangs on the month.
    pub fn period(&self) -> Option<u64> {
        self.days.period()
    }

    /// How long before an instant a span may have begun that still covers it. (No clock has ever jumped by more than a day.)
    pub fn longest(&self) -> Duration {
        match self.end {
            End::After(duration) => duration,
            End::At(..) => Duration::from_secs(3 * 86_400),
        }
    }
}

fn at_minute(date: Date, minute: u16) -> DateTime {
    let part = |n: u16| i8::try_from(n).unwrap_or(0);
    date.at(part(minute / 60 % 24), part(minute % 60), 0, 0)
}

/// The spans of one [`Recurring`] in order. Beginnings and ends never go back; spans may overlap or touch.
pub(super) struct Runs<'a> {
    what: &'a Recurring,
    clock: CivilClock<'a>,
    /// Nothing is looked for that begins later.
    limit: Timestamp,
    date: Option<Date>,
    /// Of the next of `times`.
    index: usize,
    head: Option<Span>,
}

impl<'a> Runs<'a> {
    /// From the first span that ends after `at`.
    pub fn new(
        what: &'a Recurring,
        clock: CivilClock<'a>,
        at: Timestamp,
        limit: Timestamp,
    ) -> Self {
        let mut runs = Self {
            what,
            clock,
            limit,
            date: None,
            index: 0,
            head: None,
        };
        let first = runs.clock.civil(earlier(at, what.longest())).date();
        runs.date = what.days.on_or_after(first);
        runs.advance();
        runs.seek(at);
        runs
    }

    /// The first span that ends after the instant last sought.
    pub fn peek(&self) -> Option<Span> {
        self.head
    }

    /// Drops what ends by `at`.
    pub fn seek(&mut self, at: Timestamp) {
        while self.head.is_some_and(|head| head.to <= at) {
            self.advance();
        }
    }

    /// Until when this covers everything from `at` on; none: it does not cover `at`. Stops looking once that is after `enough`.
    pub fn covers_until(&mut self, at: Timestamp, enough: Timestamp) -> Option<Timestamp> {
        let mut until = None;
        let mut reached = at;
        loop {
            self.seek(reached);
            match self.head.filter(|head| head.from <= reached) {
                Some(head) => reached = head.to,
                None => return until,
            }
            until = Some(reached);
            if reached > enough {
                return until;
            }
        }
    }

    fn advance(&mut self) {
        self.head = None;
        while let Some(date) = self.date {
            if let Some(&minute) = self.what.times.get(self.index) {
                let from = self.clock.instant(at_minute(date, minute));
                if from > self.limit {
                    self.date = None;
                    return;
                }
                let to = self.run(date, from);
                if from < to {
                    self.head = Some(Span { from, to });
                    return;
                }
            } else {
                self.index = 0;
                self.date = self.next_date(date);
            }
        }
    }

    fn next_date(&self, date: Date) -> Option<Date> {
        self.what.days.on_or_after(date.tomorrow().ok()?)
    }

    /// The end of the run that begins now: with everything that joins it on this date, or, where there are no gaps, on all the
    /// dates until the clock changes. Leaves `date` and `index` behind it.
    fn run(&mut self, mut date: Date, from: Timestamp) -> Timestamp {
        let what = self.what;
        let mut last = self.index;
        let mut start = from;
        if what.gapless && self.clock.even(date, date) {
            date = self.last_even(date);
            last = what.times.len() - 1;
            start = self.clock.instant(at_minute(date, what.times[last]));
        }
        let mut to = what.ends(date, start, &mut self.clock);
        loop {
            let joined = self.joined(date, last);
            if joined > last {
                last = joined;
                start = self.clock.instant(at_minute(date, what.times[last]));
                to = what.ends(date, start, &mut self.clock);
            }
            let Some(&minute) = what.times.get(last + 1) else {
                break;
            };
            // Only the clock itself can tell whether the next one joins across its change.
            let next = self.clock.instant(at_minute(date, minute));
            if next > to {
                break;
            }
            last += 1;
            to = what.ends(date, next, &mut self.clock);
        }
        self.date = Some(date);
        self.index = last + 1;
        to
    }

    /// The last of `times` that joins the one at `index` without a gap before the clock changes.
    fn joined(&self, date: Date, index: usize) -> usize {
        let what = self.what;
        let far = what.reach[index];
        if far == index || !self.clock.shows(at_minute(date, what.times[index])) {
            return index;
        }
        if self.clock.shows(at_minute(date, what.times[far])) {
            return far;
        }
        let shown = what.times[index..far]
            .partition_point(|minute| self.clock.shows(at_minute(date, *minute)));
        index + shown - 1
    }

    /// The last date from `date` on with an even clock, as far as the limit matters.
    fn last_even(&self, date: Date) -> Date {
        let change = self.clock.even_until();
        let limit = jiff::tz::Offset::UTC.to_datetime(self.limit).date();
        let candidate = change.min(limit.saturating_add(jiff::Span::new().days(2)));
        match candidate.yesterday() {
            Ok(last) if last > date => last,
            _ => date,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cron;
    use super::*;
    use jiff::tz::TimeZone;

    /// How many spans there are in 2026: the fewer, the faster every answer.
    fn spans(cron: &str, seconds: u64) -> usize {
        let cron = cron::parse(cron).unwrap();
        let end = End::After(Duration::from_secs(seconds));
        let what = Recurring::new(cron.days, cron.times, end);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let [from, limit] =
            ["2026-01-01T00:00:00Z", "2026-12-31T22:59:59Z"].map(|at| at.parse().unwrap());
        let mut runs = Runs::new(&what, CivilClock::new(&zone, from), from, limit);
        let mut count = 0;
        while let Some(span) = runs.peek() {
            runs.seek(span.to);
            count += 1;
        }
        count
    }

    #[test]
    fn what_joins_is_one_span() {
        // Through each time between two clock changes at once, and the two days of the changes.
        assert_eq!(spans("0 0 * * *", 86_400), 5);
        assert!(spans("* * * * *", 60) <= 7);
        // Once a day: touching, also on the days of the changes; two times with a second between them.
        assert_eq!(spans("*/10 6 * * *", 600), 365);
        assert_eq!(spans("0 6,7 * * *", 3599), 730);
    }
}
