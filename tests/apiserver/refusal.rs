//! Bad input gets a condition that names the field, the value and what to do; what runs stays untouched.

use crate::fixture::{INTEGRATION, LINE, Operator, Plant, deployment, eventually};
use anyhow::{Result, ensure};
use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

/// What runs: its UID and its generation.
async fn workload(plant: &Plant) -> Result<(Option<String>, Option<i64>)> {
    let made = plant.made("apps", "Deployment").await?;
    ensure!(made.len() == 1, "{} workloads", made.len());
    Ok((made[0].uid(), made[0].metadata.generation))
}

fn has(message: &str, words: &[&str]) -> Result<()> {
    println!("{message}");
    for word in words {
        ensure!(message.contains(word), "{word:?} is not in: {message}");
    }
    Ok(())
}

/// Waits until the line is held for this reason, in these words.
async fn held(plant: &Plant, reason: &str, words: &[&str]) -> Result<()> {
    let said = eventually(
        &format!("{LINE} to be held for {reason} with {words:?}"),
        async || {
            let found: DynamicObject = plant.integration().await?;
            let hold = &found.data["status"]["lines"][0]["hold"];
            let message = hold["message"].as_str().unwrap_or_default().to_owned();
            let right = hold["reason"] == reason && words.iter().all(|word| message.contains(word));
            Ok(if right {
                Ok(message)
            } else {
                Err(found.data["status"].to_string())
            })
        },
    )
    .await?;
    println!("{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_cannot_ask_is_told_and_the_line_runs_on() -> Result<()> {
    let plant = Plant::new("refusal").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let before = workload(&plant).await?;

    // A version that does not exist.
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("9.9.9"))
        .await?;
    let said = plant
        .says(
            "IntegrationRelease",
            INTEGRATION,
            ("Stalled", "BlueprintMissing"),
        )
        .await?;
    has(
        &said,
        &[
            "spec.blueprint",
            &format!("{}-9.9.9", plant.blueprint),
            "kubectl andon pack",
        ],
    )?;

    // A parameter of the wrong type.
    let mut release = plant.release("1.1.0");
    release["parameters"] = json!({"greeting": 5});
    plant
        .apply("IntegrationRelease", INTEGRATION, &release)
        .await?;
    held(&plant, "ParametersInvalid", &["greeting", "5", "string"]).await?;

    // A parameter that the blueprint does not know.
    release["parameters"] = json!({"greting": "hi"});
    plant
        .apply("IntegrationRelease", INTEGRATION, &release)
        .await?;
    held(&plant, "ParametersInvalid", &["greting"]).await?;

    // A template that cannot be rendered.
    plant
        .pack(
            "1.2.0",
            &deployment().replace("parameters.replicas", "parameters.replicass"),
        )
        .await?;
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("1.2.0"))
        .await?;
    held(
        &plant,
        "RenderFailed",
        &["templates/post/workload.yaml", "replicass"],
    )
    .await?;

    // A check of an indicator that the blueprint does not have.
    let mut release = plant.release("1.1.0");
    release["analysis"]["checks"] = json!([{"indicator": "refused", "max": "1%"}]);
    plant
        .apply("IntegrationRelease", INTEGRATION, &release)
        .await?;
    held(&plant, "AnalysisInvalid", &["refused"]).await?;

    ensure!(
        workload(&plant).await? == before,
        "the running line was touched"
    );
    // And back to something good.
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("1.1.0"))
        .await?;
    plant.runs("1.1.0").await?;
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_api_server_refuses_changes_no_pod() -> Result<()> {
    let plant = Plant::new("dryrun").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let before = workload(&plant).await?;
    plant
        .pack(
            "1.3.0",
            &deployment().replace(
                "imagePullPolicy: IfNotPresent",
                "imagePullPolicy: Sometimes",
            ),
        )
        .await?;
    plant
        .apply("IntegrationRelease", INTEGRATION, &plant.release("1.3.0"))
        .await?;
    let failed = eventually("the refused version to be marked as failed", async || {
        let found = plant.integration().await?;
        let line = &found.data["status"]["lines"][0];
        let over = line["failed"]["rendering"]["version"] == "1.3.0" && line["trial"].is_null();
        Ok(if over {
            Ok(line["failed"].clone())
        } else {
            Err(line.to_string())
        })
    })
    .await?;
    ensure!(failed["reason"] == "Refused", "{failed}");
    has(
        failed["message"].as_str().unwrap_or_default(),
        &["Deployment", "imagePullPolicy", "Sometimes"],
    )?;
    ensure!(
        workload(&plant).await? == before,
        "the running line was touched"
    );
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_object_of_the_same_name_is_not_taken() -> Result<()> {
    let plant = Plant::new("foreign").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let name = plant.made("", "ConfigMap").await?[0].name_any();
    operator.stop().await?;
    // The same rendering at another plant, where that name is taken.
    let other = Plant::bare("foreign").await?;
    let configs = other.child("", "ConfigMap");
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"greeting": "somebody else's"}
    });
    configs
        .patch(
            &name,
            &PatchParams::apply("somebody"),
            &Patch::Apply(&theirs),
        )
        .await?;
    let mut release = plant.release("1.0.0");
    release["blueprint"]["name"] = json!(plant.blueprint);
    other.apply("PlantSite", "ulm", &other.site()).await?;
    other
        .apply("IntegrationRelease", INTEGRATION, &release)
        .await?;
    let operator = Operator::start(&other, "one", u64::MAX).await?;
    let line = eventually("the install to be refused", async || {
        let Some(found) = other.api("PlantIntegration").get_opt(INTEGRATION).await? else {
            return Ok(Err("no PlantIntegration yet".into()));
        };
        let line = found.data["status"]["lines"][0].clone();
        Ok(if line["failed"].is_null() {
            Err(line.to_string())
        } else {
            Ok(line)
        })
    })
    .await?;
    has(
        line["failed"]["message"].as_str().unwrap_or_default(),
        &["conflict", "somebody"],
    )?;
    let found = configs.get(&name).await?;
    ensure!(
        found.data["data"] == json!({"greeting": "somebody else's"}),
        "{}",
        found.data
    );
    ensure!(
        found.owner_references().is_empty(),
        "{:?}",
        found.owner_references()
    );
    operator.stop().await?;
    plant.end().await?;
    other.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plant_that_cannot_be_is_told_why() -> Result<()> {
    let plant = Plant::new("site").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let before = workload(&plant).await?;

    // A second one in the same namespace; the first goes on.
    plant.apply("PlantSite", "neu-ulm", &plant.site()).await?;
    let said = plant
        .says("PlantSite", "neu-ulm", ("Stalled", "NamespaceTaken"))
        .await?;
    has(&said, &[&plant.namespace, "ulm", "namespace of its own"])?;
    plant
        .says("PlantSite", "ulm", ("Ready", "Accepted"))
        .await?;
    plant
        .api("PlantSite")
        .delete("neu-ulm", &Default::default())
        .await?;

    // A well-formed time zone that does not exist.
    let spoilt = |at: &str, value: Value| {
        let mut site = plant.site();
        site[at] = value;
        site
    };
    plant
        .apply("PlantSite", "ulm", &spoilt("timeZone", json!("Europe/Ulm")))
        .await?;
    let said = plant
        .says("PlantSite", "ulm", ("Stalled", "Invalid"))
        .await?;
    has(
        &said,
        &["spec.timeZone", "Europe/Ulm", "for instance Europe/Berlin"],
    )?;

    // Its own namespace as the fleet's.
    plant
        .apply("PlantSite", "ulm", &spoilt("fleet", json!(plant.namespace)))
        .await?;
    let said = plant
        .says("PlantSite", "ulm", ("Stalled", "Invalid"))
        .await?;
    has(&said, &["spec.fleet", &plant.namespace])?;

    ensure!(
        workload(&plant).await? == before,
        "the running line was touched"
    );

    // An integration that is no longer wanted is removed with all that runs for it, and then the plant is at rest.
    plant
        .apply("PlantSite", "ulm", &spoilt("integrations", json!([])))
        .await?;
    eventually("nothing of the integration to be left", async || {
        let found = plant.api("PlantIntegration").get_opt(INTEGRATION).await?;
        let runs = plant.made("apps", "Deployment").await?.len();
        let kept = plant.made("apps", "ControllerRevision").await?.len();
        let state = found.map(|found| found.data["status"].to_string());
        Ok(match (&state, runs + kept) {
            (None, 0) => Ok(()),
            _ => Err(format!("{runs} workloads, {kept} kept, {state:?}")),
        })
    })
    .await?;
    plant
        .says("PlantSite", "ulm", ("Ready", "Accepted"))
        .await?;
    // Nobody wants it any more, and the release says so.
    let said = plant
        .says("IntegrationRelease", INTEGRATION, ("Stalled", "NoPlants"))
        .await?;
    has(&said, &[&plant.fleet, INTEGRATION])?;
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_releases_for_one_integration_the_older_speaks() -> Result<()> {
    let plant = Plant::new("overlap").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    // Creation times are whole seconds; the name settles a tie.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    plant
        .apply("IntegrationRelease", "toy-again", &plant.release("1.1.0"))
        .await?;
    let said = plant
        .says(
            "IntegrationRelease",
            "toy-again",
            ("Stalled", "Overlapping"),
        )
        .await?;
    has(&said, &["spec.integration", INTEGRATION, "delete one"])?;
    let target = plant.integration().await?.data["spec"]["target"]["blueprint"]["version"].clone();
    ensure!(target == "1.0.0", "{target}");
    // The older one gone, the other one speaks.
    plant
        .api("IntegrationRelease")
        .delete(INTEGRATION, &Default::default())
        .await?;
    plant.runs("1.1.0").await?;
    operator.stop().await?;
    plant.end().await
}
