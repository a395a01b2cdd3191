//! An independent check of any plan: what must never happen, written down a second time with own logic. It runs on every
//! plan in every test, and before a plan is carried out; a plan that breaks a rule is not carried out.
//!
//! The numbers are those of `README.md`.

mod acting;
mod deciding;
mod status_rule;

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
#[derive(Default)]
pub(crate) struct Findings(Vec<Violation>);

impl Findings {
    /// Notes a violation unless `holds`.
    fn demand(&mut self, holds: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation {
                rule,
                message: message(),
            });
        }
    }
}

/// Every rule that a plan breaks.
pub fn check(observed: &Observed, plan: &Plan) -> Result<(), Vec<Violation>> {
    let mut findings = Findings::default();
    acting::check(observed, plan, &mut findings);
    deciding::check(observed, plan, &mut findings);
    status_rule::check(observed, plan, &mut findings);
    match findings.0.is_empty() {
        true => Ok(()),
        false => Err(findings.0),
    }
}
