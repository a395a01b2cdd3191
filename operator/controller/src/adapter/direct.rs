//! Counters read from exactly the pods on trial, through the API server: no route to the pods' network is needed, and a
//! reading is never a scrape interval late.

use super::counters::{Question, Source, bound, buckets_of, display, series_of};
use super::exposition::{self, Sample};
use crate::context::said;
use andon_api::{Breakdown, CounterSelector};
use andon_plan::Reading;
use futures::future::join_all;
use kube::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// A pod that does not answer in this time has not answered. Measured: 4 ms; and a verdict must not wait for one pod.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks each pod, all at once. By pod UID.
pub async fn read(
    client: &Client,
    namespace: &str,
    questions: &[Question<'_>],
) -> BTreeMap<String, Reading> {
    let readings = questions.iter().map(|question| async move {
        let reading = match timeout(PATIENCE, ask(client, namespace, question)).await {
            Ok(Ok(counts)) => Reading::Counts(counts),
            Ok(Err(error)) => Reading::NoAnswer(error),
            Err(_) => Reading::NoAnswer(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        (question.pod.uid.clone(), reading)
    });
    join_all(readings).await.into_iter().collect()
}

async fn ask(
    client: &Client,
    namespace: &str,
    question: &Question<'_>,
) -> Result<andon_plan::Counts, String> {
    let endpoint = question.endpoint;
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods/{}:{}/proxy/{}",
        question.pod.name,
        endpoint.port,
        endpoint.path.trim_start_matches('/')
    );
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|error| format!("{} is no path: {error}", endpoint.path))?;
    let text = client
        .request_text(request)
        .await
        .map_err(|error| said(&error))?;
    let counters = question.selectors().into_iter().cloned();
    let histograms = question.histograms().into_iter().map(buckets_of);
    let breakdowns = question.breakdowns().into_iter().map(series_of);
    let asked = counters.chain(histograms).chain(breakdowns);
    let wanted: BTreeSet<String> = asked.map(|it| it.metric).collect();
    let samples = exposition::parse(&text, |name| wanted.contains(name))?;
    question.answer(&Answer(samples))
}

/// What a pod answered.
struct Answer(Vec<Sample>);

impl Source for Answer {
    fn sum(&self, selector: &CounterSelector) -> Result<f64, String> {
        sum(&self.0, selector)
    }

    fn buckets(&self, histogram: &CounterSelector) -> Result<Vec<(f64, f64)>, String> {
        buckets(&self.0, &buckets_of(histogram))
    }

    fn breakdown(&self, breakdown: &Breakdown) -> Result<Vec<(String, f64)>, String> {
        Ok(by_label(&self.0, breakdown))
    }
}

/// The series that a breakdown matches, summed by the value of its label; those without the label say nothing.
fn by_label(samples: &[Sample], breakdown: &Breakdown) -> Vec<(String, f64)> {
    let selector = series_of(breakdown);
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for sample in samples.iter().filter(|it| matches(it, &selector)) {
        if let Some(value) = sample.labels.get(&breakdown.by) {
            *sums.entry(value.clone()).or_default() += sample.value;
        }
    }
    sums.into_iter().collect()
}

/// The buckets of the series that a selector matches, summed by bound. Series with other bounds than the rest cannot be summed.
fn buckets(samples: &[Sample], selector: &CounterSelector) -> Result<Vec<(f64, f64)>, String> {
    let mut summed: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for sample in samples.iter().filter(|it| matches(it, selector)) {
        let le = sample.labels.get("le");
        let le = le.ok_or_else(|| format!("{} has no label le", display(selector)))?;
        let sum = summed.entry(le).or_default();
        *sum = (sum.0 + sample.value, sum.1 + 1);
    }
    if summed.is_empty() {
        return Err(format!("the pod has no series {}", display(selector)));
    }
    let series = summed.values().map(|(_, series)| *series).max();
    if summed.values().any(|(_, it)| Some(*it) != series) {
        return Err(format!(
            "the series {} have not all the same bounds",
            display(selector)
        ));
    }
    summed
        .into_iter()
        .map(|(le, (count, _))| Ok((bound(le, selector)?, count)))
        .collect()
}

/// The sum of the series that a selector matches.
fn sum(samples: &[Sample], selector: &CounterSelector) -> Result<f64, String> {
    let mut matching = samples
        .iter()
        .filter(|sample| matches(sample, selector))
        .peekable();
    if matching.peek().is_none() {
        return Err(format!("the pod has no series {}", display(selector)));
    }
    Ok(matching.map(|sample| sample.value).sum())
}

fn matches(sample: &Sample, selector: &CounterSelector) -> bool {
    sample.name == selector.metric
        && selector
            .labels
            .iter()
            .all(|(name, value)| sample.labels.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series `x` with these labels.
    fn selector(labels: &[(&str, &str)]) -> CounterSelector {
        let pair = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
        CounterSelector {
            metric: "x".into(),
            labels: labels.iter().map(pair).collect(),
        }
    }

    #[test]
    fn matching_series_are_summed_and_none_is_no_answer() {
        let text = "x{code=\"201\",line=\"a\"} 3\nx{code=\"409\"} 4\nx{code=\"500\"} 100\n";
        let samples = exposition::parse(text, |_| true).unwrap();
        assert_eq!(sum(&samples, &selector(&[])), Ok(107.0));
        assert_eq!(sum(&samples, &selector(&[("code", "409")])), Ok(4.0));
        let error = sum(&samples, &selector(&[("code", "418")])).unwrap_err();
        assert!(error.contains("x{code=\"418\"}"), "{error}");
    }

    #[test]
    fn buckets_are_summed_by_bound() {
        let text = "x_bucket{le=\"0.5\",code=\"a\"} 3\nx_bucket{le=\"+Inf\",code=\"a\"} 5\nx_bucket{le=\"0.5\",code=\"b\"} 1\n\
                    x_bucket{le=\"+Inf\",code=\"b\"} 1\nx_sum{code=\"a\"} 9\n";
        let answer = |text: &str| Answer(exposition::parse(text, |_| true).unwrap());
        let read = answer(text);
        let read = |labels: &[(&str, &str)]| read.buckets(&selector(labels));
        assert_eq!(read(&[]), Ok(vec![(f64::INFINITY, 6.0), (0.5, 4.0)]));
        assert_eq!(
            read(&[("code", "b")]),
            Ok(vec![(f64::INFINITY, 1.0), (0.5, 1.0)])
        );
        assert!(
            read(&[("code", "c")])
                .unwrap_err()
                .contains("x_bucket{code=\"c\"}")
        );
        let other = answer(&text.replacen("0.5", "0.7", 1)).buckets(&selector(&[]));
        assert!(other.unwrap_err().contains("same bounds"));
        let odd = answer("x_bucket{le=\"much\"} 1\n").buckets(&selector(&[]));
        assert!(odd.unwrap_err().contains("\"much\""));
    }

    #[test]
    fn a_breakdown_is_by_the_values_of_its_label() {
        let text = "x{field=\"unit\",late=\"no\"} 3\nx{field=\"unit\",late=\"yes\"} 4\nx{field=\"yield\",late=\"no\"} 1\nx 9\n";
        let samples = exposition::parse(text, |_| true).unwrap();
        let breakdown = |labels: &[(&str, &str)]| Breakdown {
            metric: "x".into(),
            labels: selector(labels).labels,
            by: "field".into(),
        };
        let pair = |name: &str, count: f64| (name.to_owned(), count);
        assert_eq!(
            by_label(&samples, &breakdown(&[])),
            [pair("unit", 7.0), pair("yield", 1.0)]
        );
        assert_eq!(
            by_label(&samples, &breakdown(&[("late", "yes")])),
            [pair("unit", 4.0)]
        );
        assert!(by_label(&samples, &breakdown(&[("late", "maybe")])).is_empty());
    }

    /// `docs/decisions/2026-11-21-late-data.md`: what a line had stored while its network was away is left out by a label.
    #[test]
    fn backfill_is_left_out_by_a_label() {
        let text = "bad{late=\"false\"} 2\nbad{late=\"true\"} 340\ngood{late=\"false\"} 60\ngood{late=\"true\"} 0\n";
        let samples = exposition::parse(text, |_| true).unwrap();
        let of_today = |metric: &str| CounterSelector {
            metric: metric.into(),
            labels: [("late".to_owned(), "false".to_owned())].into(),
        };
        assert_eq!(sum(&samples, &of_today("bad")), Ok(2.0));
        assert_eq!(sum(&samples, &of_today("good")), Ok(60.0));
        // Before the first document of today there is no answer rather than none: unknown is not zero.
        let samples = exposition::parse("bad{late=\"true\"} 340\n", |_| true).unwrap();
        assert!(sum(&samples, &of_today("bad")).is_err());
    }
}
