//! Counters asked of a Prometheus server: one grouped query for all pods and selectors of an integration.
//!
//! ```text
//!    label_replace(sum by (pod) (metric{…}), "andon", "v0", "", "")              the values of selector 0, by pod
//! or label_replace(min by (pod) (timestamp(metric{…})), "andon", "t0", "", "")   when they were scraped
//! or …                                                                           the next selector
//! or label_replace(sum by (pod,le) (metric_bucket{…}), "andon", "v7", "", "")    the buckets of a histogram
//! or label_replace(sum by (pod,field) (metric{…}), "andon", "v8", "", "")        a breakdown by the label `field`
//! ```

use super::counters::{Question, Source, bound, buckets_of, display, series_of};
use andon_api::{Breakdown, CounterSelector};
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
    let selectors = asked(questions);
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

/// Every selector that some question needs, and the label by which its series are told apart.
fn asked(questions: &[Question<'_>]) -> Vec<Asked> {
    let of = |question: &Question<'_>| {
        let counters = question.selectors().into_iter().cloned();
        let histograms = question.histograms().into_iter().map(buckets_of);
        let counters = counters.map(|it| (it, None));
        let histograms = histograms.map(|it| (it, Some(BOUND.to_owned())));
        let breakdowns = question.breakdowns().into_iter();
        let breakdowns = breakdowns.map(|it| (series_of(it), Some(it.by.clone())));
        let all: Vec<Asked> = counters.chain(histograms).chain(breakdowns).collect();
        all
    };
    let all: BTreeSet<Asked> = questions.iter().flat_map(of).collect();
    all.into_iter().collect()
}

/// A selector, and the label by which its series are told apart; none: they are summed.
type Asked = (CounterSelector, Option<String>);

/// The label by which a histogram's buckets are told apart.
const BOUND: &str = "le";

fn query(selectors: &[Asked], namespace: &str, pods: &BTreeSet<&str>) -> String {
    // Names of pods are DNS names; the dot is the only character that a regular expression reads otherwise.
    let names: Vec<_> = pods.iter().map(|pod| pod.replace('.', "\\\\.")).collect();
    let place = format!("namespace={namespace:?},pod=~\"{}\"", names.join("|"));
    let parts = selectors
        .iter()
        .enumerate()
        .map(|(number, (selector, label))| {
            let label = label.as_ref().map(|label| format!(",{label}"));
            let by = format!("pod{}", label.unwrap_or_default());
            let mut labels = place.clone();
            for (name, value) in &selector.labels {
                labels.push_str(&format!(",{name}={value:?}"));
            }
            let series = format!("{}{{{labels}}}", selector.metric);
            format!(
                "label_replace(sum by ({by}) ({series}),\"{PART}\",\"v{number}\",\"\",\"\") or \
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
    selectors: &'a [Asked],
    parts: BTreeMap<(String, String), f64>,
    /// Those that are told apart: the value of the label, and count.
    apart: BTreeMap<(String, String), Vec<(String, f64)>>,
}

impl<'a> Answer<'a> {
    fn new(selectors: &'a [Asked], series: &[Series]) -> Self {
        let mut answer = Self {
            selectors,
            parts: BTreeMap::new(),
            apart: BTreeMap::new(),
        };
        for series in series {
            let label = |name: &str| series.metric.get(name).cloned();
            let (Some(pod), Some(part), Ok(value)) =
                (label("pod"), label(PART), series.value.1.parse())
            else {
                continue;
            };
            let number = part
                .strip_prefix('v')
                .and_then(|it| it.parse::<usize>().ok());
            let asked = number.and_then(|it| selectors.get(it));
            match asked.and_then(|(_, by)| label(by.as_deref()?)) {
                Some(of) => {
                    let apart = answer.apart.entry((pod, part)).or_default();
                    apart.push((of, value));
                }
                None => {
                    answer.parts.insert((pod, part), value);
                }
            }
        }
        answer
    }

    fn counts(&self, question: &Question<'_>, now: Timestamp) -> Result<Counts, String> {
        let answer = self;
        question.answer(&OfPod {
            answer,
            question,
            now,
        })
    }
}

/// The part of the answer that is about one pod.
struct OfPod<'a> {
    answer: &'a Answer<'a>,
    question: &'a Question<'a>,
    now: Timestamp,
}

impl Source for OfPod<'_> {
    fn sum(&self, selector: &CounterSelector) -> Result<f64, String> {
        let key = self.fresh(selector, None)?;
        let value = self.answer.parts.get(&key).copied();
        value.ok_or_else(|| self.missing(selector))
    }

    fn buckets(&self, histogram: &CounterSelector) -> Result<Vec<(f64, f64)>, String> {
        let selector = buckets_of(histogram);
        let key = self.fresh(&selector, Some(BOUND))?;
        let buckets = self.answer.apart.get(&key);
        let buckets = buckets.ok_or_else(|| self.missing(&selector))?.iter();
        buckets
            .map(|(le, count)| Ok((bound(le, &selector)?, *count)))
            .collect()
    }

    fn breakdown(&self, breakdown: &Breakdown) -> Result<Vec<(String, f64)>, String> {
        let selector = series_of(breakdown);
        let by = Some(breakdown.by.as_str());
        match self.scraped(&selector, by) {
            // Nothing has differed yet.
            None => Ok(Vec::new()),
            Some(_) => {
                let key = self.fresh(&selector, by)?;
                Ok(self.answer.apart.get(&key).cloned().unwrap_or_default())
            }
        }
    }
}

impl OfPod<'_> {
    fn missing(&self, selector: &CounterSelector) -> String {
        let (series, pod) = (display(selector), &self.question.pod.name);
        format!("Prometheus has no series {series} of pod {pod}")
    }

    /// The number of a selector, and when its series were scraped; none: there are none.
    fn scraped(&self, selector: &CounterSelector, by: Option<&str>) -> Option<(usize, f64)> {
        let mut asked = self.answer.selectors.iter();
        let number = asked.position(|(it, label)| it == selector && label.as_deref() == by)?;
        let key = (self.question.pod.name.clone(), format!("t{number}"));
        Some((number, *self.answer.parts.get(&key)?))
    }

    /// Where the values of a selector are, if they were scraped lately and from this container.
    fn fresh(
        &self,
        selector: &CounterSelector,
        by: Option<&str>,
    ) -> Result<(String, String), String> {
        let pod = &self.question.pod.name;
        let missing = || self.missing(selector);
        let (number, seconds) = self.scraped(selector, by).ok_or_else(missing)?;
        let scraped = SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|at| Timestamp::from_duration(at).ok())
            .ok_or_else(missing)?;
        let now = self.now;
        if now.duration_since(scraped) > STALE {
            return Err(format!(
                "Prometheus scraped pod {pod} last at {scraped}, more than {} s ago",
                STALE.as_secs()
            ));
        }
        // A container that starts again counts from 0; what the one before it counted is not its work.
        if self
            .question
            .pod
            .started
            .is_some_and(|started| scraped < started)
        {
            return Err(format!(
                "Prometheus has not scraped pod {pod} since its container started"
            ));
        }
        Ok((pod.clone(), format!("v{number}")))
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
        let selectors = [(selector("bad"), None), (selector("good"), None)];
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
            good: Some(selectors[1].0.clone()),
            bad: Some(selectors[0].0.clone()),
            value: None,
        };
        let question = Question {
            pod: &pod,
            endpoint: &endpoint,
            indicators: vec![&indicator],
            progress: None,
            shadow: None,
            busy: None,
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
        let asked = [
            (selector("x"), None),
            (selector("y_bucket"), Some("le".to_owned())),
        ];
        let text = query(&asked, "plant-ulm", &["p-1", "p.2"].into());
        assert!(text.contains("sum by (pod,le) (y_bucket{"), "{text}");
        assert!(text.contains("min by (pod) (timestamp(y_bucket{"), "{text}");
        assert!(
            text.contains(r#"x{namespace="plant-ulm",pod=~"p-1|p\\.2",stage="a\"b"}"#),
            "{text}"
        );
        assert_eq!(percent_encoded("a b+\"ü"), "a%20b%2B%22%C3%BC");
    }

    #[test]
    fn a_histogram_is_read_with_its_bounds() {
        let value = selector("seconds");
        let pod = pod();
        let indicator = Indicator {
            name: "delay".into(),
            stage: "post".into(),
            value: Some(value.clone()),
            ..Indicator::default()
        };
        let endpoint = MetricsEndpoint {
            port: 1,
            path: "/".into(),
        };
        let question = Question {
            pod: &pod,
            endpoint: &endpoint,
            indicators: vec![&indicator],
            progress: None,
            shadow: None,
            busy: None,
        };
        let asked = asked(std::slice::from_ref(&question));
        assert_eq!(asked, [(buckets_of(&value), Some("le".to_owned()))]);
        let scraped: Timestamp = "2026-11-21T08:10:00Z".parse().unwrap();
        let part = |part: &str, le: Option<&str>, value: &str| {
            let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let mut metric = BTreeMap::from([label("pod", "p-1"), label(PART, part)]);
            metric.extend(le.map(|le| label("le", le)));
            Series {
                metric,
                value: (0.0, value.to_owned()),
            }
        };
        let mut series = vec![
            part("t0", None, &scraped.as_second().to_string()),
            part("v0", Some("+Inf"), "9"),
            part("v0", Some("60"), "7"),
        ];
        let counts = Answer::new(&asked, &series)
            .counts(&question, scraped)
            .unwrap();
        let read: Vec<_> = counts.values["delay"]
            .iter()
            .map(|it| (it.le, it.count))
            .collect();
        assert_eq!(read, [(Some(60.0), 7), (None, 9)]);
        series.truncate(1);
        let error = Answer::new(&asked, &series)
            .counts(&question, scraped)
            .unwrap_err();
        assert!(error.contains("seconds_bucket{stage="), "{error}");
    }
}
