//! What is asked of a calendar: why it is closed, whether a change fits, when the plant produces, what is wrong with it.

use super::*;

#[test]
fn dates_are_whole_days_of_the_plant_both_included() {
    let dates = json!([{"from": "2026-12-24", "to": "2027-01-02", "reason": "year end", "reference": "CHG-4711"}]);
    let calendar = calendar(json!({"notAllowedDates": dates}));
    let state = calendar.state(at("2026-12-23T23:00:00Z"));
    let expected = json!({"open": false, "reason": {"type": "NotAllowedDate", "reason": "year end", "reference": "CHG-4711",
        "from": "2026-12-24", "to": "2027-01-02"}, "nextOpen": "2027-01-02T23:00:00Z"});
    assert_eq!(serde_json::to_value(&state).unwrap(), expected);
    assert_eq!(
        state.reason.to_string(),
        "no changes from 2026-12-24 to 2027-01-02: year end (CHG-4711)"
    );
    assert!(calendar.state(at("2026-12-23T22:59:59Z")).open);
    assert!(calendar.state(at("2027-01-02T23:00:00Z")).open);
    assert_eq!(
        calendar.next_edge(at("2026-11-21T00:00:00Z")),
        some("2026-12-23T23:00:00Z")
    );
}

#[test]
fn a_freeze_says_who_ordered_it_and_wins_over_every_other_reason() {
    let calendar = calendar(json!({
        "windows": [allow("0 0 * * *", "48h"), deny("0 0 * * *", "48h")],
        "notAllowedDates": [{"from": "2026-12-01", "to": "2026-12-31", "reason": "december", "reference": "CHG-1"}],
        "freezes": [
            {"name": "audit", "from": "2026-12-01T00:00:00+01:00", "to": "2026-12-03T00:00:00+01:00", "reason": "audit", "ticket": "INC-1"},
            {"from": "2026-12-02T00:00:00+01:00", "to": "2026-12-05T00:00:00+01:00", "reason": "launch", "ticket": "INC-2"},
        ],
    }));
    let says = |text: &str| calendar.state(at(text)).reason.to_string();
    assert_eq!(says("2026-11-30T22:00:00Z"), "window d denies changes");
    assert_eq!(
        says("2026-11-30T23:00:00Z"),
        "freeze audit until 2026-12-02T23:00:00Z: audit (INC-1)"
    );
    assert_eq!(
        says("2026-12-02T00:00:00Z"),
        "freeze until 2026-12-04T23:00:00Z: launch (INC-2)"
    );
    assert_eq!(
        says("2026-12-04T23:00:00Z"),
        "no changes from 2026-12-01 to 2026-12-31: december (CHG-1)"
    );
}

#[test]
fn a_freeze_within_a_longer_one_does_not_end_it() {
    let freeze =
        |from: &str, to: &str| json!({"from": from, "to": to, "reason": "r", "ticket": "t"});
    let calendar = calendar(json!({"freezes": [
        freeze("2026-12-01T00:00:00Z", "2026-12-10T00:00:00Z"),
        freeze("2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z"),
        freeze("2026-12-10T00:00:00Z", "2026-12-11T00:00:00Z"),
    ]}));
    let state = calendar.state(at("2026-12-02T12:00:00Z"));
    assert_eq!(
        (state.open, state.next_open),
        (false, some("2026-12-11T00:00:00Z"))
    );
    assert!(!calendar.state(at("2026-12-05T00:00:00Z")).open);
}

#[test]
fn a_change_starts_only_if_all_of_it_fits() {
    let calendar = calendar(json!({"windows": [
        {"name": "short", "kind": "Allow", "cron": "0 6 * * 1-5", "duration": "1h"},
        {"name": "long", "kind": "Allow", "cron": "0 6 * * 6", "duration": "4h"},
    ]}));
    let friday = |minute: u32| at(&format!("2026-11-20T05:{minute:02}:00Z"));
    // Half an hour fits exactly at half past.
    assert_eq!(calendar.may_start(friday(30), HOUR / 2), Ok(()));
    let closed = calendar.may_start(friday(31), HOUR / 2).unwrap_err();
    assert_eq!(
        *closed,
        Closed {
            reason: WindowReason::Window {
                name: "short".into()
            },
            left: Duration::from_secs(29 * 60),
            needed: HOUR / 2,
            next_open: some("2026-11-21T05:00:00Z"),
            next_close: some("2026-11-21T09:00:00Z"),
        }
    );
    assert_eq!(
        closed.to_string(),
        "window short is open; 29m are left; the next opening that holds 30m begins 2026-11-21T05:00:00Z"
    );
    // The next opening is too short for 90 minutes: the one on Saturday is named.
    let closed = calendar
        .may_start(at("2026-11-22T12:00:00Z"), HOUR * 3 / 2)
        .unwrap_err();
    assert_eq!(
        (closed.left, closed.next_open),
        (Duration::ZERO, some("2026-11-28T05:00:00Z"))
    );
    assert_eq!(
        calendar.state(at("2026-11-22T12:00:00Z")).next_open,
        some("2026-11-23T05:00:00Z")
    );
    // Exactly four hours fit, and not a second more.
    assert_eq!(
        calendar.may_start(at("2026-11-21T05:00:00Z"), 4 * HOUR),
        Ok(())
    );
    let never = calendar
        .may_start(
            at("2026-11-21T05:00:00Z"),
            4 * HOUR + Duration::from_secs(1),
        )
        .unwrap_err();
    assert_eq!((never.next_open, never.next_close), (None, None));
    assert!(
        never
            .to_string()
            .ends_with("4h are left; no opening within nine years holds 4h1s"),
        "{never}"
    );
}

#[test]
fn the_longest_opening_tells_what_can_never_hold() {
    let from = at("2026-11-21T00:00:00Z");
    let week =
        calendar(json!({"windows": [allow("0 6 * * 1-5", "4h"), deny("0 8 * * 1-4", "1h")]}));
    let longest = week.longest_opening(from).unwrap();
    assert_eq!(
        (longest.open, longest.length()),
        (at("2026-11-27T05:00:00Z"), Some(4 * HOUR))
    );
    assert!(longest.holds(4 * HOUR) && !longest.holds(4 * HOUR + Duration::from_nanos(1)));
    assert_eq!(
        calendar(json!({}))
            .longest_opening(from)
            .map(|opening| opening.length()),
        Some(None)
    );
    let never = calendar(json!({"windows": [allow("0 6 * * *", "1h"), deny("30 5 * * *", "2h")]}));
    assert_eq!(never.longest_opening(from), None);
    assert_eq!(never.state(from).next_open, None);
}

#[test]
fn starting_continuing_and_going_back_are_three_questions() {
    let calendar = calendar(json!({
        "windows": [allow("0 6 * * *", "8h")],
        "freezes": [{"from": "2026-11-23T07:00:00Z", "to": "2026-11-24T00:00:00Z", "reason": "r", "ticket": "t"}],
    }));
    for (now, start, go_on) in [
        ("2026-11-21T06:00:00Z", true, Continue::Everything),
        // Too late to start, open to go on.
        ("2026-11-21T12:00:00Z", false, Continue::Everything),
        ("2026-11-21T13:00:00Z", false, Continue::BakeOnly),
        ("2026-11-23T07:00:00Z", false, Continue::BakeOnly),
    ] {
        let now = at(now);
        assert_eq!(calendar.may_start(now, 2 * HOUR).is_ok(), start, "{now}");
        assert_eq!(calendar.may_continue(now), go_on, "{now}");
        assert!(calendar.may_roll_back(now), "{now}");
    }
}

#[test]
fn production_is_the_union_of_the_shifts() {
    let calendar = calendar(json!({"shifts": [
        {"name": "early", "days": ["Mon", "Tue"], "from": "06:00", "to": "14:00"},
        {"name": "late", "days": ["Mon"], "from": "13:00", "to": "22:00"},
        {"name": "night", "days": ["Sun"], "from": "22:00", "to": "06:00"},
    ]}));
    let (monday, wednesday) = (at("2026-11-22T23:00:00Z"), at("2026-11-24T23:00:00Z"));
    // 00:00-22:00 on Monday, 06:00-14:00 on Tuesday.
    assert_eq!(calendar.production_elapsed(monday, wednesday), 30 * HOUR);
    assert_eq!(
        calendar.production_elapsed(wednesday, monday),
        Duration::ZERO
    );
    assert_eq!(
        calendar.production_instant(monday, 22 * HOUR),
        some("2026-11-23T21:00:00Z")
    );
    assert_eq!(
        calendar.production_instant(monday, 23 * HOUR),
        some("2026-11-24T06:00:00Z")
    );
    assert_eq!(
        calendar.production_instant(monday, Duration::ZERO),
        Some(monday)
    );
    assert_eq!(calendar.production_instant(monday, HORIZON), None);
    assert!(
        calendar.producing(at("2026-11-23T20:59:59Z"))
            && !calendar.producing(at("2026-11-23T21:00:00Z"))
    );
    // Windows are no production hours and shifts no windows.
    assert!(calendar.state(at("2026-11-25T12:00:00Z")).open);
    let always = calendar_in("UTC", json!({"windows": [allow("0 6 * * *", "1h")]}));
    assert_eq!(always.production_elapsed(monday, wednesday), 48 * HOUR);
    assert_eq!(
        always.production_instant(monday, 50 * HOUR),
        monday.checked_add(50 * HOUR).ok()
    );
}

#[test]
fn a_night_shift_counts_the_hours_that_pass() {
    let calendar = calendar(
        json!({"shifts": [{"name": "night", "days": ["Sat"], "from": "22:00", "to": "06:00"}]}),
    );
    for (from, to, hours) in [
        ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", 7),
        ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", 9),
        ("2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z", 8),
    ] {
        assert_eq!(
            calendar.production_elapsed(at(from), at(to)),
            hours * HOUR,
            "{from}"
        );
    }
    // From a time to the same time is the whole way round: 25 hours in autumn.
    let round = calendar_in(
        "Europe/Berlin",
        json!({"shifts": [{"name": "s", "days": ["Sat"], "from": "06:00", "to": "06:00"}]}),
    );
    let elapsed = round.production_elapsed(at("2026-10-24T00:00:00Z"), at("2026-10-26T00:00:00Z"));
    assert_eq!(elapsed, 25 * HOUR);
}

#[test]
fn the_next_edge_is_the_first_of_all_changes() {
    let calendar = calendar(json!({
        "windows": [allow("0 6 * * *", "8h"), deny("0 9 * * 6", "1h")],
        "shifts": [{"name": "s", "days": ["Sat"], "from": "10:30", "to": "11:00"}],
        "freezes": [{"from": "2026-11-21T11:00:00Z", "to": "2026-11-21T11:00:01.5Z", "reason": "r", "ticket": "t"}],
    }));
    let mut now = at("2026-11-21T00:00:00Z");
    for expected in [
        "05:00:00Z",
        "08:00:00Z",
        "09:00:00Z",
        "09:30:00Z",
        "10:00:00Z",
        "11:00:00Z",
        "11:00:01.5Z",
        "13:00:00Z",
    ] {
        let edge = calendar.next_edge(now).unwrap();
        assert_eq!(edge, at(&format!("2026-11-21T{expected}")));
        now = edge;
    }
}

#[test]
fn another_zone_is_another_calendar() {
    let schedule = json!({"windows": [allow("0 6 * * *", "1h")]});
    let berlin = calendar_in("Europe/Berlin", schedule.clone());
    let tokyo = calendar_in("Asia/Tokyo", schedule);
    let now = at("2026-11-21T05:30:00Z");
    assert!(berlin.state(now).open && !tokyo.state(now).open);
    assert_eq!(tokyo.state(now).next_open, some("2026-11-21T21:00:00Z"));
    assert_eq!(tokyo.civil(now).to_string(), "2026-11-21T14:30:00");
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_field_value_and_remedy() {
    let schedule: Schedule = serde_json::from_value(json!({
        "windows": [
            {"name": "w", "kind": "Allow", "cron": "0 6 * *", "duration": "8"},
            {"name": "w", "kind": "Deny", "cron": "0 6 * * *", "duration": "0s", "timeZone": "Europe/Ulm"},
            {"name": " ", "kind": "Deny", "cron": "0 6 * * *", "duration": "1h"},
        ],
        "notAllowedDates": [
            {"from": "2026-12-24", "to": "2026-12-23", "reason": "r", "reference": "c"},
            {"from": "2026-02-29", "to": "20261231", "reason": "r", "reference": "c"},
        ],
        "shifts": [
            {"name": "s", "days": [], "from": "6:00", "to": "24:00"},
            {"name": "s", "days": ["Mon"], "from": "06:60", "to": "0600"},
        ],
        "freezes": [
            {"name": "f", "from": "2026-12-24", "to": "2026-12-24T00:00:00", "reason": "r", "ticket": "t"},
            {"name": "f", "from": "2026-12-24T01:00:00+01:00", "to": "2026-12-24T00:00:00Z", "reason": "r", "ticket": "t"},
        ],
    }))
    .unwrap();
    let problems = Calendar::read(&schedule, "Berlin").unwrap_err();
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    for begins in [
        "timeZone \"Berlin\": is no known IANA time zone; write for instance Europe/Berlin or UTC",
        "schedule.windows[1].name \"w\": is used before in windows; choose another name",
        "schedule.windows[2].name \" \": must not be empty",
        "schedule.shifts[1].name \"s\": is used before in shifts",
        "schedule.freezes[1].name \"f\": is used before in freezes",
        "schedule.windows[0].cron \"0 6 * *\": must be five fields",
        "schedule.windows[0].duration \"8\": must be a duration of at most 87600h, for instance 90s, 5m or 1h30m",
        "schedule.windows[1].duration \"0s\": a window of no length never opens",
        "schedule.windows[1].timeZone \"Europe/Ulm\": is no known IANA time zone",
        "schedule.shifts[0].days \"[]\": a shift without days never happens",
        "schedule.shifts[0].from \"6:00\": must be a time from 00:00 to 23:59 with two digits each, for instance 06:00",
        "schedule.shifts[0].to \"24:00\": write 00:00",
        "schedule.shifts[1].from \"06:60\": must be a time",
        "schedule.shifts[1].to \"0600\": must be a time",
        "schedule.notAllowedDates[0].to \"2026-12-23\": is before from (2026-12-24); both days are included",
        "schedule.notAllowedDates[1].from \"2026-02-29\": must be a date, for instance 2026-12-24",
        "schedule.notAllowedDates[1].to \"20261231\": must be a date",
        "schedule.freezes[0].from \"2026-12-24\": must be an instant with offset (RFC 3339)",
        "schedule.freezes[0].to \"2026-12-24T00:00:00\": must be an instant",
        "schedule.freezes[1].to \"2026-12-24T00:00:00Z\": is not after from (2026-12-24T01:00:00+01:00)",
    ] {
        assert!(
            said.iter().any(|said| said.starts_with(begins)),
            "{begins}\nnot in {said:#?}"
        );
    }
    assert_eq!(said.len(), 20);
}
