//! Who owns which field, as `metadata.managedFields` tells it.

use crate::fixture::{INTEGRATION, Operator, Plant};
use anyhow::{Result, ensure};
use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

/// The fields that a manager owns, of the object itself (`""`) or of its status subresource.
fn owned(object: &DynamicObject, manager: &str, subresource: &str) -> Value {
    let mut entries = object.managed_fields().iter();
    let found = entries.find(|it| {
        it.manager.as_deref() == Some(manager)
            && it.subresource.as_deref().unwrap_or_default() == subresource
            && it.operation.as_deref() == Some("Apply")
    });
    found
        .and_then(|it| it.fields_v1.as_ref())
        .map(|it| it.0.clone())
        .unwrap_or_default()
}

fn members(fields: &Value, at: &str) -> Vec<String> {
    let found = fields.pointer(at).and_then(Value::as_object);
    found
        .map(|it| it.keys().filter(|key| *key != ".").cloned().collect())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_controller_owns_its_fields_and_no_others() -> Result<()> {
    let plant = Plant::new("owners").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let found = plant.integration().await?;

    let site = owned(&found, "andon-site", "");
    ensure!(
        members(&site, "/f:spec") == ["f:integration"],
        "andon-site: {site}"
    );
    ensure!(
        members(&site, "/f:metadata") == ["f:finalizers", "f:labels", "f:ownerReferences"],
        "andon-site: {site}"
    );
    let release = owned(&found, "andon-release", "");
    ensure!(
        members(&release, "") == ["f:spec"],
        "andon-release: {release}"
    );
    ensure!(
        members(&release, "/f:spec") == ["f:target"],
        "andon-release: {release}"
    );
    // Atomic: owned as one, so that nobody can add to it.
    ensure!(
        release["f:spec"]["f:target"] == json!({}),
        "andon-release: {release}"
    );
    let status = owned(&found, "andon-integration", "status");
    ensure!(
        members(&status, "") == ["f:status"],
        "andon-integration: {status}"
    );
    ensure!(
        owned(&found, "andon-integration", "").is_null(),
        "andon-integration owns more than the status"
    );
    // A status is no spec: two writers, two generations.
    ensure!(
        found.metadata.generation == Some(2),
        "generation {:?}",
        found.metadata.generation
    );

    for (group, kind) in [("apps", "Deployment"), ("", "ConfigMap")] {
        let made = plant.made(group, kind).await?;
        ensure!(made.len() == 1, "{} {kind}s", made.len());
        let fields = owned(&made[0], "andon-integration", "");
        ensure!(!fields.is_null(), "{kind}: {:?}", made[0].managed_fields());
        let owner = &made[0].owner_references()[0];
        let expected = ("PlantIntegration", INTEGRATION, Some(true), Some(true));
        let given = (
            owner.kind.as_str(),
            owner.name.as_str(),
            owner.controller,
            owner.block_owner_deletion,
        );
        ensure!(
            given == expected && Some(&owner.uid) == found.uid().as_ref(),
            "{owner:?}"
        );
        ensure!(
            made[0].labels()["app.kubernetes.io/managed-by"] == "andon",
            "{:?}",
            made[0].labels()
        );
    }
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_adds_stays_and_what_is_ours_is_put_back() -> Result<()> {
    let plant = Plant::new("drift").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let configs = plant.child("", "ConfigMap");
    let name = plant.made("", "ConfigMap").await?[0].name_any();
    let edit = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": {"example.com/note": "mine"}},
        "data": {"greeting": "changed by hand"}
    });
    configs
        .patch(
            &name,
            &PatchParams::apply("kubectl-edit").force(),
            &Patch::Apply(&edit),
        )
        .await?;
    crate::fixture::eventually("the edited field to be put back", async || {
        let found = configs.get(&name).await?;
        let back = found.data["data"]["greeting"] == "hello"
            && found.annotations().contains_key("example.com/note");
        Ok(if back {
            Ok(())
        } else {
            Err(format!("{} {:?}", found.data["data"], found.annotations()))
        })
    })
    .await?;
    let before = plant.made("apps", "Deployment").await?[0].uid();
    plant
        .child("apps", "Deployment")
        .delete(&name, &Default::default())
        .await?;
    crate::fixture::eventually("the deleted workload to be put back", async || {
        let made = plant.made("apps", "Deployment").await?;
        let back = made.iter().any(|it| it.uid() != before);
        Ok(if back {
            Ok(())
        } else {
            Err(format!("{} deployments", made.len()))
        })
    })
    .await?;
    plant.runs("1.0.0").await?;
    operator.stop().await?;
    plant.end().await
}
