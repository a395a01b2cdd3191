//! Reads only: everything the plan of one release may see.

use crate::context::said;
use crate::plant_site::named;
use andon_api::condition::ConditionType;
use andon_api::{
    Approval, ApprovalSpec, Blueprint, BlueprintSpec, IntegrationRelease, PlantIntegration,
    PlantSite,
};
use andon_plan::{Named, ObservedRelease, ReleasePlant, ReleaseSeen, Seen, TargetSeen, wants};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads one release. None: it is gone or going.
pub async fn observe(
    client: &Client,
    namespace: &str,
    name: &str,
) -> kube::Result<Option<ObservedRelease>> {
    let releases = Api::<IntegrationRelease>::namespaced(client.clone(), namespace);
    let fleet = releases.list(&ListParams::default()).await?;
    let (mine, others): (Vec<_>, Vec<_>) = fleet
        .into_iter()
        .filter(|it| it.metadata.deletion_timestamp.is_none())
        .partition(|it| it.name_any() == name);
    let Some(mine) = mine.into_iter().next() else {
        return Ok(None);
    };
    let integration = mine.spec.integration.clone();
    let (blueprint, plants, approvals) = futures::join!(
        blueprint(client, &mine),
        plants(client, namespace, &integration),
        approvals(client, &mine)
    );
    let others = others
        .iter()
        .filter(|it| it.spec.integration == integration);
    Ok(Some(ObservedRelease {
        now: Timestamp::now(),
        others: others.map(named).collect(),
        blueprint,
        plants: plants?.into_iter().map(Arc::new).collect(),
        approvals: approvals?,
        release: release(mine),
    }))
}

fn release(mine: IntegrationRelease) -> ReleaseSeen {
    ReleaseSeen {
        named: named(&mine),
        namespace: mine.namespace().unwrap_or_default(),
        uid: mine.uid().unwrap_or_default(),
        generation: mine.metadata.generation.unwrap_or_default(),
        resource_version: mine.resource_version().unwrap_or_default(),
        annotations: mine.metadata.annotations.unwrap_or_default(),
        status: mine.status.unwrap_or_default(),
        spec: mine.spec,
    }
}

/// What people approved of it. Only asked for where a wave needs it.
async fn approvals(client: &Client, mine: &IntegrationRelease) -> kube::Result<Vec<ApprovalSpec>> {
    if mine.spec.waves.iter().all(|wave| wave.approval.is_none()) {
        return Ok(Vec::new());
    }
    let namespace = mine.namespace().unwrap_or_default();
    let all = Api::<Approval>::namespaced(client.clone(), &namespace)
        .list(&ListParams::default())
        .await?;
    let of_this = all.into_iter().map(|it| it.spec);
    Ok(of_this.filter(|it| it.release == mine.name_any()).collect())
}

async fn blueprint(client: &Client, mine: &IntegrationRelease) -> Seen<BlueprintSpec> {
    let api = Api::<Blueprint>::all(client.clone());
    match api.get_opt(&mine.spec.blueprint.object_name()).await {
        Ok(Some(blueprint)) => Seen::Present(blueprint.spec),
        Ok(None) => Seen::Absent,
        Err(error) => Seen::Unknown(said(&error)),
    }
}

/// The plants that let this fleet act and want the integration: of each namespace the oldest PlantSite.
async fn plants(
    client: &Client,
    fleet: &str,
    integration: &str,
) -> kube::Result<Vec<ReleasePlant>> {
    let sites = Api::<PlantSite>::all(client.clone());
    let integrations = Api::<PlantIntegration>::all(client.clone());
    let named_so = ListParams::default().fields(&format!("metadata.name={integration}"));
    let everything = ListParams::default();
    let (sites, integrations) =
        futures::try_join!(sites.list(&everything), integrations.list(&named_so))?;
    let mut speakers = BTreeMap::<String, (Named, PlantSite)>::new();
    for site in sites
        .into_iter()
        .filter(|it| it.metadata.deletion_timestamp.is_none())
    {
        let (namespace, mine) = (site.namespace().unwrap_or_default(), named(&site));
        match speakers.get(&namespace) {
            Some((older, _)) if (older.created, &older.name) < (mine.created, &mine.name) => {}
            _ => {
                speakers.insert(namespace, (mine, site));
            }
        }
    }
    let mut targets: BTreeMap<String, TargetSeen> = integrations
        .into_iter()
        .filter(|it| it.metadata.deletion_timestamp.is_none())
        .map(|it| (it.namespace().unwrap_or_default(), target(it)))
        .collect();
    Ok(speakers
        .into_iter()
        .filter(|(_, (_, site))| wants(&site.spec, fleet, integration))
        .map(|(namespace, (_, site))| ReleasePlant {
            integration: targets.remove(&namespace),
            offline: offline(&site),
            labels: site.metadata.labels.unwrap_or_default(),
            namespace,
        })
        .collect())
}

/// A plant's own cluster may be out of reach; whoever finds out says so on the PlantSite.
fn offline(site: &PlantSite) -> bool {
    let conditions = site.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|it| it.type_ == ConditionType::Reachable.as_str() && it.status == "False")
}

fn target(integration: PlantIntegration) -> TargetSeen {
    TargetSeen {
        name: integration.name_any(),
        uid: integration.uid().unwrap_or_default(),
        generation: integration.metadata.generation.unwrap_or_default(),
        spec: integration.spec,
        status: integration.status.unwrap_or_default(),
    }
}
