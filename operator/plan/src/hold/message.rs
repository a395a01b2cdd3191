//! What a hold says to people: what is waited for, the numbers, and where only a person can end it, how.

use super::Hold;
use crate::pace::Outlook;
use andon_api::duration;
use std::fmt;
use std::time::Duration;

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
            Self::BudgetTaken { most, by } => write!(
                f,
                "the plant's maxConcurrentLines, over all its integrations, is {most}; on trial: {}",
                by.join(", ")
            ),
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
            | Self::SpecInvalid { message }
            | Self::AwaitingApproval { missing: message } => f.write_str(message),
            Self::ApprovalsUnknown { why } => write!(
                f,
                "the line is validated, and the Approvals cannot be read: {why}"
            ),
            Self::WorkloadBusy { said, since, until } => write!(
                f,
                "the line must not be disturbed now: {said}; the change waits since {since}, and until {until} at most"
            ),
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
            Self::StandbyNotReady { .. } | Self::StandbyActive { .. } => self.fmt_standby(f),
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
            Self::NoVerdict { waited, limit, why } => write!(
                f,
                "no verdict for {}, longer than {limit}; somebody should look: {why}",
                duration::display(*waited)
            ),
            Self::SharedOutage { canary, controls } => write!(
                f,
                "{canary}, but the other lines fail alike ({controls}); judged anew once they recover"
            ),
            Self::LastGoodMissing { revision } => write!(
                f,
                "ControllerRevision \"{revision}\" has gone, so there would be no way back; restore it"
            ),
            _ => self.fmt_judged(f),
        }
    }

    /// The messages of what stands by.
    fn fmt_standby(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandbyNotReady {
                stage,
                version,
                ready,
                wanted,
                trouble,
            } => {
                write!(
                    f,
                    "the standby of {stage} ({version}): {ready} of {wanted} pods ready"
                )?;
                also(f, trouble.as_deref())
            }
            Self::StandbyActive { version } => write!(
                f,
                "{version}, which stands by, has or may have the canary's queue and gives it back; the trial stands still"
            ),
            _ => f.write_str(self.reason().as_str()),
        }
    }

    /// The messages of lines that take no part any more, or that others rely on.
    fn fmt_leaving(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineRemoved => f.write_str(
                "the line is not (any more) a line of this integration, and how what runs there may be stopped is not kept: it is left alone; delete it by hand",
            ),
            Self::NotDrained {
                stage,
                waiting,
                why,
                works: _,
            } => {
                match waiting {
                    Some(0) => write!(f, "no document waits for {stage}")?,
                    Some(waiting) => write!(f, "{waiting} documents wait for {stage}")?,
                    None => write!(f, "whether documents wait for {stage} is not known")?,
                }
                also(f, why.as_deref())?;
                write!(
                    f,
                    "; the rest of the line goes once none has waited for 10s, or when {} names the line",
                    andon_api::label::SKIP_DRAIN
                )
            }
            Self::StillNeeded { by } => write!(
                f,
                "what the plant needs once goes last; {} still runs here",
                by.join(", ")
            ),
            Self::StillRequired { to, by } => write!(
                f,
                "goes back to {to} when nothing here needs more than that: {}",
                by.join(", ")
            ),
            Self::RequirementLeaving { why, but } => write!(
                f,
                "{why}, and waits for this line, which cannot go back: {but}; release a version of it that does with less, or take \
                 the integration out of the PlantSite"
            ),
            _ => f.write_str(self.reason().as_str()),
        }
    }

    /// The message of a shadow.
    fn fmt_shadow(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Shadowing {
            same,
            different,
            needed,
            limit,
            more,
            fields,
        } = self
        else {
            return f.write_str(self.reason().as_str());
        };
        let seen = same + different;
        if seen < *needed {
            write!(
                f,
                "{seen} of {needed} documents compared, {different} differ{fields}"
            )
        } else {
            write!(
                f,
                "{different} of {seen} documents differ (limit {limit}){fields}: too few to fail, and it would pass "
            )?;
            match more {
                Some(more) => write!(f, "after {more} more that come out the same"),
                None => f.write_str("after no number of them"),
            }
        }
    }

    /// The messages of what keeps a canary that works from passing.
    fn fmt_judged(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baking {
                elapsed,
                bake,
                seen,
                outlook,
            } => {
                let elapsed = Duration::from_secs(elapsed.as_secs());
                write!(
                    f,
                    "{} of {}",
                    duration::display(elapsed),
                    duration::display(*bake)
                )?;
                if let Some((seen, needed)) = seen {
                    write!(f, ", {seen} of {needed} documents")?;
                }
                // While it bakes anyway, only what will not come in time is worth saying.
                expected(f, outlook.as_deref().filter(|it| it.too_late()))
            }
            Self::StartDelay { elapsed, delay } => write!(
                f,
                "documents of the first {} are not judged (analysis.startDelay); {} of them are over",
                duration::display(*delay),
                duration::display(Duration::from_secs(elapsed.as_secs()))
            ),
            Self::Shadowing { .. } => self.fmt_shadow(f),
            Self::TooFewSamples {
                indicator,
                good,
                bad,
                needed,
                max,
                more,
                outlook,
            } => {
                let seen = good + bad;
                if seen < *needed {
                    write!(f, "{seen} of {needed} documents")?;
                    return expected(f, outlook.as_deref());
                }
                write!(
                    f,
                    "{bad} of {seen} documents {indicator} ({max}): too few to fail, and it would pass "
                )?;
                match more {
                    Some(more) => write!(f, "after {more} more good ones")?,
                    None => f.write_str("after no number of good ones")?,
                }
                expected(f, outlook.as_deref())
            }
            _ => self.fmt_leaving(f),
        }
    }
}

/// Adds when the missing documents will have come, if anybody knows.
fn expected(f: &mut fmt::Formatter<'_>, outlook: Option<&Outlook>) -> fmt::Result {
    match outlook {
        Some(outlook) => write!(f, "; {outlook}"),
        None => Ok(()),
    }
}

/// Adds what keeps a pod from running, if anything is known.
fn also(f: &mut fmt::Formatter<'_>, trouble: Option<&str>) -> fmt::Result {
    match trouble {
        Some(trouble) => write!(f, ": {trouble}"),
        None => Ok(()),
    }
}
