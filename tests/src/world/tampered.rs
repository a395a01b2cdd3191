//! Plans that somebody has tampered with: the checker's rule about shadows can fail.

use super::{Variant, World};
use andon_api::{LinePhase, ShadowLimit, TrialFailure, TrialShadow, label};
use andon_plan::{Change, Observed, Plan, check, plan};
use serde_json::Value;

const LINE: &str = "packaging-1";

/// A plant whose line runs 1.0.0, and 1.1.0 is asked for with a shadow.
fn released() -> World {
    let mut world = World::new(&[(LINE.to_owned(), 10)], 1);
    for version in ["1.0.0", "1.1.0"] {
        let variant = Variant {
            shadow: true,
            ..Variant::default()
        };
        world.versions.insert(version.to_owned(), variant);
    }
    world.release("1.0.0");
    until(&mut world, World::settled);
    world.analysis.shadow = Some(ShadowLimit {
        limit: "1%".to_owned(),
        min_samples: 20,
        max_wait: None,
    });
    world.release("1.1.0");
    world
}

/// Lets time pass until it is true.
fn until(world: &mut World, wanted: impl Fn(&World) -> bool) {
    for _ in 0..600 {
        world.tick();
        if wanted(world) {
            return;
        }
    }
    panic!("never so:\n{}", world.state());
}

fn shadow(world: &World) -> Option<&TrialShadow> {
    let line = world.integration.status.lines.first()?;
    line.trial.as_ref()?.shadow.as_ref()
}

/// What the world looks like while a shadow runs and has compared something.
fn shadowing() -> Observed {
    let mut world = released();
    until(&mut world, |world| {
        world.phase(LINE) == Some(LinePhase::Shadowing)
            && shadow(world).is_some_and(|it| it.same > 3)
    });
    world.observe()
}

/// The plan as it is breaks nothing; changed like this it breaks I29, and says so.
fn breaks(observed: &Observed, tamper: impl Fn(&mut Plan), said: &str) {
    let mut tampered = plan(observed);
    assert_eq!(check(observed, &tampered), Ok(()));
    tamper(&mut tampered);
    let broken = check(observed, &tampered).unwrap_err();
    let mut broken = broken.iter().filter(|it| it.rule == "I29");
    assert!(
        broken.any(|it| it.message.contains(said)),
        "{said}: {broken:?}"
    );
}

fn tried(plan: &mut Plan) -> &mut TrialShadow {
    let trial = plan.status.lines[0].trial.as_mut().unwrap();
    trial.shadow.as_mut().unwrap()
}

fn objects(observed: &Observed, kind: &str) -> Vec<Value> {
    let ours =
        |it: &&Value| it["kind"] == kind && it["metadata"]["labels"][label::STAGE] == label::SHADOW;
    let objects = observed.objects.iter().map(AsRef::as_ref);
    objects.filter(ours).cloned().collect()
}

fn delete(object: &Value) -> Change {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Change::Delete {
        api_version: text(&object["apiVersion"]),
        kind: text(&object["kind"]),
        name: text(&object["metadata"]["name"]),
        uid: text(&object["metadata"]["uid"]),
    }
}

fn rendered(observed: &Observed, kind: &str) -> Value {
    let revisions = observed.revisions.iter();
    let newest = revisions.max_by_key(|it| it.number).unwrap();
    let (_, shadow) = newest.rendering.shadow().unwrap();
    let mut objects = shadow.objects.iter();
    objects.find(|it| it["kind"] == kind).cloned().unwrap()
}

#[test]
fn a_shadow_passes_on_documents_alone() {
    let observed = shadowing();
    let now = observed.integration.status.lines[0].trial.clone().unwrap();
    let passes = |plan: &mut Plan| tried(plan).passed = Some(now.started.clone());
    breaks(&observed, passes, "passes as a shadow with 0 of");
    let mut silent = observed.clone();
    silent.readings.clear();
    breaks(&silent, passes, "that cannot be heard");
    let forgets = |plan: &mut Plan| plan.status.lines[0].trial.as_mut().unwrap().shadow = None;
    breaks(&observed, forgets, "is forgotten");
}

#[test]
fn a_shadow_fails_on_evidence_alone() {
    let observed = shadowing();
    let fails = |plan: &mut Plan| {
        let trial = plan.status.lines[0].trial.as_mut().unwrap();
        trial.failure = Some(TrialFailure {
            reason: "ShadowDiffers".to_owned(),
            message: "so be it".to_owned(),
            at: trial.started.clone(),
        });
    };
    breaks(&observed, fails, "without evidence: 0 of");
}

#[test]
fn a_line_changes_only_once_its_shadow_has_passed_and_gone() {
    let checked = |plan: &mut Plan| {
        plan.status.lines[0].trial.as_mut().unwrap().checked = true;
    };
    breaks(&shadowing(), checked, "changes before its shadow");
    let mut world = released();
    until(&mut world, |world| {
        shadow(world).is_some_and(|it| it.passed.is_some())
    });
    breaks(&world.observe(), checked, "changes before its shadow");
    let ends = |plan: &mut Plan| plan.status.lines[0].trial = None;
    breaks(&world.observe(), ends, "is over while its shadow is there");
}

#[test]
fn a_shadow_stands_only_for_its_trial() {
    let mut world = released();
    until(&mut world, |world| {
        world.phase(LINE) == Some(LinePhase::Checking)
    });
    let observed = world.observe();
    let object = rendered(&observed, "Deployment");
    let applies = |plan: &mut Plan| {
        let (object, uid) = (object.clone(), None);
        plan.changes.push(Change::Apply { object, uid });
    };
    breaks(&observed, applies, "for which the status says no trial");
    breaks(&observed, applies, "runs before anything closes it in");
    let observed = shadowing();
    for (kind, said) in [
        ("Deployment", "which a trial runs as its shadow"),
        ("NetworkPolicy", "while the shadow runs that it closes in"),
    ] {
        let object = objects(&observed, kind).remove(0);
        let deletes = |plan: &mut Plan| plan.changes.push(delete(&object));
        breaks(&observed, deletes, said);
    }
}

/// One that was left by an operator that died, or by a backup, is found by its label.
#[test]
fn what_is_left_of_a_shadow_goes_and_what_closes_it_in_last() {
    let mut observed = shadowing();
    observed.integration.status.lines[0].trial = None;
    let gone = |observed: &Observed| {
        let changes = plan(observed).changes;
        let deletes = changes.into_iter().filter_map(|change| match change {
            Change::Delete { kind, .. } => Some(kind),
            _ => None,
        });
        deletes.collect::<Vec<_>>()
    };
    assert_eq!(gone(&observed), ["Deployment"]);
    let deployment = objects(&observed, "Deployment").remove(0);
    observed.objects.retain(|it| **it != deployment);
    assert_eq!(gone(&observed), Vec::<String>::new());
    observed.pods.retain(|it| it.stage != label::SHADOW);
    assert_eq!(gone(&observed), ["NetworkPolicy"]);
}
