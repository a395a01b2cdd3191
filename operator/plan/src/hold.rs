//! Why something is not done now: one variant for each gate, with the numbers that decided it. `reason()` is the word in
//! the status, `Display` the message there, in the golden traces and in the log: one source for all.

mod message;

use crate::calendar::Closed;
use crate::pace::Outlook;
use andon_api::reason::HoldReason;
use jiff::Timestamp;
use std::time::Duration;

/// Why something is not done now.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// No release asks anything of this plant.
    NoRelease,
    /// The release is paused.
    Paused,
    /// The release was given up.
    GivenUp {
        /// How: `Abort` or `Undo`.
        go: andon_api::Go,
    },
    /// A less critical line, or the line on trial, comes first.
    EarlierLineNotDone {
        /// The line that comes first.
        line: String,
        /// What it does.
        what: String,
    },
    /// As many lines of the plant are on trial as it allows.
    BudgetTaken {
        /// `maxConcurrentLines` of the PlantSite.
        most: usize,
        /// Who takes the places: `integration/line`.
        by: Vec<String>,
    },
    /// Another line failed this target.
    PlantStopped {
        /// The line that failed.
        line: String,
        /// Version that failed there.
        version: String,
    },
    /// This rendering failed here for this target.
    FailedBefore {
        /// Version that failed.
        version: String,
        /// Why.
        message: String,
    },
    /// A first install failed.
    InstallFailed {
        /// Version that failed.
        version: String,
        /// Why.
        message: String,
    },
    /// The blueprint is not there, or nobody could tell.
    BlueprintMissing {
        /// Name of the object.
        name: String,
        /// Why nobody could tell; none: it is not there.
        unknown: Option<String>,
    },
    /// What the blueprint requires does not run here.
    RequirementNotMet {
        /// What is required and what is there.
        message: String,
    },
    /// The line is about to go back, and what relies on it goes back first.
    StillRequired {
        /// The version that it goes back to.
        to: String,
        /// Who needs more than that: `integration version on line needs range`.
        by: Vec<String>,
    },
    /// The line needs what is about to go back, and cannot go back itself.
    RequirementLeaving {
        /// What is needed and what becomes of it.
        why: String,
        /// Why the line cannot go back.
        but: String,
    },
    /// The parameters do not fit.
    ParametersInvalid {
        /// Field, value and remedy.
        message: String,
    },
    /// A template cannot be rendered.
    RenderFailed {
        /// Place, value and remedy.
        message: String,
    },
    /// The analysis cannot be used.
    AnalysisInvalid {
        /// Field, value and remedy.
        message: String,
    },
    /// The PlantSite cannot be used.
    SpecInvalid {
        /// Field, value and remedy.
        message: String,
    },
    /// The line is validated, and not enough people have approved what it should run.
    AwaitingApproval {
        /// Who and what is missing.
        missing: String,
    },
    /// The line is validated, and nobody can tell who has approved.
    ApprovalsUnknown {
        /// Why.
        why: String,
    },
    /// What runs on the line says that it must not be disturbed now, or nobody can tell.
    WorkloadBusy {
        /// What its pods said.
        said: String,
        /// Since when the change waits for that.
        since: Timestamp,
        /// When it goes ahead all the same.
        until: Timestamp,
    },
    /// The check Job has not finished.
    CheckRunning {
        /// Name of the Job.
        job: String,
        /// What keeps its pod from running.
        trouble: Option<String>,
    },
    /// What the candidate shows as a shadow is not enough.
    Shadowing {
        /// Documents that came out the same.
        same: i64,
        /// Documents that did not.
        different: i64,
        /// Documents needed.
        needed: i64,
        /// The limit, in words.
        limit: String,
        /// Same documents in a row with which it would pass; none: no number would do.
        more: Option<i64>,
        /// What differs most, in words; empty: nobody knows.
        fields: String,
    },
    /// The API server has not said whether it would take the objects.
    DryRunUnanswered {
        /// What it said instead.
        why: String,
    },
    /// A stage is not in place yet.
    StageNotReady {
        /// The stage.
        stage: String,
        /// Its pods that are ready.
        ready: i64,
        /// Pods it should have.
        wanted: i64,
        /// What keeps its pods from being ready.
        trouble: Option<String>,
    },
    /// The old instance of a stage has not gone yet.
    OldInstanceLeaving {
        /// The stage.
        stage: String,
        /// Pods and workloads that are still there.
        left: usize,
    },
    /// What stands by behind a stage is not connected yet.
    StandbyNotReady {
        /// The stage.
        stage: String,
        /// The version that stands by.
        version: String,
        /// Its pods that are ready.
        ready: usize,
        /// Pods it should have.
        wanted: usize,
        /// What keeps its pods from being ready.
        trouble: Option<String>,
    },
    /// What stands by got the canary's queue, and has not given it back.
    StandbyActive {
        /// The version that stands by.
        version: String,
    },
    /// The bake has not lasted long enough.
    Baking {
        /// How long it has lasted.
        elapsed: Duration,
        /// How long it must.
        bake: Duration,
        /// Documents seen and needed; none where nothing is counted.
        seen: Option<(i64, i64)>,
        /// When the missing ones will have come; none: nobody knows.
        outlook: Option<Box<Outlook>>,
    },
    /// The first documents are not judged.
    StartDelay {
        /// How long everything has been in place.
        elapsed: Duration,
        /// How long documents are not judged.
        delay: Duration,
    },
    /// Too few documents to pass.
    TooFewSamples {
        /// The indicator.
        indicator: String,
        /// Documents that came out well.
        good: i64,
        /// Documents that did not.
        bad: i64,
        /// Documents needed.
        needed: i64,
        /// The limit, in words.
        max: String,
        /// Good documents in a row with which it would pass; none: no number would do.
        more: Option<i64>,
        /// When these will have come; none: nobody knows.
        outlook: Option<Box<Outlook>>,
    },
    /// The counters cannot be read.
    NoData {
        /// What was said instead.
        why: String,
    },
    /// The canary finishes nothing, and nothing shows that it could.
    AllLinesStandStill {
        /// How long it has finished nothing.
        still: Duration,
        /// Containers of other lines that could be compared.
        controls: usize,
    },
    /// The canary has no input.
    NoInput {
        /// How long it has finished nothing.
        still: Duration,
    },
    /// The plant's calendar allows no change now.
    WindowClosed {
        /// Why, and when it does.
        closed: Box<Closed>,
    },
    /// The bake counts production hours, and the plant has none.
    NeverProduces {
        /// The bake.
        bake: Duration,
    },
    /// The canary has gone without a verdict for longer than the release lets it.
    NoVerdict {
        /// How long.
        waited: Duration,
        /// The field that says how long it may be.
        limit: &'static str,
        /// What keeps it from passing.
        why: String,
    },
    /// The other lines fail alike.
    SharedOutage {
        /// What the canary did.
        canary: String,
        /// What the other lines did meanwhile.
        controls: String,
    },
    /// The line is no longer in the PlantSite, and nobody knows how what runs there may be stopped.
    LineRemoved,
    /// Documents of a line that is being removed have not been got done.
    NotDrained {
        /// The stage that gets them done.
        stage: String,
        /// How many wait; none: nobody can tell.
        waiting: Option<i64>,
        /// Why nobody can tell.
        why: Option<String>,
        /// Whether the stage is there at all, so that it may get them done.
        works: bool,
    },
    /// Other integrations still run where what the plant needs once is to be removed.
    StillNeeded {
        /// Their names.
        by: Vec<String>,
    },
    /// The kept rendering has gone.
    LastGoodMissing {
        /// Name of the ControllerRevision.
        revision: String,
    },
}

/// What ends a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Time, or something in the plant: it is worth looking again.
    BySelf,
    /// Only a person, by changing a spec: nothing to look for until then.
    ByPerson,
}

impl Hold {
    /// The word in the status.
    pub const fn reason(&self) -> HoldReason {
        match self {
            Self::NoRelease => HoldReason::NoRelease,
            Self::Paused => HoldReason::Paused,
            Self::GivenUp { .. } => HoldReason::GivenUp,
            Self::EarlierLineNotDone { .. } => HoldReason::EarlierLineNotDone,
            Self::BudgetTaken { .. } => HoldReason::BudgetTaken,
            Self::PlantStopped { .. } => HoldReason::PlantStopped,
            Self::FailedBefore { .. } => HoldReason::FailedBefore,
            Self::InstallFailed { .. } => HoldReason::InstallFailed,
            Self::BlueprintMissing { .. } => HoldReason::BlueprintMissing,
            Self::RequirementNotMet { .. } | Self::RequirementLeaving { .. } => {
                HoldReason::RequirementNotMet
            }
            Self::StillRequired { .. } => HoldReason::StillRequired,
            Self::ParametersInvalid { .. } => HoldReason::ParametersInvalid,
            Self::RenderFailed { .. } => HoldReason::RenderFailed,
            Self::AnalysisInvalid { .. } => HoldReason::AnalysisInvalid,
            Self::SpecInvalid { .. } => HoldReason::SpecInvalid,
            Self::AwaitingApproval { .. } | Self::ApprovalsUnknown { .. } => {
                HoldReason::AwaitingApproval
            }
            Self::WorkloadBusy { .. } => HoldReason::WorkloadBusy,
            Self::CheckRunning { .. } => HoldReason::CheckRunning,
            Self::Shadowing { .. } => HoldReason::Shadowing,
            Self::DryRunUnanswered { .. } => HoldReason::DryRunUnanswered,
            Self::StageNotReady { .. } => HoldReason::StageNotReady,
            Self::OldInstanceLeaving { .. } => HoldReason::OldInstanceLeaving,
            Self::StandbyNotReady { .. } => HoldReason::StandbyNotReady,
            Self::StandbyActive { .. } => HoldReason::StandbyActive,
            Self::Baking { .. } => HoldReason::Baking,
            Self::StartDelay { .. } => HoldReason::StartDelay,
            Self::TooFewSamples { .. } => HoldReason::TooFewSamples,
            Self::NoData { .. } => HoldReason::NoData,
            Self::AllLinesStandStill { .. } => HoldReason::AllLinesStandStill,
            Self::NoInput { .. } => HoldReason::NoInput,
            Self::WindowClosed { .. } | Self::NeverProduces { .. } => HoldReason::WindowClosed,
            Self::SharedOutage { .. } => HoldReason::SharedOutage,
            Self::NoVerdict { .. } => HoldReason::NoVerdict,
            Self::LineRemoved => HoldReason::LineRemoved,
            Self::NotDrained { .. } => HoldReason::NotDrained,
            Self::StillNeeded { .. } => HoldReason::StillNeeded,
            Self::LastGoodMissing { .. } => HoldReason::LastGoodMissing,
        }
    }

    /// What ends it.
    pub const fn ends(&self) -> Ends {
        match self {
            Self::NoRelease
            | Self::Paused
            | Self::GivenUp { .. }
            | Self::PlantStopped { .. }
            | Self::FailedBefore { .. }
            | Self::InstallFailed { .. }
            | Self::ParametersInvalid { .. }
            | Self::RenderFailed { .. }
            | Self::AnalysisInvalid { .. }
            | Self::SpecInvalid { .. }
            | Self::AwaitingApproval { .. }
            | Self::LineRemoved
            | Self::NotDrained { works: false, .. }
            | Self::LastGoodMissing { .. } => Ends::ByPerson,
            // No opening within years is ever long enough: somebody has to change something.
            Self::WindowClosed { closed } => match closed.next_open {
                Some(_) => Ends::BySelf,
                None => Ends::ByPerson,
            },
            Self::NeverProduces { .. } => Ends::ByPerson,
            Self::BlueprintMissing { unknown, .. } => match unknown {
                Some(_) => Ends::BySelf,
                None => Ends::ByPerson,
            },
            Self::EarlierLineNotDone { .. }
            | Self::NotDrained { works: true, .. }
            | Self::StillNeeded { .. }
            | Self::BudgetTaken { .. }
            | Self::RequirementNotMet { .. }
            | Self::RequirementLeaving { .. }
            | Self::StillRequired { .. }
            | Self::ApprovalsUnknown { .. }
            | Self::WorkloadBusy { .. }
            | Self::CheckRunning { .. }
            | Self::Shadowing { .. }
            | Self::DryRunUnanswered { .. }
            | Self::StageNotReady { .. }
            | Self::OldInstanceLeaving { .. }
            | Self::StandbyNotReady { .. }
            | Self::StandbyActive { .. }
            | Self::Baking { .. }
            | Self::StartDelay { .. }
            | Self::TooFewSamples { .. }
            | Self::NoData { .. }
            | Self::AllLinesStandStill { .. }
            | Self::SharedOutage { .. }
            | Self::NoVerdict { .. }
            | Self::NoInput { .. } => Ends::BySelf,
        }
    }

    /// Whether it says that the spec, or what became of it, needs a person: the condition `Stalled`.
    pub const fn stalls(&self) -> bool {
        matches!(self.ends(), Ends::ByPerson)
            && !matches!(
                self,
                Self::NoRelease
                    | Self::Paused
                    | Self::GivenUp { .. }
                    | Self::AwaitingApproval { .. }
            )
    }
}
