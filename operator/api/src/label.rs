//! Every label, annotation and field-manager key.

use std::collections::BTreeMap;

/// The plant (name of the `PlantSite`).
pub const PLANT: &str = "andon.dev/plant";
/// The line.
pub const LINE: &str = "andon.dev/line";
/// The integration.
pub const INTEGRATION: &str = "andon.dev/integration";
/// The stage.
pub const STAGE: &str = "andon.dev/stage";
/// The instance of a stage; ends in the first digits of its digest.
pub const INSTANCE: &str = "andon.dev/instance";
/// Says that Andon made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_ANDON: &str = "andon";
/// On a ControllerRevision: this rendering passed on its line and is its newest last good.
pub const LAST_GOOD: &str = "andon.dev/last-good";
/// On a ControllerRevision: the target digest this rendering failed for.
pub const FAILED: &str = "andon.dev/failed";
/// On a ControllerRevision: the blueprint version it was rendered from.
pub const VERSION: &str = "andon.dev/version";
/// On a ControllerRevision: the rendering digest.
pub const DIGEST: &str = "andon.dev/digest";
/// On an IntegrationRelease or PlantIntegration: take the failed mark off and try again; honoured once per value.
pub const RETRY: &str = "andon.dev/retry";
/// On an IntegrationRelease: let no line start until `RESUME` has a new value; honoured once per value.
pub const PAUSE: &str = "andon.dev/pause";
/// On an IntegrationRelease: the end of `PAUSE`; honoured once per value.
pub const RESUME: &str = "andon.dev/resume";
/// On an IntegrationRelease: give up what it asks for now; lines on trial go back, promoted ones stay. Honoured once per value.
pub const ABORT: &str = "andon.dev/abort";
/// On an IntegrationRelease: give up what it asks for now; promoted lines go back as well. Honoured once per value.
pub const UNDO: &str = "andon.dev/undo";
/// On a PlantIntegration: lines (`packaging-1,filling-1`) that are removed although documents wait in their queues; those are left
/// where they are. Counts only while such a line is being removed.
pub const SKIP_DRAIN: &str = "andon.dev/skip-drain";
/// On a PlantIntegration: `<line>@<who>: <why>`, for instance `filling-1@anna: seen enough`. Skips the rest of the bake and
/// `minSamples` of a line that is baking now; never a failure. Honoured once per value.
pub const PROMOTE: &str = "andon.dev/promote";
/// On an IntegrationRelease: who asked for this version. Never counts as an approver of it.
pub const AUTHOR: &str = "andon.dev/author";

/// Finalizer of a PlantSite and of its PlantIntegrations: one that is deleted stays until its lines are removed in their order.
pub const DRAIN: &str = "andon.dev/drain";

/// Characters of a lever's value that count: it is repeated in the status, which must not grow with what people write.
pub const LEVER_LENGTH: usize = 253;

/// The value of a lever (`RETRY`, `PAUSE`, ...), of which the first [`LEVER_LENGTH`] characters count; none: not pulled.
pub fn lever(annotations: &BTreeMap<String, String>, key: &str) -> Option<String> {
    let value = annotations.get(key).filter(|value| !value.is_empty())?;
    Some(value.chars().take(LEVER_LENGTH).collect())
}

/// Field manager of the site controller.
pub const SITE_MANAGER: &str = "andon-site";
/// Field manager of the release controller.
pub const RELEASE_MANAGER: &str = "andon-release";
/// Field manager of the integration controller.
pub const INTEGRATION_MANAGER: &str = "andon-integration";

/// Value of [`STAGE`] on objects that all stages share.
pub const COMMON: &str = "common";
/// Value of [`STAGE`] on the objects of the check Job.
pub const CHECK: &str = "check";
/// Value of [`STAGE`] on the objects of a stage's shadow: no selector of the stage itself means them, and no network policy for it lets
/// them through.
pub const SHADOW: &str = "shadow";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lever_that_nobody_pulled_has_no_value() {
        let annotations = |value: &str| BTreeMap::from([(RETRY.to_owned(), value.to_owned())]);
        assert_eq!(lever(&annotations("again"), PAUSE), None);
        assert_eq!(lever(&annotations(""), RETRY), None);
        assert_eq!(
            lever(&annotations("again"), RETRY).as_deref(),
            Some("again")
        );
        let long = lever(&annotations(&"ü".repeat(300)), RETRY).unwrap();
        assert_eq!(long.chars().count(), LEVER_LENGTH);
    }
}
