//! What happens by chance to the integration that the plant's own requires.

use super::{Act, Faults, Run, Variant};
use crate::world::scenario::Base;
use andon_api::Go;
use std::collections::BTreeMap;

impl Run<'_> {
    /// Puts a required integration beside the one that is looked at.
    pub(super) fn install_base(&mut self) {
        let lines = 1 + self.random.below(2);
        let base = Base {
            lines: (1..=lines)
                .map(|number| (format!("zone-{number}"), 10))
                .collect(),
            versions: BTreeMap::from([("1.0.0".to_owned(), Variant::default())]),
            runs: "1.0.0".to_owned(),
        };
        if let Err(why) = self.world.install_base(&base, false) {
            self.world.violations.push(why);
        }
    }

    /// What a version requires: what is there, or is not there yet.
    pub(super) fn requires(&mut self) -> Option<String> {
        let there = self.world.base.is_some() && self.random.chance(600);
        there.then(|| format!(">=1.{}.0", self.random.below(self.base_releases + 2)))
    }

    /// Something happens to the required integration.
    pub(super) fn on_base(&mut self) -> Act {
        let act = match self.random.below(8) {
            0..3 => self.base_release(),
            3 => Act {
                go: Some(Go::Undo),
                ..Act::default()
            },
            4 => Act {
                go: Some(Go::Proceed),
                ..Act::default()
            },
            5 => Act {
                soaking: Some(self.random.chance(500)),
                ..Act::default()
            },
            6 => Act {
                lose_status: self.random.chance(200),
                ..Act::default()
            },
            _ => Act {
                go: Some(Go::Abort),
                ..Act::default()
            },
        };
        Act {
            on_base: Some(Box::new(act)),
            ..Act::default()
        }
    }

    fn base_release(&mut self) -> Act {
        let random = &mut self.random;
        let variant = match random.below(4) {
            0 => Variant {
                wrong_after: Some(random.below(60).cast_signed()),
                ..Variant::default()
            },
            1 => Variant {
                wrong_unit: true,
                ..Variant::default()
            },
            _ => Variant {
                new_source: random.chance(500),
                ..Variant::default()
            },
        };
        self.base_version(variant)
    }

    fn base_version(&mut self, variant: Variant) -> Act {
        self.base_releases += 1;
        let version = format!("1.{}.0", self.base_releases);
        if let Some(base) = &mut self.world.base {
            base.versions.insert(version.clone(), variant);
        }
        Act {
            release: Some(version),
            ..Act::default()
        }
    }

    /// All trouble ends: a good release of what is required comes through.
    pub(super) fn calm_base(&mut self) {
        let Some(base) = &mut self.world.base else {
            return;
        };
        base.faults = Faults::default();
        base.soaking = false;
        let release = self.base_version(Variant::default());
        self.world.act(&Act {
            on_base: Some(Box::new(release)),
            ..Act::default()
        });
    }
}
