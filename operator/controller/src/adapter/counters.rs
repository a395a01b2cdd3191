//! Which pods to ask for which counters, and what their answers come to.

use andon_api::{CounterSelector, Indicator, MetricsEndpoint, Progress};
use andon_plan::{Counts, GoodBad, Pod, Revision};
use std::sync::Arc;

/// A pod to ask, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Where it serves its counters.
    pub endpoint: &'a MetricsEndpoint,
    /// Indicators that its stage counts.
    pub indicators: Vec<&'a Indicator>,
    /// Progress, if its stage counts it.
    pub progress: Option<&'a Progress>,
}

/// The pods worth asking: those whose container runs and whose stage counts something in a rendering that is kept.
pub fn questions<'a>(pods: &'a [Pod], revisions: &'a [Arc<Revision>]) -> Vec<Question<'a>> {
    pods.iter()
        .filter(|pod| pod.started.is_some())
        .filter_map(|pod| question(pod, revisions))
        .collect()
}

fn question<'a>(pod: &'a Pod, revisions: &'a [Arc<Revision>]) -> Option<Question<'a>> {
    // Renderings that share an instance share its endpoint; the newest says what is counted.
    let (revision, stage) = revisions
        .iter()
        .filter(|revision| revision.line == pod.line)
        .filter_map(|revision| {
            let mut stages = revision.rendering.stages.iter();
            let stage = stages.find(|stage| stage.instance == pod.instance)?;
            Some((revision, stage))
        })
        .max_by_key(|(revision, _)| revision.number)?;
    let rendering = &revision.rendering;
    let indicators: Vec<_> = rendering
        .indicators
        .iter()
        .filter(|it| it.stage == stage.name)
        .collect();
    let progress = rendering
        .progress
        .as_ref()
        .filter(|it| it.stage == stage.name);
    let counts = !indicators.is_empty() || progress.is_some();
    counts.then_some(Question {
        pod,
        endpoint: stage.metrics.as_ref()?,
        indicators,
        progress,
    })
}

impl Question<'_> {
    /// Every selector that the answer needs.
    pub fn selectors(&self) -> Vec<&CounterSelector> {
        let indicators = self.indicators.iter().flat_map(|it| [&it.good, &it.bad]);
        let progress = self.progress.into_iter().flat_map(|it| {
            let done = it.done.iter();
            done.chain([&it.waiting])
        });
        indicators.chain(progress).collect()
    }

    /// The counts, if every selector has a value. Unknown is not zero.
    pub fn answer(
        &self,
        value: impl Fn(&CounterSelector) -> Result<f64, String>,
    ) -> Result<Counts, String> {
        let whole = |selector: &CounterSelector| whole(selector, value(selector)?);
        let mut counts = Counts::default();
        for indicator in &self.indicators {
            let pair = GoodBad {
                good: whole(&indicator.good)?,
                bad: whole(&indicator.bad)?,
            };
            counts.indicators.insert(indicator.name.clone(), pair);
        }
        if let Some(progress) = self.progress {
            let mut done = 0_i64;
            for selector in &progress.done {
                done = done.saturating_add(whole(selector)?);
            }
            counts.done = Some(done);
            counts.waiting = Some(whole(&progress.waiting)?);
        }
        Ok(counts)
    }
}

/// A selector as a person reads it: `metric{label="value"}`.
pub fn display(selector: &CounterSelector) -> String {
    let labels: Vec<_> = selector
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    if labels.is_empty() {
        selector.metric.clone()
    } else {
        format!("{}{{{}}}", selector.metric, labels.join(","))
    }
}

/// Counters count whole documents; anything else is no answer.
fn whole(selector: &CounterSelector, value: f64) -> Result<i64, String> {
    // 2^53: beyond it a double no longer counts one by one.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if value.is_finite() && (0.0..=LARGEST).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be within 0 and 2^53"
        )]
        return Ok(value.round() as i64);
    }
    Err(format!(
        "{} is {value}, which is no number of documents",
        display(selector)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn revision(number: i64, indicator: &str) -> Revision {
        let selector = |metric: &str| json!({"metric": metric});
        serde_json::from_value(json!({
            "name": format!("r{number}"), "uid": "u", "line": "packaging-1", "number": number, "lastGood": false,
            "failed": null,
            "rendering": {
                "version": "1.0.0", "digest": "sha256:aa", "common": [],
                "stages": [
                    {"name": "post", "strategy": "Takeover", "digest": "sha256:bb", "instance": "i-post",
                     "metrics": {"port": 8080, "path": "/observe/metrics"}, "objects": []},
                    {"name": "source", "strategy": "Replace", "digest": "sha256:cc", "instance": "i-source",
                     "metrics": {"port": 8080, "path": "/observe/metrics"}, "objects": []}
                ],
                "indicators": [{"name": indicator, "stage": "post", "good": selector("good"), "bad": selector("bad")}],
                "progress": {"stage": "post", "done": [selector("good"), selector("bad")], "waiting": selector("depth")}
            }
        }))
        .unwrap()
    }

    fn pod(instance: &str, running: bool) -> Pod {
        serde_json::from_value(json!({
            "name": instance, "uid": instance, "line": "packaging-1", "stage": "post", "instance": instance,
            "ready": true, "terminating": false, "restarts": 0, "trouble": null, "lastWords": null,
            "started": running.then_some("2026-11-21T08:00:00Z")
        }))
        .unwrap()
    }

    #[test]
    fn only_running_pods_of_stages_that_count_are_asked_as_the_newest_rendering_says() {
        let pods = [
            pod("i-post", true),
            pod("i-source", true),
            pod("i-other", true),
        ];
        let revisions = [revision(1, "old"), revision(2, "new")].map(Arc::new);
        let questions = questions(&pods, &revisions);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].indicators[0].name, "new");
        assert!(super::questions(&[pod("i-post", false)], &revisions).is_empty());
    }

    #[test]
    fn an_answer_is_whole_or_none() {
        let (pods, revisions) = (
            [pod("i-post", true)],
            [revision(1, "refused")].map(Arc::new),
        );
        let question = &questions(&pods, &revisions)[0];
        assert_eq!(question.selectors().len(), 5);
        let value = |selector: &CounterSelector| match selector.metric.as_str() {
            "good" => Ok(41.0),
            "bad" => Ok(1.0),
            other => Err(format!("no series {other}")),
        };
        assert_eq!(question.answer(value), Err("no series depth".into()));
        let counts = question.answer(|it| value(it).or(Ok(7.0))).unwrap();
        assert_eq!(counts.indicators["refused"], GoodBad { good: 41, bad: 1 });
        assert_eq!((counts.done, counts.waiting), (Some(42), Some(7)));
        for odd in [f64::NAN, -1.0, f64::INFINITY, 1e17] {
            assert!(question.answer(|_| Ok(odd)).is_err(), "{odd}");
        }
    }
}
