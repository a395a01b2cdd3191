//! That the checker's rule about what stands by can fail: plans of the real planner, tampered with.

use super::{Scenario, World};
use andon_api::{LineStatus, Standby, WarmStandby};
use andon_plan::{Change, Observed, Plan};

const LINE: &str = "packaging-1";

/// A plant whose canary bakes, with its last good behind it.
fn baking(then: &str) -> World {
    let text = format!(
        "{{story: x, lines: {{{LINE}: 10}}, versions: {{1.0.0: {{}}, 1.1.0: {{}}}}, runs: 1.0.0, then: 0, \
         script: [{{standby: Warm, release: 1.1.0}}, {{when: {LINE} Baking, after: 3}}{then}]}}"
    );
    let scenario: Scenario = serde_saphyr::from_str(&text).unwrap();
    let world = scenario.play().unwrap();
    assert_eq!(world.violations, Vec::<String>::new());
    world
}

fn line(plan: &mut Plan) -> &mut LineStatus {
    let mut lines = plan.status.lines.iter_mut();
    lines.find(|line| line.name == LINE).unwrap()
}

fn standby(plan: &mut Plan) -> &mut WarmStandby {
    line(plan).trial.as_mut().unwrap().standby.as_mut().unwrap()
}

/// What the checker says of a plan that was tampered with.
fn said(observed: &Observed, tamper: impl FnOnce(&mut Plan)) -> String {
    let mut plan = andon_plan::plan(observed);
    assert_eq!(andon_plan::check(observed, &plan), Ok(()));
    tamper(&mut plan);
    let found = andon_plan::check(observed, &plan).unwrap_err();
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

/// The pod of a version of post.
fn pod_of(observed: &Observed, canary: bool) -> (String, String) {
    let trial = &observed.integration.status.lines[0].trial;
    let digest = &trial.as_ref().unwrap().rendering.digest;
    let mut kept = observed.revisions.iter();
    let tried = kept.find(|it| it.rendering.digest == *digest).unwrap();
    let stages = &tried.rendering.stages;
    let is_canary = |instance: &str| stages.iter().any(|it| it.instance == instance);
    let mut pods = observed.pods.iter();
    let pod = pods
        .find(|it| it.stage == "post" && is_canary(&it.instance) == canary)
        .unwrap();
    (pod.name.clone(), pod.uid.clone())
}

#[test]
fn only_pods_that_are_written_down_and_stand_by_are_deleted() {
    let observed = baking("").observe();
    for canary in [false, true] {
        let (name, uid) = pod_of(&observed, canary);
        let said = said(&observed, |plan| {
            plan.changes.push(Change::DeletePod { name, uid });
        });
        assert!(said.contains("I26: deletes pod"), "{said}");
    }
}

#[test]
fn what_stands_by_stays_and_is_not_forgotten() {
    let observed = baking("").observe();
    let (_, uid) = pod_of(&observed, false);
    let pod = observed.pods.iter().find(|it| it.uid == uid).unwrap();
    let mut objects = observed.objects.iter();
    let own = objects
        .find(|it| it["kind"] == "Deployment" && it["metadata"]["name"] == pod.instance)
        .unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let delete = Change::Delete {
        api_version: text(&own["apiVersion"]),
        kind: text(&own["kind"]),
        name: text(&own["metadata"]["name"]),
        uid: text(&own["metadata"]["uid"]),
    };
    let deleted = said(&observed, |plan| plan.changes.push(delete));
    assert!(deleted.contains("which stands by"), "{deleted}");
    let forgotten = said(&observed, |plan| {
        line(plan).trial.as_mut().unwrap().standby = None;
    });
    assert!(forgotten.contains("I26: something else"), "{forgotten}");
    let invented = said(&observed, |plan| {
        standby(plan)
            .before
            .insert("uid-of-nobody".to_owned(), false);
    });
    assert!(invented.contains("does not stand by there"), "{invented}");
}

#[test]
fn its_documents_are_noticed_and_are_not_the_canarys() {
    // The canary's container has died, and what stands by works.
    let observed = baking(&format!(
        ", {{dies: {{line: {LINE}, stage: post}}}}, {{after: 3}}"
    ))
    .observe();
    let (_, uid) = pod_of(&observed, false);
    let mut plan = andon_plan::plan(&observed);
    assert!(standby(&mut plan).before.contains_key(&uid));
    let stolen = said(&observed, |plan| {
        let trial = line(plan).trial.as_mut().unwrap();
        let mut counted = trial.containers[0].clone();
        counted.pod = uid.clone();
        trial.containers.push(counted);
    });
    assert!(stolen.contains("count for the canary"), "{stolen}");
    let unseen = said(&observed, |plan| {
        standby(plan).before.clear();
        line(plan).trial.as_mut().unwrap().containers[0]
            .done
            .clear();
    });
    assert!(unseen.contains("is forgotten"), "{unseen}");
    assert!(unseen.contains("is not noticed"), "{unseen}");
}

#[test]
fn nothing_stands_by_unasked() {
    let mut world = baking("");
    world.standby = Standby::None;
    world.release("1.0.0");
    let observed = world.observe();
    let plan = andon_plan::plan(&observed);
    assert_eq!(andon_plan::check(&observed, &plan), Ok(()));
    world
        .versions
        .insert("1.2.0".to_owned(), super::Variant::default());
    world.release("1.2.0");
    let unasked = said(&world.observe(), |plan| {
        line(plan).trial.as_mut().unwrap().standby = Some(WarmStandby {
            version: "1.0.0".to_owned(),
            stages: vec!["post".to_owned(), "source".to_owned()],
            ..WarmStandby::default()
        });
    });
    assert!(unasked.contains("does not ask for"), "{unasked}");
    assert!(
        unasked.contains("source of packaging-1 stands by, but two"),
        "{unasked}"
    );
}
