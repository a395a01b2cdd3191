//! Who may approve, by the chart's own access rules and policies: people are impersonated, the API server decides, and the
//! operator opens a wave for none but enough of them.

use crate::fixture::{INTEGRATION, Operator, Plant, client_as, eventually, resource};
use andon_tests::cluster::Cluster;
use andon_tests::plant::written;
use andon_tests::process::{root, run};
use anyhow::{Result, anyhow, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Everybody whom the fleet lets approve, by a group of their own.
const APPROVERS: &str = "plant-it";
/// May write releases, and approve as well.
const WRITERS: &str = "integrators";

/// The chart's access rules and policies under a name of the test's own, and who is bound to them in the fleet.
pub struct Rules {
    name: String,
    cluster: Cluster,
    manifests: [PathBuf; 2],
}

impl Rules {
    async fn rendered(plant: &Plant) -> Result<Self> {
        let cluster = Cluster::up("apiserver").await?;
        let (name, fleet) = (plant.fleet.replace("fleet-", "andon-"), &plant.fleet);
        let mut helm = cluster.helm();
        helm.args(["template", &name, "charts/andon", "--namespace", fleet]);
        helm.args(["--kube-version", "1.30.0", "--set"]);
        helm.arg(format!("gitOps.users={{argocd@{fleet}}}"));
        for template in ["rbac", "admission"] {
            helm.args(["--show-only", &format!("templates/{template}.yaml")]);
        }
        let chart = run(helm.current_dir(root()))?;
        let bound = bindings(&name, fleet)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let manifests = [
            written(&format!("{name}.yaml"), &chart)?,
            written(&format!("{name}-bound.yaml"), &bound.join("\n---\n"))?,
        ];
        Ok(Self {
            name,
            cluster,
            manifests,
        })
    }

    async fn install(&self, plant: &Plant) -> Result<()> {
        for manifest in &self.manifests {
            self.cluster.apply(manifest)?;
        }
        in_force(plant).await
    }

    /// They hold for the whole cluster, so they go with the test.
    fn remove(self) -> Result<()> {
        for manifest in &self.manifests {
            let mut kubectl = self.cluster.kubectl();
            kubectl.args(["delete", "--ignore-not-found", "--wait=false", "-f"]);
            run(kubectl.arg(manifest))?;
        }
        Ok(())
    }
}

/// Runs a test under the chart's rules, in a cluster that is rid of them afterwards, however the test ends.
pub async fn under_the_rules(
    purpose: &str,
    test: impl AsyncFn(&Plant, &Rules) -> Result<()>,
) -> Result<()> {
    let plant = Plant::bare(purpose).await?;
    let rules = Rules::rendered(&plant).await?;
    let ended = match rules.install(&plant).await {
        Ok(()) => test(&plant, &rules).await,
        Err(error) => Err(error),
    };
    rules.remove()?;
    ended?;
    plant.end().await
}

/// What an admin of the fleet's namespace adds: who may write, who may approve, and a clerk who may only make Approvals.
fn bindings(name: &str, fleet: &str) -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io";
    let role = |role: &str, resource: &str, verbs: &[&str]| {
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": {"name": role, "namespace": fleet},
            "rules": [{"apiGroups": ["andon.dev"], "resources": [resource], "verbs": verbs}]
        })
    };
    let bind = |kind: &str, role: &str, group: &str| {
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "metadata": {"name": format!("{role}-{group}"), "namespace": fleet},
            "roleRef": {"apiGroup": rbac, "kind": kind, "name": role},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": group}]
        })
    };
    let approver = format!("{name}-approver");
    let robots = format!("system:serviceaccounts:{fleet}");
    vec![
        role(
            "writer",
            "integrationreleases",
            &["get", "create", "patch", "update"],
        ),
        role("clerk", "approvals", &["create"]),
        bind("ClusterRole", &approver, APPROVERS),
        bind("ClusterRole", &approver, WRITERS),
        bind("Role", "writer", WRITERS),
        bind("Role", "clerk", "clerks"),
        // A service account with both roles: RBAC lets it, the policies decide.
        bind("ClusterRole", &approver, &robots),
        bind("Role", "writer", &robots),
    ]
}

/// Somebody in front of the API server.
struct Person {
    name: String,
    client: Client,
    fleet: String,
}

impl Person {
    async fn new(plant: &Plant, name: &str, groups: &[&str]) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            client: client_as(name, groups).await?,
            fleet: plant.fleet.clone(),
        })
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let resource = resource("andon.dev", "v1alpha1", kind);
        Api::namespaced_with(self.client.clone(), &self.fleet, &resource)
    }

    /// The Approval that this person may make, for one of the groups.
    fn approval(&self, digest: &str, group: &str) -> Value {
        json!({
            "apiVersion": "andon.dev/v1alpha1", "kind": "Approval", "metadata": {"generateName": "toy-"},
            "spec": {"release": INTEGRATION, "digest": digest, "approver": self.name, "groups": [group]}
        })
    }

    async fn creates(&self, approval: &Value) -> Result<DynamicObject> {
        let object = serde_json::from_value(approval.clone())?;
        Ok(self
            .api("Approval")
            .create(&PostParams::default(), &object)
            .await?)
    }

    async fn approves(&self, digest: &str, group: &str) -> Result<DynamicObject> {
        self.creates(&self.approval(digest, group)).await
    }

    /// Applies the release, as this author if any.
    async fn releases(&self, spec: &Value, author: Option<&str>) -> Result<()> {
        let object = json!({
            "apiVersion": "andon.dev/v1alpha1", "kind": "IntegrationRelease", "spec": spec,
            "metadata": {"name": INTEGRATION, "annotations": author.map(|author| json!({"andon.dev/author": author}))}
        });
        // One manager for all of them, as if they worked from one checkout.
        let how = PatchParams::apply("kubectl").force();
        let patch = Patch::Apply(&object);
        self.api("IntegrationRelease")
            .patch(INTEGRATION, &how, &patch)
            .await?;
        Ok(())
    }
}

/// What the API server says no with; it must say it in these words.
fn refused<T>(answer: Result<T>, words: &[&str]) -> Result<()> {
    let Err(error) = answer else {
        return Err(anyhow!(
            "accepted, and should have been refused with {words:?}"
        ));
    };
    let said = match error.downcast_ref() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        _ => format!("{error:#}"),
    };
    println!("{said}");
    for word in words {
        ensure!(said.contains(word), "{word:?} is not in: {said}");
    }
    Ok(())
}

fn digest() -> String {
    format!("sha256:{}", "a".repeat(64))
}

/// The policies work some time after they were made, and so do role bindings: until then the API server takes, or refuses for
/// another reason, what they forbid.
async fn in_force(plant: &Plant) -> Result<()> {
    let olga = Person::new(plant, "olga", &[WRITERS]).await?;
    let dry = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let mut approval = olga.approval(&digest(), "nobodies");
    approval["spec"]["approver"] = json!("carl");
    let release = json!({
        "apiVersion": "andon.dev/v1alpha1", "kind": "IntegrationRelease", "spec": plant.release("1.0.0"),
        "metadata": {"generateName": "toy-", "annotations": {"andon.dev/author": "carl"}}
    });
    for (kind, object, policy) in [
        ("Approval", approval, "-approvals'"),
        ("IntegrationRelease", release, "-authors'"),
    ] {
        let object: DynamicObject = serde_json::from_value(object)?;
        eventually(
            &format!("the policy of {kind} to be in force"),
            async || {
                let said = match olga.api(kind).create(&dry, &object).await {
                    Ok(_) => "accepted".to_owned(),
                    Err(error) => error.to_string(),
                };
                let ours = said.contains("ValidatingAdmissionPolicy") && said.contains(policy);
                Ok(if ours { Ok(()) } else { Err(said) })
            },
        )
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_for_others_for_strange_groups_or_without_the_verb() -> Result<()> {
    under_the_rules("approval", people_are_held_to_who_they_are).await
}

async fn people_are_held_to_who_they_are(plant: &Plant, rules: &Rules) -> Result<()> {
    let anna = Person::new(plant, "anna", &[APPROVERS, "ot-emea"]).await?;
    let with = |at: &str, value: Value| {
        let mut approval = anna.approval(&digest(), "ot-emea");
        approval["spec"][at] = value;
        approval
    };

    let made = anna.approves(&digest(), "ot-emea").await?;
    refused(
        anna.creates(&with("approver", json!("ben"))).await,
        &["spec.approver \"ben\"", "knows you as \"anna\""],
    )?;
    refused(
        anna.creates(&with("groups", json!(["ot-emea", "it-emea"])))
            .await,
        &[
            "spec.groups [it-emea]",
            "\"anna\" is not in there",
            "[plant-it, ot-emea,",
        ],
    )?;
    // Of a validated line, by the same rules; not of a line and a wave at once.
    let line = json!({"plant": plant.namespace, "name": "line-1"});
    anna.creates(&with("line", line.clone())).await?;
    let mut both = with("line", line.clone());
    both["spec"]["wave"] = json!("all");
    refused(
        anna.creates(&both).await,
        &["spec.wave and spec.line exclude each other"],
    )?;
    let mut other = with("line", line);
    other["spec"]["approver"] = json!("ben");
    refused(anna.creates(&other).await, &["knows you as \"anna\""])?;
    // RBAC lets the clerk make Approvals; the verb is missing.
    let clerk = Person::new(plant, "carl", &["clerks", "ot-emea"]).await?;
    let verb = [
        "spec.release \"toy\"",
        "\"carl\" may not approve it",
        "verb \"approve\"",
        &plant.fleet,
        "-approver",
    ];
    refused(clerk.approves(&digest(), "ot-emea").await, &verb)?;
    // The verb in one fleet is none in another.
    let stranger = Person {
        fleet: "default".to_owned(),
        ..Person::new(plant, "anna", &[APPROVERS, "ot-emea"]).await?
    };
    refused(
        stranger.approves(&digest(), "ot-emea").await,
        &["cannot create resource \"approvals\""],
    )?;
    // RBAC lets it, the verb is there: a robot all the same.
    let account = format!("system:serviceaccount:{}:default", plant.fleet);
    let its = format!("system:serviceaccounts:{}", plant.fleet);
    let robot = Person::new(plant, &account, &[&its]).await?;
    refused(
        robot.approves(&digest(), &its).await,
        &["is a robot", "a person has to approve"],
    )?;

    create_only(plant, &made.name_any()).await?;
    operator_rights(plant, &rules.name).await?;
    Ok(())
}

/// Not even an admin changes an Approval; that it goes, nobody hinders.
async fn create_only(plant: &Plant, name: &str) -> Result<()> {
    let resource = resource("andon.dev", "v1alpha1", "Approval");
    let approvals: Api<DynamicObject> =
        Api::namespaced_with(plant.client.clone(), &plant.fleet, &resource);
    let how = PatchParams::default();
    let change =
        async |change: Value| Ok(approvals.patch(name, &how, &Patch::Merge(change)).await?);
    refused(
        change(json!({"spec": {"comment": "I never said that"}})).await,
        &["an Approval cannot be changed; make another one"],
    )?;
    refused(
        change(json!({"metadata": {"labels": {"wave": "all"}}})).await,
        &["is create-only", name, "make another one"],
    )?;
    refused(
        change(json!({"metadata": {"annotations": {"note": "x"}}})).await,
        &["is create-only"],
    )?;
    // What garbage collection does: it marks, somebody takes the mark off, the object goes.
    change(json!({"metadata": {"finalizers": ["example.com/mark"]}})).await?;
    approvals.delete(name, &DeleteParams::default()).await?;
    ensure!(
        approvals.get_opt(name).await?.is_some(),
        "{name} did not wait for its finalizer"
    );
    change(json!({"metadata": {"finalizers": null}})).await?;
    ensure!(
        approvals.get_opt(name).await?.is_none(),
        "{name} is still there"
    );
    Ok(())
}

/// The operator reads Approvals, and makes none.
async fn operator_rights(plant: &Plant, account: &str) -> Result<()> {
    for (verb, right) in [
        ("get", true),
        ("list", true),
        ("watch", true),
        ("create", false),
        ("patch", false),
        ("delete", false),
    ] {
        let asked = ResourceAttributes {
            group: Some("andon.dev".into()),
            resource: Some("approvals".into()),
            namespace: Some(plant.fleet.clone()),
            verb: Some(verb.into()),
            ..Default::default()
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(format!("system:serviceaccount:{}:{account}", plant.fleet)),
                resource_attributes: Some(asked),
                ..Default::default()
            },
            ..Default::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(plant.client.clone());
        let answer = reviews.create(&PostParams::default(), &review).await?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        ensure!(allowed == right, "the operator may {verb}: {allowed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_names_its_author_truly_or_not_at_all() -> Result<()> {
    under_the_rules("author", authors_are_held_to_who_they_are).await
}

async fn authors_are_held_to_who_they_are(plant: &Plant, _: &Rules) -> Result<()> {
    let olga = Person::new(plant, "olga", &[WRITERS]).await?;
    let paul = Person::new(plant, "paul", &[WRITERS]).await?;
    let spec = plant.release("1.0.0");

    refused(
        olga.releases(&spec, Some("paul")).await,
        &[
            "metadata.annotations[andon.dev/author] \"paul\"",
            "write \"olga\"",
            "two people",
        ],
    )?;
    olga.releases(&spec, Some("olga")).await?;
    // Somebody else's change under her name would let him approve it.
    let mut other = spec.clone();
    other["parameters"] = json!({"greeting": "hi"});
    refused(
        paul.releases(&other, Some("olga")).await,
        &["author] \"olga\"", "write \"paul\""],
    )?;
    // To take her name off, or put one's own on, is no change of what is asked.
    for author in [None, Some("paul")] {
        refused(
            paul.releases(&spec, author).await,
            &["changes only together", "leave it at \"olga\""],
        )?;
    }
    // Anybody may pull the cord.
    let mut paused = spec.clone();
    paused["paused"] = json!(true);
    paul.releases(&paused, Some("olga")).await?;
    paul.releases(&other, Some("paul")).await?;
    olga.releases(&spec, None).await?;
    // What stands in Git: the service account of a controller in the cluster, and the user of one outside.
    let account = format!("system:serviceaccount:{}:flux", plant.fleet);
    let its = format!("system:serviceaccounts:{}", plant.fleet);
    let flux = Person::new(plant, &account, &[&its]).await?;
    flux.releases(&other, Some("nina@example.com")).await?;
    let outside = Person::new(plant, &format!("argocd@{}", plant.fleet), &[WRITERS]).await?;
    outside.releases(&spec, Some("omar@example.com")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_names_who_promotes() -> Result<()> {
    under_the_rules("promote", promotions_name_who_promotes).await
}

async fn promotions_name_who_promotes(plant: &Plant, _: &Rules) -> Result<()> {
    let kind = resource("andon.dev", "v1alpha1", "PlantIntegration");
    let theirs = |client: Client| -> Api<DynamicObject> {
        Api::namespaced_with(client, &plant.namespace, &kind)
    };
    let object = json!({
        "apiVersion": "andon.dev/v1alpha1", "kind": "PlantIntegration",
        "metadata": {"name": INTEGRATION}, "spec": {"integration": INTEGRATION}
    });
    let object = serde_json::from_value(object)?;
    let admin = theirs(plant.client.clone());
    admin.create(&PostParams::default(), &object).await?;
    // RBAC lets them do anything; the policy decides.
    let anna = theirs(client_as("anna@example.com", &["system:masters"]).await?);
    let promotes = async |value: Option<&str>, dry_run| {
        let change = json!({"metadata": {"annotations": {"andon.dev/promote": value}}});
        let how = PatchParams {
            dry_run,
            ..PatchParams::default()
        };
        Ok::<DynamicObject, anyhow::Error>(
            anna.patch(INTEGRATION, &how, &Patch::Merge(change)).await?,
        )
    };
    eventually("the policy of promotions to be in force", async || {
        let said = match promotes(Some("line-1@ben: seen enough"), true).await {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        Ok(if said.contains("-promotions'") {
            Ok(())
        } else {
            Err(said)
        })
    })
    .await?;
    for value in ["line-1", "line-1@ben: x @anna@example.com: x", "yes"] {
        refused(
            promotes(Some(value), false).await,
            &[value, "write <line>@anna@example.com: <why>"],
        )?;
    }
    promotes(Some("line-1@anna@example.com: seen enough"), false).await?;
    // Who changes something else, or takes it off, promotes nothing.
    let ben = theirs(client_as("ben", &["system:masters"]).await?);
    let change = json!({"metadata": {"annotations": {"note": "x"}}});
    ben.patch(INTEGRATION, &PatchParams::default(), &Patch::Merge(change))
        .await?;
    promotes(None, false).await?;
    Ok(())
}

/// Waits until the release's wave lacks approvals in these words; gives the digest that it asks approval of.
async fn lacks(plant: &Plant, words: &[&str], no_longer: Option<&str>) -> Result<String> {
    let releases = plant.api("IntegrationRelease");
    eventually(
        &format!("the wave to lack approvals: {words:?}"),
        async || {
            let found = releases.get(INTEGRATION).await?;
            let status = &found.data["status"];
            let wave = &status["waves"][0];
            let message = wave["hold"]["message"].as_str().unwrap_or_default();
            let digest = status["digest"].as_str().unwrap_or_default();
            let right = wave["hold"]["reason"] == "AwaitingApproval"
                && wave["opened"].is_null()
                && words.iter().all(|word| message.contains(word))
                && message.contains(digest)
                && no_longer != Some(digest);
            Ok(if right {
                Ok(digest.to_owned())
            } else {
                Err(status.to_string())
            })
        },
    )
    .await
}

/// Waits until every plant of the release runs what has this digest.
async fn complete(plant: &Plant, digest: &str) -> Result<()> {
    let releases = plant.api("IntegrationRelease");
    eventually(&format!("the release of {digest} to be done"), async || {
        let status = releases.get(INTEGRATION).await?.data["status"].clone();
        let done = status["digest"] == digest
            && status["plants"]["done"] == 1
            && status["waves"][0]["phase"] == "Done";
        Ok(if done {
            Ok(())
        } else {
            Err(status.to_string())
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_opens_when_enough_people_but_its_author_have_approved_its_digest() -> Result<()> {
    under_the_rules("gate", gate).await
}

async fn gate(plant: &Plant, _: &Rules) -> Result<()> {
    plant.apply("PlantSite", "ulm", &plant.site()).await?;
    let olga = Person::new(plant, "olga", &[WRITERS, "ot-emea", "it-emea"]).await?;
    let anna = Person::new(plant, "anna", &[APPROVERS, "ot-emea"]).await?;
    let ben = Person::new(plant, "ben", &[APPROVERS, "it-emea"]).await?;
    let mut spec = plant.release("1.0.0");
    spec["waves"] = json!([{
        "name": "all", "plants": {},
        "approval": {"allOf": [{"group": "ot-emea", "count": 1}, {"group": "it-emea", "count": 1}]}
    }]);
    olga.releases(&spec, Some("olga")).await?;
    let operator = Operator::start(plant, "one", u64::MAX).await?;
    let nobody = ["0 of 1 of group ot-emea", "0 of 1 of group it-emea"];
    let first = lacks(plant, &nobody, None).await?;

    // The author's own yes, for the group that anna leaves open. The operator has seen it when it has seen anna's.
    olga.approves(&first, "it-emea").await?;
    anna.approves(&first, "ot-emea").await?;
    lacks(plant, &["approved by 0 of 1 of group it-emea"], None).await?;
    ensure!(
        plant.made("apps", "Deployment").await?.is_empty(),
        "something runs that nobody has approved"
    );
    ben.approves(&first, "it-emea").await?;
    complete(plant, &first).await?;
    plant.runs("1.0.0").await?;

    // Another parameter is another digest, and what was approved is void.
    spec["parameters"] = json!({"greeting": "hi"});
    olga.releases(&spec, Some("olga")).await?;
    let second = lacks(plant, &nobody, Some(&first)).await?;
    // Approved once more, but the old one.
    anna.approves(&first, "ot-emea").await?;
    ben.approves(&second, "it-emea").await?;
    lacks(plant, &["approved by 0 of 1 of group ot-emea"], None).await?;
    let asked = plant.integration().await?.data["spec"]["target"]["digest"].clone();
    ensure!(asked == first.as_str(), "the plant is asked for {asked}");
    anna.approves(&second, "ot-emea").await?;
    complete(plant, &second).await?;
    let configs = plant.made("", "ConfigMap").await?;
    ensure!(
        configs.iter().any(|it| it.data["data"]["greeting"] == "hi"),
        "{configs:?}"
    );
    operator.stop().await?;
    Ok(())
}
