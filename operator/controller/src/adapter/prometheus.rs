//! Counters asked of a Prometheus server: one grouped query for all pods and selectors of an integration.
//!
//! ```text
//!    label_replace(sum by (pod) (metric{…}), "andon", "v0", "", "")              the values of selector 0, by pod
//! or label_replace(min by (pod) (timestamp(metric{…})), "andon", "t0", "", "")   when they were scraped
//! or …                                                                           the next selector
//! ```

use super::counters::{Question, display};
use andon_api::CounterSelector;
use andon_plan::{Counts, Reading};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A server that does not answer in this time has not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// A sample older than this says nothing about now: two of the longest scrape intervals in common use (30 s).
const STALE: SignedDuration = SignedDuration::from_secs(60);

/// Name of the label that tells the parts of the answer apart.
const PART: &str = "andon";

/// A client for Prometheus servers. An image without CA certificates is no reason not to start: `http` works without, and
/// an `https` server that cannot be verified is a reading without an answer, which says so.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    let builder = || reqwest::Client::builder().connect_timeout(PATIENCE);
    builder().build().or_else(|error| {
        tracing::info!(
            error = with_causes(&error),
            "no CA certificates here; set SSL_CERT_FILE if a Prometheus server is reached by https"
        );
        without_certificates(builder())
    })
}

fn without_certificates(
    builder: reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    builder.tls_certs_only([]).build()
}

/// Asks for all pods at once. By pod UID.
pub async fn read(
    http: &reqwest::Client,
    url: &str,
    namespace: &str,
    questions: &[Question<'_>],
) -> BTreeMap<String, Reading> {
    if questions.is_empty() {
        return BTreeMap::new();
    }
    let selectors: Vec<_> = questions
        .iter()
        .flat_map(Question::selectors)
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let pods: BTreeSet<_> = questions.iter().map(|it| it.pod.name.as_str()).collect();
    let query = query(&selectors, namespace, &pods);
    let answer = match ask(http, url, &query).await {
        Ok(series) => Ok(Answer::new(&selectors, &series)),
        Err(error) => Err(format!("Prometheus at {url}: {error}")),
    };
    let now = Timestamp::now();
    questions
        .iter()
        .map(|question| {
            let counts = match &answer {
                Ok(answer) => answer.counts(question, now),
                Err(error) => Err(error.clone()),
            };
            let reading = counts.map_or_else(Reading::NoAnswer, Reading::Counts);
            (question.pod.uid.clone(), reading)
        })
        .collect()
}

fn query(selectors: &[CounterSelector], namespace: &str, pods: &BTreeSet<&str>) -> String {
    // Names of pods are DNS names; the dot is the only character that a regular expression reads otherwise.
    let names: Vec<_> = pods.iter().map(|pod| pod.replace('.', "\\\\.")).collect();
    let place = format!("namespace={namespace:?},pod=~\"{}\"", names.join("|"));
    let parts = selectors.iter().enumerate().map(|(number, selector)| {
        let mut labels = place.clone();
        for (name, value) in &selector.labels {
            labels.push_str(&format!(",{name}={value:?}"));
        }
        let series = format!("{}{{{labels}}}", selector.metric);
        format!(
            "label_replace(sum by (pod) ({series}),\"{PART}\",\"v{number}\",\"\",\"\") or \
             label_replace(min by (pod) (timestamp({series})),\"{PART}\",\"t{number}\",\"\",\"\")"
        )
    });
    parts.collect::<Vec<_>>().join(" or ")
}

/// One series of the answer.
#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

#[derive(Deserialize)]
struct Response {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

async fn ask(http: &reqwest::Client, url: &str, query: &str) -> Result<Vec<Series>, String> {
    let response = http
        .post(format!("{}/api/v1/query", url.trim_end_matches('/')))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("query={}", percent_encoded(query)))
        .timeout(PATIENCE)
        .send()
        .await
        .map_err(|error| with_causes(&error))?;
    let status = response.status();
    let text = response.text().await.map_err(|error| with_causes(&error))?;
    let parsed: Response = serde_json::from_str(&text)
        .map_err(|_| format!("HTTP {status}, and no JSON that can be read"))?;
    if parsed.status != "success" {
        let error = parsed.error.unwrap_or_default();
        return Err(format!("HTTP {status}: {error}"));
    }
    Ok(parsed.data.map(|data| data.result).unwrap_or_default())
}

/// reqwest's own text hides the cause.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The answer by pod and part.
struct Answer<'a> {
    selectors: &'a [CounterSelector],
    parts: BTreeMap<(String, String), f64>,
}

impl<'a> Answer<'a> {
    fn new(selectors: &'a [CounterSelector], series: &[Series]) -> Self {
        let parts = series.iter().filter_map(|series| {
            let pod = series.metric.get("pod")?.clone();
            let part = series.metric.get(PART)?.clone();
            Some(((pod, part), series.value.1.parse().ok()?))
        });
        Self {
            selectors,
            parts: parts.collect(),
        }
    }

    fn counts(&self, question: &Question<'_>, now: Timestamp) -> Result<Counts, String> {
        question.answer(|selector| self.value(question, selector, now))
    }

    fn value(
        &self,
        question: &Question<'_>,
        selector: &CounterSelector,
        now: Timestamp,
    ) -> Result<f64, String> {
        let pod = &question.pod.name;
        let missing = || {
            format!(
                "Prometheus has no series {} of pod {pod}",
                display(selector)
            )
        };
        let number = self
            .selectors
            .iter()
            .position(|it| it == selector)
            .ok_or_else(missing)?;
        let part = |letter: char| {
            let key = (pod.clone(), format!("{letter}{number}"));
            self.parts.get(&key).copied().ok_or_else(missing)
        };
        let scraped = part('t').and_then(|seconds| {
            let duration = SignedDuration::try_from_secs_f64(seconds).map_err(|_| missing())?;
            Timestamp::from_duration(duration).map_err(|_| missing())
        })?;
        if now.duration_since(scraped) > STALE {
            return Err(format!(
                "Prometheus scraped pod {pod} last at {scraped}, more than {} s ago",
                STALE.as_secs()
            ));
        }
        // A container that starts again counts from 0; what the one before it counted is not its work.
        if question
            .pod
            .started
            .is_some_and(|started| scraped < started)
        {
            return Err(format!(
                "Prometheus has not scraped pod {pod} since its container started"
            ));
        }
        part('v')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::{Indicator, MetricsEndpoint};
    use andon_plan::Pod;
    use serde_json::json;

    fn selector(metric: &str) -> CounterSelector {
        CounterSelector {
            metric: metric.into(),
            labels: [("stage".to_owned(), "a\"b".to_owned())].into(),
        }
    }

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "name": "p-1", "uid": "u-1", "line": "l", "stage": "post", "instance": "i", "ready": true,
            "terminating": false, "restarts": 0, "trouble": null, "lastWords": null,
            "started": "2026-11-21T08:00:00Z"
        }))
        .unwrap()
    }

    fn answered(scraped: &str, now: &str, with_bad: bool) -> Result<Counts, String> {
        let selectors = [selector("bad"), selector("good")];
        let (pod, endpoint) = (
            pod(),
            MetricsEndpoint {
                port: 1,
                path: "/".into(),
            },
        );
        let indicator = Indicator {
            name: "refused".into(),
            stage: "post".into(),
            good: selectors[1].clone(),
            bad: selectors[0].clone(),
        };
        let question = Question {
            pod: &pod,
            endpoint: &endpoint,
            indicators: vec![&indicator],
            progress: None,
        };
        let scraped: Timestamp = scraped.parse().unwrap();
        let at = scraped.as_second().to_string();
        let parts = [("v0", "2"), ("t0", &at), ("v1", "40"), ("t1", &at)];
        let series: Vec<Series> = parts
            .iter()
            .filter(|(part, _)| with_bad || !part.ends_with('0'))
            .map(|(part, value)| Series {
                metric: [("pod".into(), "p-1".into()), (PART.into(), (*part).into())].into(),
                value: (0.0, (*value).into()),
            })
            .collect();
        Answer::new(&selectors, &series).counts(&question, now.parse().unwrap())
    }

    #[test]
    fn a_machine_without_certificates_gets_a_client_too() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        assert!(without_certificates(reqwest::Client::builder()).is_ok());
    }

    #[test]
    fn a_fresh_answer_counts() {
        let counts = answered("2026-11-21T08:10:00Z", "2026-11-21T08:10:05Z", true).unwrap();
        let pair = counts.indicators["refused"];
        assert_eq!((pair.good, pair.bad), (40, 2));
    }

    #[test]
    fn stale_early_or_missing_is_no_answer() {
        let error = |scraped, now, with_bad| answered(scraped, now, with_bad).unwrap_err();
        let stale = error("2026-11-21T08:10:00Z", "2026-11-21T08:12:00Z", true);
        assert!(stale.contains("more than 60 s ago"), "{stale}");
        let early = error("2026-11-21T07:59:59Z", "2026-11-21T08:00:05Z", true);
        assert!(early.contains("since its container started"), "{early}");
        let missing = error("2026-11-21T08:10:00Z", "2026-11-21T08:10:05Z", false);
        assert!(missing.contains("bad{stage="), "{missing}");
    }

    #[test]
    fn the_query_is_one_and_its_values_cannot_break_out() {
        let text = query(&[selector("x")], "plant-ulm", &["p-1", "p.2"].into());
        assert!(
            text.contains(r#"x{namespace="plant-ulm",pod=~"p-1|p\\.2",stage="a\"b"}"#),
            "{text}"
        );
        assert_eq!(percent_encoded("a b+\"ü"), "a%20b%2B%22%C3%BC");
    }
}
