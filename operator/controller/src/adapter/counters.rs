//! Which pods to ask for which counters, and what their answers come to.

use andon_api::{
    Breakdown, CounterSelector, Indicator, Measure, MetricsEndpoint, Progress, Shadow, label,
};
use andon_plan::statistics::{Bucket, Histogram};
use andon_plan::{Asked, BucketCount, Counts, GoodBad, Pod, Revision};
use std::collections::BTreeMap;
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
    /// What it counts as a shadow, if it is one.
    pub shadow: Option<&'a Shadow>,
    /// The gauge that says whether its line may be disturbed, if that is asked.
    pub busy: Option<&'a CounterSelector>,
}

/// What answers a question: one pod's counters, wherever they are read.
pub trait Source {
    /// The sum of the series that a selector matches; an error where none does.
    fn sum(&self, selector: &CounterSelector) -> Result<f64, String>;
    /// The buckets of a histogram, in any order: bound and cumulative count, summed over the series that match.
    fn buckets(&self, histogram: &CounterSelector) -> Result<Vec<(f64, f64)>, String>;
    /// The series that a breakdown matches, summed by the value of its label. None is an answer: nothing has differed yet.
    fn breakdown(&self, breakdown: &Breakdown) -> Result<Vec<(String, f64)>, String>;
}

/// The selector of a breakdown's series.
pub fn series_of(breakdown: &Breakdown) -> CounterSelector {
    CounterSelector {
        metric: breakdown.metric.clone(),
        labels: breakdown.labels.clone(),
    }
}

/// The selector of a histogram's buckets.
pub fn buckets_of(histogram: &CounterSelector) -> CounterSelector {
    CounterSelector {
        metric: format!("{}_bucket", histogram.metric),
        labels: histogram.labels.clone(),
    }
}

/// The pods worth asking: those whose container runs and whose stage counts something in a rendering that is kept.
pub fn questions<'a>(pods: &'a [Pod], revisions: &'a [Arc<Revision>]) -> Vec<Question<'a>> {
    pods.iter()
        .filter(|pod| pod.started.is_some())
        .filter_map(|pod| question(pod, revisions))
        .collect()
}

fn question<'a>(pod: &'a Pod, revisions: &'a [Arc<Revision>]) -> Option<Question<'a>> {
    if pod.stage == label::SHADOW {
        return of_shadow(pod, revisions);
    }
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
        busy: None,
        shadow: None,
    })
}

/// What to ask a shadow: only what it compared. What it counts otherwise is none of the line's.
fn of_shadow<'a>(pod: &'a Pod, revisions: &'a [Arc<Revision>]) -> Option<Question<'a>> {
    let own = revisions.iter().filter(|it| it.line == pod.line);
    let mut shadows = own.filter_map(|it| it.rendering.shadow());
    let (stage, shadow) = shadows.find(|(_, shadow)| shadow.instance == pod.instance)?;
    Some(Question {
        pod,
        endpoint: stage.metrics.as_ref()?,
        indicators: Vec::new(),
        progress: None,
        shadow: Some(&shadow.counters),
        busy: None,
    })
}

/// Whether lines may be disturbed that are about to change.
pub fn vetoes<'a>(asked: &[Asked<'a>]) -> Vec<Question<'a>> {
    let of = |asked: &Asked<'a>| {
        let mut stages = asked.runs.rendering.stages.iter();
        let stage = stages.find(|stage| stage.instance == asked.pod.instance)?;
        Some(Question {
            pod: asked.pod,
            endpoint: stage.metrics.as_ref()?,
            indicators: Vec::new(),
            progress: None,
            busy: Some(&asked.veto.busy),
            shadow: None,
        })
    };
    asked.iter().filter_map(of).collect()
}

impl Question<'_> {
    /// Every selector of counters and gauges that the answer needs.
    pub fn selectors(&self) -> Vec<&CounterSelector> {
        let measures = self.indicators.iter().filter_map(|it| it.measure());
        let pairs = measures.flat_map(|measure| match measure {
            Measure::Pair(good, bad) => vec![good, bad],
            Measure::Value(_) => Vec::new(),
        });
        let progress = self.progress.into_iter().flat_map(|it| {
            let done = it.done.iter();
            done.chain([&it.waiting])
        });
        let shadow = self.shadow.into_iter();
        let shadow = shadow.flat_map(|it| [&it.same, &it.different]);
        pairs
            .chain(progress)
            .chain(shadow)
            .chain(self.busy)
            .collect()
    }

    /// Every breakdown that the answer needs.
    pub fn breakdowns(&self) -> Vec<&Breakdown> {
        let shadow = self.shadow.into_iter();
        shadow.filter_map(|it| it.fields.as_ref()).collect()
    }

    /// Every histogram that the answer needs.
    pub fn histograms(&self) -> Vec<&CounterSelector> {
        let indicators = self.indicators.iter();
        indicators.filter_map(|it| it.value.as_ref()).collect()
    }

    /// The counts, if every selector has a value. Unknown is not zero.
    pub fn answer(&self, source: &impl Source) -> Result<Counts, String> {
        let number = |selector: &CounterSelector| whole(selector, source.sum(selector)?);
        let mut counts = Counts::default();
        for indicator in &self.indicators {
            let name = indicator.name.clone();
            match indicator.measure() {
                Some(Measure::Pair(good, bad)) => {
                    let pair = GoodBad {
                        good: number(good)?,
                        bad: number(bad)?,
                    };
                    counts.indicators.insert(name, pair);
                }
                Some(Measure::Value(value)) => {
                    counts.values.insert(name, histogram(value, source)?);
                }
                None => return Err(format!("the indicator {name} counts nothing")),
            }
        }
        if let Some(progress) = self.progress {
            let mut done = 0_i64;
            for selector in &progress.done {
                done = done.saturating_add(number(selector)?);
            }
            counts.done = Some(done);
            counts.waiting = Some(number(&progress.waiting)?);
        }
        if let Some(busy) = self.busy {
            // A gauge above zero, however little, is no zero.
            let value = source.sum(busy)?;
            counts.busy = Some(whole(busy, value)?.max(i64::from(value > 0.0)));
        }
        if let Some(shadow) = self.shadow {
            let pair = GoodBad {
                good: number(&shadow.same)?,
                bad: number(&shadow.different)?,
            };
            counts.indicators.insert(label::SHADOW.to_owned(), pair);
        }
        for breakdown in self.breakdowns() {
            counts.fields = most(breakdown, source)?;
        }
        Ok(counts)
    }
}

/// The most frequent few of a breakdown.
fn most(breakdown: &Breakdown, source: &impl Source) -> Result<BTreeMap<String, i64>, String> {
    let selector = series_of(breakdown);
    let mut found = Vec::new();
    for (value, count) in source.breakdown(breakdown)? {
        let short: String = value.chars().take(LONGEST_FIELD).collect();
        found.push((short, whole(&selector, count)?));
    }
    found.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    Ok(found.into_iter().take(andon_plan::MOST_FIELDS).collect())
}

/// Characters of a label's value that count: a status is no log.
const LONGEST_FIELD: usize = 64;

/// A histogram, by rising bound, if it is one.
fn histogram(selector: &CounterSelector, source: &impl Source) -> Result<Vec<BucketCount>, String> {
    let mut buckets = Vec::new();
    for (le, count) in source.buckets(selector)? {
        let count = whole(selector, count)?;
        buckets.push(Bucket { le, count });
    }
    buckets.sort_by(|one, other| one.le.total_cmp(&other.le));
    let histogram = Histogram { buckets };
    let wrong = |error| format!("{} is no histogram: {error}", display(selector));
    histogram.total().map_err(wrong)?;
    let bucket = |it: &Bucket| BucketCount {
        le: it.le.is_finite().then_some(it.le),
        count: it.count,
    };
    Ok(histogram.buckets.iter().map(bucket).collect())
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

/// The bound of a bucket, as its label `le` says it.
pub fn bound(le: &str, selector: &CounterSelector) -> Result<f64, String> {
    le.parse().map_err(|_| {
        format!(
            "{} has a bucket up to \"{le}\", which is no number",
            display(selector)
        )
    })
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
        let known = [("good", 41.0), ("bad", 1.0)];
        let answer = |more: &[(&'static str, f64)]| question.answer(&toy(&[&known, more].concat()));
        assert_eq!(answer(&[]), Err("no series depth".into()));
        let counts = answer(&[("depth", 7.0)]).unwrap();
        assert_eq!(counts.indicators["refused"], GoodBad { good: 41, bad: 1 });
        assert_eq!((counts.done, counts.waiting), (Some(42), Some(7)));
        for odd in [f64::NAN, -1.0, f64::INFINITY, 1e17] {
            assert!(answer(&[("depth", odd)]).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_shadow_is_asked_for_what_it_compared_and_the_worst_fields_are_few() {
        let mut revision = revision(1, "refused");
        let selector = |metric: &str| json!({"metric": metric});
        revision.rendering.stages[0].shadow = serde_json::from_value(json!({
            "instance": "i-shadow", "digest": "sha256:dd", "objects": [],
            "counters": {"same": selector("same"), "different": selector("different"),
                "fields": {"metric": "by_field", "by": "field"}}
        }))
        .unwrap();
        let mut shadow = pod("i-shadow", true);
        shadow.stage = label::SHADOW.to_owned();
        let (pods, revisions) = ([shadow, pod("i-post", true)], [Arc::new(revision)]);
        let questions = questions(&pods, &revisions);
        assert_eq!(questions.len(), 2);
        assert!(questions[0].indicators.is_empty() && questions[1].shadow.is_none());
        let names =
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|it| format!("by_field {it}"));
        let mut series = vec![("same", 40.0), ("different", 9.0)];
        series.extend(
            names
                .iter()
                .enumerate()
                .map(|(n, name)| (&*name.clone().leak(), n as f64)),
        );
        let counts = questions[0].answer(&toy(&series)).unwrap();
        assert_eq!(
            counts.indicators[label::SHADOW],
            GoodBad { good: 40, bad: 9 }
        );
        assert_eq!(
            (counts.done, counts.fields.len()),
            (None, andon_plan::MOST_FIELDS)
        );
        assert_eq!(
            (counts.fields.get("j"), counts.fields.get("a")),
            (Some(&9), None)
        );
        assert!(questions[0].answer(&toy(&series[..1])).is_err());
    }

    /// Series by their name, and one histogram.
    struct Toy(Vec<(&'static str, f64)>, Vec<(f64, f64)>);

    fn toy(series: &[(&'static str, f64)]) -> Toy {
        Toy(series.to_vec(), Vec::new())
    }

    impl Source for Toy {
        fn sum(&self, selector: &CounterSelector) -> Result<f64, String> {
            let mut known = self.0.iter();
            let known = known.find(|(name, _)| *name == selector.metric);
            known
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("no series {}", selector.metric))
        }

        fn buckets(&self, _: &CounterSelector) -> Result<Vec<(f64, f64)>, String> {
            Ok(self.1.clone())
        }

        fn breakdown(&self, breakdown: &Breakdown) -> Result<Vec<(String, f64)>, String> {
            let of = |(name, count): &(&str, f64)| {
                let value = name.strip_prefix(&format!("{} ", breakdown.metric))?;
                Some((value.to_owned(), *count))
            };
            Ok(self.0.iter().filter_map(of).collect())
        }
    }

    #[test]
    fn a_veto_is_asked_of_what_runs_and_little_is_not_nothing() {
        let (pods, mut revision) = ([pod("i-source", true)], revision(1, "refused"));
        revision.rendering.veto = serde_json::from_value(json!(
            {"stage": "source", "busy": {"metric": "order"}, "patience": "2h"}
        ))
        .unwrap();
        let veto = revision.rendering.veto.as_ref().unwrap();
        let asked = [Asked {
            pod: &pods[0],
            runs: &revision,
            veto,
        }];
        let question = &vetoes(&asked)[0];
        assert_eq!(question.selectors(), [&veto.busy]);
        let busy = |value: f64| question.answer(&toy(&[("order", value)])).map(|it| it.busy);
        for (value, says) in [(0.0, 0), (0.2, 1), (1.0, 1), (7.0, 7)] {
            assert_eq!(busy(value), Ok(Some(says)), "{value}");
        }
        assert!(busy(-0.4).is_err() && busy(f64::NAN).is_err());
        assert!(question.answer(&toy(&[])).is_err(), "unknown is not zero");
    }

    #[test]
    fn a_histogram_is_one_or_no_answer() {
        let (pods, mut revisions) = ([pod("i-post", true)], [revision(1, "delay")]);
        revisions[0].rendering.indicators[0] = Indicator {
            name: "delay".to_owned(),
            stage: "post".to_owned(),
            value: Some(CounterSelector {
                metric: "seconds".to_owned(),
                ..CounterSelector::default()
            }),
            ..Indicator::default()
        };
        revisions[0].rendering.progress = None;
        let revisions = revisions.map(Arc::new);
        let question = &questions(&pods, &revisions)[0];
        assert_eq!(question.histograms().len(), 1);
        let answer = |buckets: &[(f64, f64)]| question.answer(&Toy(Vec::new(), buckets.to_vec()));
        let counts = answer(&[(f64::INFINITY, 9.0), (60.0, 7.0), (1.0, 2.0)]).unwrap();
        let read: Vec<_> = counts.values["delay"]
            .iter()
            .map(|it| (it.le, it.count))
            .collect();
        assert_eq!(read, [(Some(1.0), 2), (Some(60.0), 7), (None, 9)]);
        let said = |buckets: &[(f64, f64)]| answer(buckets).unwrap_err();
        assert!(said(&[]).contains("seconds is no histogram: buckets: none"));
        assert!(said(&[(1.0, 2.0)]).contains("+Inf"));
        assert!(said(&[(1.0, 2.0), (f64::INFINITY, 1.0)]).contains("cumulative"));
    }
}
