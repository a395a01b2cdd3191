//! The order in which stages start.

use crate::problem::Problem;
use andon_api::Stage;

/// Stages in the order in which they start: what `after` names first, then as written.
pub(crate) fn start_order(stages: &[Stage]) -> Result<Vec<&Stage>, Vec<Problem>> {
    let mut ordered: Vec<&Stage> = Vec::with_capacity(stages.len());
    while ordered.len() < stages.len() {
        let placed = |name: &str| ordered.iter().any(|stage| stage.name == name);
        let ready =
            |stage: &&Stage| !placed(&stage.name) && stage.after.iter().all(|name| placed(name));
        match stages.iter().find(ready) {
            Some(next) => ordered.push(next),
            None => {
                let left: Vec<&str> = stages
                    .iter()
                    .map(|stage| stage.name.as_str())
                    .filter(|name| !placed(name))
                    .collect();
                return Err(vec![Problem::new(
                    "blueprint.yaml",
                    None,
                    format!(
                        "the stages {} wait for each other, or for a stage that does not exist",
                        left.join(", ")
                    ),
                    "let `after` name only stages that start earlier",
                )]);
            }
        }
    }
    Ok(ordered)
}
