//! Writes only: carries a plan out, change by change, in its order. It makes no choice.

use crate::kinds::Kind;
use crate::server_side_apply::{self, Owner, Writer};
use andon_api::PlantIntegration;
use andon_plan::{Change, Plan};

/// A plan that was carried out. Only [`apply`] makes one, so nothing is reported that was not done.
#[derive(Debug)]
pub struct Applied {
    plan: Plan,
}

impl Applied {
    /// What was carried out.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Carries a plan out. It stops at the first write that fails: what comes later may rely on it.
pub async fn apply(
    writer: &Writer,
    owner: &Owner,
    plan: Plan,
) -> Result<Applied, server_side_apply::Error> {
    for change in &plan.changes {
        carry_out(writer, owner, change).await?;
    }
    Ok(Applied { plan })
}

async fn carry_out(
    writer: &Writer,
    owner: &Owner,
    change: &Change,
) -> Result<(), server_side_apply::Error> {
    let namespace = &owner.namespace;
    match change {
        Change::SaveRevision {
            name,
            line,
            number,
            rendering,
        } => {
            let place = (name.as_str(), line.as_str(), *number);
            writer.save_revision(owner, place, rendering).await
        }
        Change::MarkRevision {
            name,
            uid,
            last_good,
            failed,
        } => {
            let revision = (name.as_str(), uid.as_str());
            writer
                .mark_revision(namespace, revision, *last_good, failed.as_deref())
                .await
        }
        Change::DeleteRevision { name, uid } => writer.delete_revision(namespace, name, uid).await,
        Change::Apply { object, uid } => writer.apply(owner, object, uid.as_deref()).await,
        Change::RemoveFinalizer => writer.let_go::<PlantIntegration>(owner).await,
        Change::Delete {
            api_version,
            kind,
            name,
            uid,
        } => {
            let found = Kind::find(api_version, kind).ok_or_else(|| {
                server_side_apply::Error::UnknownKind {
                    api_version: api_version.clone(),
                    kind: kind.clone(),
                }
            })?;
            writer.delete(namespace, &found, name, uid).await
        }
        Change::DeletePod { name, uid } => writer.delete_pod(namespace, name, uid).await,
    }
}
