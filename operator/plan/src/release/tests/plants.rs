//! Plants that join, leave, change their labels, are out of reach, or are busy with something else.

use super::toy::{FIVE, Fleet, ringed, two_waves};
use super::*;
use andon_api::WavePhase;

#[test]
fn a_plant_that_joins_gets_the_release_by_its_own_gates() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.look();
    fleet.done("b");
    fleet.done("e");
    fleet.look();
    // While the pilot soaks one more pilot plant comes: it is soaked with the others.
    fleet.seen.plants.push(ringed("f", "pilot").into());
    fleet.look();
    assert_eq!(fleet.going(), ["b", "e", "f"]);
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Progressing);
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.going(), ["b", "e", "f"]);
    fleet.done("f");
    fleet.look();
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Done);
    // Later one more: the wave that is over takes it up, and the next one goes on.
    fleet.seen.plants.push(ringed("g", "pilot").into());
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c", "e", "f", "g"]);
    assert_eq!(fleet.wave("rest").phase, WavePhase::Progressing);
}

#[test]
fn a_plant_that_leaves_or_changes_its_ring_aborts_nothing() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.look();
    fleet.done("b");
    // e is under way, and is now no pilot any more: it keeps what it has been asked, as one of the rest.
    fleet.plant("e").labels.insert("ring".into(), "rest".into());
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Soaking);
    assert_eq!(fleet.going(), ["b", "e"]);
    fleet.seen.plants.retain(|it| it.namespace != "b");
    fleet.look();
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Done);
    // e takes one of the two places.
    assert_eq!(fleet.going(), ["a", "e"]);
}

#[test]
fn an_offline_plant_keeps_its_place_and_blocks_nobody() {
    let mut fleet = Fleet::new(
        &[("a", "pilot"), ("b", "pilot"), ("c", "rest")],
        two_waves(),
    );
    fleet.plant("b").offline = true;
    fleet.look();
    assert_eq!(fleet.going(), ["a"]);
    fleet.done("a");
    fleet.look();
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.going(), ["a", "c"]);
    // The version is given up while b is away: it is not brought to it when it comes back.
    fleet.annotate("andon.dev/abort", "1");
    fleet.look();
    fleet.plant("b").offline = false;
    fleet.look();
    assert_eq!(fleet.target("b"), None);
}

#[test]
fn a_wave_can_wait_for_plants_that_are_offline() {
    let waves = json!([{"name": "all", "plants": {}, "waitForOffline": true}, ]);
    let mut fleet = Fleet::new(&[("a", "x"), ("b", "x")], waves);
    fleet.plant("b").offline = true;
    fleet.look();
    fleet.done("a");
    fleet.look();
    assert_eq!(
        (fleet.wave("all").phase, fleet.hold("all").as_str()),
        (WavePhase::Progressing, "PlantOffline")
    );
    fleet.plant("b").offline = false;
    fleet.look();
    fleet.done("b");
    fleet.look();
    assert_eq!(fleet.wave("all").phase, WavePhase::Done);
}

#[test]
fn plants_that_still_try_the_earlier_version_have_their_place() {
    let waves = json!([{"name": "all", "plants": {}, "maxConcurrentPlants": 1}]);
    let mut fleet = Fleet::new(&[("a", "x"), ("b", "x")], waves);
    fleet.look();
    fleet.done("a");
    fleet.look();
    let earlier = fleet.target("b").unwrap().digest;
    let mut trying = line("packaging-1");
    trying.trial = serde_json::from_value(json!({
        "rendering": {"version": "1.2.0", "digest": "sha256:bb", "revision": "r"},
        "targetDigest": earlier, "started": "2026-11-21T08:00:00Z",
    }))
    .unwrap();
    fleet.status("b").lines = vec![trying];
    fleet.bump("1.3.0");
    fleet.look();
    assert_eq!(fleet.going(), ["b"]);
}

#[test]
fn a_plant_that_waits_goes_on_only_when_its_wave_is_open_again() {
    let mut fleet = Fleet::new(&[("a", "rest"), ("b", "pilot")], two_waves());
    fleet.look();
    fleet.done("b");
    fleet.look();
    fleet.wait(3600);
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b"]);
    let first = fleet.seen.blueprint.clone();
    fleet.bump("1.3.0");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Wait);
    fleet.bump("1.2.0");
    fleet.seen.blueprint = first;
    fleet.look();
    assert_eq!(fleet.hold("rest"), "EarlierWaveNotDone");
    assert_eq!(fleet.target("a").unwrap().go, Go::Wait);
}
