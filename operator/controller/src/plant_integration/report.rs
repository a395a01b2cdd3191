//! Writes the status, and only then tells what happened: an event never speaks of what is not remembered.

use super::apply::Applied;
use crate::context::Context;
use crate::server_side_apply::{self, Owner, StatusOf};
use andon_api::{PlantIntegration, label};
use andon_plan::Observed;

/// Reports what was carried out.
pub async fn report(
    context: &Context,
    owner: &Owner,
    observed: &Observed,
    applied: &Applied,
) -> Result<(), server_side_apply::Error> {
    let plan = applied.plan();
    if plan.write_status {
        context
            .writer
            .status::<PlantIntegration, _>(StatusOf {
                owner,
                manager: label::INTEGRATION_MANAGER,
                resource_version: &observed.integration.resource_version,
                status: &plan.status,
            })
            .await?;
    }
    for event in &plan.events {
        context.teller.tell(owner, event);
    }
    let name = format!("{}/{}", owner.namespace, owner.name);
    context.metrics.planned(&name, plan);
    Ok(())
}
