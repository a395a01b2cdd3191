//! Approvals, levers, and what is remembered of them.

use super::toy::{FIVE, Fleet, two_waves};
use super::*;
use andon_api::WavePhase;

/// Plant a may go on, and is told of this retry.
fn goes_on_after(fleet: &Fleet, retry: &str) {
    let target = fleet.target("a").unwrap();
    assert_eq!(
        (target.go, target.retry.as_deref()),
        (Go::Proceed, Some(retry))
    );
}

#[test]
fn a_wave_waits_for_approval_of_this_digest() {
    let waves = json!([{"name": "emea", "plants": {}, "approval": {"allOf": [{"group": "ot", "count": 1}]}}]);
    let mut fleet = Fleet::new(&[("a", "x")], waves);
    let plan = fleet.rest();
    assert_eq!(fleet.hold("emea"), "AwaitingApproval");
    assert!(reasons(&plan).contains(&triple("Reconciling", "True", "AwaitingApproval")));
    let digest = fleet.seen.release.status.digest.clone().unwrap();
    assert!(fleet.wave("emea").hold.unwrap().message.contains(&digest));
    let approval = |digest: &str| {
        serde_json::from_value::<ApprovalSpec>(json!({
            "release": "confirmations", "digest": digest, "wave": "emea", "approver": "anna", "groups": ["ot"],
        }))
        .unwrap()
    };
    fleet.seen.approvals = vec![approval(&digest)];
    fleet.look();
    assert_eq!(fleet.going(), ["a"]);
    // Void as soon as anything else is asked: the plant finishes nothing more of the old, and gets nothing of the new.
    fleet.bump("1.3.0");
    fleet.look();
    assert_eq!(fleet.hold("emea"), "AwaitingApproval");
    let target = fleet.target("a").unwrap();
    assert_eq!(
        (target.blueprint.version.as_str(), target.go),
        ("1.2.0", Go::Wait)
    );
}

#[test]
fn an_approval_that_expires_later_does_not_close_an_open_wave() {
    let waves = json!([{"name": "emea", "plants": {}, "maxConcurrentPlants": 1, "approval": {"allOf": [{"group": "ot", "count": 1}]}}]);
    let mut fleet = Fleet::new(&[("a", "x"), ("b", "x")], waves);
    fleet.look();
    let digest = fleet.seen.release.status.digest.clone().unwrap();
    fleet.seen.approvals = vec![serde_json::from_value(json!({
        "release": "confirmations", "digest": digest, "approver": "anna", "groups": ["ot"], "expires": "2026-11-21T09:00:00Z",
    })).unwrap()];
    fleet.look();
    fleet.wait(7200);
    fleet.done("a");
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b"]);
}

#[test]
fn levers_are_honoured_once_for_each_value() {
    let mut fleet = Fleet::new(
        &[("a", "x"), ("b", "x")],
        json!([{"name": "all", "plants": {}, "maxConcurrentPlants": 1}]),
    );
    fleet.look();
    fleet.annotate("andon.dev/pause", "monday");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Wait);
    fleet.annotate("andon.dev/resume", "tuesday");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Proceed);
    // Both annotations stay, as Git keeps them; neither does anything again.
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Proceed);
    fleet.annotate("andon.dev/abort", "wednesday");
    fleet.look();
    assert_eq!(
        (fleet.target("a").unwrap().go, fleet.target("b")),
        (Go::Abort, None)
    );
    assert_eq!(fleet.seen.release.status.phase, Some(ReleasePhase::Aborted));
    fleet.annotate("andon.dev/undo", "thursday");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Undo);
    fleet.annotate("andon.dev/retry", "friday");
    fleet.look();
    goes_on_after(&fleet, "friday");
    fleet.annotate("andon.dev/abort", "saturday");
    fleet.look();
    // Another version is another question.
    fleet.bump("1.3.0");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Proceed);
}

#[test]
fn scope_release_takes_it_back_everywhere() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.seen.release.spec.rollback.scope = andon_api::RollbackScope::Release;
    fleet.look();
    fleet.done("b");
    fleet.look();
    fleet.failed("e");
    fleet.look();
    for plant in ["b", "e"] {
        assert_eq!(fleet.target(plant).unwrap().go, Go::Undo, "{plant}");
    }
    assert_eq!(fleet.target("a"), None);
    let given_up = fleet.seen.release.status.levers.given_up.clone().unwrap();
    assert_eq!(given_up.why, "plant e failed it");
}

#[test]
fn a_lost_status_opens_nothing_that_was_not_open() {
    let mut fleet = Fleet::new(&FIVE, two_waves());
    fleet.look();
    fleet.done("b");
    fleet.done("e");
    fleet.look();
    fleet.wait(1800);
    fleet.seen.release.status = IntegrationReleaseStatus {
        observed_generation: -1,
        ..IntegrationReleaseStatus::default()
    };
    fleet.look();
    assert_eq!(fleet.wave("pilot").phase, WavePhase::Soaking);
    fleet.wait(1800);
    fleet.look();
    // The soak began anew: nobody knows when it began before.
    assert_eq!(fleet.going(), ["b", "e"]);
    fleet.wait(1800);
    fleet.look();
    assert_eq!(fleet.going(), ["a", "b", "c", "e"]);
}

#[test]
fn a_failure_counts_while_the_plant_has_yet_to_see_that_it_must_wait() {
    let waves = json!([{"name": "all", "plants": {}, "maxConcurrentPlants": 1}]);
    let mut fleet = Fleet::new(&[("a", "x"), ("b", "x")], waves);
    fleet.look();
    fleet.failed("a");
    let plan = plan_release(&fleet.seen);
    let told = |name: &str| {
        plan.changes
            .iter()
            .find(|it| it.namespace == name)
            .map(|it| it.target.go)
    };
    assert_eq!((told("a"), told("b")), (Some(Go::Wait), None));
    // The write has another generation, of which the plant's status does not speak yet.
    let seen = fleet.plant("a").integration.as_mut().unwrap();
    seen.generation += 1;
    seen.spec.target = Some(plan.changes[0].target.clone());
    fleet.seen.release.status = plan.status;
    let again = plan_release(&fleet.seen);
    assert!(again.changes.is_empty(), "{:?}", again.changes);
}

#[test]
fn a_retry_is_not_undone_by_the_failure_that_it_takes_off() {
    let mut fleet = Fleet::new(&[("a", "x")], json!([{"name": "all", "plants": {}}]));
    fleet.seen.release.spec.rollback.scope = andon_api::RollbackScope::Release;
    fleet.look();
    fleet.failed("a");
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Undo);
    fleet.annotate("andon.dev/retry", "friday");
    fleet.look();
    goes_on_after(&fleet, "friday");
    // What fails after it was honoured counts again.
    fleet.status("a").release_retried = Some("friday".into());
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Undo);
}

#[test]
fn what_was_given_up_stays_so_when_the_status_is_lost() {
    let mut fleet = Fleet::new(&[("a", "x")], json!([{"name": "all", "plants": {}}]));
    fleet.look();
    fleet.annotate("andon.dev/abort", "monday");
    fleet.look();
    fleet.seen.release.status = IntegrationReleaseStatus {
        observed_generation: -1,
        ..IntegrationReleaseStatus::default()
    };
    fleet.look();
    assert_eq!(fleet.target("a").unwrap().go, Go::Abort);
}
