//! The calendar by example: one test per rule.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod asking;
mod clock_change;

use andon_api::Schedule;
use andon_plan::calendar::{Calendar, Closed, Continue, HORIZON, WindowReason, WindowState};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn some(text: &str) -> Option<Timestamp> {
    Some(at(text))
}

/// A calendar in Europe/Berlin.
fn calendar(schedule: Value) -> Calendar {
    calendar_in("Europe/Berlin", schedule)
}

fn calendar_in(zone: &str, schedule: Value) -> Calendar {
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    Calendar::read(&schedule, zone).unwrap()
}

fn allow(cron: &str, duration: &str) -> Value {
    json!({"name": "w", "kind": "Allow", "cron": cron, "duration": duration})
}

fn deny(cron: &str, duration: &str) -> Value {
    json!({"name": "d", "kind": "Deny", "cron": cron, "duration": duration})
}

/// The first openings from an instant on.
fn openings(calendar: &Calendar, from: &str, count: usize) -> Vec<(String, String)> {
    let spans = calendar.openings(at(from)).take(count);
    let close =
        |close: Option<Timestamp>| close.map_or("never".to_owned(), |close| close.to_string());
    spans
        .map(|span| (span.open.to_string(), close(span.close)))
        .collect()
}

fn assert_openings(calendar: &Calendar, from: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(open, close)| ((*open).to_owned(), (*close).to_owned()))
        .collect();
    assert_eq!(openings(calendar, from, expected.len()), expected);
}

#[test]
fn without_windows_changes_are_always_allowed() {
    let calendar = calendar(json!({}));
    assert_eq!(
        calendar.state(at("2026-11-21T12:00:00Z")),
        WindowState {
            open: true,
            reason: WindowReason::NoWindows,
            next_open: None,
            next_close: None
        }
    );
    assert_eq!(
        calendar.may_start(at("2026-11-21T12:00:00Z"), 2 * HORIZON),
        Ok(())
    );
    assert_eq!(calendar.next_edge(at("2026-11-21T12:00:00Z")), None);
}

#[test]
fn a_window_opens_and_closes_by_the_clock_of_the_plant() {
    let calendar = calendar(json!({"windows": [allow("0 6 * * 1-5", "8h")]}));
    // Saturday noon.
    let closed = calendar.state(at("2026-11-21T11:00:00Z"));
    assert_eq!(
        closed,
        WindowState {
            open: false,
            reason: WindowReason::Closed,
            next_open: some("2026-11-23T05:00:00Z"),
            next_close: some("2026-11-23T13:00:00Z"),
        }
    );
    let open = calendar.state(at("2026-11-23T05:00:00Z"));
    assert_eq!(
        open,
        WindowState {
            open: true,
            reason: WindowReason::Window { name: "w".into() },
            next_open: some("2026-11-24T05:00:00Z"),
            next_close: some("2026-11-23T13:00:00Z"),
        }
    );
    // Open at its first nanosecond, closed at its end.
    assert!(!calendar.state(at("2026-11-23T04:59:59.999999999Z")).open);
    assert!(calendar.state(at("2026-11-23T12:59:59.999999999Z")).open);
    assert!(!calendar.state(at("2026-11-23T13:00:00Z")).open);
}

#[test]
fn a_window_may_have_its_own_time_zone() {
    let mut window = allow("0 6 * * *", "1h");
    window["timeZone"] = json!("America/New_York");
    let calendar = calendar(json!({"windows": [window, deny("30 12 * * *", "10m")]}));
    assert_openings(
        &calendar,
        "2026-11-21T00:00:00Z",
        &[
            ("2026-11-21T11:00:00Z", "2026-11-21T11:30:00Z"),
            ("2026-11-21T11:40:00Z", "2026-11-21T12:00:00Z"),
        ],
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
    let calendar = calendar(json!({"windows": [allow("0 22 * * 5", "8h")]}));
    assert_openings(
        &calendar,
        "2026-11-20T23:30:00Z",
        &[
            ("2026-11-20T23:30:00Z", "2026-11-21T05:00:00Z"),
            ("2026-11-27T21:00:00Z", "2026-11-28T05:00:00Z"),
        ],
    );
}

#[test]
fn windows_that_touch_or_overlap_are_one() {
    let touching = calendar(json!({"windows": [
        {"name": "a", "kind": "Allow", "cron": "0 6 * * 1", "duration": "2h"},
        {"name": "b", "kind": "Allow", "cron": "0 8 * * 1", "duration": "2h"},
        {"name": "c", "kind": "Allow", "cron": "30 9 * * 1", "duration": "1h"},
    ]}));
    assert_openings(
        &touching,
        "2026-11-21T00:00:00Z",
        &[
            ("2026-11-23T05:00:00Z", "2026-11-23T09:30:00Z"),
            ("2026-11-30T05:00:00Z", "2026-11-30T09:30:00Z"),
        ],
    );
    // One window that is longer than the time to its next opening.
    let itself = calendar(json!({"windows": [allow("*/10 6-7 * * *", "25m")]}));
    assert_openings(
        &itself,
        "2026-11-21T00:00:00Z",
        &[("2026-11-21T05:00:00Z", "2026-11-21T07:15:00Z")],
    );
    let days = calendar(json!({"windows": [allow("0 6 * * 1-3", "30h")]}));
    assert_openings(
        &days,
        "2026-11-21T00:00:00Z",
        &[("2026-11-23T05:00:00Z", "2026-11-26T11:00:00Z")],
    );
    let minutes = calendar(json!({"windows": [allow("* * * * *", "1m30s")]}));
    assert_openings(
        &minutes,
        "2026-11-21T00:00:00Z",
        &[("2026-11-21T00:00:00Z", "2027-10-31T01:00:30Z")],
    );
}

#[test]
fn deny_wins_over_allow() {
    let calendar =
        calendar(json!({"windows": [deny("0 8 * * *", "1h"), allow("0 6 * * *", "8h")]}));
    assert_openings(
        &calendar,
        "2026-11-21T00:00:00Z",
        &[
            ("2026-11-21T05:00:00Z", "2026-11-21T07:00:00Z"),
            ("2026-11-21T08:00:00Z", "2026-11-21T13:00:00Z"),
        ],
    );
    let state = calendar.state(at("2026-11-21T07:00:00Z"));
    assert_eq!(
        (state.open, state.reason),
        (false, WindowReason::DeniedBy { name: "d".into() })
    );
    // Without an Allow window, Deny alone closes.
    let alone = calendar_in("UTC", json!({"windows": [deny("0 8 * * *", "1h")]}));
    assert_openings(
        &alone,
        "2026-11-21T08:30:00Z",
        &[("2026-11-21T09:00:00Z", "2026-11-22T08:00:00Z")],
    );
    assert_eq!(
        alone.state(at("2026-11-21T07:00:00Z")).reason,
        WindowReason::NoWindows
    );
    // Outside of both, the window is closed rather than denied.
    assert_eq!(
        calendar.state(at("2026-11-21T20:00:00Z")).reason,
        WindowReason::Closed
    );
}
