//! A calendar that is asked again and again.

use super::checked::{Calendar, horizon};
use super::span::Opening;
use super::state::Closed;
use jiff::Timestamp;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A calendar, and how far it was searched in vain. Its answers are the calendar's: but where no opening of nine years is long enough,
/// finding that out takes some hundred thousand steps, and a line that waits asks in each look.
#[derive(Debug)]
pub(crate) struct Almanac {
    calendar: Calendar,
    searched: Mutex<Vec<Search>>,
}

/// No opening that begins from `from` on, but before `until`, holds `needed`.
#[derive(Clone, Copy, Debug)]
struct Search {
    needed: Duration,
    from: Timestamp,
    until: Timestamp,
}

/// As many as there are questions in one look: a change that starts, one that is checked, a line that is removed; and some of before.
const SEARCHES: usize = 8;

impl Almanac {
    pub fn new(calendar: Calendar) -> Self {
        Self {
            calendar,
            searched: Mutex::default(),
        }
    }

    /// What [`Calendar::may_start`] says.
    pub fn may_start(&self, now: Timestamp, needed: Duration) -> Result<(), Box<Closed>> {
        let next = || self.next_holding(now, needed);
        self.calendar.may_start_or(now, needed, next)
    }

    fn next_holding(&self, now: Timestamp, needed: Duration) -> Option<Opening> {
        let mut searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        // What does not hold less does not hold this either.
        let known = searched
            .iter()
            .filter(|it| it.needed <= needed && it.from <= now && now < it.until)
            .max_by_key(|it| it.until)
            .copied();
        let from = known.map_or(now, |known| known.until);
        let next = self.calendar.next_holding(now, from, needed);
        let search = Search {
            needed,
            from: known.map_or(now, |known| known.from),
            until: next.map_or(horizon(now), |next| next.open),
        };
        searched.retain(|it| it.needed != needed);
        if searched.len() == SEARCHES {
            searched.remove(0);
        }
        searched.push(search);
        next
    }
}

impl Deref for Almanac {
    type Target = Calendar;

    fn deref(&self) -> &Calendar {
        &self.calendar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::Schedule;
    use serde_json::{Value, json};

    fn window(kind: &str, cron: &str, duration: &str) -> Value {
        json!({"name": format!("{kind} {cron}"), "kind": kind, "cron": cron, "duration": duration})
    }

    /// Schedules whose openings are mostly too short, sometimes, and at last long enough.
    fn schedules() -> Vec<Value> {
        let freeze = json!({"from": "2026-11-21T00:00:00Z", "to": "2034-06-01T00:00:00Z", "reason": "audit", "ticket": "CHG-1"});
        vec![
            json!({"windows": [window("Allow", "0 6 * * *", "40m")]}),
            json!({"windows": [window("Allow", "0 6 * * *", "40m"), window("Allow", "0 6 29 2 *", "3h")]}),
            json!({"windows": [window("Allow", "0 */2 * * *", "1h"), window("Deny", "30 */6 * * *", "2h")]}),
            json!({"windows": [window("Allow", "0 4 * * 0", "30m"), window("Allow", "30 4 * * 0", "30m")]}),
            json!({"windows": [window("Deny", "0 0 1 * *", "719h")], "freezes": [freeze]}),
            json!({"windows": [window("Deny", "0 0 * * *", "25h")]}),
        ]
    }

    #[test]
    fn its_answers_are_those_of_the_calendar_whatever_it_was_asked_before() {
        let begun: Timestamp = "2026-11-21T03:59:30Z".parse().unwrap();
        let mut closed = 0;
        for schedule in schedules() {
            let schedule: Schedule = serde_json::from_value(schedule).unwrap();
            let calendar = Calendar::read(&schedule, "Europe/Berlin").unwrap();
            let almanac = Almanac::new(calendar.clone());
            // On and back again, by seconds, hours and years.
            for step in [
                0,
                1,
                7,
                1800,
                -900,
                7200,
                40_000,
                -50_000,
                86_400 * 400,
                3600,
                -86_400 * 500,
            ] {
                for minutes in [59, 20, 61, 60, 90, 1, 90] {
                    let now = begun + jiff::SignedDuration::from_secs(step);
                    let needed = Duration::from_secs(60 * minutes);
                    let says = almanac.may_start(now, needed);
                    assert_eq!(
                        says,
                        calendar.may_start(now, needed),
                        "{schedule:?} {now} {minutes}"
                    );
                    closed += usize::from(says.is_err());
                }
            }
        }
        assert!(closed > 100);
    }

    #[test]
    fn it_does_not_search_again_where_nothing_is() {
        let schedule = json!({"windows": [window("Allow", "*/5 * * * *", "2m")]});
        let schedule: Schedule = serde_json::from_value(schedule).unwrap();
        let almanac = Almanac::new(Calendar::read(&schedule, "UTC").unwrap());
        let begun: Timestamp = "2026-11-21T03:59:30Z".parse().unwrap();
        let ask = |seconds: i64, minutes: u64| {
            let now = begun + jiff::SignedDuration::from_secs(seconds);
            let closed = almanac.may_start(now, Duration::from_secs(60 * minutes));
            assert_eq!(closed.unwrap_err().next_open, None);
            almanac.searched.lock().unwrap().clone()
        };
        assert_eq!(ask(0, 3)[0].until, horizon(begun));
        let searched = ask(600, 4);
        assert_eq!(searched.len(), 2);
        assert_eq!(searched[1].from, begun, "it went on where it had stopped");
    }
}
