//! Who writes to the API server, by its audit log.

use crate::cluster::Cluster;
use crate::plant::SYSTEM;
use crate::process::root;
use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// One write, as the API server notes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    verb: String,
    user: User,
    object_ref: Option<Object>,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct Object {
    resource: String,
    subresource: Option<String>,
}

/// What the operator in the cluster writes while `duration` passes: `verb resource` -> how often.
pub async fn operator(cluster: &Cluster, duration: Duration) -> Result<BTreeMap<String, usize>> {
    let user = user(cluster).await?;
    let from = Timestamp::now();
    tokio::time::sleep(duration).await;
    let log = log(cluster)?;
    anyhow::ensure!(
        log.contains(&user),
        "the audit log knows no {user}: it cannot tell that nothing was written"
    );
    count(&log, &user, from, Timestamp::now())
}

/// The operator's user, as its Deployment says it.
async fn user(cluster: &Cluster) -> Result<String> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), SYSTEM);
    let deployment = deployments.get("andon").await?;
    let account = deployment
        .spec
        .and_then(|spec| spec.template.spec)
        .and_then(|pod| pod.service_account_name)
        .context("Deployment andon names no ServiceAccount")?;
    Ok(format!("system:serviceaccount:{SYSTEM}:{account}"))
}

/// The log that our own clusters keep.
fn log(cluster: &Cluster) -> Result<String> {
    let name = cluster
        .name
        .as_deref()
        .context("KUBECONFIG is set: only clusters of ours have an audit log to read")?;
    let file = root()
        .join("target/cluster")
        .join(name)
        .join("log/audit.log");
    let text =
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    // The last line may be half written.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    Ok(text[..whole].to_owned())
}

fn count(log: &str, user: &str, from: Timestamp, to: Timestamp) -> Result<BTreeMap<String, usize>> {
    let mut writes = BTreeMap::new();
    for line in log.lines() {
        let entry: Entry =
            serde_json::from_str(line).with_context(|| format!("the audit log says {line}"))?;
        let at = entry.request_received_timestamp;
        if entry.user.username != user || at < from || at > to {
            continue;
        }
        let object = entry.object_ref.map_or_else(String::new, |object| {
            let part = object.subresource.map(|it| format!("/{it}"));
            object.resource + &part.unwrap_or_default()
        });
        *writes
            .entry(format!("{} {object}", entry.verb))
            .or_default() += 1;
    }
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_of_one_user_in_a_time_are_counted() {
        let entry = |user: &str, verb: &str, second: u8| {
            format!(
                r#"{{"kind":"Event","verb":"{verb}","user":{{"username":"{user}"}},"objectRef":{{"resource":"leases","name":"andon"}},"requestReceivedTimestamp":"2026-11-21T15:00:{second:02}.123456Z"}}"#
            )
        };
        let log = [
            entry("us", "patch", 1),
            entry("us", "patch", 10),
            entry("them", "patch", 11),
            entry("us", "patch", 12),
            entry("us", "create", 13),
            entry("us", "patch", 30),
        ]
        .join("\n");
        let time = |second: u8| format!("2026-11-21T15:00:{second:02}Z").parse().unwrap();
        let counted = count(&log, "us", time(5), time(20)).unwrap();
        let expected = [("create leases", 1), ("patch leases", 2)];
        let expected = expected.map(|(what, number)| (what.to_owned(), number));
        assert_eq!(counted, BTreeMap::from(expected));
        assert!(count("torn", "us", time(5), time(20)).is_err());
    }
}
