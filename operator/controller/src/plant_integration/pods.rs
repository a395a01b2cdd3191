//! A pod, boiled down to what decisions need.

use andon_api::label;
use andon_plan::Pod;
use k8s_openapi::api::core::v1::{self as core, ContainerState, ContainerStatus};
use kube::ResourceExt;

/// Boils a pod down.
pub fn pod(pod: &core::Pod) -> Pod {
    let text = |key: &str| pod.labels().get(key).cloned().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|it| it.type_ == "Ready" && it.status == "True");
    let unscheduled = conditions
        .iter()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False");
    let containers = status.container_statuses.unwrap_or_default();
    let first = containers.first();
    let running = first.and_then(|it| it.state.as_ref()?.running.as_ref());
    Pod {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        line: text(label::LINE),
        stage: text(label::STAGE),
        instance: text(label::INSTANCE),
        ready,
        terminating: pod.metadata.deletion_timestamp.is_some(),
        started: running.and_then(|it| it.started_at.as_ref()).map(|it| it.0),
        restarts: first.map_or(0, |it| it.restart_count),
        trouble: first.and_then(trouble).or_else(|| {
            unscheduled.and_then(|it| it.message.clone().or_else(|| it.reason.clone()))
        }),
        last_words: first.and_then(last_words),
    }
}

/// Why a container does not run, or how it ended.
fn trouble(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        let reason = waiting
            .reason
            .clone()
            .unwrap_or_else(|| "Waiting".to_owned());
        // These two are a start that goes well.
        if ["ContainerCreating", "PodInitializing"].contains(&reason.as_str()) {
            return None;
        }
        return Some(match &waiting.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        });
    }
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.clone().unwrap_or_else(|| "Ended".to_owned());
    Some(format!("{reason}, exit code {}", ended.exit_code))
}

/// What a container wrote to its termination log when it last ended.
fn last_words(container: &ContainerStatus) -> Option<String> {
    let message = |state: &Option<ContainerState>| {
        let message = state.as_ref()?.terminated.as_ref()?.message.clone()?;
        let message = message.trim();
        (!message.is_empty()).then(|| message.to_owned())
    };
    message(&container.state).or_else(|| message(&container.last_state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn boiled(status: Value) -> Pod {
        let object = json!({
            "metadata": {
                "name": "p", "uid": "u",
                "labels": {"andon.dev/line": "l", "andon.dev/stage": "post", "andon.dev/instance": "i"}
            },
            "status": status
        });
        pod(&serde_json::from_value(object).unwrap())
    }

    fn container(state: Value, last: Value) -> Value {
        json!({"containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": state, "lastState": last
        }]})
    }

    #[test]
    fn a_running_pod_tells_its_labels_and_when_it_started() {
        let running = json!({"running": {"startedAt": "2026-11-21T08:00:00Z"}});
        let pod = boiled(container(
            running,
            json!({"terminated": {"exitCode": 1, "message": "bad route\n"}}),
        ));
        assert_eq!(
            (pod.line.as_str(), pod.instance.as_str(), pod.restarts),
            ("l", "i", 2)
        );
        assert_eq!(pod.started, Some("2026-11-21T08:00:00Z".parse().unwrap()));
        assert_eq!(
            (pod.trouble, pod.last_words.as_deref()),
            (None, Some("bad route"))
        );
    }

    #[test]
    fn trouble_is_told() {
        let told = |state| boiled(container(state, json!({}))).trouble;
        let waiting =
            |reason: &str| json!({"waiting": {"reason": reason, "message": "no such image"}});
        assert_eq!(
            told(waiting("ErrImagePull")).as_deref(),
            Some("ErrImagePull: no such image")
        );
        assert_eq!(told(waiting("ContainerCreating")), None);
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        assert_eq!(told(ended).as_deref(), Some("Error, exit code 1"));
        let unscheduled = json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
        ]});
        assert_eq!(boiled(unscheduled).trouble.as_deref(), Some("0/1 nodes"));
        assert_eq!(boiled(json!({})).trouble, None);
    }
}
