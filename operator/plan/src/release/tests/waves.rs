//! Waves: which plants are asked, when, and how many at a time.

use super::toy::{FIVE, Fleet, two_waves};
use super::*;
use andon_api::WavePhase;

#[test]
fn waves_follow_each_other_after_their_soak() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.look();
    assert_eq!(fleet.going(), ["b", "e"]);
    assert_eq!(fleet.hold("rest"), "EarlierWaveNotDone");
    fleet.done("b");
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Progressing);
    fleet.done("e");
    let plan = fleet.rest();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Soaking);
    assert_eq!(plan.wake, Some(Duration::from_secs(3600)));
    assert!(fleet.target("b").unwrap().soaking);
    fleet.wait(3599);
    fleet.look();
    assert_eq!(fleet.going(), ["b", "e"]);
    fleet.wait(1);
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Done);
    assert!(!fleet.target("b").unwrap().soaking);
    // Two at a time.
    assert_eq!(fleet.going(), ["a", "b", "c", "e"]);
    fleet.done("c");
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c", "d", "e"]);
    fleet.done("a");
    fleet.done("d");
    fleet.look();
    assert_eq!(
        fleet.seen.release.status.phase,
        Some(ReleasePhase::Complete)
    );
    assert_eq!(
        fleet.events,
        [
            "WaveOpened",
            "WaveCompleted",
            "WaveOpened",
            "ReleaseComplete",
            "WaveCompleted"
        ]
    );
}

#[test]
fn a_plant_of_two_waves_belongs_to_the_first_and_one_of_none_is_named() {
    let waves = json!([
        {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}},
        {"name": "both", "plants": {"matchExpressions": [{"key": "ring", "operator": "In", "values": ["pilot", "rest"]}]}},
    ]);
    let mut fleet = Fleet::new(&[("a", "rest"), ("b", "pilot"), ("c", "elsewhere")], waves);
    fleet.look();
    assert_eq!(
        (fleet.wave("pilot").total, fleet.wave("both").total),
        (1, 1)
    );
    fleet.done("b");
    fleet.look();
    fleet.done("a");
    fleet.look();
    let status = &fleet.seen.release.status;
    assert_eq!(fleet.target("c"), None);
    assert!(
        status.conditions[0].message.ends_with("no wave selects c"),
        "{:?}",
        status.conditions
    );
    assert_eq!(status.phase, Some(ReleasePhase::Complete));
    assert!(
        status
            .holds
            .iter()
            .any(|it| it.reason == "NoWave" && it.count == 1)
    );
}

#[test]
fn an_empty_wave_stops_the_release_and_says_so() {
    let waves = json!([
        {"name": "pilot", "plants": {"matchLabels": {"ring": "pliot"}}},
        {"name": "rest", "plants": {}},
    ]);
    let mut fleet = Fleet::new(&[("a", "rest"), ("b", "pilot")], waves);
    let plan = fleet.rest();
    assert!(fleet.going().is_empty());
    assert_eq!(fleet.hold("pilot"), "WaveEmpty");
    assert!(
        reasons(&plan).contains(&triple("Stalled", "True", "WaveEmpty")),
        "{:?}",
        reasons(&plan)
    );
    fleet
        .plant("b")
        .labels
        .insert("ring".into(), "pliot".into());
    fleet.look();
    assert_eq!(fleet.going(), ["b"]);
}

#[test]
fn a_plant_without_a_place_is_counted_as_waiting_for_those_under_way() {
    let waves = json!([
        {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}},
        {"name": "rest", "plants": {}, "maxConcurrentPlants": 1},
    ]);
    let ring = "rest";
    let plants = [("a", "pilot"), ("b", ring), ("c", ring), ("d", ring)];
    let mut fleet = Fleet::new(&plants, waves);
    let without_place = |fleet: &Fleet| {
        let holds = &fleet.seen.release.status.holds;
        let hold = holds.iter().find(|it| it.reason == "EnoughPlantsUnderWay");
        hold.map(|it| it.count)
    };
    fleet.look();
    // The wave of the others is not open: they wait for that.
    assert_eq!(without_place(&fleet), None);
    fleet.done("a");
    fleet.look();
    assert_eq!(
        (fleet.going(), without_place(&fleet)),
        (vec!["a", "b"], Some(2))
    );
    // One that is out of reach could not be asked anyway.
    fleet.plant("d").offline = true;
    fleet.look();
    assert_eq!(without_place(&fleet), Some(1));
    fleet.failed("b");
    fleet.look();
    // Now it is the stop that keeps them.
    assert_eq!(without_place(&fleet), None);
}

#[test]
fn a_failed_plant_stops_the_others() {
    let waves = json!([{"name": "all", "plants": {}, "maxConcurrentPlants": "40%"}]);
    let mut fleet = Fleet::new(&FIVE, waves);
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b"]);
    fleet.failed("a");
    let plan = fleet.rest();
    assert_eq!(fleet.target("b").unwrap().go, Go::Wait);
    assert_eq!(fleet.target("c"), None);
    assert_eq!(
        (fleet.wave("all").phase, fleet.hold("all").as_str()),
        (WavePhase::Stopped, "TooManyFailedPlants")
    );
    assert!(reasons(&plan).contains(&triple("RolledBack", "True", "LineRolledBack")));
    assert!(
        reasons(&plan).contains(&triple("Stalled", "True", "LineRolledBack")),
        "{:?}",
        reasons(&plan)
    );
    // A new version starts afresh.
    fleet.bump("1.3.0");
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b"]);
}

#[test]
fn as_many_plants_may_fail_as_the_wave_says() {
    let waves = json!([{"name": "all", "plants": {}, "maxFailedPlants": 1}]);
    let mut fleet = Fleet::new(&[("a", "x"), ("b", "x"), ("c", "x")], waves);
    fleet.look();
    fleet.failed("a");
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c"]);
    fleet.failed("b");
    fleet.look();
    assert_eq!(fleet.target("c").unwrap().go, Go::Wait);
}

#[test]
fn a_newer_version_replaces_a_running_one_and_stops_its_later_lines() {
    let mut fleet = Fleet::new(
        &FIVE,
        json!([
            {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}},
            {"name": "rest", "plants": {}},
        ]),
    );
    fleet.look();
    fleet.done("b");
    fleet.done("e");
    fleet.look();
    assert_eq!(fleet.going().len(), 5);
    fleet.done("c");
    fleet.look();
    fleet.bump("1.3.0");
    fleet.look();
    // The pilots get it at once; of the rest, c is done with 1.2.0, a and d begin no further line of it.
    assert_eq!(fleet.going(), ["b", "e"]);
    let go = |fleet: &Fleet, name: &str| fleet.target(name).map(|it| (it.blueprint.version, it.go));
    assert_eq!(go(&fleet, "a"), Some(("1.2.0".into(), Go::Wait)));
    assert_eq!(go(&fleet, "c"), Some(("1.2.0".into(), Go::Proceed)));
    assert_eq!(fleet.hold("rest"), "EarlierWaveNotDone");
}

#[test]
fn a_clock_that_is_set_back_lengthens_a_soak() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.look();
    fleet.done("b");
    fleet.done("e");
    fleet.look();
    fleet.wait(-600);
    fleet.look();
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Soaking);
    fleet.wait(600);
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Done);
}

#[test]
fn wrong_waves_are_named() {
    for (waves, said) in [
        (
            json!([{"name": "a", "plants": {}}, {"name": "a", "plants": {}}]),
            "spec.waves[1] (a): the name is there twice",
        ),
        (
            json!([{"name": "a", "plants": {}, "soak": "1 day"}]),
            "spec.waves[0] (a).soak: \"1 day\" is no duration",
        ),
        (
            json!([{"name": "a", "plants": {}, "maxConcurrentPlants": "0%"}]),
            "\"0%\" is neither a number",
        ),
        (
            json!([{"name": "a", "plants": {}, "maxConcurrentPlants": 0}]),
            "0 is neither a number",
        ),
        (
            json!([{"name": "a", "plants": {"matchExpressions": [{"key": "r", "operator": "In"}]}}]),
            "In of r needs values",
        ),
    ] {
        let mut fleet = Fleet::new(&FIVE, waves);
        let plan = fleet.rest();
        let message = &plan.status.conditions[0].message;
        assert!(message.contains(said), "{message}");
        assert!(reasons(&plan).contains(&triple("Stalled", "True", "Invalid")));
        assert!(fleet.going().is_empty());
    }
}

#[test]
fn the_status_does_not_grow_with_the_fleet() {
    let size = |plants: usize| {
        let names: Vec<String> = (0..plants)
            .map(|number| format!("plant-{number:04}"))
            .collect();
        let plants: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "rest")).collect();
        let mut fleet = Fleet::new(
            &plants,
            json!([{"name": "rest", "plants": {}, "maxConcurrentPlants": "50%"}]),
        );
        fleet.look();
        for name in &names {
            fleet.status(name).lines = (0..10)
                .map(|number| LineStatus {
                    hold: Some(LineHold {
                        reason: "WindowClosed".into(),
                        message: String::new(),
                    }),
                    ..line(&format!("line-{number}"))
                })
                .collect();
        }
        fleet.look();
        serde_json::to_string(&fleet.seen.release.status)
            .unwrap()
            .len()
    };
    let (few, many) = (size(10), size(1000));
    assert!(
        many < few + 64 && many < 4096,
        "{few} bytes for 10 plants, {many} for 1,000"
    );
}

#[test]
fn a_wave_is_not_over_before_anybody_has_shown_anything() {
    for offline in [true, false] {
        let mut fleet = Fleet::new(&[("a", "rest"), ("b", "pilot")], two_waves());
        fleet.look();
        match offline {
            true => fleet.plant("b").offline = true,
            false => fleet.seen.plants.retain(|it| it.namespace != "b"),
        }
        fleet.look();
        fleet.wait(7200);
        fleet.look();
        let why = if offline { "PlantOffline" } else { "WaveEmpty" };
        assert_eq!(
            (fleet.hold("pilot").as_str(), fleet.target("a")),
            (why, None)
        );
    }
}

#[test]
fn a_wave_put_in_before_one_that_is_over_comes_first() {
    let mut fleet = Fleet::new(
        &[("a", "rest"), ("b", "pilot"), ("c", "new")],
        json!([
            {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}},
            {"name": "rest", "plants": {"matchLabels": {"ring": "rest"}}, "approval": {"allOf": [{"group": "ot", "count": 1}]}},
        ]),
    );
    fleet.look();
    fleet.done("b");
    fleet.look();
    assert_eq!(fleet.hold("rest"), "AwaitingApproval");
    fleet.seen.release.spec.waves = serde_json::from_value(json!([
        {"name": "new", "plants": {"matchLabels": {"ring": "new"}}},
        {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}},
        {"name": "rest", "plants": {"matchLabels": {"ring": "rest"}}},
    ]))
    .unwrap();
    fleet.look();
    assert_eq!(
        (fleet.hold("rest").as_str(), fleet.target("a")),
        ("EarlierWaveNotDone", None)
    );
}

#[test]
fn no_more_lines_than_the_fleet_allows_can_be_on_trial() {
    let waves = json!([{"name": "all", "plants": {}}]);
    let mut fleet = Fleet::new(&FIVE, waves);
    let spec = &mut fleet.seen.release.spec;
    (
        spec.max_concurrent_lines,
        spec.max_concurrent_lines_in_fleet,
    ) = (2, Some(5));
    fleet.look();
    // Two plants with two lines each; a third one could have two as well.
    assert_eq!(fleet.going(), ["a", "b"]);
    assert_eq!(fleet.target("a").unwrap().max_concurrent_lines, 2);
    fleet.done("a");
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c"]);
    // Without waves as well.
    fleet.seen.release.spec.waves.clear();
    fleet.seen.release.spec.max_concurrent_lines_in_fleet = Some(6);
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c", "d"]);
    fleet.seen.release.spec.max_concurrent_lines_in_fleet = Some(1);
    fleet.look();
    let ready = condition::find(&fleet.seen.release.status.conditions, ConditionType::Ready);
    let message = &ready.unwrap().message;
    assert!(
        message.starts_with("spec.maxConcurrentLinesInFleet: 1 is less than the 2 lines"),
        "{message}"
    );
}
