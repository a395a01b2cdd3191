//! How a canary is judged: a release's analysis, parsed once, or the reason why it cannot be used.

use crate::hold::Hold;
use andon_api::{Analysis, BakeClock, Then, duration, percent};
use andon_render::Rendering;
use std::time::Duration;

/// How a canary is judged, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) bake: Duration,
    pub(crate) clock: BakeClock,
    pub(crate) min_samples: i64,
    pub(crate) deadline: Duration,
    /// How long a canary may be not ready.
    pub(crate) ready_deadline: Duration,
    /// How long after everything is in place documents are not judged; zero: they all are.
    pub(crate) start_delay: Duration,
    /// Chance of failing a release that is no worse, for all checks together.
    pub(crate) alpha: f64,
    /// `1 - passConfidence`; none: a pass needs no evidence.
    pub(crate) pass_alpha: Option<f64>,
    /// How long it may go without a verdict, and what then; none: for ever.
    pub(crate) max_wait: Option<(Duration, Then)>,
    pub(crate) checks: Vec<Rule>,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) indicator: String,
    pub(crate) bar: Bar,
    /// It only says what it finds.
    pub(crate) dry_run: bool,
}

/// What an indicator is held against, as a share and as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bar {
    /// An absolute limit.
    Max(f64, String),
    /// The baseline's rate and so much more.
    Baseline(f64, String),
    /// The rate of the other lines that run meanwhile, and so much more.
    Controls(f64, String),
}

impl Rules {
    /// Alpha of one check: the checks share it, but those that only say what they find.
    pub(crate) fn alpha_each(&self) -> f64 {
        let judged = self.checks.iter().filter(|rule| !rule.dry_run).count();
        self.alpha / judged.max(1) as f64
    }

    /// Whether anything is held against the baseline.
    pub(crate) fn needs_baseline(&self) -> bool {
        self.checks
            .iter()
            .any(|rule| matches!(rule.bar, Bar::Baseline(..)))
    }

    /// The first check whose indicator the rendering does not have.
    pub(crate) fn fit(&self, rendering: &Rendering) -> Result<(), Hold> {
        let known: Vec<&str> = rendering
            .indicators
            .iter()
            .map(|i| i.name.as_str())
            .collect();
        match self
            .checks
            .iter()
            .position(|rule| !known.contains(&rule.indicator.as_str()))
        {
            None => Ok(()),
            Some(index) => Err(Hold::AnalysisInvalid {
                message: format!(
                    "analysis.checks[{index}].indicator: version {} of the blueprint has no indicator \"{}\"; it has {}",
                    rendering.version,
                    self.checks[index].indicator,
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    },
                ),
            }),
        }
    }
}

/// The checks, each with one bar; no indicator is held against the same kind of bar twice.
fn checks(analysis: &Analysis) -> Result<Vec<Rule>, String> {
    let mut checks: Vec<Rule> = Vec::new();
    for (index, check) in analysis.checks.iter().enumerate() {
        let at = format!("analysis.checks[{index}]");
        let share = |field: &str, text: &str| {
            percent::parse(text).map_err(|error| format!("{at}.{field}: {error}"))
        };
        let bar = match (
            &check.max,
            &check.not_worse_than_baseline,
            &check.not_worse_than_controls,
        ) {
            (Some(max), None, None) => Bar::Max(share("max", max)?, max.clone()),
            (None, Some(text), None) => {
                Bar::Baseline(share("notWorseThanBaseline", text)?, text.clone())
            }
            (None, None, Some(text)) => {
                Bar::Controls(share("notWorseThanControls", text)?, text.clone())
            }
            _ => {
                return Err(format!(
                    "{at}: give one of max, notWorseThanBaseline and notWorseThanControls"
                ));
            }
        };
        let same = |rule: &Rule| {
            rule.indicator == check.indicator
                && std::mem::discriminant(&rule.bar) == std::mem::discriminant(&bar)
        };
        if checks.iter().any(same) {
            return Err(format!(
                "{at}.indicator: \"{}\" is there twice; keep the stricter one",
                check.indicator
            ));
        }
        checks.push(Rule {
            indicator: check.indicator.clone(),
            bar,
            dry_run: check.dry_run,
        });
    }
    Ok(checks)
}

/// Parses an analysis; the error names field, value and remedy.
pub(crate) fn read(analysis: &Analysis) -> Result<Rules, String> {
    let time = |field: &str, text: &str| {
        duration::parse(text).map_err(|error| format!("analysis.{field}: {error}"))
    };
    let share = |field: &str, text: &str| {
        percent::parse(text).map_err(|error| format!("analysis.{field}: {error}"))
    };
    let deadline = |field: &str, text: &str| match time(field, text)? {
        short if short < SHORTEST_DEADLINE => Err(format!(
            "analysis.{field}: \"{text}\" is shorter than a pod takes to start; write at least {}",
            duration::display(SHORTEST_DEADLINE)
        )),
        long => Ok(long),
    };
    let progress_deadline = deadline("progressDeadline", &analysis.progress_deadline)?;
    let ready_deadline = match &analysis.ready_deadline {
        Some(text) => deadline("readyDeadline", text)?,
        None => progress_deadline,
    };
    if !(0..=MOST_SAMPLES).contains(&analysis.min_samples) {
        return Err(format!(
            "analysis.minSamples: {} is not between 0 and {MOST_SAMPLES}",
            analysis.min_samples
        ));
    }
    let checks = checks(analysis)?;
    let confidence = analysis.pass_confidence.as_deref();
    let pass_alpha = confidence
        .map(|text| share("passConfidence", text))
        .transpose()?;
    let max_wait = analysis.max_wait.as_ref().map(|wait| {
        let limit = time("maxWait.duration", &wait.duration)?;
        Ok::<_, String>((limit, wait.then))
    });
    let max_wait = max_wait.transpose()?;
    let delay = analysis.start_delay.as_deref();
    let start_delay = delay.map_or(Ok(Duration::ZERO), |text| time("startDelay", text))?;
    if let Some((limit, _)) = max_wait.filter(|(limit, _)| *limit <= start_delay)
        && !start_delay.is_zero()
    {
        return Err(format!(
            "analysis.startDelay: {} is not shorter than analysis.maxWait.duration ({}), so that no document would be judged before \
             the wait is over; shorten the delay, or wait longer",
            duration::display(start_delay),
            duration::display(limit)
        ));
    }
    Ok(Rules {
        start_delay,
        bake: time("bake.duration", &analysis.bake.duration)?,
        clock: analysis.bake.clock,
        pass_alpha: pass_alpha.map(|share| 1.0 - share),
        max_wait,
        min_samples: analysis.min_samples,
        deadline: progress_deadline,
        ready_deadline,
        alpha: 1.0 - share("confidence", &analysis.confidence)?,
        checks,
    })
}

/// Pods take seconds to start; a shorter deadline would fail every release.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(5);
/// A billion documents: far above any bake, far below what a double counts exactly.
const MOST_SAMPLES: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(fields: Value) -> Result<Rules, String> {
        let mut analysis = json!({"bake": {"duration": "30m"}, "minSamples": 30, "confidence": "99.9%",
            "progressDeadline": "10m"});
        for (name, value) in fields.as_object().unwrap() {
            analysis[name] = value.clone();
        }
        read(&serde_json::from_value(analysis).unwrap())
    }

    #[test]
    fn each_check_has_one_bar_and_no_bar_is_there_twice() {
        let said = |checks: Value| parsed(json!({"checks": checks})).unwrap_err();
        let (max, controls) = (json!("1%"), json!("0.5%"));
        let check = json!({"indicator": "refused", "max": max, "notWorseThanControls": controls});
        assert_eq!(
            said(json!([check])),
            "analysis.checks[0]: give one of max, notWorseThanBaseline and notWorseThanControls"
        );
        let check = json!({"indicator": "refused", "notWorseThanControls": "0.5"});
        assert_eq!(
            said(json!([check])),
            "analysis.checks[0].notWorseThanControls: \"0.5\" is no percentage above 0% and below 100%; write for instance 1% or 99.9%"
        );
        let check = json!({"indicator": "refused", "notWorseThanControls": controls});
        assert_eq!(
            said(json!([check, check])),
            "analysis.checks[1].indicator: \"refused\" is there twice; keep the stricter one"
        );
        let both = json!([check, {"indicator": "refused", "max": max}]);
        let rules = parsed(json!({"checks": both})).unwrap();
        assert_eq!(rules.checks[0].bar, Bar::Controls(0.005, "0.5%".to_owned()));
    }

    #[test]
    fn a_delay_that_outlasts_the_wait_is_refused_with_both() {
        let fields = |delay: &str| json!({"startDelay": delay, "maxWait": {"duration": "5m", "then": "Hold"}});
        let said = parsed(fields("10m")).unwrap_err();
        assert!(
            said.starts_with(
                "analysis.startDelay: 10m is not shorter than analysis.maxWait.duration (5m)"
            ),
            "{said}"
        );
        assert!(
            parsed(fields("2 min"))
                .unwrap_err()
                .starts_with("analysis.startDelay: \"2 min\" is no duration")
        );
        let delay = |fields: Value| parsed(fields).unwrap().start_delay;
        assert_eq!(delay(fields("2m")), Duration::from_secs(120));
        assert_eq!(delay(json!({})), Duration::ZERO);
    }
}
