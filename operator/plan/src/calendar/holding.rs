//! The next opening that is long enough. Where none is for years, not every one of some million is looked at: while the clocks of all
//! zones run evenly and no date or freeze begins or ends, what is open recurs every day, or every week.
//!
//! ```text
//!   irregular               settled                                          irregular
//!      |---- all that reaches ----|---- one period ----|···· the same ····|--- one period ---|
//!      a                          a + longest span + a day                b - period         b
//! ```
//!
//! What begins between the two periods and ends before `b` is as long as one that begins in the first period. What reaches over `b`
//! has been open for a whole period then, so it has always been, and begins before.

use super::checked::{Calendar, horizon};
use super::span::{Opening, earlier, later};
use jiff::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

impl Calendar {
    /// The first opening from `from` on that holds `needed`, as far as one looks ahead at `now`.
    pub(super) fn next_holding(
        &self,
        now: Timestamp,
        from: Timestamp,
        needed: Duration,
    ) -> Option<Opening> {
        let Some((period, longest)) = self.period() else {
            return self.sweep_as_of(now, from).find(|it| it.holds(needed));
        };
        let mut at = from;
        while at <= horizon(now) {
            let irregular = self.irregular(at);
            let last = earlier(irregular, period);
            // A clock that was set back shows a time twice: no more than a day of them.
            let settled = later(at, DAY.saturating_add(longest));
            let seen = later(settled, period);
            let until = if seen < last { seen } else { irregular };
            let openings = self.sweep_as_of(now, at);
            for opening in openings.take_while(|it| it.open < until) {
                if opening.holds(needed) {
                    return Some(opening);
                }
            }
            at = if seen < last { last } else { irregular };
        }
        None
    }

    /// How long it takes until everything recurs, and its longest span; none: something hangs on the month.
    fn period(&self) -> Option<(Duration, Duration)> {
        let (mut days, mut longest) = (1, Duration::ZERO);
        for window in &self.windows {
            days = window.what.period()?.max(days);
            longest = longest.max(window.what.longest());
        }
        Some((DAY.saturating_mul(u32::try_from(days).ok()?), longest))
    }

    /// The first instant after `at` at which a clock is set, or a date or freeze begins or ends.
    fn irregular(&self, at: Timestamp) -> Timestamp {
        let clocks = self
            .zones
            .iter()
            .filter_map(|zone| zone.following(at).next());
        let shut = self.shut.partition_point(|span| span.to <= at);
        let edges = self.shut[shut..]
            .iter()
            .take(2)
            .flat_map(|it| [it.from, it.to]);
        let all = clocks.map(|change| change.timestamp()).chain(edges);
        all.filter(|edge| *edge > at)
            .min()
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::Schedule;
    use serde_json::{Value, json};

    /// What a sweep over everything finds.
    fn swept(calendar: &Calendar, from: Timestamp, needed: Duration) -> Option<Opening> {
        calendar.sweep(from).find(|it| it.holds(needed))
    }

    fn window(kind: &str, cron: &str, minutes: u32, zone: &str) -> Value {
        json!({"name": format!("{kind} {cron} {minutes} {zone}"), "kind": kind, "cron": cron,
            "duration": format!("{minutes}m"), "timeZone": zone})
    }

    /// Numbers by chance, the same each time.
    fn below(random: &mut u64, most: usize) -> usize {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) as usize % most
    }

    /// Some windows and freezes.
    fn schedule(random: &mut u64, round: usize) -> Value {
        const ZONES: [&str; 4] = [
            "Europe/Berlin",
            "America/Sao_Paulo",
            "Australia/Lord_Howe",
            "UTC",
        ];
        const CRONS: [&str; 7] = [
            "0 6 * * *",
            "*/50 * * * *",
            "30 1,2 * * *",
            "0 22 * * 5",
            "0 */5 * * 1-5",
            "0 6 29 2 *",
            "0 0 * * *",
        ];
        let freeze = |from: &str, to: &str| json!({"from": from, "to": to, "reason": "audit", "ticket": "CHG-1"});
        let freezes = [
            freeze("2027-02-01T10:00:00Z", "2027-02-03T03:20:00Z"),
            freeze("2029-10-28T00:30:00Z", "2029-10-28T02:10:00Z"),
        ];
        let mut windows = Vec::new();
        for (kind, most) in [("Allow", 3), ("Deny", 2)] {
            for _ in
                0..below(random, most) + usize::from(kind == "Allow" && !round.is_multiple_of(4))
            {
                let minutes = 10 + u32::try_from(below(random, 400)).unwrap();
                let cron = CRONS[below(random, CRONS.len())];
                windows.push(window(
                    kind,
                    cron,
                    minutes,
                    ZONES[below(random, ZONES.len())],
                ));
            }
        }
        windows.dedup_by(|one, other| one["name"] == other["name"]);
        json!({"windows": windows, "freezes": freezes[..below(random, 3)]})
    }

    #[test]
    fn what_is_left_out_would_not_have_been_long_enough() {
        let begun: Timestamp = "2026-11-21T03:59:30Z".parse().unwrap();
        let mut random = 7;
        let (mut far, mut never) = (0, 0);
        for round in 0..150 {
            let schedule = schedule(&mut random, round);
            let read: Schedule = serde_json::from_value(schedule.clone()).unwrap();
            let Ok(calendar) = Calendar::read(&read, "Europe/Berlin") else {
                continue;
            };
            for (hours, minutes) in [
                (0, 30),
                (0, 61),
                (5, 90),
                (2000, 240),
                (3000, 420),
                (20_000, 470),
                (9_999, 3000),
            ] {
                let from = begun + jiff::SignedDuration::from_hours(hours);
                let needed = Duration::from_secs(60 * minutes);
                let found = calendar.next_holding(from, from, needed);
                assert_eq!(
                    found,
                    swept(&calendar, from, needed),
                    "{schedule} {from} {minutes}"
                );
                far += usize::from(found.is_some_and(|it| it.open > later(from, 30 * DAY)));
                never += usize::from(found.is_none());
            }
        }
        assert!(far > 5 && never > 50, "{far} {never}");
    }
}
