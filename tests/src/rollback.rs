//! A bad release, from the first document that the ERP refuses to the last good in its place again.

use crate::demo::Demo;
use crate::plant::{LINES, PLANT};
use andon_api::{LineStatus, PlantIntegration, label};
use anyhow::{Context, Result, bail, ensure};
use futures::TryStreamExt;
use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::watch_object;
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;

/// The release whose mapping the ERP refuses.
const BAD: &str = "1.2.0";
/// Limit and needed evidence of the demo's release: 1 % and 99.9 %.
const LIMIT: f64 = 0.01;
const NEEDED: f64 = 1000.0;
const LIMIT_OF_TRIAL: Duration = Duration::from_secs(300);

/// One trial, taken back.
#[derive(Debug)]
pub struct Trial {
    /// Documents that the ERP refused.
    pub bad_messages: usize,
    /// From the first refusal until the decision could be read from the API server.
    pub seconds_to_decision: f64,
    /// From the first refusal to the one with which the evidence was complete: no judge can be faster.
    pub seconds_to_evidence: f64,
    /// From the decision until the line's status said that the last good was in place and ready.
    pub seconds_to_restored: f64,
}

/// When things became visible. The status itself keeps whole seconds only.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// When the watch began.
    pub began: Timestamp,
    /// When the decision could be read.
    pub decided: Timestamp,
    /// When the status said that the last good was in place and ready.
    pub restored: Timestamp,
}

/// Releases 1.2.0 (again) and follows the first line until it is taken back.
pub async fn trial(demo: &Demo) -> Result<Trial> {
    let began = Timestamp::now();
    let client = demo.cluster.client.clone();
    let followed = tokio::spawn(tokio::time::timeout(
        LIMIT_OF_TRIAL,
        moments(client.clone()),
    ));
    // What has failed is tried again only if a person says so; each value counts once.
    let retry = json!({"metadata": {"annotations": {label::RETRY: began.to_string()}}});
    let integrations: Api<PlantIntegration> = Api::namespaced(client, PLANT);
    integrations
        .patch(
            "confirmations",
            &PatchParams::default(),
            &Patch::Merge(&retry),
        )
        .await?;
    demo.story.release(BAD).await?;
    let moments = followed.await?.with_context(|| {
        format!(
            "{BAD} was not taken back within {} s",
            LIMIT_OF_TRIAL.as_secs()
        )
    })??;
    figures(demo, &moments).await
}

/// What the ledger and the moments say together.
pub async fn figures(demo: &Demo, moments: &Moments) -> Result<Trial> {
    let refused = refusals(demo, moments.began).await?;
    let needed = evidence_needs()?;
    ensure!(
        refused.len() >= needed,
        "{} refusals, but the evidence needs {needed}",
        refused.len()
    );
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    Ok(Trial {
        bad_messages: refused.len(),
        seconds_to_decision: seconds(refused[0], moments.decided),
        seconds_to_evidence: seconds(refused[0], refused[needed - 1]),
        seconds_to_restored: seconds(moments.decided, moments.restored),
    })
}

/// Watches the first line until a release that is asked for after this has been taken back.
pub async fn moments(client: kube::Client) -> Result<Moments> {
    let integrations: Api<PlantIntegration> = Api::namespaced(client, PLANT);
    let mut watch = pin!(watch_object(integrations, "confirmations"));
    let began = Timestamp::now();
    let before = next(&mut watch).await?.failed;
    let mut decided = None;
    loop {
        let line = next(&mut watch).await?;
        let now = Timestamp::now();
        let failed = line.failed.as_ref().filter(|_| line.failed != before);
        let failing = line.trial.as_ref().is_some_and(|it| it.failure.is_some());
        if failing || failed.is_some() {
            decided = decided.or(Some(now));
        }
        let restored = failed.is_some_and(|it| it.restored.is_some() && line.trial.is_none());
        if let (true, Some(decided)) = (restored, decided) {
            return Ok(Moments {
                began,
                decided,
                restored: now,
            });
        }
    }
}

/// The first line's status at the next change of the integration.
async fn next(
    watch: &mut (
             impl TryStreamExt<Ok = Option<PlantIntegration>, Error = kube::runtime::watcher::Error>
             + Unpin
         ),
) -> Result<LineStatus> {
    while let Some(integration) = watch.try_next().await? {
        let lines = integration
            .and_then(|it| it.status)
            .unwrap_or_default()
            .lines;
        if let Some(line) = lines.into_iter().find(|line| line.name == LINES[0]) {
            return Ok(line);
        }
    }
    bail!("the API server ended the watch of confirmations")
}

/// When the ERP refused documents of the first line since `began`, by the ERP's own clock.
async fn refusals(demo: &Demo, began: Timestamp) -> Result<Vec<Timestamp>> {
    let entries = demo.floor.entries(LINES[0]).await?;
    let mut times = Vec::new();
    for entry in entries.iter().filter(|entry| entry["outcome"] == "refused") {
        let time = moment(&entry["time"])?;
        if time >= began {
            times.push(time);
        }
    }
    times.sort();
    Ok(times)
}

/// The ledger writes its times as text.
fn moment(value: &Value) -> Result<Timestamp> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .with_context(|| format!("{value} in the ledger is no time"))
}

/// How many refusals in a row are evidence enough.
fn evidence_needs() -> Result<usize> {
    (1..100_u8)
        .find(|bad| andon_plan::log_e(i64::from(*bad), i64::from(*bad), LIMIT) >= NEEDED.ln())
        .map(usize::from)
        .context("no number of refusals is evidence enough")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_refusals_in_a_row_are_enough() {
        assert_eq!(evidence_needs().unwrap(), 2);
    }

    #[test]
    fn the_ledgers_times_are_read() {
        let time = moment(&json!("2026-11-21T14:30:00.123Z")).unwrap();
        assert_eq!(time.as_millisecond(), 1_795_271_400_123);
        assert!(moment(&json!(null)).is_err());
    }
}
