//! Random calendars around clock changes against an oracle that shares nothing with the calendar but the rules: it walks through
//! every minute, looks only at what the clock *shows*, and holds the schedule as sets instead of text.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod case;

use andon_api::{Day, Freeze, NotAllowedDate, Schedule, Shift, Window, WindowKind};
use andon_plan::calendar::{Calendar, Continue, HORIZON, WindowReason};
use case::*;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes that are walked, and minutes before them in which something may have begun.
const SCAN: usize = 12 * 1440;
const BEFORE: usize = 5 * 1440;

/// A day in a week with something odd about its clock (or not).
const ODD: [(&str, &str); 15] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/St_Johns", "2026-11-01"),
    ("Antarctica/Troll", "2026-03-29"),
    // Twice the same day: the other way over the date line.
    ("Pacific/Kwajalein", "1969-09-30"),
    ("Asia/Kathmandu", "2026-06-01"),
    ("UTC", "2028-02-29"),
    ("Europe/Berlin", "2100-02-28"),
];

/// Calls `reached(n, civil)` for every civil minute that the clock of a zone reaches, with the walked minute (from `-BEFORE` on) at
/// which it first shows it or a later one.
fn walk(case: &Case, zone: &str, mut reached: impl FnMut(isize, DateTime)) {
    let zone = TimeZone::get(zone).unwrap();
    let start = case
        .at(0)
        .checked_sub(MINUTE * u32::try_from(BEFORE).unwrap())
        .unwrap();
    let shows = |n: usize| {
        zone.to_datetime(
            start
                .checked_add(MINUTE * u32::try_from(n).unwrap())
                .unwrap(),
        )
    };
    // Two days more, so that a repeated day is known to be a repetition.
    let mut latest = (0..2880)
        .map(|n| zone.to_datetime(start.checked_sub(MINUTE * (n + 1)).unwrap()))
        .max()
        .unwrap();
    for n in 0..BEFORE + SCAN {
        let shown = shows(n);
        while latest < shown {
            latest = latest.checked_add(1.minute()).unwrap();
            reached(
                isize::try_from(n).unwrap() - isize::try_from(BEFORE).unwrap(),
                latest,
            );
        }
    }
}

fn mark(marks: &mut [bool], from: isize, length: usize) {
    let length = isize::try_from(length).unwrap();
    for n in from.max(0)..(from + length).min(isize::try_from(SCAN).unwrap()) {
        marks[usize::try_from(n).unwrap()] = true;
    }
}

/// Whether each walked minute is open for changes.
fn open_minutes(case: &Case) -> Vec<bool> {
    let mut allowed = vec![!case.windows.iter().any(|window| window.allow); SCAN];
    let mut denied = vec![false; SCAN];
    for window in &case.windows {
        let marks = if window.allow {
            &mut allowed
        } else {
            &mut denied
        };
        walk(case, window.zone.unwrap_or(case.zone), |n, civil| {
            if window.opens(civil) {
                mark(marks, n, window.length);
            }
        });
    }
    for (from, length) in &case.freezes {
        mark(&mut denied, isize::try_from(*from).unwrap(), *length);
    }
    for (first, last) in case.dates() {
        let mut from = None;
        let mut to = isize::try_from(SCAN).unwrap();
        walk(case, case.zone, |n, civil| {
            if civil.date() >= first && from.is_none() {
                from = Some(n);
            }
            if civil.date() > last {
                to = to.min(n);
            }
        });
        if let Some(from) = from {
            mark(&mut denied, from, usize::try_from(to - from).unwrap());
        }
    }
    let both = allowed.iter().zip(&denied);
    both.map(|(allowed, denied)| *allowed && !denied).collect()
}

/// Whether the plant produces in each walked minute.
fn producing_minutes(case: &Case) -> Vec<bool> {
    let mut producing = vec![case.shifts.is_empty(); SCAN];
    for shift in &case.shifts {
        let mut on = None;
        walk(case, case.zone, |n, civil| {
            let minute =
                u16::try_from(civil.hour()).unwrap() * 60 + u16::try_from(civil.minute()).unwrap();
            if let Some(from) = on.filter(|_| minute == shift.to) {
                mark(&mut producing, from, usize::try_from(n - from).unwrap());
                on = None;
            }
            let weekday = u8::try_from(civil.weekday().to_sunday_zero_offset()).unwrap();
            if minute == shift.from && shift.weekdays.contains(&weekday) {
                on = Some(n);
            }
        });
        if let Some(from) = on {
            mark(&mut producing, from, SCAN + BEFORE);
        }
    }
    producing
}

/// The first minute after `n` that is `value` while the one before it is not.
fn turn(marks: &[bool], n: usize, value: bool) -> Option<usize> {
    (n + 1..marks.len()).find(|m| marks[*m] == value && marks[m - 1] != value)
}

/// What the calendar says of an edge must be the edge found; where none was found, it must lie beyond the walk.
fn same_edge(
    case: &Case,
    said: Option<Timestamp>,
    found: Option<usize>,
) -> Result<(), TestCaseError> {
    match found {
        Some(found) => prop_assert_eq!(said, Some(case.at(found))),
        None => prop_assert!(
            said.is_none_or(|said| said >= case.at(SCAN)),
            "said {:?}",
            said
        ),
    }
    Ok(())
}

fn compare(case: &Case, asked: &[usize], needed: usize, nanos: u32) -> Result<(), TestCaseError> {
    let (open, producing) = (open_minutes(case), producing_minutes(case));
    let calendar = case.calendar();
    for &n in asked {
        let inside = case
            .at(n)
            .checked_add(Duration::from_nanos(u64::from(nanos) * 59))
            .unwrap();
        for now in [case.at(n), inside] {
            let state = calendar.state(now);
            prop_assert_eq!(state.open, open[n], "at {}", now);
            let opens = matches!(
                state.reason,
                WindowReason::NoWindows | WindowReason::Window { .. }
            );
            prop_assert_eq!(opens, open[n]);
            same_edge(case, state.next_open, turn(&open, n, true))?;
            same_edge(case, state.next_close, turn(&open, n, false))?;
            prop_assert_eq!(calendar.may_continue(now) == Continue::Everything, open[n]);
            prop_assert_eq!(calendar.producing(now), producing[n]);
        }
        fits(case, &calendar, &open, (n, needed))?;
        edges(case, &calendar, (&open, &producing), n)?;
        let (mut minutes, now) = (0_u32, case.at(n));
        for (m, on) in producing.iter().enumerate().skip(n) {
            minutes += u32::from(*on);
            if m % 97 == 0 || minutes == 1 {
                let elapsed = calendar.production_elapsed(now, case.at(m + 1));
                prop_assert_eq!(
                    elapsed,
                    MINUTE * minutes,
                    "from {} to {}",
                    now,
                    case.at(m + 1)
                );
            }
        }
        for wanted in [1, minutes / 3, minutes]
            .into_iter()
            .filter(|wanted| (1..=minutes).contains(wanted))
        {
            let mut counted = 0;
            let last = (n..SCAN).find(|m| {
                counted += u32::from(producing[*m]);
                counted == wanted
            });
            let instant = calendar.production_instant(now, MINUTE * wanted);
            prop_assert_eq!(
                instant,
                last.map(|last| case.at(last + 1)),
                "{} minutes from {}",
                wanted,
                now
            );
        }
    }
    Ok(())
}

/// A change of `needed` minutes may start at minute `n` if all of them are open.
fn fits(
    case: &Case,
    calendar: &Calendar,
    open: &[bool],
    (n, needed): (usize, usize),
) -> Result<(), TestCaseError> {
    let holds = |m: usize| m + needed <= SCAN && open[m..m + needed].iter().all(|open| *open);
    if n + needed > SCAN {
        return Ok(());
    }
    let answer = calendar.may_start(case.at(n), MINUTE * u32::try_from(needed).unwrap());
    prop_assert_eq!(
        answer.is_ok(),
        holds(n),
        "{} minutes at {}",
        needed,
        case.at(n)
    );
    if let Err(closed) = answer {
        let end = (n..SCAN).find(|m| !open[*m]).unwrap_or(SCAN);
        prop_assert_eq!(closed.left, MINUTE * u32::try_from(end - n).unwrap());
        let next = (n + 1..SCAN).find(|m| open[*m] && !open[m - 1] && holds(*m));
        // One that reaches the end of the walk may be long enough beyond it.
        let doubtful = (n + 1..SCAN).rev().find(|m| !open[*m]).map_or(n, |m| m + 1);
        match next {
            Some(next) => prop_assert_eq!(closed.next_open, Some(case.at(next))),
            None => prop_assert!(
                closed
                    .next_open
                    .is_none_or(|open| open >= case.at(doubtful))
            ),
        }
    }
    Ok(())
}

/// Nothing changes before the next edge, and it is no later than the first change.
fn edges(
    case: &Case,
    calendar: &Calendar,
    (open, producing): (&[bool], &[bool]),
    n: usize,
) -> Result<(), TestCaseError> {
    let same = |m: &usize| open[*m] == open[n] && producing[*m] == producing[n];
    let first = (n + 1..SCAN).find(|m| !same(m));
    let edge = calendar.next_edge(case.at(n));
    prop_assert!(edge.is_none_or(|edge| edge > case.at(n)));
    if let Some(first) = first {
        prop_assert!(
            edge.is_some_and(|edge| edge <= case.at(first)),
            "{:?} after {}",
            edge,
            case.at(first)
        );
    }
    let reason = calendar.state(case.at(n)).reason;
    for m in n + 1..SCAN {
        if edge.is_some_and(|edge| case.at(m) >= edge) {
            break;
        }
        if m % 61 == 0 || edge == Some(case.at(m + 1)) {
            prop_assert_eq!(
                &calendar.state(case.at(m)).reason,
                &reason,
                "at {}, edge {:?}",
                case.at(m),
                edge
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_calendar_is_what_a_walk_through_every_minute_finds(
        case in a_case(),
        asked in prop::collection::vec(0..SCAN, 6),
        needed in prop_oneof![1_usize..600, 1_usize..3000],
        nanos in 0_u32..1_000_000_000,
    ) {
        compare(&case, &asked, needed, nanos)?;
    }

    /// The same around the odd hours themselves: each quarter of an hour near the change of the clock.
    #[test]
    fn it_is_so_near_every_change_of_the_clock(case in a_case(), first in 0_usize..15) {
        let zone = TimeZone::get(case.zone).unwrap();
        if let Some(change) = zone.following(case.at(0)).next() {
            let change = change.timestamp().duration_since(case.at(0)).as_mins();
            if let Ok(change) = usize::try_from(change) {
                let from = change.saturating_sub(120);
                let asked: Vec<_> = (from + first..change + 121).step_by(15).filter(|n| *n < SCAN - 1).collect();
                compare(&case, &asked, 45, 7)?;
            }
        }
    }

    /// Openings come in order, apart from each other, and no later question contradicts them.
    #[test]
    fn openings_are_in_order_and_apart(case in a_case(), n in 0..SCAN) {
        let calendar = case.calendar();
        let from = case.at(n);
        let limit = from.checked_add(HORIZON).unwrap();
        let mut last = None;
        for opening in calendar.openings(from).take(60) {
            prop_assert!(last.is_none_or(|last| last < opening.open));
            prop_assert!(opening.open >= from && opening.open <= limit);
            prop_assert!(calendar.state(opening.open).open);
            if let Some(close) = opening.close {
                prop_assert!(opening.open < close && close <= limit.checked_add(366 * 24 * 60 * MINUTE).unwrap());
                prop_assert!(!calendar.state(close).open);
            }
            last = Some(opening.close.unwrap_or(Timestamp::MAX));
        }
    }
}
