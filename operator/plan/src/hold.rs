//! Why something is not done now: one variant for each gate, with the numbers that decided it. `reason()` is the word in
//! the status, `Display` the message there, in the golden traces and in the log: one source for all.

use crate::calendar::Closed;
use andon_api::duration;
use andon_api::reason::HoldReason;
use std::fmt;
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
    /// The check Job has not finished.
    CheckRunning {
        /// Name of the Job.
        job: String,
        /// What keeps its pod from running.
        trouble: Option<String>,
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
    /// The bake has not lasted long enough.
    Baking {
        /// How long it has lasted.
        elapsed: Duration,
        /// How long it must.
        bake: Duration,
        /// Documents seen and needed; none where nothing is counted.
        seen: Option<(i64, i64)>,
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
    /// The line is no longer in the PlantSite.
    LineRemoved,
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
            Self::PlantStopped { .. } => HoldReason::PlantStopped,
            Self::FailedBefore { .. } => HoldReason::FailedBefore,
            Self::InstallFailed { .. } => HoldReason::InstallFailed,
            Self::BlueprintMissing { .. } => HoldReason::BlueprintMissing,
            Self::RequirementNotMet { .. } => HoldReason::RequirementNotMet,
            Self::ParametersInvalid { .. } => HoldReason::ParametersInvalid,
            Self::RenderFailed { .. } => HoldReason::RenderFailed,
            Self::AnalysisInvalid { .. } => HoldReason::AnalysisInvalid,
            Self::SpecInvalid { .. } => HoldReason::SpecInvalid,
            Self::CheckRunning { .. } => HoldReason::CheckRunning,
            Self::DryRunUnanswered { .. } => HoldReason::DryRunUnanswered,
            Self::StageNotReady { .. } => HoldReason::StageNotReady,
            Self::OldInstanceLeaving { .. } => HoldReason::OldInstanceLeaving,
            Self::Baking { .. } => HoldReason::Baking,
            Self::TooFewSamples { .. } => HoldReason::TooFewSamples,
            Self::NoData { .. } => HoldReason::NoData,
            Self::AllLinesStandStill { .. } => HoldReason::AllLinesStandStill,
            Self::NoInput { .. } => HoldReason::NoInput,
            Self::WindowClosed { .. } | Self::NeverProduces { .. } => HoldReason::WindowClosed,
            Self::SharedOutage { .. } => HoldReason::SharedOutage,
            Self::NoVerdict { .. } => HoldReason::NoVerdict,
            Self::LineRemoved => HoldReason::LineRemoved,
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
            | Self::LineRemoved
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
            | Self::RequirementNotMet { .. }
            | Self::CheckRunning { .. }
            | Self::DryRunUnanswered { .. }
            | Self::StageNotReady { .. }
            | Self::OldInstanceLeaving { .. }
            | Self::Baking { .. }
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
                Self::NoRelease | Self::Paused | Self::GivenUp { .. } | Self::LineRemoved
            )
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRelease => f.write_str("no release asks anything of this plant"),
            Self::Paused => f.write_str("the release is paused"),
            Self::GivenUp { go } => write!(
                f,
                "the release was given up ({go:?}); nothing moves until it asks for something else, or {} is set anew on it",
                andon_api::label::RETRY
            ),
            Self::EarlierLineNotDone { line, what } => write!(f, "waits for {line}: {what}"),
            Self::PlantStopped { line, version } => write!(
                f,
                "{version} failed on {line}; nothing moves here until the release or that line's parameters change, or {} is set anew",
                andon_api::label::RETRY
            ),
            Self::FailedBefore { version, message } => write!(
                f,
                "{version} failed here: {message}; it is not tried again until the release or this line's parameters change, or {} is set anew",
                andon_api::label::RETRY
            ),
            Self::InstallFailed { version, message } => write!(
                f,
                "the first install, {version}, failed and was stopped: {message}; change the release or this line's parameters, or set {} anew",
                andon_api::label::RETRY
            ),
            Self::BlueprintMissing { name, unknown } => match unknown {
                None => write!(
                    f,
                    "Blueprint \"{name}\" does not exist; apply it, or name a version that exists"
                ),
                Some(why) => write!(f, "Blueprint \"{name}\" could not be read: {why}"),
            },
            Self::RequirementNotMet { message }
            | Self::ParametersInvalid { message }
            | Self::RenderFailed { message }
            | Self::AnalysisInvalid { message }
            | Self::SpecInvalid { message } => f.write_str(message),
            _ => self.fmt_running(f),
        }
    }
}

impl Hold {
    /// The messages of holds that end by themselves.
    fn fmt_running(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckRunning { job, trouble } => {
                write!(f, "Job {job} has not finished")?;
                also(f, trouble.as_deref())
            }
            Self::DryRunUnanswered { why } => {
                write!(f, "dry run of the objects: {why}")
            }
            Self::StageNotReady {
                stage,
                ready,
                wanted,
                trouble,
            } => {
                write!(f, "{stage}: {ready} of {wanted} pods ready")?;
                also(f, trouble.as_deref())
            }
            Self::OldInstanceLeaving { stage, left } => {
                write!(f, "{stage}: the old instance is leaving, {left} left")
            }
            Self::NoData { why } => write!(f, "the counters cannot be read: {why}"),
            Self::AllLinesStandStill { still, controls } => {
                let still = duration::display(Duration::from_secs(still.as_secs()));
                write!(f, "nothing finished for {still} with input waiting; ")?;
                match controls {
                    0 => f.write_str("there is no other line to compare with"),
                    _ => f.write_str("the other lines finish nothing either"),
                }
            }
            Self::NoInput { still } => write!(
                f,
                "nothing finished for {} and no input waits",
                duration::display(Duration::from_secs(still.as_secs()))
            ),
            Self::WindowClosed { closed } => write!(f, "{closed}"),
            Self::NeverProduces { bake } => write!(
                f,
                "the bake of {} counts production hours, and schedule.shifts has none within years; add shifts, or set \
                 analysis.bake.clock to Always",
                duration::display(*bake)
            ),
            Self::NoVerdict { waited, why } => write!(
                f,
                "no verdict for {}, longer than analysis.maxWait; somebody should look: {why}",
                duration::display(*waited)
            ),
            Self::SharedOutage { canary, controls } => write!(
                f,
                "{canary}, but the other lines fail alike ({controls}); judged anew once they recover"
            ),
            Self::LineRemoved => f.write_str(
                "the line is not (any more) a line of this integration; what runs there is kept",
            ),
            Self::LastGoodMissing { revision } => write!(
                f,
                "ControllerRevision \"{revision}\" has gone, so there would be no way back; restore it"
            ),
            _ => self.fmt_judged(f),
        }
    }

    /// The messages of what keeps a canary that works from passing.
    fn fmt_judged(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baking {
                elapsed,
                bake,
                seen,
            } => {
                let elapsed = Duration::from_secs(elapsed.as_secs());
                write!(
                    f,
                    "{} of {}",
                    duration::display(elapsed),
                    duration::display(*bake)
                )?;
                match seen {
                    Some((seen, needed)) => write!(f, ", {seen} of {needed} documents"),
                    None => Ok(()),
                }
            }
            Self::TooFewSamples {
                indicator,
                good,
                bad,
                needed,
                max,
                more,
            } => {
                let seen = good + bad;
                if seen < *needed {
                    return write!(f, "{seen} of {needed} documents");
                }
                write!(
                    f,
                    "{bad} of {seen} documents {indicator} ({max}): too few to fail, and it would pass "
                )?;
                match more {
                    Some(more) => write!(f, "after {more} more good ones"),
                    None => f.write_str("after no number of good ones"),
                }
            }
            _ => f.write_str(self.reason().as_str()),
        }
    }
}

/// Adds what keeps a pod from running, if anything is known.
fn also(f: &mut fmt::Formatter<'_>, trouble: Option<&str>) -> fmt::Result {
    match trouble {
        Some(trouble) => write!(f, ": {trouble}"),
        None => Ok(()),
    }
}
