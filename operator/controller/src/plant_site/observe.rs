//! Reads only: everything the plan of one plant may see.

use andon_api::{PlantIntegration, PlantSite, label};
use andon_plan::{IntegrationSeen, Named, ObservedSite, PlantSeen};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};

/// Reads one plant. None: it is gone.
pub async fn observe(
    client: &Client,
    namespace: &str,
    name: &str,
) -> kube::Result<Option<ObservedSite>> {
    let sites = Api::<PlantSite>::namespaced(client.clone(), namespace);
    let integrations = Api::<PlantIntegration>::namespaced(client.clone(), namespace);
    let everything = ListParams::default();
    let (sites, integrations) =
        futures::try_join!(sites.list(&everything), integrations.list(&everything))?;
    // One that is going keeps its namespace until its lines are removed.
    let (mine, siblings): (Vec<_>, Vec<_>) =
        sites.into_iter().partition(|site| site.name_any() == name);
    let Some(mine) = mine.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(ObservedSite {
        now: Timestamp::now(),
        site: PlantSeen {
            named: named(&mine),
            namespace: namespace.to_owned(),
            uid: mine.uid().unwrap_or_default(),
            generation: mine.metadata.generation.unwrap_or_default(),
            resource_version: mine.resource_version().unwrap_or_default(),
            deleting: mine.metadata.deletion_timestamp.is_some(),
            finalizer: has_finalizer(&mine),
            status: mine.status.unwrap_or_default(),
            spec: mine.spec,
        },
        siblings: siblings.iter().map(named).collect(),
        integrations: integrations.into_iter().map(seen).collect(),
    }))
}

/// Name and age of an object.
pub fn named<K: Resource<DynamicType = ()>>(object: &K) -> Named {
    Named {
        name: object.name_any(),
        created: object
            .creation_timestamp()
            .map_or(Timestamp::MAX, |it| it.0),
    }
}

fn has_finalizer<K: Resource<DynamicType = ()>>(object: &K) -> bool {
    object.finalizers().iter().any(|it| it == label::DRAIN)
}

fn seen(integration: PlantIntegration) -> IntegrationSeen {
    let owner = integration
        .owner_references()
        .iter()
        .find(|it| it.controller == Some(true));
    IntegrationSeen {
        name: integration.name_any(),
        uid: integration.uid().unwrap_or_default(),
        owner: owner.map(|it| it.uid.clone()),
        plant: integration.labels().get(label::PLANT).cloned(),
        deleting: integration.metadata.deletion_timestamp.is_some(),
        finalizer: has_finalizer(&integration),
        integration: integration.spec.integration.clone(),
        status: integration.status.unwrap_or_default(),
    }
}
