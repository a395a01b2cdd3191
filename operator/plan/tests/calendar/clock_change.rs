//! Clocks that are set, days that are left out, and the ends of time.

use super::*;

#[test]
fn spring_an_opening_that_the_clock_skips_opens_after_the_gap() {
    for (zone, cron, from, open, close) in [
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T03:00:00Z",
        ),
        (
            "America/New_York",
            "15 2 * * *",
            "2026-03-07T12:00:00Z",
            "2026-03-08T07:00:00Z",
            "2026-03-08T09:00:00Z",
        ),
        // Half an hour: 02:00 becomes 02:30.
        (
            "Australia/Lord_Howe",
            "10 2 * * *",
            "2026-10-03T00:00:00Z",
            "2026-10-03T15:30:00Z",
            "2026-10-03T17:30:00Z",
        ),
        // Midnight does not exist.
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-11-03T12:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-04T05:00:00Z",
        ),
    ] {
        let calendar = calendar_in(zone, json!({"windows": [allow(cron, "2h")]}));
        assert_openings(&calendar, from, &[(open, close)]);
    }
}

#[test]
fn autumn_an_opening_that_the_clock_shows_twice_opens_once_at_the_first() {
    for (zone, cron, from, first, second) in [
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31T12:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-02T06:30:00Z",
        ),
        // Half an hour: 02:00 becomes 01:30.
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00:00Z",
            "2026-04-04T14:45:00Z",
            "2026-04-05T15:15:00Z",
        ),
    ] {
        let calendar = calendar_in(zone, json!({"windows": [allow(cron, "20m")]}));
        let opens: Vec<_> = calendar
            .openings(at(from))
            .take(2)
            .map(|opening| opening.open)
            .collect();
        assert_eq!(opens, [at(first), at(second)], "{zone}");
        // Asked in the repeated hour, it is closed.
        let again = at(first)
            .checked_add(HOUR / if zone.starts_with("Aus") { 2 } else { 1 })
            .unwrap();
        assert!(!calendar.state(again).open, "{zone}");
    }
}

#[test]
fn a_duration_is_elapsed_time_over_a_clock_change() {
    let calendar = calendar(json!({"windows": [allow("0 22 * * 6", "8h")]}));
    assert_openings(
        &calendar,
        "2026-03-28T12:00:00Z",
        &[("2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z")],
    );
    assert_openings(
        &calendar,
        "2026-10-24T12:00:00Z",
        &[("2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z")],
    );
}

#[test]
fn every_day_for_24_hours_closes_for_the_25th_hour_and_25_hours_never_close() {
    let day = calendar(json!({"windows": [allow("0 0 * * *", "24h")]}));
    assert_openings(
        &day,
        "2026-03-01T00:00:00Z",
        &[
            ("2026-03-01T00:00:00Z", "2026-10-25T22:00:00Z"),
            ("2026-10-25T23:00:00Z", "2027-10-31T22:00:00Z"),
        ],
    );
    let more = calendar(json!({"windows": [allow("0 0 * * *", "25h")]}));
    assert_openings(
        &more,
        "2026-03-01T00:00:00Z",
        &[("2026-03-01T00:00:00Z", "never")],
    );
    // The clock going back half an hour takes half an hour.
    let lord = calendar_in(
        "Australia/Lord_Howe",
        json!({"windows": [allow("0 0 * * *", "24h")]}),
    );
    let close = lord
        .openings(at("2026-01-01T00:00:00Z"))
        .next()
        .and_then(|opening| opening.close);
    assert_eq!(close, some("2026-04-05T13:00:00Z"));
}

#[test]
fn a_zone_that_skipped_a_day_opens_after_it_and_never_counts_it() {
    // Samoa had no 30 December 2011: midnight at the end of the 29th (10:00Z) was the beginning of the 31st.
    let daily = calendar_in(
        "Pacific/Apia",
        json!({"windows": [allow("0 6 * * *", "2h")]}),
    );
    assert_openings(
        &daily,
        "2011-12-29T12:00:00Z",
        &[
            ("2011-12-29T16:00:00Z", "2011-12-29T18:00:00Z"),
            ("2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z"),
            ("2011-12-30T16:00:00Z", "2011-12-30T18:00:00Z"),
        ],
    );
    let dates =
        json!([{"from": "2011-12-30", "to": "2011-12-30", "reason": "r", "reference": "c"}]);
    let calendar = calendar_in("Pacific/Apia", json!({"notAllowedDates": dates}));
    assert_openings(
        &calendar,
        "2011-12-29T12:00:00Z",
        &[("2011-12-29T12:00:00Z", "never")],
    );
    let shifts = json!([{"name": "s", "days": ["Fri"], "from": "06:00", "to": "14:00"}]);
    let calendar = calendar_in("Pacific/Apia", json!({"shifts": shifts}));
    let elapsed =
        calendar.production_elapsed(at("2011-12-28T00:00:00Z"), at("2012-01-02T00:00:00Z"));
    assert_eq!(elapsed, Duration::ZERO);
}

#[test]
fn a_leap_day_is_found_even_eight_years_away() {
    let calendar = calendar(json!({"windows": [allow("0 6 29 2 *", "8h")]}));
    for (from, open) in [
        ("2026-11-21T00:00:00Z", "2028-02-29T05:00:00Z"),
        ("2096-02-29T14:00:00Z", "2104-02-29T05:00:00Z"),
    ] {
        let state = calendar.state(at(from));
        assert_eq!((state.open, state.next_open), (false, some(open)));
        assert_eq!(calendar.next_edge(at(from)), some(open));
    }
}

#[test]
fn clock_steps_back_and_the_ends_of_time_do_no_harm() {
    let calendar = calendar(json!({
        "windows": [allow("0 6 * * *", "87600h"), deny("0 0 1 1 *", "1s")],
        "shifts": [{"name": "s", "days": ["Mon"], "from": "06:00", "to": "06:00"}],
        "notAllowedDates": [{"from": "0000-01-01", "to": "9999-12-31", "reason": "r", "reference": "c"}],
    }));
    for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
        let state = calendar.state(now);
        assert!(
            state.next_open.is_none_or(|open| open > now)
                && state.next_close.is_none_or(|close| close > now)
        );
        assert!(calendar.may_start(now, Duration::MAX).is_err());
        assert!(calendar.next_edge(now).is_none_or(|edge| edge > now));
        assert!(calendar.production_instant(now, Duration::MAX).is_none());
        assert_eq!(
            calendar.production_elapsed(Timestamp::MAX, now),
            Duration::ZERO
        );
    }
}
