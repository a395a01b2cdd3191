//! Condition types, and setting and finding conditions by kstatus' rules.

use crate::reason::ConditionReason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Condition types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionType {
    /// The object is what its spec asks for. Always present.
    Ready,
    /// Work is going on. Present only while true.
    Reconciling,
    /// Nothing can happen until a person changes something. Present only while true.
    Stalled,
    /// A line failed the target and went back. Present only while true.
    RolledBack,
    /// A plant's API server answers. Set by whoever can tell, not by Andon itself; absent: nobody says that it does not.
    Reachable,
}

impl ConditionType {
    /// The word as it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::RolledBack => "RolledBack",
            Self::Reachable => "Reachable",
        }
    }
}

/// A condition as it should be; the transition time is kept by [`merge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which condition.
    pub kind: ConditionType,
    /// Its status.
    pub status: bool,
    /// Its reason.
    pub reason: ConditionReason,
    /// What a person should know.
    pub message: String,
}

/// The conditions an object should carry: `wanted`, with the transition time of those whose status did not change.
/// Conditions that are not wanted are dropped: abnormal-true ones are present only while true.
pub fn merge(
    current: &[Condition],
    wanted: &[Wanted],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    wanted
        .iter()
        .map(|want| {
            let status = if want.status { "True" } else { "False" };
            let since = current
                .iter()
                .find(|had| had.type_ == want.kind.as_str() && had.status == status)
                .map_or_else(|| Time(now), |had| had.last_transition_time.clone());
            Condition {
                type_: want.kind.as_str().to_owned(),
                status: status.to_owned(),
                reason: want.reason.as_str().to_owned(),
                message: want.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: since,
            }
        })
        .collect()
}

/// Finds a condition.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions
        .iter()
        .find(|condition| condition.type_ == kind.as_str())
}

/// Whether a condition is present and true.
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == "True")
}
