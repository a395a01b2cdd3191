//! A plant with one line and a blueprint that starts in a second, and an operator in this process.

use andon_controller::args::Config;
use andon_controller::fault::WriteBudget;
use andon_controller::leader::Election;
use andon_tests::wait::{self, Look};
use anyhow::{Context, Result, ensure};
use futures::FutureExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const PATIENCE: Duration = Duration::from_secs(90);
pub const LINE: &str = "packaging-1";
pub const INTEGRATION: &str = "toy";

/// Looks until `look` gives a value; `Err(state)` is "not yet, and it stands so".
pub async fn eventually<T>(
    what: &str,
    look: impl AsyncFn() -> Result<Result<T, String>>,
) -> Result<T> {
    let look = &look;
    wait::until(what, PATIENCE, || async move {
        Ok(match look().await? {
            Ok(value) => Look::Done(value),
            Err(state) => Look::NotYet(state),
        })
    })
    .await
}

async fn config() -> Result<kube::Config> {
    // A second installation in the same process is refused, and the first is the one we want.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let path = std::env::var_os("KUBECONFIG").map(PathBuf::from);
    let path = path.context(
        "KUBECONFIG is not set: run `make apiserver`, or `make cluster` and set it as that says",
    )?;
    let file = kube::config::Kubeconfig::read_from(&path)?;
    Ok(kube::Config::from_custom_kubeconfig(file, &Default::default()).await?)
}

/// A client that the API server takes for this person.
pub async fn client_as(user: &str, groups: &[&str]) -> Result<Client> {
    let mut config = config().await?;
    config.auth_info.impersonate = Some(user.to_owned());
    // As every authentication does.
    let all = groups.iter().chain(&["system:authenticated"]);
    config.auth_info.impersonate_groups = Some(all.map(ToString::to_string).collect());
    Ok(andon_controller::client(config)?)
}

/// A client of a cluster that has the CRDs.
pub async fn client() -> Result<Client> {
    let client = andon_controller::client(config().await?)?;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (file, crd) in andon_api::crd::all()? {
        let name = crd["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let how = PatchParams::apply("andon-test").force();
        let applied = crds.patch(&name, &how, &Patch::Apply(&crd)).await;
        applied.with_context(|| format!("the API server refuses {file}"))?;
        eventually(&format!("{name} to be served"), async || {
            let status = crds.get(&name).await?.status.unwrap_or_default();
            let conditions = status.conditions.unwrap_or_default();
            let served = conditions
                .iter()
                .any(|it| it.type_ == "Established" && it.status == "True");
            Ok(if served {
                Ok(())
            } else {
                Err(format!("{conditions:?}"))
            })
        })
        .await?;
    }
    Ok(client)
}

/// An operator in this process.
pub struct Operator {
    pub budget: WriteBudget,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), andon_controller::Error>>,
}

impl Operator {
    /// Starts one that campaigns for the lease of `plant` and may write so often.
    pub async fn start(plant: &Plant, identity: &str, writes: u64) -> Result<Self> {
        // As in production: a loaded machine must not cost the lease.
        Self::with_lease(plant, identity, writes, Duration::from_secs(15)).await
    }

    /// The same, with a lease that lasts so long.
    pub async fn with_lease(
        plant: &Plant,
        identity: &str,
        writes: u64,
        lease: Duration,
    ) -> Result<Self> {
        let client = andon_controller::client(config().await?)?;
        let budget = WriteBudget::new(writes);
        let config = Config {
            listen: None,
            election: Election {
                namespace: plant.fleet.clone(),
                name: "andon".into(),
                identity: identity.into(),
                duration: lease,
                renew_deadline: lease * 2 / 3,
                retry: lease / 30,
            },
            budget: budget.clone(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(andon_controller::run(config, client, stopped.map(drop)));
        Ok(Self {
            budget,
            stop: Some(stop),
            task,
        })
    }

    /// Whether it has ended by itself.
    pub fn ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops it the graceful way.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, &mut self.task)
            .await
            .context("the operator does not stop")???;
        Ok(())
    }

    /// Ends it without a word, as kill -9 does.
    pub fn kill(self) {
        self.task.abort();
    }

    /// Waits until it has died of its budget.
    pub async fn died(self) -> Result<()> {
        let ended = tokio::time::timeout(PATIENCE, self.task)
            .await
            .context("the operator lives on")??;
        ensure!(
            matches!(ended, Err(andon_controller::Error::Crashed)),
            "ended so: {ended:?}"
        );
        Ok(())
    }
}

/// A plant of a test's own: a namespace for it, one for its fleet, a blueprint.
pub struct Plant {
    pub client: Client,
    pub namespace: String,
    pub fleet: String,
    pub blueprint: String,
}

impl Plant {
    /// A plant that wants the integration, and a release of version 1.0.0 of it.
    pub async fn new(purpose: &str) -> Result<Self> {
        let plant = Self::bare(purpose).await?;
        plant.apply("PlantSite", "ulm", &plant.site()).await?;
        plant
            .apply("IntegrationRelease", INTEGRATION, &plant.release("1.0.0"))
            .await?;
        Ok(plant)
    }

    /// Namespaces and blueprints alone.
    pub async fn bare(purpose: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let base = format!("{purpose}-{}-{number}", std::process::id());
        let plant = Self {
            client: client().await?,
            namespace: format!("plant-{base}"),
            fleet: format!("fleet-{base}"),
            blueprint: format!("toy-{base}"),
        };
        let namespaces: Api<Namespace> = Api::all(plant.client.clone());
        for name in [&plant.namespace, &plant.fleet] {
            let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
            namespaces
                .create(&PostParams::default(), &namespace)
                .await?;
        }
        for version in ["1.0.0", "1.1.0"] {
            plant.pack(version, &deployment()).await?;
        }
        Ok(plant)
    }

    /// Makes a version of the plant's blueprint with this workload.
    pub async fn pack(&self, version: &str, workload: &str) -> Result<()> {
        let config = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {{{{ name }}}}, labels: {{{{ labels }}}}}}\n\
             data: {{greeting: {{{{ parameters.greeting }}}}, version: \"{version} <&>\"}}\n"
        );
        let spec = json!({
            "name": self.blueprint, "version": version, "scope": "Line",
            "stages": [{"name": "post", "strategy": "Takeover"}],
            "parameters": {
                "type": "object", "additionalProperties": false,
                "properties": {"greeting": {"type": "string", "default": "hello"}, "replicas": {"type": "integer", "default": 1}}
            },
            "files": {"templates/post/config.yaml": config, "templates/post/workload.yaml": workload}
        });
        self.apply("Blueprint", &format!("{}-{version}", self.blueprint), &spec)
            .await
    }

    pub fn site(&self) -> Value {
        json!({
            "siteCode": "DE-ULM-01", "timeZone": "Europe/Berlin", "fleet": self.fleet,
            "lines": [{"name": LINE, "criticality": 10}], "integrations": [{"name": INTEGRATION}]
        })
    }

    pub fn release(&self, version: &str) -> Value {
        json!({
            "integration": INTEGRATION, "blueprint": {"name": self.blueprint, "version": version},
            "analysis": {"bake": {"duration": "1s"}, "minSamples": 0, "confidence": "99.9%", "progressDeadline": "30s"}
        })
    }

    /// Applies an object of our own kinds, as a person would.
    pub async fn apply(&self, kind: &str, name: &str, spec: &Value) -> Result<()> {
        let object = json!({
            "apiVersion": "andon.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec
        });
        let how = PatchParams::apply("kubectl").force();
        let applied = self
            .api(kind)
            .patch(name, &how, &Patch::Apply(&object))
            .await;
        applied.with_context(|| format!("failed to apply {kind} {name}"))?;
        Ok(())
    }

    /// One of our own kinds, where this plant has it.
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        let resource = resource("andon.dev", "v1alpha1", kind);
        match kind {
            "Blueprint" => Api::all_with(self.client.clone(), &resource),
            "IntegrationRelease" => {
                Api::namespaced_with(self.client.clone(), &self.fleet, &resource)
            }
            _ => Api::namespaced_with(self.client.clone(), &self.namespace, &resource),
        }
    }

    /// What Andon made of a kind in the plant.
    pub async fn made(&self, group: &str, kind: &str) -> Result<Vec<DynamicObject>> {
        let labelled =
            ListParams::default().labels(&format!("andon.dev/integration={INTEGRATION}"));
        Ok(self.child(group, kind).list(&labelled).await?.items)
    }

    pub fn child(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(
            self.client.clone(),
            &self.namespace,
            &resource(group, "v1", kind),
        )
    }

    /// The plant's integration.
    pub async fn integration(&self) -> Result<DynamicObject> {
        Ok(self.api("PlantIntegration").get(INTEGRATION).await?)
    }

    /// Waits until the line runs this version, and nothing is on its way.
    pub async fn runs(&self, version: &str) -> Result<()> {
        eventually(&format!("{LINE} to run {version}"), async || {
            let found = self.integration().await?;
            let status = &found.data["status"];
            let line = &status["lines"][0];
            let steady = condition(&found, "Ready").0 == "True"
                && status["observedGeneration"].as_i64() == found.metadata.generation
                && found.data["spec"]["target"]["blueprint"]["version"] == version
                && line["lastGood"]["version"] == version;
            Ok(if steady {
                Ok(())
            } else {
                Err(status.to_string())
            })
        })
        .await
    }

    /// Waits until an object says so in a condition; gives the message.
    pub async fn says(
        &self,
        kind: &str,
        name: &str,
        (type_, reason): (&str, &str),
    ) -> Result<String> {
        let api = self.api(kind);
        eventually(
            &format!("{kind} {name} to say {type_} {reason}"),
            async || {
                let found = api.get(name).await?;
                let (_, given, message) = condition(&found, type_);
                let current = found.data["status"]["observedGeneration"].as_i64()
                    == found.metadata.generation;
                let said = given == reason && current;
                Ok(if said {
                    Ok(message)
                } else {
                    Err(found.data["status"].to_string())
                })
            },
        )
        .await
    }

    /// Takes the finalizers off what is left of the plant, and counts it.
    async fn free(&self) -> kube::Result<usize> {
        let (how, mut left) = (PatchParams::default(), 0);
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for kind in ["PlantIntegration", "PlantSite"] {
            let api = self.api(kind);
            for found in api.list(&ListParams::default()).await? {
                left += 1;
                api.patch(&found.name_any(), &how, &free).await?;
            }
        }
        Ok(left)
    }

    /// Deletes it all. What a plant consists of has gone then; the rest of its namespace goes later.
    pub async fn end(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for name in [&self.namespace, &self.fleet] {
            match namespaces.delete(name, &DeleteParams::default()).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                other => drop(other?),
            }
        }
        // No operator is left that would let them go; the next test's would look after them.
        eventually("the plant to be gone", async || {
            Ok(match self.free().await {
                Ok(0) => Ok(()),
                Ok(left) => Err(format!("{left} objects are left")),
                Err(error) => Err(error.to_string()),
            })
        })
        .await?;
        let blueprints = self.api("Blueprint");
        for blueprint in blueprints.list(&ListParams::default()).await? {
            if blueprint.data["spec"]["name"] == self.blueprint.as_str() {
                blueprints
                    .delete(&blueprint.name_any(), &DeleteParams::default())
                    .await?;
            }
        }
        Ok(())
    }
}

/// Status, reason and message of a condition.
pub fn condition(object: &DynamicObject, type_: &str) -> (String, String, String) {
    let conditions = object.data["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = conditions
        .into_iter()
        .find(|it| it["type"] == type_)
        .unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

pub fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    ApiResource {
        group: group.into(),
        version: version.into(),
        api_version,
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
    }
}

/// A workload that is ready within a second and does nothing.
pub fn deployment() -> String {
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ name }}, labels: {{ labels }}}\nspec:\n  \
     replicas: {{ parameters.replicas }}\n  selector: {matchLabels: {{ labels }}}\n  template:\n    \
     metadata: {labels: {{ labels }}}\n    spec:\n      terminationGracePeriodSeconds: 0\n      containers:\n      \
     - {name: pause, image: \"andon.dev/pause:0.1.0\", imagePullPolicy: IfNotPresent}\n"
        .to_owned()
}
