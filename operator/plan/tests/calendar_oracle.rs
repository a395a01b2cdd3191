//! Random calendars around clock changes against an oracle that shares nothing with the calendar but the rules: it walks through
//! every minute, looks only at what the clock *shows*, and holds the schedule as sets instead of text.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use andon_api::{Day, Freeze, NotAllowedDate, Schedule, Shift, Window, WindowKind};
use andon_plan::calendar::{Calendar, Continue, HORIZON, WindowReason};
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

#[derive(Clone, Debug)]
struct SetWindow {
    allow: bool,
    minutes: Vec<u8>,
    hours: Vec<u8>,
    /// Empty: `*`.
    month_days: Vec<u8>,
    months: Vec<u8>,
    /// 0 is Sunday.
    weekdays: Vec<u8>,
    length: usize,
    zone: Option<&'static str>,
}

impl SetWindow {
    fn opens(&self, civil: DateTime) -> bool {
        let has =
            |set: &[u8], value: i8| set.is_empty() || set.contains(&u8::try_from(value).unwrap());
        let month_day = has(&self.month_days, civil.day());
        let weekday = has(&self.weekdays, civil.weekday().to_sunday_zero_offset());
        let day = if self.month_days.is_empty() || self.weekdays.is_empty() {
            month_day && weekday
        } else {
            month_day || weekday
        };
        day && has(&self.months, civil.month())
            && has(&self.hours, civil.hour())
            && has(&self.minutes, civil.minute())
    }

    fn cron(&self) -> String {
        let field = |set: &[u8]| match set {
            [] => "*".to_owned(),
            set => set
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
        };
        [
            &self.minutes,
            &self.hours,
            &self.month_days,
            &self.months,
            &self.weekdays,
        ]
        .map(|set| field(set))
        .join(" ")
    }
}

#[derive(Clone, Debug)]
struct SetShift {
    weekdays: Vec<u8>,
    from: u16,
    to: u16,
}

/// Days from the first walked day; minutes from the first walked minute.
#[derive(Clone, Debug)]
struct Case {
    zone: &'static str,
    base: Date,
    windows: Vec<SetWindow>,
    shifts: Vec<SetShift>,
    dates: Vec<(u8, u8)>,
    freezes: Vec<(usize, usize)>,
}

fn subset(values: std::ops::Range<u8>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let values: Vec<u8> = values.collect();
    prop_oneof![2 => Just(vec![]), 3 => subsequence(values, 1..=most)]
}

fn a_window() -> impl Strategy<Value = SetWindow> {
    let hours = prop_oneof![
        1 => Just(vec![]),
        3 => subsequence(vec![0_u8, 1, 2, 3, 23], 1..=3),
        2 => subsequence((0..24).collect::<Vec<u8>>(), 1..=3)
    ];
    let minutes = prop_oneof![
        4 => Just(vec![0_u8]),
        1 => Just(vec![]),
        3 => subsequence((0..60).collect::<Vec<u8>>(), 1..=3)
    ];
    let length = prop_oneof![
        1_usize..90,
        select(vec![30, 60, 120, 480, 1440, 1500, 1380]),
        1_usize..4000
    ];
    let zone = select(vec![
        None,
        None,
        None,
        Some("America/New_York"),
        Some("Asia/Kolkata"),
    ]);
    (
        any::<bool>(),
        minutes,
        hours,
        (subset(1..32, 10), subset(1..13, 11), subset(0..7, 5)),
        length,
        zone,
    )
        .prop_map(
            |(allow, minutes, hours, (month_days, months, weekdays), length, zone)| SetWindow {
                allow,
                minutes,
                hours,
                // Without the days that not every month has, so that the expression can happen.
                month_days: if months.is_empty() {
                    month_days
                } else {
                    month_days.into_iter().filter(|day| *day < 29).collect()
                },
                months,
                weekdays,
                length,
                zone,
            },
        )
}

fn a_case() -> impl Strategy<Value = Case> {
    let shift = (
        subsequence((0..7).collect::<Vec<u8>>(), 1..=7),
        0_u16..1440,
        0_u16..1440,
    );
    let near = prop_oneof![
        Just((360, 840)),
        Just((1320, 360)),
        Just((150, 150)),
        Just((90, 150))
    ];
    let shift = (shift, prop::option::of(near)).prop_map(|((weekdays, from, to), near)| {
        let (from, to) = near.unwrap_or((from, to));
        SetShift { weekdays, from, to }
    });
    (
        select(ODD.to_vec()),
        1_i32..9,
        prop::collection::vec(a_window(), 0..4),
        prop::collection::vec(shift, 0..4),
        prop::collection::vec((0_u8..12, 0_u8..3), 0..2),
        prop::collection::vec((0..SCAN, 1_usize..2000), 0..2),
    )
        .prop_map(
            |((zone, day), before, windows, shifts, dates, freezes)| Case {
                zone,
                base: day
                    .parse::<Date>()
                    .unwrap()
                    .checked_sub(before.days())
                    .unwrap(),
                windows,
                shifts,
                dates,
                freezes,
            },
        )
}

fn day(n: u8) -> Day {
    [
        Day::Sun,
        Day::Mon,
        Day::Tue,
        Day::Wed,
        Day::Thu,
        Day::Fri,
        Day::Sat,
    ][usize::from(n)]
}

impl Case {
    /// The instant of a walked minute.
    fn at(&self, minute: usize) -> Timestamp {
        let midnight = jiff::tz::Offset::UTC
            .to_timestamp(self.base.at(0, 0, 0, 0))
            .unwrap();
        midnight
            .checked_add(MINUTE * u32::try_from(minute).unwrap())
            .unwrap()
    }

    fn dates(&self) -> impl Iterator<Item = (Date, Date)> {
        self.dates.iter().map(|(from, days)| {
            let from = self.base.checked_add(i64::from(*from).days()).unwrap();
            (from, from.checked_add(i64::from(*days).days()).unwrap())
        })
    }

    fn schedule(&self) -> Schedule {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = |(n, set): (usize, &SetWindow)| Window {
            name: format!("w{n}"),
            kind: if set.allow {
                WindowKind::Allow
            } else {
                WindowKind::Deny
            },
            cron: set.cron(),
            duration: format!("{}m", set.length),
            time_zone: set.zone.map(str::to_owned),
        };
        let shift = |(n, set): (usize, &SetShift)| Shift {
            name: format!("s{n}"),
            days: set.weekdays.iter().map(|n| day(*n)).collect(),
            from: time(set.from),
            to: time(set.to),
        };
        let why = || ("r".to_owned(), "t".to_owned());
        Schedule {
            windows: self.windows.iter().enumerate().map(window).collect(),
            shifts: self.shifts.iter().enumerate().map(shift).collect(),
            not_allowed_dates: self
                .dates()
                .map(|(from, to)| NotAllowedDate {
                    from: from.to_string(),
                    to: to.to_string(),
                    reason: why().0,
                    reference: why().1,
                })
                .collect(),
            freezes: self
                .freezes
                .iter()
                .map(|(from, length)| Freeze {
                    name: None,
                    from: self.at(*from).to_string(),
                    to: self.at(from + length).to_string(),
                    reason: why().0,
                    ticket: why().1,
                })
                .collect(),
        }
    }

    fn calendar(&self) -> Calendar {
        Calendar::read(&self.schedule(), self.zone).unwrap()
    }
}

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
