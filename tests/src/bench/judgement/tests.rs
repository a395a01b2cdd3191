use super::rule::{Against, Kind, fewest};
use super::*;
use andon_plan::statistics::{BaselineLimit, baseline_limit, log_e};

/// A rule that is tried on a stream alone.
fn stop(kind: Kind, every: usize, stream: &Stream) -> Option<Stop> {
    Rule { kind, every }
        .stop(stream, &mut Limits::default())
        .unwrap()
}

/// The table is only a shortcut: on streams of every rate it stops where the verdict does, message for message.
#[test]
fn the_table_says_what_the_verdict_says() {
    let mut stopped = 0;
    for (run, rate) in RATES.into_iter().cycle().take(48).enumerate() {
        let stream = Stream::draw(9, run as u64, rate);
        let bad = stream.baseline(500);
        let BaselineLimit::Limit(limit) = baseline_limit(bad, 500, 0.0, ALPHA).unwrap() else {
            panic!("{bad} of 500 give no limit");
        };
        for (kind, limit, needed) in [
            (Kind::Limit, LIMIT, 1.0 / ALPHA),
            (Kind::Baseline(500), limit, 2.0 / ALPHA),
        ] {
            let verdict = (1..=MESSAGES)
                .find(|now| log_e(stream.bad[*now], *now as i64, limit) >= needed.ln());
            let found = stop(kind, 1, &stream).map(|stop| stop.messages);
            assert_eq!(found, verdict, "{kind:?} at {rate}");
            stopped += usize::from(verdict.is_some());
        }
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn more_messages_never_need_fewer_bad_ones() {
    for against in [Against::Limit, Against::Baseline { bad: 1, total: 60 }] {
        let table = fewest(against).unwrap();
        let limit = match against {
            Against::Limit => LIMIT,
            Against::Baseline { bad, total } => match baseline_limit(bad, total, 0.0, ALPHA) {
                Ok(BaselineLimit::Limit(limit)) => limit,
                other => panic!("{other:?}"),
            },
        };
        for now in 1..=MESSAGES {
            let bad = table[now] as f64;
            // One bad document fewer is not enough, by the verdict itself, and one message earlier needed no more.
            assert!(table[now] >= table[now - 1]);
            let needed = f64::ln(if against == Against::Limit { 1e3 } else { 2e3 });
            assert!(
                log_e(table[now] - 1, now as i64, limit) < needed,
                "{bad} of {now}"
            );
        }
    }
}

/// A stream with bad messages at these places (from 1).
fn with_bad_at(places: &[usize]) -> Stream {
    let mut stream = Stream::draw(1, 1, 0.0);
    for (now, bad) in stream.bad.iter_mut().enumerate() {
        *bad = places.iter().filter(|place| **place <= now).count() as i64;
    }
    stream
}

#[test]
fn the_threshold_forgets_after_its_window_and_counts_failed_looks() {
    let one = with_bad_at(&[25]);
    // One of the last 30, 60, 90 is above 1 %; one of 120 is not.
    assert_eq!(
        stop(Kind::Threshold(0), 30, &one).map(|stop| stop.messages),
        Some(30)
    );
    assert_eq!(
        stop(Kind::Threshold(2), 30, &one).map(|stop| stop.messages),
        Some(90)
    );
    assert_eq!(stop(Kind::Threshold(3), 30, &one), None);
    // Two of 150 are, until the first leaves the window.
    let two = with_bad_at(&[1_000, 1_010]);
    assert_eq!(
        stop(Kind::Threshold(4), 30, &two),
        Some(Stop {
            messages: 1_140,
            bad: 2
        })
    );
    assert_eq!(stop(Kind::Threshold(5), 30, &two), None);
}

#[test]
fn two_bad_messages_at_the_start_are_enough_unless_one_looks_too_late() {
    let stopped = |bad: &[usize], every| {
        stop(Kind::Limit, every, &with_bad_at(bad)).map_or(0, |stop| stop.messages)
    };
    assert_eq!(stopped(&[1, 2], 1), 2);
    // By then eight good messages have come in as well.
    assert_eq!(stopped(&[1, 2], 10), 0);
    assert_eq!(stopped(&[1, 2, 3, 4], 10), 10);
    assert_eq!(stopped(&[1, 2, 3, 4], 60), 0);
}

#[test]
fn the_goals_are_reached_on_few_streams_and_the_report_has_its_shape() {
    let size = Size {
        good: 400,
        bad: 201,
        alike: 21,
        unlike: 21,
    };
    let report = run(1, size).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    // One of 400 streams is more than the goal already: few streams can only show that it is not often.
    let share = json["falseRollbackShare"].as_f64().unwrap();
    assert!(share <= 0.001 + 3.0 * f64::sqrt(0.001 / 400.0), "{report}");
    assert_eq!(json["met"], share <= 0.001);
    for (rate, most) in [("100%", 2), ("20%", 20), ("5%", 220)] {
        assert!(
            json["medianMessages"][rate].as_u64().unwrap() <= most,
            "{json}"
        );
    }
    let cells = json["cells"].as_array().unwrap();
    assert_eq!(cells.len(), RATES.len() * Rule::all().len());
    // The rule of others does roll back good releases on the same streams.
    let rolled = |cell: &&serde_json::Value| {
        cell["rule"] == "threshold"
            && cell["errorRate"] == 0.002
            && cell["failedLooksAllowed"] == 2
            && cell["secondsBetweenLooks"] == 30
    };
    let share = cells.iter().find(rolled).unwrap()["rolledBackShare"]
        .as_f64()
        .unwrap();
    assert!((0.45..0.7).contains(&share), "{share}");
    let again = serde_json::to_value(run(1, size).unwrap()).unwrap();
    assert_eq!(json, again);
}
