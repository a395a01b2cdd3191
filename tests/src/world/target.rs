//! What is asked of the plant.

use super::{BLUEPRINT, INTEGRATION, World};
use andon_api::Parameters;
use std::hash::{DefaultHasher, Hash, Hasher};

impl World {
    /// Asks for a version of the blueprint.
    pub fn release(&mut self, version: &str) {
        let target = andon_api::Target {
            release: format!("andon-fleet/{INTEGRATION}"),
            blueprint: andon_api::BlueprintReference {
                name: BLUEPRINT.to_owned(),
                version: version.to_owned(),
            },
            parameters: Parameters::new(),
            analysis: self.analysis.clone(),
            digest: self.target_digest(version),
            rollback: andon_api::Rollback {
                scope: self.scope,
                standby: self.standby,
            },
            go: andon_api::Go::Proceed,
            max_concurrent_lines: self.lines_at_a_time,
            soaking: self.soaking,
            author: self.author.clone(),
            retry: None,
        };
        self.integration.spec.target = Some(target);
        self.lent_blueprint = None;
        self.spec_changed();
    }

    /// Of what is asked for: the version, how it is judged and what a failure takes back.
    fn target_digest(&self, version: &str) -> String {
        let mut hasher = DefaultHasher::new();
        let asked = serde_json::json!([self.analysis, self.scope, self.standby]);
        asked.to_string().hash(&mut hasher);
        format!("sha256:target-{version}-{:016x}", hasher.finish())
    }
}
