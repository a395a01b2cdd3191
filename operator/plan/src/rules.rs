//! How a canary is judged: a release's analysis, parsed once, or the reason why it cannot be used.

use crate::hold::Hold;
use andon_api::{
    Analysis, BakeClock, Check, Indicator, Measure, ShadowLimit, Then, duration, percent,
};
use andon_render::Rendering;
use std::borrow::Cow;
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
    /// What a candidate must show as a shadow; none: it does not run as one.
    pub(crate) shadow: Option<ShadowRule>,
    pub(crate) checks: Vec<Rule>,
}

/// What a candidate must show as a shadow, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShadowRule {
    /// The largest share of documents that may come out otherwise.
    pub(crate) limit: f64,
    /// The same as it was written.
    pub(crate) text: String,
    pub(crate) min_samples: i64,
    pub(crate) max_wait: Option<(Duration, Then)>,
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
    /// A value that few documents may be over.
    Quantile(Quantile),
}

/// A quantile of a value, as a limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantile {
    /// The share of documents that may be over the largest value: `1 - quantile`.
    pub(crate) over: f64,
    /// The largest value, in the histogram's unit.
    pub(crate) max: f64,
    /// The quantile as it was written.
    pub(crate) text: String,
    /// The largest value as it was written.
    pub(crate) max_text: String,
}

impl Rule {
    /// The name under which the counts are kept that a fail is judged by.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        match &self.bar {
            Bar::Quantile(it) => format!("{} over {}", self.indicator, it.max_text).into(),
            Bar::Max(..) | Bar::Baseline(..) | Bar::Controls(..) => (&*self.indicator).into(),
        }
    }

    /// The name under which those are kept that a pass is judged by.
    pub(crate) fn pass_key(&self) -> Cow<'_, str> {
        match &self.bar {
            Bar::Quantile(it) => format!("{} within {}", self.indicator, it.max_text).into(),
            Bar::Max(..) | Bar::Baseline(..) | Bar::Controls(..) => (&*self.indicator).into(),
        }
    }
}

impl Rules {
    /// Alpha of one check: the checks and the shadow share it, but those that only say what they find.
    pub(crate) fn alpha_each(&self) -> f64 {
        let judged = self.checks.iter().filter(|rule| !rule.dry_run).count();
        let judged = judged + usize::from(self.shadow.is_some());
        self.alpha / judged.max(1) as f64
    }

    /// Whether a rendering has the shadow that is asked for.
    pub(crate) fn can_shadow(&self, rendering: &Rendering) -> Result<(), Hold> {
        match (&self.shadow, rendering.shadow()) {
            (Some(_), None) => Err(Hold::AnalysisInvalid {
                message: format!(
                    "analysis.shadow: no stage of version {} of the blueprint has a shadow; leave it out, or name a version that has one",
                    rendering.version
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Whether anything is held against the baseline.
    pub(crate) fn needs_baseline(&self) -> bool {
        self.checks
            .iter()
            .any(|rule| matches!(rule.bar, Bar::Baseline(..)))
    }

    /// Whether the rendering has each check's indicator, and of the kind that the check asks for.
    pub(crate) fn fit(&self, rendering: &Rendering) -> Result<(), Hold> {
        let names = |wanted: &dyn Fn(&Indicator) -> bool| {
            let known = rendering.indicators.iter().filter(|it| wanted(it));
            let names: Vec<&str> = known.map(|it| it.name.as_str()).collect();
            match names.is_empty() {
                true => "none".to_owned(),
                false => names.join(", "),
            }
        };
        for (index, rule) in self.checks.iter().enumerate() {
            let at = format!("analysis.checks[{index}]");
            let name = &rule.indicator;
            let mut known = rendering.indicators.iter();
            let known = known.find(|indicator| indicator.name == *name);
            let measured = known.map(|it| matches!(it.measure(), Some(Measure::Value(_))));
            let message = match (measured, &rule.bar) {
                (None, _) => format!(
                    "{at}.indicator: version {} of the blueprint has no indicator \"{name}\"; it has {}",
                    rendering.version,
                    names(&|_| true)
                ),
                (Some(false), Bar::Quantile(_)) => format!(
                    "{at}.quantile: the indicator \"{name}\" of version {} counts documents and measures no value; write max as a \
                     percentage and no quantile, or name one with a value: {}",
                    rendering.version,
                    names(&|it| it.value.is_some())
                ),
                (Some(true), Bar::Max(..) | Bar::Baseline(..) | Bar::Controls(..)) => format!(
                    "{at}: the indicator \"{name}\" of version {} is a value; write for instance quantile: 95%, max: 60s",
                    rendering.version
                ),
                _ => continue,
            };
            return Err(Hold::AnalysisInvalid { message });
        }
        Ok(())
    }
}

/// The checks, each with one bar; no indicator is held against the same kind of bar twice.
fn checks(analysis: &Analysis) -> Result<Vec<Rule>, String> {
    let mut checks: Vec<Rule> = Vec::new();
    for (index, check) in analysis.checks.iter().enumerate() {
        let at = format!("analysis.checks[{index}]");
        let bar = bar(&at, check)?;
        let same = |rule: &Rule| rule.indicator == check.indicator && alike(&rule.bar, &bar);
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

/// What a check holds the canary against.
fn bar(at: &str, check: &Check) -> Result<Bar, String> {
    let share = |field: &str, text: &str| {
        percent::parse(text).map_err(|error| format!("{at}.{field}: {error}"))
    };
    let bars = (
        &check.max,
        &check.not_worse_than_baseline,
        &check.not_worse_than_controls,
    );
    Ok(match (&check.quantile, bars) {
        (None, (Some(max), None, None)) => Bar::Max(share("max", max)?, max.clone()),
        (None, (None, Some(text), None)) => {
            Bar::Baseline(share("notWorseThanBaseline", text)?, text.clone())
        }
        (None, (None, None, Some(text))) => {
            Bar::Controls(share("notWorseThanControls", text)?, text.clone())
        }
        (Some(quantile), (Some(max), None, None)) => Bar::Quantile(Quantile {
            over: 1.0 - share("quantile", quantile)?,
            max: value(max).ok_or_else(|| {
                format!(
                    "{at}.max: \"{max}\" is no value above 0; with quantile write a duration such as 60s, or a number in the \
                     histogram's unit"
                )
            })?,
            text: quantile.clone(),
            max_text: max.clone(),
        }),
        (Some(_), _) => {
            return Err(format!(
                "{at}: quantile needs max and no other bar; write for instance quantile: 95%, max: 60s"
            ));
        }
        (None, _) => {
            return Err(format!(
                "{at}: give one of max, notWorseThanBaseline and notWorseThanControls"
            ));
        }
    })
}

/// A value: a duration in seconds, or a plain number. Above 0.
fn value(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let value = match plain {
        true => text.parse().ok()?,
        false => duration::parse(text).ok()?.as_secs_f64(),
    };
    (value > 0.0).then_some(value)
}

/// Whether two bars ask the same of an indicator, so that one of them is too many.
fn alike(one: &Bar, other: &Bar) -> bool {
    match (one, other) {
        (Bar::Quantile(one), Bar::Quantile(other)) => {
            one.max == other.max || one.over == other.over
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
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
    let shadow = analysis.shadow.as_ref().map(shadow).transpose()?;
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
        shadow,
        checks,
    })
}

/// What a candidate must show as a shadow.
fn shadow(asked: &ShadowLimit) -> Result<ShadowRule, String> {
    let at = "analysis.shadow";
    if !(1..=MOST_SAMPLES).contains(&asked.min_samples) {
        return Err(format!(
            "{at}.minSamples: {} is not between 1 and {MOST_SAMPLES}",
            asked.min_samples
        ));
    }
    let max_wait = asked.max_wait.as_ref().map(|wait| {
        let limit = duration::parse(&wait.duration);
        let limit = limit.map_err(|error| format!("{at}.maxWait.duration: {error}"))?;
        Ok::<_, String>((limit, wait.then))
    });
    Ok(ShadowRule {
        limit: percent::parse(&asked.limit).map_err(|error| format!("{at}.limit: {error}"))?,
        text: asked.limit.clone(),
        min_samples: asked.min_samples,
        max_wait: max_wait.transpose()?,
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

    #[test]
    fn a_quantile_is_a_share_and_a_value() {
        let check = |quantile: &str, max: &str| json!({"indicator": "delay", "quantile": quantile, "max": max});
        let bar = |max: &str| {
            let rules = parsed(json!({"checks": [check("95%", max)]})).unwrap();
            match &rules.checks[0].bar {
                Bar::Quantile(it) => (it.over, it.max),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(bar("60s"), (1.0 - 0.95, 60.0));
        assert_eq!(bar("1m").1, 60.0);
        assert_eq!(bar("0.25").1, 0.25);
        assert_eq!(bar("300ms").1, 0.3);
        let said = |checks: Value| parsed(json!({"checks": checks})).unwrap_err();
        for max in ["60%", "0s", "0", "1.2.3", "-1", "inf"] {
            let said = said(json!([check("95%", max)]));
            let wanted = format!(
                "analysis.checks[0].max: \"{max}\" is no value above 0; with quantile write"
            );
            assert!(said.starts_with(&wanted), "{said}");
        }
        assert!(
            said(json!([check("95", "60s")])).starts_with("analysis.checks[0].quantile: \"95\"")
        );
        assert!(
            said(json!([{"indicator": "delay", "quantile": "95%"}])).contains("quantile needs max")
        );
        assert!(said(json!([check("95%", "60s"), check("99%", "1m")])).contains("there twice"));
        assert!(parsed(json!({"checks": [check("50%", "10s"), check("95%", "60s")]})).is_ok());
    }

    #[test]
    fn a_check_fits_the_kind_of_its_indicator() {
        let counter = |metric: &str| json!({"metric": metric});
        let rendering: Rendering = serde_json::from_value(json!({
            "version": "1.1.0", "digest": "d", "stages": [], "common": [],
            "indicators": [
                {"name": "refused", "stage": "post", "good": counter("good"), "bad": counter("bad")},
                {"name": "delay", "stage": "post", "value": counter("seconds")}
            ]
        }))
        .unwrap();
        let said = |check: Value| {
            let rules = parsed(json!({"checks": [check]})).unwrap();
            rules.fit(&rendering).map_err(|hold| hold.to_string())
        };
        assert_eq!(said(json!({"indicator": "refused", "max": "1%"})), Ok(()));
        let quantile = |name: &str| json!({"indicator": name, "quantile": "95%", "max": "60s"});
        assert_eq!(said(quantile("delay")), Ok(()));
        assert_eq!(
            said(json!({"indicator": "delay", "max": "1%"})).unwrap_err(),
            "analysis.checks[0]: the indicator \"delay\" of version 1.1.0 is a value; write for instance quantile: 95%, max: 60s"
        );
        let counts = said(quantile("refused")).unwrap_err();
        assert!(
            counts.ends_with("or name one with a value: delay"),
            "{counts}"
        );
        assert_eq!(
            said(quantile("dealy")).unwrap_err(),
            "analysis.checks[0].indicator: version 1.1.0 of the blueprint has no indicator \"dealy\"; it has refused, delay"
        );
    }
}
