//! A shadow must not be able to post a document.
//!
//! What keeps it from posting is what is rendered, and is looked at here, before anything is applied:
//!
//! * **No credential of the line.** It reads no Secret's key that a stage reads (its account on the broker is one of its own, too:
//!   with the stage's it could take documents away from it), and has another service account.
//! * **No way out.** Its pods carry the label `andon.dev/stage: shadow`, so that no policy for a stage lets them through. Its own
//!   NetworkPolicy closes what they may reach, and opens it to pods alone, never to addresses; no other policy opens more.
//!
//! What policies of other blueprints open to every pod is not seen here.

use super::part;
use crate::problem::{Problem, shown};
use crate::template::FOLDER;
use crate::{RenderedShadow, RenderedStage};
use andon_api::label;
use serde_json::Value;
use std::collections::BTreeSet;

/// Why a shadow could post.
pub(crate) fn may_post(stages: &[RenderedStage], common: &[Value]) -> Vec<Problem> {
    let found = stages
        .iter()
        .filter_map(|stage| Some((stage, stage.shadow.as_ref()?)));
    let mut problems = Vec::new();
    for (stage, shadow) in found {
        let file = format!("{FOLDER}{}", part(&stage.name));
        let all = stages.iter().flat_map(|stage| &stage.objects).chain(common);
        let line: Vec<&Value> = all.collect();
        let says = credentials(shadow, &line)
            .into_iter()
            .chain(ways_out(shadow, &line));
        problems.extend(says.map(|(problem, remedy)| Problem::new(&file, None, problem, remedy)));
    }
    problems
}

/// What is wrong, and what would be right.
type Said = (String, &'static str);

/// The pods' spec of a workload.
fn pod_spec(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Credentials that a shadow shares with a stage of the line.
fn credentials(shadow: &RenderedShadow, line: &[&Value]) -> Vec<Said> {
    let mut says = Vec::new();
    let mut own = BTreeSet::new();
    shadow
        .objects
        .iter()
        .for_each(|object| secrets(pod_spec(object), &mut own));
    for object in line {
        let mut theirs = BTreeSet::new();
        secrets(pod_spec(object), &mut theirs);
        let shared = own
            .iter()
            .filter(|key| theirs.iter().any(|it| key.overlaps(it)));
        says.extend(shared.map(|key| {
            (
                format!(
                    "the shadow reads {}, which {} {} reads to do its work",
                    key.shown(),
                    kind(object),
                    name(object)
                ),
                "give the shadow credentials of its own: it must not be able to post, nor to take documents away",
            )
        }));
        let account = |object: &Value| {
            let account = &pod_spec(object)["serviceAccountName"];
            account.as_str().map(str::to_owned)
        };
        if let Some(theirs) = account(object)
            && shadow
                .objects
                .iter()
                .any(|own| account(own).as_ref() == Some(&theirs))
        {
            says.push((
                format!(
                    "the shadow runs as the service account {theirs}, as {} {} does",
                    kind(object),
                    name(object)
                ),
                "give it a ServiceAccount of its own, in its own folder",
            ));
        }
    }
    says
}

/// What a pod reads of a Secret.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Credential {
    /// Where it is: a Secret, or a class of a secret store.
    from: String,
    /// Its key; none: all of them.
    key: Option<String>,
}

impl Credential {
    fn overlaps(&self, other: &Self) -> bool {
        self.from == other.from
            && (self.key.is_none() || other.key.is_none() || self.key == other.key)
    }

    fn shown(&self) -> String {
        match &self.key {
            Some(key) => format!("the key {key} of {}", self.from),
            None => self.from.clone(),
        }
    }
}

/// Every Secret that something in a pod's spec reads: environment, volumes of every kind, drivers of secret stores.
fn secrets(value: &Value, found: &mut BTreeSet<Credential>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match value {
        Value::Array(items) => items.iter().for_each(|item| secrets(item, found)),
        Value::Object(members) => {
            for (member, value) in members {
                match member.as_str() {
                    // What only pulls images reads nothing.
                    "imagePullSecrets" => {}
                    "secretKeyRef" => {
                        let key = Some(text(&value["key"]));
                        let from = format!("Secret {}", text(&value["name"]));
                        found.insert(Credential { from, key });
                    }
                    "secret" => {
                        let named = value.get("secretName").or_else(|| value.get("name"));
                        let from = format!("Secret {}", text(named.unwrap_or(&Value::Null)));
                        let keys = match value["items"].as_array() {
                            None => vec![None],
                            Some(items) => items.iter().map(|it| Some(text(&it["key"]))).collect(),
                        };
                        let of = |key| Credential {
                            from: from.clone(),
                            key,
                        };
                        found.extend(keys.into_iter().map(of));
                    }
                    "secretRef" | "nodePublishSecretRef" => {
                        let from = format!("Secret {}", text(&value["name"]));
                        found.insert(Credential { from, key: None });
                    }
                    "secretProviderClass" => {
                        let from = format!("SecretProviderClass {}", text(value));
                        found.insert(Credential { from, key: None });
                    }
                    _ => secrets(value, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Ways by which a shadow's pods could reach what is not a pod.
fn ways_out(shadow: &RenderedShadow, line: &[&Value]) -> Vec<Said> {
    let mut says = Vec::new();
    let objects = || shadow.objects.iter();
    let workload = objects().find(|object| pod_spec(object).is_object());
    let Some(workload) = workload else {
        return says;
    };
    if pod_spec(workload)["hostNetwork"] == true {
        says.push((
            "the shadow's pods are in the node's network, where no NetworkPolicy holds".to_owned(),
            "leave hostNetwork out",
        ));
    }
    let policies: Vec<&Value> = objects()
        .filter(|object| kind(object) == "NetworkPolicy")
        .collect();
    let closed = policies.iter().any(|policy| closes_egress(policy));
    if !closed {
        says.push((
            "no NetworkPolicy closes what the shadow may reach".to_owned(),
            "write one with policyTypes: [Egress], and the broker's pods in its egress",
        ));
    }
    for policy in &policies {
        let selector = &policy["spec"]["podSelector"];
        if selector["matchLabels"][label::INSTANCE].as_str() != Some(&shadow.instance) {
            says.push((
                format!(
                    "the NetworkPolicy {} does not name {} in its podSelector",
                    name(policy),
                    label::INSTANCE
                ),
                "write podSelector: {matchLabels: {{ labels }}}: it is for the shadow alone",
            ));
        }
        says.extend(open_peers(policy));
    }
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    says.extend(line.iter().filter_map(|object| reaches(object, labels)));
    says
}

fn closes_egress(policy: &Value) -> bool {
    let types = policy["spec"]["policyTypes"].as_array();
    types.is_some_and(|types| types.iter().any(|it| it == "Egress"))
}

/// Rules of a shadow's policy that let it reach more than pods.
fn open_peers(policy: &Value) -> Vec<Said> {
    const REMEDY: &str =
        "name the pods that it may reach, by podSelector or namespaceSelector in to";
    let rules = policy["spec"]["egress"].as_array();
    let mut says = Vec::new();
    for rule in rules.into_iter().flatten() {
        let peers = rule["to"].as_array().map_or(&[][..], Vec::as_slice);
        if peers.is_empty() {
            let problem = format!("the NetworkPolicy {} opens every address", name(policy));
            says.push((problem, REMEDY));
        }
        let addresses = peers.iter().filter(|peer| {
            peer.get("ipBlock").is_some()
                || (peer.get("podSelector").is_none() && peer.get("namespaceSelector").is_none())
        });
        says.extend(addresses.map(|peer| {
            let to = shown(peer.get("ipBlock").map_or(peer, |block| &block["cidr"]));
            (
                format!(
                    "the NetworkPolicy {} opens {to} to the shadow",
                    name(policy)
                ),
                REMEDY,
            )
        }));
    }
    says
}

/// An object of the line that is not the shadow's and means its pods all the same.
fn reaches(object: &Value, labels: &Value) -> Option<Said> {
    let (selector, opens) = match kind(object) {
        "NetworkPolicy" => {
            let egress = object["spec"]["egress"].as_array();
            (
                selects(&object["spec"]["podSelector"], labels),
                egress.is_some_and(|rules| !rules.is_empty()),
            )
        }
        "Service" => {
            let wanted = object["spec"]["selector"].as_object();
            let selects = wanted.is_some_and(|it| it.iter().all(|(key, v)| labels[key] == *v));
            (selects, true)
        }
        _ => return None,
    };
    (selector && opens).then(|| {
        (
            format!(
                "the {} {} means the shadow's pods too",
                kind(object),
                name(object)
            ),
            "name the stages that it is for, by andon.dev/stage; what the shadow may reach stands in its own folder",
        )
    })
}

/// Whether a label selector means pods with these labels. What is not known means them: better refused than open.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let equal = wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector["matchExpressions"].as_array();
    let holds = |expression: &Value| {
        let own = expression["key"].as_str().and_then(|key| labels.get(key));
        let listed = || {
            let values = expression["values"].as_array();
            let mut values = values.into_iter().flatten();
            own.is_some_and(|own| values.any(|value| value == own))
        };
        match expression["operator"].as_str() {
            Some("In") => listed(),
            Some("NotIn") => !listed(),
            Some("Exists") => own.is_some(),
            Some("DoesNotExist") => own.is_none(),
            _ => true,
        }
    };
    equal && expressions.into_iter().flatten().all(holds)
}
