//! Cron expressions against two independent libraries (`oracle/make_cron.py` writes the grid), and what is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use andon_api::{Schedule, Window, WindowKind};
use andon_plan::calendar::Calendar;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    cron: String,
    zone: Option<String>,
    from: Timestamp,
    next: Vec<Timestamp>,
}

#[derive(Deserialize)]
struct Grid {
    plain: Vec<Case>,
    zones: Vec<Case>,
}

fn window(cron: &str, duration: &str) -> Schedule {
    Schedule {
        windows: vec![Window {
            name: "w".into(),
            kind: WindowKind::Allow,
            cron: cron.into(),
            duration: duration.into(),
            time_zone: None,
        }],
        ..Schedule::default()
    }
}

/// The next openings strictly after an instant. Half a minute never joins the next one.
fn openings(cron: &str, zone: &str, from: Timestamp, count: usize) -> Vec<Timestamp> {
    let calendar = Calendar::read(&window(cron, "30s"), zone).unwrap();
    let opens = calendar.openings(from).map(|opening| opening.open);
    opens.filter(|open| *open > from).take(count).collect()
}

#[test]
fn openings_are_those_of_two_other_crons() {
    let grid: Grid = serde_json::from_str(include_str!("oracle/cron.json")).unwrap();
    assert!(grid.plain.len() >= 300 && grid.zones.len() >= 80);
    for case in grid.plain.iter().chain(&grid.zones) {
        let zone = case.zone.as_deref().unwrap_or("UTC");
        // 2100 has no 29 February; what lies beyond the horizon is not looked for.
        let horizon = case
            .from
            .checked_add(andon_plan::calendar::HORIZON)
            .unwrap();
        let next: Vec<_> = case
            .next
            .iter()
            .copied()
            .filter(|at| *at <= horizon)
            .collect();
        assert!(!next.is_empty(), "{} says nothing", case.cron);
        assert_eq!(
            openings(&case.cron, zone, case.from, next.len()),
            next,
            "{} in {zone} from {}",
            case.cron,
            case.from
        );
    }
}

#[test]
fn the_same_expression_may_be_written_in_several_ways() {
    let from = "2026-11-21T12:34:56Z".parse().unwrap();
    for (one, other) in [
        ("0 6 * * 1-5", "0 6 * * MON-FRI"),
        ("0 6 * * 5-7", "0 6 * * FRI-SUN"),
        ("0 6 * * 0", "00 06 * * 7"),
        ("0 6 * * 0", " 0\t6 *  * sun "),
        ("*/20 6 * * *", "0,20,40 6 * * *"),
        ("*/1 6 */1 * *", "0-59 6 * * *"),
        ("0 0-23/6 * JAN,FEB *", "0 */6 * 1-2 *"),
        ("0 6 * * */2", "0 6 * * 0,2,4,6"),
        ("0 6 * * SUN-TUE", "0 6 * * 0,1,2"),
        ("0 6 1-31 * 1", "0 6 * * *"),
    ] {
        assert_eq!(
            openings(one, "Europe/Berlin", from, 40),
            openings(other, "Europe/Berlin", from, 40),
            "{one} | {other}"
        );
    }
}

/// An expression and what its remedy says.
const REFUSED: &[(&str, &str)] = &[
    (
        "",
        "must be five fields (minute, hour, day of month, month, day of week), not 0; for instance",
    ),
    ("0 6 * *", "not 4; for instance"),
    ("0 0 6 * * 1-5", "not 6; seconds and years are not read"),
    ("@daily", "write the five fields, for instance 0 0 * * *"),
    ("@reboot", "write the five fields, for instance 0 6 * * 1-5"),
    ("CRON_TZ=UTC 0 6 * * *", "the time zone belongs in timeZone"),
    ("60 6 * * *", "minute \"60\" must be *, 0 to 59, a range"),
    ("0 24 * * *", "hour \"24\" must be *, 0 to 23"),
    ("0 6 0 * *", "day of month \"0\" must be *, 1 to 31"),
    (
        "0 6 * 13 *",
        "month \"13\" must be *, 1 to 12 or JAN to DEC",
    ),
    (
        "0 6 * * 8",
        "day of week \"8\" must be *, 0 to 7 or SUN to SAT",
    ),
    ("0 6 * * MONDAY", "day of week \"MONDAY\" must be"),
    ("0 6 * MON *", "month \"MON\" must be"),
    ("0 6 L * *", "day of month \"L\" must be"),
    ("0 6 ? * 1", "day of month \"?\" must be *"),
    ("+5 6 * * *", "minute \"+5\" must be"),
    ("-5 6 * * *", "minute \"\" must be"),
    ("0, 6 * * *", "minute \"\" must be"),
    (
        "0 22-6 * * *",
        "hour \"22-6\" runs backwards; write two ranges: 22-23,0-6",
    ),
    ("0 6 * * SAT-TUE", "write two ranges: SAT-6,0-TUE"),
    ("5/15 6 * * *", "has a step but no range; write 5-59/15"),
    ("*/0 6 * * *", "the step \"0\" of minute must be 1 to 59"),
    ("*/60 6 * * *", "the step \"60\" of minute must be 1 to 59"),
    (
        "0 6 * * */7",
        "the step \"7\" of day of week must be 1 to 6",
    ),
    (
        "0 6 1-5/ * *",
        "the step \"\" of day of month must be 1 to 30",
    ),
    ("*,5 6 * * *", "has * in a list"),
    (
        "0 6 */2 * 1",
        "means \"both\" to Vixie cron and \"either\" to Kubernetes",
    ),
    (
        "0 6 13 * */2",
        "means \"both\" to Vixie cron and \"either\" to Kubernetes",
    ),
    ("0 6 30 2 *", "no month that it names has such a day"),
    ("0 6 31 4,6,9,11 *", "no month that it names has such a day"),
];

#[test]
fn what_is_no_cron_is_refused_with_what_to_write() {
    for (cron, says) in REFUSED {
        let problems = Calendar::read(&window(cron, "1h"), "UTC").unwrap_err();
        let [problem] = problems.as_slice() else {
            panic!("{cron}: {problems:?}")
        };
        assert_eq!(
            (problem.field.as_str(), problem.value.as_str()),
            ("schedule.windows[0].cron", *cron)
        );
        assert!(problem.remedy.contains(says), "{cron}: {problem}");
    }
}
