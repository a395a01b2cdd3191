//! How fast documents come, and so when the missing ones will have come: for people, no verdict hangs on it.
//!
//! Known before the start from what the line's own containers have finished since they run; once the canary has finished a few itself,
//! from those.

use crate::input::{Input, Rules};
use crate::observed::Reading;
use crate::progress::elapsed;
use andon_api::{LinePace, Trial, duration};
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// With fewer documents than these a pace is mostly luck.
const SOME: i64 = 10;

/// Documents, and the time in which they were finished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The documents, at least 1.
    pub documents: i64,
    /// The time.
    pub during: Duration,
}

/// When the documents that are missing will have come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// How fast they come.
    pub pace: Pace,
    /// How many are missing.
    pub more: i64,
    /// How long the release still waits (`analysis.maxWait`); none: for ever.
    pub left: Option<Duration>,
}

impl Pace {
    fn new(documents: i64, during: Duration) -> Option<Self> {
        let pace = Self { documents, during };
        (documents > 0 && during >= Duration::from_secs(1)).then_some(pace)
    }

    /// How long so many more take.
    pub fn takes(&self, more: i64) -> Duration {
        // As long as anything may be, so that it can be added to any instant.
        const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;
        let seconds = self.during.as_secs_f64() * more.max(0) as f64 / self.documents as f64;
        Duration::from_secs_f64(seconds.clamp(0.0, LONGEST))
    }

    /// How many come in a time.
    pub fn within(&self, time: Duration) -> i64 {
        let documents = self.documents as f64 * time.as_secs_f64() / self.during.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast of a double ends at the largest integer"
        )]
        return documents.floor() as i64;
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |seconds: u64| self.within(Duration::from_secs(seconds));
        match (within(60), within(3_600)) {
            (0, 0) => write!(f, "{} a day", within(86_400).max(1)),
            (0, hour) => write!(f, "{hour} an hour"),
            (minute, _) => write!(f, "{minute} a minute"),
        }
    }
}

impl Outlook {
    /// Whether the release's patience ends before the documents have come.
    pub fn too_late(&self) -> bool {
        let takes = self.pace.takes(self.more);
        self.left
            .is_some_and(|left| !left.is_zero() && left < takes)
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takes = rounded(self.pace.takes(self.more));
        write!(f, "at {} {} more take about {takes}", self.pace, self.more)?;
        match self.left {
            Some(left) if self.too_late() => write!(
                f,
                ", but analysis.maxWait ends the wait in {}, with about {} of them",
                rounded(left),
                self.pace.within(left)
            ),
            _ => Ok(()),
        }
    }
}

/// A time as one would say it: an estimate has no seconds after minutes, and no minutes after days.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let step = match seconds {
        0..=119 => 1,
        120..=172_799 => 60,
        _ => 3_600,
    };
    duration::display(Duration::from_secs(seconds.div_ceil(step) * step))
}

/// When the missing documents of a trial will have come; none: nobody knows yet how fast they come.
pub(crate) fn outlook(
    now: Timestamp,
    rules: &Rules,
    trial: &Trial,
    (seen, more): (i64, i64),
) -> Option<Outlook> {
    let own = counted_since(trial).and_then(|since| Pace::new(seen, elapsed(since, now)));
    let before = trial.pace.as_ref().and_then(|pace| {
        let seconds = u64::try_from(pace.seconds).ok()?;
        Pace::new(pace.documents, Duration::from_secs(seconds))
    });
    let pace = own.filter(|_| seen >= SOME).or(before).or(own)?;
    let left = rules.max_wait.zip(trial.baking_since.as_ref());
    let left = left.map(|((limit, _), since)| limit.saturating_sub(elapsed(since.0, now)));
    Some(Outlook { pace, more, left })
}

/// Since when the trial's documents are counted; none: nothing counts yet.
fn counted_since(trial: &Trial) -> Option<Timestamp> {
    let first = trial.containers.iter().map(|it| it.started.0).min()?;
    let later = [&trial.replacing_since, &trial.judged_since, &trial.outage];
    let later = later.into_iter().flatten().map(|at| at.0).max();
    Some(later.map_or(first, |later| later.max(first)))
}

/// How fast the line's own containers have worked since they run; none: too few documents to tell.
pub(crate) fn of_line(input: &Input<'_>, line: &str) -> Option<LinePace> {
    let pods = input.observed.pods.iter();
    let counted = pods.filter(|pod| pod.line == line && !pod.terminating);
    let counted = counted.filter_map(|pod| match input.readings.get(&pod.uid)? {
        Reading::Counts(counts) => Some((pod.started?, counts.done?)),
        Reading::NoAnswer(_) => None,
    });
    let (mut documents, mut first) = (0_i64, input.now());
    for (started, done) in counted {
        documents = documents.saturating_add(done);
        first = first.min(started);
    }
    let seconds = i64::try_from(elapsed(first, input.now()).as_secs()).ok()?;
    (documents >= SOME && seconds > 0).then_some(LinePace { documents, seconds })
}

/// The warning for samples that the bake, or the longest wait, is too short for at the line's own pace.
pub(crate) fn warning(rules: &Rules, pace: &LinePace) -> Option<String> {
    let during = Duration::from_secs(u64::try_from(pace.seconds).ok()?);
    let pace = Pace::new(pace.documents, during)?;
    let (needed, takes) = (rules.min_samples, pace.takes(rules.min_samples));
    let room = rules.bake.max(rules.start_delay);
    if rules.checks.is_empty() || takes <= room {
        return None;
    }
    let text = format!(
        "analysis.minSamples {needed} takes about {} at the line's own pace of {pace}",
        rounded(takes)
    );
    Some(match rules.max_wait {
        Some((limit, _)) if limit < takes => format!(
            "{text}, but analysis.maxWait ends the wait after {}, with about {} of them; lower minSamples, or wait longer",
            duration::display(limit),
            pace.within(limit)
        ),
        _ => format!(
            "{text}, longer than the bake of {}, in which about {} come",
            duration::display(rules.bake),
            pace.within(rules.bake)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(documents: i64, seconds: u64) -> Pace {
        Pace::new(documents, Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn paces_are_said_in_the_unit_that_fits() {
        for (documents, seconds, said) in [
            (240, 3_600, "4 a minute"),
            (59, 3_600, "59 an hour"),
            (1, 7_200, "12 a day"),
            (1, 900_000, "1 a day"),
        ] {
            assert_eq!(pace(documents, seconds).to_string(), said);
        }
        assert_eq!(Pace::new(0, Duration::from_secs(9)), None);
        assert_eq!(Pace::new(3, Duration::ZERO), None);
    }

    #[test]
    fn an_outlook_says_when_and_whether_that_is_too_late() {
        let outlook = |left: Option<u64>| Outlook {
            pace: pace(40, 600),
            more: 48,
            left: left.map(Duration::from_secs),
        };
        assert_eq!(
            outlook(None).to_string(),
            "at 4 a minute 48 more take about 12m"
        );
        assert_eq!(outlook(Some(720)).to_string(), outlook(None).to_string());
        // The wait is over: that is said elsewhere.
        assert_eq!(outlook(Some(0)).to_string(), outlook(None).to_string());
        assert_eq!(
            outlook(Some(301)).to_string(),
            "at 4 a minute 48 more take about 12m, but analysis.maxWait ends the wait in 6m, with about 20 of them"
        );
    }
}
