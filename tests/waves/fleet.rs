//! The fleet: plant brno is the pilot; graz, which may only be changed in a window, and ulm are the rest.

use andon_api::{IntegrationRelease, PlantIntegration, PlantSite, label};
use andon_tests::cluster::Cluster;
use andon_tests::floor::{Floor, Setup};
use andon_tests::packages;
use andon_tests::plant::{self, FLEET, pods_of, written};
use andon_tests::process::{Background, root, run};
use andon_tests::wait::{Look, until};
use anyhow::{Context, Result, ensure};
use jiff::{Timestamp, ToSpan};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Plants, the only line of each, and its ring.
const PLANTS: [(&str, &str, &str); 3] = [
    ("brno", "packaging-b", "pilot"),
    ("graz", "packaging-g", "rest"),
    ("ulm", "packaging-u", "rest"),
];
/// Where the ERP listens. Only the pilot says so itself: the others rely on the blueprint's default.
const ERP_PORT: i64 = 8090;

/// A fleet with its floor.
pub struct Fleet {
    cluster: Cluster,
    floor: Floor,
    began: Instant,
    _operator: Background,
}

/// UIDs of a plant's pods, by line.
type Pods = BTreeMap<String, BTreeSet<String>>;

impl Fleet {
    /// Starts the floor and installs operator, admission policies and plants.
    pub async fn start(cluster: Cluster) -> Result<Self> {
        let lines = PLANTS.map(|(plant, line, _)| (plant, line));
        let setup = Setup {
            lines: &lines,
            rate: 4.0,
        };
        let floor = Floor::start(&cluster, "waves", &setup)?;
        cluster.load(&["connector", "broker"])?;
        plant::install_kinds(&cluster)?;
        install_policies(&cluster)?;
        let log = root().join("target/waves/operator.log");
        let operator = plant::start_operator(&cluster, &log)?;
        floor.ready().await?;
        let fleet = Self {
            cluster,
            floor,
            began: Instant::now(),
            _operator: operator,
        };
        fleet.install().await?;
        Ok(fleet)
    }

    fn say(&self, text: &str) {
        let seconds = self.began.elapsed().as_secs();
        println!("{:02}:{:02}  {text}", seconds / 60, seconds % 60);
    }

    async fn install(&self) -> Result<()> {
        let mut all = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {FLEET}}}\n");
        for (name, _, _) in PLANTS {
            all.push_str(&format!(
                "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: plant-{name}\n  \
                 labels: {{pod-security.kubernetes.io/enforce: restricted}}\n"
            ));
        }
        self.cluster
            .apply(&written("fleet-namespaces.yaml", &all)?)?;
        for blueprint in ["plant-base", "line-confirmations"] {
            packages::publish(&self.cluster, &root().join("blueprints").join(blueprint))?;
        }
        for (number, (name, line, ring)) in (0..).zip(PLANTS) {
            plant::broker_accounts(&self.cluster, &format!("plant-{name}")).await?;
            let mut erp = json!({"host": self.floor.host()});
            if ring == "pilot" {
                erp["port"] = json!(ERP_PORT);
            }
            let site = json!({
                "apiVersion": "andon.dev/v1alpha1", "kind": "PlantSite",
                "metadata": {"name": name, "namespace": format!("plant-{name}"), "labels": {"ring": ring}},
                "spec": {
                    "siteCode": name.to_uppercase(), "timeZone": "Europe/Vienna", "fleet": FLEET,
                    "parameters": {"erp": erp},
                    "lines": [{
                        "name": line, "criticality": 10,
                        "parameters": {"opcua": {"endpoint": self.floor.opcua(number)}},
                    }],
                    "integrations": [{"name": "plant-base"}, {"name": "confirmations"}],
                },
            });
            self.cluster
                .apply(&written(&format!("{name}.yaml"), &site.to_string())?)?;
        }
        let example = root().join("examples/01-first-plant");
        self.cluster.apply(&example.join("plant-base.yaml"))?;
        self.cluster.apply(&example.join("confirmations.yaml"))
    }

    /// Waits until every plant runs a version.
    pub async fn installed(&mut self, version: &str) -> Result<()> {
        self.floor.produce(true).await?;
        for (name, _, _) in PLANTS {
            self.runs(name, version).await?;
        }
        Ok(())
    }

    /// 1.1.0: the pilot at once, the rest after soak, approval and, at graz, when its window opens.
    pub async fn good_release(&mut self) -> Result<()> {
        let opens = self.close("graz").await?;
        self.publish("1.1.0")?;
        let waves = json!([
            {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}, "soak": "10s"},
            {
                "name": "rest", "plants": {}, "maxConcurrentPlants": 1,
                "approval": {"allOf": [{"group": "ot", "count": 1}, {"group": "it", "count": 1}]},
            },
        ]);
        self.release(
            "1.1.0",
            json!({"waves": waves, "rollback": {"scope": "Release"}}),
        )
        .await?;
        let (graz, ulm) = (self.pods("graz").await?, self.pods("ulm").await?);
        self.runs("brno", "1.1.0").await?;
        self.waits("rest", "AwaitingApproval").await?;
        self.refuses_wrong_approvals().await?;
        self.approve("ben", "ot").await?;
        self.approve("carl", "it").await?;
        self.waits_so(
            "rest",
            "AwaitingApproval",
            "approved by 0 of 1 of group ot;",
        )
        .await?;
        ensure!(
            (self.pods("graz").await?, self.pods("ulm").await?) == (graz, ulm.clone()),
            "a plant of the second wave was touched before its approval"
        );
        self.say("the author's own approval does not count");
        self.approve("anna", "ot").await?;
        self.line_waits("graz", "WindowClosed").await?;
        ensure!(
            Timestamp::now() < opens,
            "the window opened before anybody looked"
        );
        ensure!(
            self.pods("ulm").await? == ulm,
            "ulm was touched while graz has the only place"
        );
        self.runs("graz", "1.1.0").await?;
        ensure!(
            Timestamp::now() >= opens,
            "graz was changed before its window opened"
        );
        self.runs("ulm", "1.1.0").await?;
        self.phase("Complete").await
    }

    /// 1.3.0 looks for the ERP at a wrong port where nobody says which: it passes at the pilot, which does, and fails at graz.
    pub async fn bad_release(&mut self) -> Result<()> {
        let ulm = self.pods("ulm").await?;
        self.publish("1.3.0")?;
        // The pilot's objects would be the same without it, and what is the same is not changed.
        let parameters = json!({"parameters": {"retry": {"maxDelayMillis": 1500}}});
        self.release("1.3.0", parameters).await?;
        self.runs("brno", "1.3.0").await?;
        self.waits("rest", "AwaitingApproval").await?;
        self.say("the approvals of 1.1.0 are void: they bind its digest");
        self.approve("anna", "ot").await?;
        self.approve("carl", "it").await?;
        self.phase("Aborted").await?;
        for plant in ["graz", "brno"] {
            self.runs(plant, "1.1.0").await?;
        }
        ensure!(self.pods("ulm").await? == ulm, "ulm saw the bad release");
        self.say("1.3.0 is taken back at both plants that had it; ulm never saw it");
        Ok(())
    }

    /// Stops the lines and fails unless every document is posted once.
    pub async fn books(&mut self) -> Result<()> {
        self.floor.produce(false).await?;
        let count = self.floor.settled(Duration::from_secs(120)).await?;
        self.floor.must_run()?;
        self.say(&format!("{count}"));
        ensure!(
            count["duplicates"] == 0 && count["lost"] == 0,
            "the books differ: {count}"
        );
        Ok(())
    }

    /// Closes a plant for changes for about three minutes; when it opens.
    async fn close(&self, name: &str) -> Result<Timestamp> {
        let opens = Timestamp::now().checked_add(210.seconds())?;
        let minute = opens.as_second() - opens.as_second().rem_euclid(60);
        let opens = Timestamp::from_second(minute)?;
        let civil = opens.to_zoned(jiff::tz::TimeZone::UTC);
        let cron = format!("{} {} * * *", civil.minute(), civil.hour());
        let window = json!({"name": "afternoon", "kind": "Allow", "cron": cron, "duration": "2h", "timeZone": "UTC"});
        let sites: Api<PlantSite> =
            Api::namespaced(self.cluster.client.clone(), &format!("plant-{name}"));
        let patch = json!({"spec": {"schedule": {"windows": [window]}}});
        sites
            .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        self.say(&format!("{name} may be changed from {opens} on"));
        Ok(opens)
    }

    fn publish(&self, version: &str) -> Result<()> {
        let overlay = root().join("examples/demo/versions").join(version);
        let folder = packages::lay_over("line-confirmations", &overlay, version)?;
        packages::publish(&self.cluster, &folder)
    }

    fn releases(&self) -> Api<IntegrationRelease> {
        Api::namespaced(self.cluster.client.clone(), FLEET)
    }

    async fn release(&self, version: &str, mut spec: Value) -> Result<()> {
        spec["blueprint"] = json!({"version": version});
        let patch = json!({"metadata": {"annotations": {label::AUTHOR: "ben"}}, "spec": spec});
        let params = PatchParams::default();
        self.releases()
            .patch("confirmations", &params, &Patch::Merge(&patch))
            .await?;
        self.say(&format!("ben releases {version}"));
        Ok(())
    }

    async fn digest(&self) -> Result<String> {
        let release = self.releases().get("confirmations").await?;
        release
            .status
            .and_then(|status| status.digest)
            .context("the release has no digest yet")
    }

    fn approval(&self, digest: &str, approver: &str, group: &str) -> Value {
        json!({
            "apiVersion": "andon.dev/v1alpha1", "kind": "Approval",
            "metadata": {"generateName": "confirmations-", "namespace": FLEET},
            "spec": {
                "release": "confirmations", "digest": digest, "wave": "rest",
                "approver": approver, "groups": [group],
            },
        })
    }

    /// A person approves what the release asks for now.
    async fn approve(&self, who: &str, group: &str) -> Result<()> {
        let approval = self.approval(&self.digest().await?, who, group);
        self.create_as(who, group, &approval)?;
        self.say(&format!("{who} approves as one of {group}"));
        Ok(())
    }

    fn create_as(&self, who: &str, group: &str, approval: &Value) -> Result<String> {
        let file = written(&format!("approval-{who}.yaml"), &approval.to_string())?;
        let mut kubectl = self.cluster.kubectl();
        kubectl.args(["create", "-f"]).arg(file);
        kubectl.args([
            "--as",
            who,
            "--as-group",
            group,
            "--as-group",
            "system:authenticated",
        ]);
        run(&mut kubectl)
    }

    /// Nobody approves in another one's name, or for a group that is not theirs.
    async fn refuses_wrong_approvals(&self) -> Result<()> {
        let digest = self.digest().await?;
        for (claims, group, why) in [
            ("carl", "ot", "in another one's name"),
            ("anna", "it", "for a group that is not hers"),
        ] {
            let approval = self.approval(&digest, claims, group);
            let refused = self.create_as("anna", "ot", &approval);
            ensure!(refused.is_err(), "anna approved {why}: {refused:?}");
        }
        self.say("anna cannot approve in another one's name, nor for a group that is not hers");
        Ok(())
    }

    async fn integration(&self, plant: &str) -> Result<Option<PlantIntegration>> {
        let namespace = format!("plant-{plant}");
        let all: Api<PlantIntegration> = Api::namespaced(self.cluster.client.clone(), &namespace);
        Ok(all.get_opt("confirmations").await?)
    }

    async fn pods(&self, plant: &str) -> Result<Pods> {
        pods_of(&self.cluster.client, &format!("plant-{plant}")).await
    }

    /// Waits until the plant's line runs a version and is not on trial. What a failed line went back to it runs as well.
    async fn runs(&self, plant: &str, version: &str) -> Result<()> {
        let what = format!("{plant} to run {version}");
        until(&what, Duration::from_secs(420), || async {
            let status = self
                .integration(plant)
                .await?
                .and_then(|it| it.status)
                .unwrap_or_default();
            let runs = status.lines.iter().any(|line| {
                line.trial.is_none()
                    && line
                        .last_good
                        .as_ref()
                        .is_some_and(|it| it.version == version)
            });
            Ok(match runs {
                true => Look::Done(()),
                false => Look::NotYet(format!("{:?}", status.conditions)),
            })
        })
        .await?;
        self.say(&format!("{plant} runs {version}"));
        Ok(())
    }

    /// Waits until a wave says why it does not open.
    async fn waits(&self, wave: &str, reason: &str) -> Result<()> {
        self.waits_so(wave, reason, "").await
    }

    /// The same, with a message that begins so.
    async fn waits_so(&self, wave: &str, reason: &str, begin: &str) -> Result<()> {
        let what = format!("wave {wave} to hold: {reason}: {begin}");
        let message = until(&what, Duration::from_secs(240), || async {
            let status = self
                .releases()
                .get("confirmations")
                .await?
                .status
                .unwrap_or_default();
            let hold = status
                .waves
                .iter()
                .find(|it| it.name == wave)
                .and_then(|it| it.hold.clone());
            Ok(match hold {
                Some(hold) if hold.reason == reason && hold.message.starts_with(begin) => {
                    Look::Done(hold.message)
                }
                _ => Look::NotYet(format!("{:?}", status.waves)),
            })
        })
        .await?;
        self.say(&format!("wave {wave} holds ({reason}): {message}"));
        Ok(())
    }

    /// Waits until a plant's line says why it does not start.
    async fn line_waits(&self, plant: &str, reason: &str) -> Result<()> {
        let what = format!("{plant} to hold: {reason}");
        let message = until(&what, Duration::from_secs(60), || async {
            let status = self
                .integration(plant)
                .await?
                .and_then(|it| it.status)
                .unwrap_or_default();
            let hold = status.lines.iter().find_map(|line| line.hold.clone());
            Ok(match hold {
                Some(hold) if hold.reason == reason => Look::Done(hold.message),
                other => Look::NotYet(format!("{other:?}")),
            })
        })
        .await?;
        self.say(&format!("{plant} holds ({reason}): {message}"));
        Ok(())
    }

    /// Waits until the release is in a phase.
    async fn phase(&self, phase: &str) -> Result<()> {
        let what = format!("the release to be {phase}");
        until(&what, Duration::from_secs(240), || async {
            let status = self
                .releases()
                .get("confirmations")
                .await?
                .status
                .unwrap_or_default();
            let now = status
                .phase
                .map(|phase| format!("{phase:?}"))
                .unwrap_or_default();
            Ok(match now == phase {
                true => Look::Done(()),
                false => Look::NotYet(format!("{now}: {:?}", status.conditions)),
            })
        })
        .await?;
        self.say(&format!("the release is {phase}"));
        Ok(())
    }
}

/// The chart's admission policies, and the right of every member of ot and it to approve.
fn install_policies(cluster: &Cluster) -> Result<()> {
    let mut helm = cluster.helm();
    helm.args(["template", "andon"])
        .arg(root().join("charts/andon"));
    // Without a cluster helm supposes an old one.
    helm.args([
        "--kube-version",
        "1.36.0",
        "--show-only",
        "templates/admission.yaml",
    ]);
    // Whoever runs this writes releases as a GitOps controller does: the author is another.
    let me: Value = serde_json::from_str(&run(cluster
        .kubectl()
        .args(["auth", "whoami", "-o", "json"]))?)?;
    let me = me["status"]["userInfo"]["username"]
        .as_str()
        .context("the API server does not say who asks")?
        .to_owned();
    helm.arg("--set").arg(format!("gitOps.users={{{me}}}"));
    cluster.apply(&written("policies.yaml", &run(&mut helm)?)?)?;
    let rights = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "waves-approver"},
            "rules": [
                {"apiGroups": ["andon.dev"], "resources": ["approvals"], "verbs": ["create"]},
                {"apiGroups": ["andon.dev"], "resources": ["integrationreleases"], "verbs": ["approve"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "waves-approver"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "waves-approver"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "ot"},
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "it"},
            ],
        },
    ]});
    cluster.apply(&written("rights.yaml", &rights.to_string())?)
}
