//! Counters read from exactly the pods on trial, through the API server: no route to the pods' network is needed, and a
//! reading is never a scrape interval late.

use super::counters::{Question, display};
use super::exposition::{self, Sample};
use crate::context::said;
use andon_api::CounterSelector;
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
    let wanted: BTreeSet<&str> = question
        .selectors()
        .into_iter()
        .map(|it| it.metric.as_str())
        .collect();
    let samples = exposition::parse(&text, |name| wanted.contains(name))?;
    question.answer(|selector| sum(&samples, selector))
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

    #[test]
    fn matching_series_are_summed_and_none_is_no_answer() {
        let text = "x{code=\"201\",line=\"a\"} 3\nx{code=\"409\"} 4\nx{code=\"500\"} 100\n";
        let samples = exposition::parse(text, |_| true).unwrap();
        let selector = |labels: &[(&str, &str)]| CounterSelector {
            metric: "x".into(),
            labels: labels
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        };
        assert_eq!(sum(&samples, &selector(&[])), Ok(107.0));
        assert_eq!(sum(&samples, &selector(&[("code", "409")])), Ok(4.0));
        let error = sum(&samples, &selector(&[("code", "418")])).unwrap_err();
        assert!(error.contains("x{code=\"418\"}"), "{error}");
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
