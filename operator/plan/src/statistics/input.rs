//! What goes in, and what is said when it cannot be right.

use serde::{Deserialize, Serialize};

/// A value that no statistics can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} is not {expected}")]
pub struct BadInput {
    /// Which input.
    pub field: &'static str,
    /// What it was.
    pub value: String,
    /// What would be right.
    pub expected: &'static str,
}

impl BadInput {
    pub(super) fn new(field: &'static str, value: impl ToString, expected: &'static str) -> Self {
        Self {
            field,
            value: value.to_string(),
            expected,
        }
    }
}

/// Documents that were finished: how many of them badly, and how many at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Those that were bad.
    pub bad: i64,
    /// All of them.
    pub total: i64,
}

impl Counts {
    /// Those that were good.
    pub fn good(self) -> i64 {
        self.total - self.bad
    }

    pub(super) fn checked(self, field: &'static str) -> Result<Self, BadInput> {
        if 0 <= self.bad && self.bad <= self.total {
            return Ok(self);
        }
        let value = format!("{} bad of {}", self.bad, self.total);
        Err(BadInput::new(
            field,
            value,
            "a count of bad documents from 0 to the total",
        ))
    }

    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            bad: self.bad.saturating_add(more.bad),
            total: self.total.saturating_add(more.total),
        }
    }
}

/// An alpha: the chance of a wrong verdict that is put up with.
pub(super) fn alpha(value: f64) -> Result<f64, BadInput> {
    if value > 0.0 && value < 1.0 {
        return Ok(value);
    }
    Err(BadInput::new("alpha", value, "above 0 and below 1"))
}

/// How much worse a rate may be: a share, added to it.
pub(super) fn worsening(value: f64) -> Result<f64, BadInput> {
    if (0.0..1.0).contains(&value) {
        return Ok(value);
    }
    Err(BadInput::new(
        "worsening",
        value,
        "a share from 0 to below 1 (1% is 0.01)",
    ))
}
