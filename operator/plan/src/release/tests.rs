use super::*;

mod gates;
mod plants;
mod toy;
mod waves;
use andon_api::{
    Go, HoldCount, IntegrationReleaseStatus, LineHold, LinePhase, LineStatus, RenderingReference,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn spec() -> IntegrationReleaseSpec {
    serde_json::from_value(json!({
        "integration": "confirmations",
        "blueprint": {"name": "line-confirmations", "version": "1.2.0"},
        "parameters": {"unit": "PCE"},
        "analysis": {"bake": {"duration": "10s"}, "minSamples": 30, "confidence": "99.9%", "progressDeadline": "1m"}
    }))
    .unwrap()
}

fn blueprint() -> BlueprintSpec {
    serde_json::from_value(json!({
        "name": "line-confirmations", "version": "1.2.0", "scope": "Line",
        "stages": [{"name": "post", "strategy": "Takeover"}],
        "files": {"templates/post/deployment.yaml": "kind: Deployment"}
    }))
    .unwrap()
}

fn plant(name: &str) -> ReleasePlant {
    ReleasePlant {
        namespace: name.into(),
        labels: BTreeMap::new(),
        offline: false,
        integration: Some(TargetSeen {
            name: "confirmations".into(),
            uid: format!("{name}-uid"),
            generation: 1,
            spec: PlantIntegrationSpec {
                integration: "confirmations".into(),
                target: None,
            },
            status: PlantIntegrationStatus::default(),
        }),
    }
}

fn observed() -> ObservedRelease {
    ObservedRelease {
        now: at("2026-11-21T08:00:00Z"),
        release: ReleaseSeen {
            named: Named {
                name: "confirmations".into(),
                created: at("2026-11-21T07:00:00Z"),
            },
            namespace: "andon-fleet".into(),
            uid: "release-uid".into(),
            generation: 2,
            resource_version: "9".into(),
            annotations: BTreeMap::new(),
            spec: spec(),
            status: IntegrationReleaseStatus::default(),
        },
        others: Vec::new(),
        blueprint: Seen::Present(blueprint()),
        approvals: Vec::new(),
        plants: vec![plant("plant-ulm").into(), plant("plant-brno").into()],
    }
}

/// The world after the plan was carried out and every plant's integration controller has said what it sees.
fn obeyed(mut observed: ObservedRelease) -> ObservedRelease {
    let plan = plan_release(&observed);
    observed.release.status = plan.status;
    for assign in plan.changes {
        let plant = observed
            .plants
            .iter_mut()
            .find(|plant| plant.namespace == assign.namespace)
            .unwrap();
        let seen = Arc::make_mut(plant).integration.as_mut().unwrap();
        seen.generation += 1;
        seen.status.observed_generation = seen.generation;
        if seen.status.target_digest.as_ref() != Some(&assign.target.digest) {
            seen.status.conditions.clear();
        }
        seen.status.target_digest = Some(assign.target.digest.clone());
        seen.spec.target = Some(assign.target);
    }
    observed
}

fn status_of(observed: &mut ObservedRelease, plant: usize) -> &mut PlantIntegrationStatus {
    let plant = Arc::make_mut(&mut observed.plants[plant]);
    &mut plant.integration.as_mut().unwrap().status
}

fn done(observed: &mut ObservedRelease, plant: usize) {
    let now = observed.now;
    let status = status_of(observed, plant);
    let ready = Wanted {
        kind: ConditionType::Ready,
        status: true,
        reason: ConditionReason::AllLinesSteady,
        message: String::new(),
    };
    status.conditions = condition::merge(&[], &[ready], 1, now);
}

fn line(name: &str) -> LineStatus {
    LineStatus {
        name: name.into(),
        phase: LinePhase::Steady,
        desired: None,
        running: None,
        last_good: None,
        promoted: None,
        trial: None,
        failed: None,
        removing: None,
        hold: None,
    }
}

fn reasons(plan: &ReleasePlan) -> Vec<(String, String, String)> {
    plan.status
        .conditions
        .iter()
        .map(|it| (it.type_.clone(), it.status.clone(), it.reason.clone()))
        .collect()
}

fn triple(kind: &str, status: &str, reason: &str) -> (String, String, String) {
    (kind.into(), status.into(), reason.into())
}

#[test]
fn every_plant_gets_the_target_once() {
    let observed = observed();
    let plan = plan_release(&observed);
    assert_eq!(plan.changes.len(), 2);
    let target = &plan.changes[0].target;
    assert_eq!(
        (target.release.as_str(), target.go),
        ("andon-fleet/confirmations", Go::Proceed)
    );
    assert_eq!(Some(&target.digest), plan.status.digest.as_ref());
    let again = plan_release(&obeyed(observed));
    assert_eq!((again.changes, again.write_status), (Vec::new(), false));
}

#[test]
fn the_digest_is_of_what_is_asked_and_not_of_pausing() {
    let digest = |observed: &ObservedRelease| plan_release(observed).status.digest.unwrap();
    let first = digest(&observed());
    let mut paused = observed();
    paused.release.spec.paused = true;
    assert_eq!(digest(&paused), first);
    assert!(
        plan_release(&paused)
            .changes
            .iter()
            .all(|it| it.target.go == Go::Wait)
    );
    let mut other = observed();
    other
        .release
        .spec
        .parameters
        .insert("unit".into(), json!("KGM"));
    assert_ne!(digest(&other), first);
    let mut other = observed();
    other.release.spec.analysis.min_samples = 31;
    assert_ne!(digest(&other), first);
    let mut changed = blueprint();
    changed.files.insert("routes/post.yaml".into(), "x".into());
    let mut other = observed();
    other.blueprint = Seen::Present(changed);
    assert_ne!(digest(&other), first);
}

#[test]
fn plants_are_counted_by_what_they_do() {
    let mut observed = obeyed(observed());
    done(&mut observed, 0);
    let mut waiting = line("filling-1");
    waiting.hold = Some(LineHold {
        reason: "EarlierLineNotDone".into(),
        message: String::new(),
    });
    status_of(&mut observed, 1).lines = vec![waiting.clone(), waiting];
    let plan = plan_release(&observed);
    let counts = &plan.status.plants;
    assert_eq!((counts.total, counts.done, counts.waiting), (2, 1, 1));
    assert_eq!(
        plan.status.holds,
        [HoldCount {
            reason: "EarlierLineNotDone".into(),
            count: 2
        }]
    );
    assert_eq!(
        reasons(&plan),
        [
            triple("Ready", "False", "Progressing"),
            triple("Reconciling", "True", "Progressing")
        ]
    );
}

#[test]
fn complete_is_told_once() {
    let mut observed = obeyed(observed());
    done(&mut observed, 0);
    done(&mut observed, 1);
    let plan = plan_release(&observed);
    assert_eq!(plan.status.phase, Some(ReleasePhase::Complete));
    assert_eq!(reasons(&plan), [triple("Ready", "True", "Complete")]);
    assert_eq!(plan.events.len(), 1);
    observed.release.status = plan.status;
    assert!(plan_release(&observed).events.is_empty());
}

#[test]
fn a_status_about_an_earlier_target_counts_as_waiting() {
    let mut observed = obeyed(observed());
    done(&mut observed, 0);
    done(&mut observed, 1);
    observed.release.spec.analysis.min_samples = 99;
    let counts = plan_release(&observed).status.plants;
    assert_eq!((counts.done, counts.waiting), (0, 2));
}

#[test]
fn a_line_that_failed_is_seen_on_the_release() {
    let mut observed = obeyed(observed());
    let digest = observed.release.status.digest.clone().unwrap();
    let mut failed = line("packaging-1");
    failed.failed = Some(andon_api::Failed {
        rendering: RenderingReference {
            version: "1.2.0".into(),
            digest: "sha256:bb".into(),
            revision: "r".into(),
            plant_part: None,
            requires: Vec::new(),
        },
        target_digest: digest,
        reason: "CheckFailed".into(),
        message: String::new(),
        at: k8s_openapi_time(observed.now),
        restored: None,
    });
    status_of(&mut observed, 0).lines = vec![failed];
    let plan = plan_release(&observed);
    assert_eq!(plan.status.phase, Some(ReleasePhase::RolledBack));
    // The other plant has not started: work goes on.
    assert!(reasons(&plan).contains(&triple("Reconciling", "True", "LineRolledBack")));
    assert!(reasons(&plan).contains(&triple("RolledBack", "True", "LineRolledBack")));
    done(&mut observed, 1);
    assert!(reasons(&plan_release(&observed)).contains(&triple(
        "Stalled",
        "True",
        "LineRolledBack"
    )));
}

/// The API's time type, without naming the crate it comes from.
fn k8s_openapi_time<T: serde::de::DeserializeOwned>(at: Timestamp) -> T {
    serde_json::from_value(json!(at.to_string())).unwrap()
}

#[test]
fn a_missing_blueprint_is_named_and_leaves_the_targets_alone() {
    let mut observed = obeyed(observed());
    let before = observed.release.status.digest.clone();
    observed.release.spec.blueprint.version = "9.9.9".into();
    observed.blueprint = Seen::Absent;
    let plan = plan_release(&observed);
    assert!(plan.changes.is_empty());
    assert_eq!(plan.status.phase, Some(ReleasePhase::Invalid));
    assert_eq!(plan.status.digest, before);
    assert_eq!(
        reasons(&plan),
        [
            triple("Ready", "False", "BlueprintMissing"),
            triple("Stalled", "True", "BlueprintMissing")
        ]
    );
    let message = &plan.status.conditions[0].message;
    assert!(
        message.contains("\"line-confirmations-9.9.9\"") && message.contains("pack"),
        "{message}"
    );
    assert_eq!(plan.events.len(), 1);
    observed.release.status = plan.status;
    let again = plan_release(&observed);
    assert_eq!((again.events.len(), again.write_status), (0, false));
}

#[test]
fn unknown_is_not_missing() {
    let mut observed = obeyed(observed());
    observed.blueprint = Seen::Unknown("the API server did not answer".into());
    let plan = plan_release(&observed);
    assert_eq!((plan.changes, plan.write_status), (Vec::new(), false));
}

#[test]
fn the_older_release_speaks() {
    let mut observed = observed();
    observed.others = vec![Named {
        name: "confirmations-old".into(),
        created: at("2026-11-20T07:00:00Z"),
    }];
    let plan = plan_release(&observed);
    assert!(plan.changes.is_empty());
    assert!(reasons(&plan).contains(&triple("Stalled", "True", "Overlapping")));
    assert!(
        plan.status.conditions[0]
            .message
            .contains("confirmations-old")
    );
    observed.others[0].created = at("2026-11-22T07:00:00Z");
    assert_eq!(plan_release(&observed).changes.len(), 2);
}

#[test]
fn no_plants_is_said() {
    let mut observed = observed();
    observed.plants.clear();
    let plan = plan_release(&observed);
    assert!(reasons(&plan).contains(&triple("Stalled", "True", "NoPlants")));
    assert!(plan.status.conditions[0].message.contains("andon-fleet"));
}

#[test]
fn a_plant_opts_in_by_fleet_and_integration() {
    let site: PlantSiteSpec = serde_json::from_value(json!({
        "siteCode": "DE-ULM-01", "timeZone": "Europe/Berlin", "fleet": "andon-fleet", "lines": [],
        "integrations": [{"name": "confirmations"}]
    }))
    .unwrap();
    assert!(wants(&site, "andon-fleet", "confirmations"));
    assert!(!wants(&site, "andon-fleet", "orders"));
    assert!(!wants(&site, "other-fleet", "confirmations"));
}

#[test]
fn a_paused_release_whose_lines_stand_still_waits_for_a_person() {
    let mut observed = observed();
    observed.release.spec.paused = true;
    let plan = plan_release(&obeyed(observed));
    assert_eq!(plan.status.phase, Some(ReleasePhase::Paused));
    assert!(reasons(&plan).contains(&triple("Stalled", "True", "Paused")));
}
