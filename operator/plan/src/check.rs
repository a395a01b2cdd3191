//! An independent check of any plan: what must never happen, written down a second time with own logic. It runs on every
//! plan in every test, and before a plan is carried out; a plan that breaks a rule is not carried out.
//!
//! The numbers are those of `README.md`.

mod acting;
mod approving;
mod beside;
mod comparing;
mod deciding;
mod ending;
mod leaving;
mod requiring;
mod shadowing;
mod standing;
mod status_rule;
mod undoing;
mod valued;
mod vetoing;

use crate::desired::Memory;
use crate::observed::Observed;
use crate::plan::Plan;
use std::fmt;

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as `README.md` numbers it: `I4`.
    pub rule: &'static str,
    /// How the plan breaks it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

/// What is found while checking.
pub(crate) struct Findings<'a> {
    found: Vec<Violation>,
    /// Renderings that were made before.
    memory: &'a mut Memory,
}

impl Findings<'_> {
    /// What a line should run.
    fn desired(&mut self, observed: &Observed, line: &str) -> Option<String> {
        let rendering = self.memory.desired(observed, line).ok()?;
        Some(rendering.digest.clone())
    }

    /// Notes a violation unless `holds`.
    fn demand(&mut self, holds: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation {
                rule,
                message: message(),
            });
        }
    }
}

/// Every rule that a plan breaks.
pub fn check(observed: &Observed, plan: &Plan) -> Result<(), Vec<Violation>> {
    check_with(observed, plan, &mut Memory::default())
}

/// The same, with the renderings of the looks before.
pub fn check_with(
    observed: &Observed,
    plan: &Plan,
    memory: &mut Memory,
) -> Result<(), Vec<Violation>> {
    let mut findings = Findings {
        found: Vec::new(),
        memory,
    };
    acting::check(observed, plan, &mut findings);
    deciding::check(observed, plan, &mut findings);
    status_rule::check(observed, plan, &mut findings);
    match findings.found.is_empty() {
        true => Ok(()),
        false => Err(findings.found),
    }
}
