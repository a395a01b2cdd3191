//! The API version `andon.dev/v1alpha1` and its kinds.
// Printer columns and rules repeat the same keys.
#![allow(clippy::duplicated_attributes)]

mod analysis;
mod approval;
mod blueprint;
mod integration_release;
mod line_status;
mod plant_integration;
mod plant_site;
mod schedule;
mod trial_shadow;
mod wave;

pub use analysis::{Analysis, Bake, BakeClock, Check, MaxWait, ShadowLimit, Then};
pub use approval::{Approval, ApprovalSpec, ApprovedLine};
pub use blueprint::{
    Address, Blueprint, BlueprintSpec, Breakdown, CounterSelector, Indicator, Measure,
    MetricsEndpoint, Progress, Requirement, Scope, Session, Shadow, Stage, Strategy, Veto,
};
pub use integration_release::{
    BlueprintReference, GivenUp, HoldCount, IntegrationRelease, IntegrationReleaseSpec,
    IntegrationReleaseStatus, Levers, PlantCounts, ReleasePhase,
};
pub use line_status::{
    ComparedIndicator, Comparison, ContainerCount, ControlCount, ControlIndicators, Failed,
    Leaving, LineHold, LinePace, LinePhase, LineStatus, ProgressMark, Promoted, Promotion,
    Removing, RenderingReference, Trial, TrialFailure, Unready, WarmStandby,
};
pub use plant_integration::{
    Go, PlantIntegration, PlantIntegrationSpec, PlantIntegrationStatus, Target,
};
pub use plant_site::{
    IntegrationChoice, Line, LineSelection, MetricsSource, PlantSite, PlantSiteSpec,
    PlantSiteStatus, PrometheusSource, Validation,
};
pub use schedule::{
    Day, Freeze, NotAllowedDate, Schedule, ScheduleState, Shift, Window, WindowKind,
};
pub use trial_shadow::TrialShadow;
pub use wave::{
    ApprovalGroup, ApprovalPolicy, PlantOperator, PlantRequirement, PlantSelector, Rollback,
    RollbackScope, Standby, Wave, WavePhase, WaveStatus,
};

use schemars::{Schema, SchemaGenerator, json_schema};

/// The API group of every kind.
pub const GROUP: &str = "andon.dev";

/// The pseudo-line of a blueprint with scope `Site`; it counts as the most critical line of the plant.
pub const SITE_LINE: &str = "site";

/// Free-form parameters: an object whose members only the blueprint's parameter schema knows.
pub type Parameters = serde_json::Map<String, serde_json::Value>;

/// The API server keeps what it does not know here; Andon checks it against the blueprint's schema.
pub(crate) fn parameters_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// One at a time.
fn one() -> i32 {
    1
}

fn is_one(number: &i32) -> bool {
    *number == 1
}
