//! The shop floor beside the cluster: an OPC UA server per line and an ERP with a ledger, on a network of their own.

use crate::cluster::Cluster;
use crate::process::{Background, root, run, tool};
use crate::wait::{Look, until};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const ERP_PORT: u16 = 8090;
const OPCUA_PORT: u16 = 4841;
const ADMIN_PORT: u16 = 9841;

/// Everything that stands around Andon.
pub struct Floor {
    folder: PathBuf,
    cluster: Option<String>,
    host: String,
    erp: Option<Background>,
    erp_url: String,
    lines: BTreeMap<String, Line>,
    http: reqwest::Client,
}

/// A line's simulator.
struct Line {
    plant: String,
    process: Background,
    /// Where it is steered.
    admin: String,
}

/// What a floor makes.
pub struct Setup<'a> {
    /// Plants and their lines, in the order of the lines' ports. Both names are part of every idempotency key.
    pub lines: &'a [(&'a str, &'a str)],
    /// Documents a second, of each line.
    pub rate: f64,
}

impl Floor {
    /// Starts the ERP and the lines; lines make nothing until [`Floor::produce`]. State goes to `target/<folder>/floor`.
    pub fn start(cluster: &Cluster, folder: &str, setup: &Setup<'_>) -> Result<Self> {
        let folder = root().join("target").join(folder).join("floor");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let host = match cluster.name {
            Some(_) => "172.31.0.10".to_owned(),
            None => std::env::var("ANDON_FLOOR_HOST").context(
                "KUBECONFIG is set, so say in ANDON_FLOOR_HOST at which of this machine's addresses that cluster's pods can reach it",
            )?,
        };
        let mut floor = Self {
            folder,
            cluster: cluster.name.clone(),
            host,
            erp: None,
            erp_url: String::new(),
            lines: BTreeMap::new(),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()?,
        };
        floor.erp_url = floor.forward(ERP_PORT)?;
        floor.start_erp()?;
        for (number, place) in (0..).zip(setup.lines) {
            floor.start_line(*place, setup.rate, number)?;
        }
        Ok(floor)
    }

    /// Waits until everything on the floor answers.
    pub async fn ready(&self) -> Result<()> {
        let health = format!("{}/_health", self.erp_url);
        until("the ERP to answer", Duration::from_secs(60), || async {
            self.http.get(&health).send().await?.error_for_status()?;
            Ok(Look::Done(()))
        })
        .await?;
        for line in self.lines.keys() {
            until(
                &format!("line {line} to answer"),
                Duration::from_secs(120),
                || async { self.journal(line).await.map(|_| Look::Done(())) },
            )
            .await?;
        }
        Ok(())
    }

    /// The address that connectors use.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The endpoint of the line with this number, counted from 0.
    pub fn opcua(&self, number: u16) -> String {
        format!("opc.tcp://{}:{}/andon", self.host, OPCUA_PORT + number)
    }

    /// Starts the ERP, on its old ledger if there is one.
    fn start_erp(&mut self) -> Result<()> {
        let mut command = self.command("erp.py");
        command
            .args([
                "--host",
                &self.host,
                "--port",
                &ERP_PORT.to_string(),
                "--ledger",
            ])
            .arg(self.folder.join("ledger.jsonl"));
        self.erp = Some(Background::start(
            "the ERP",
            command,
            &self.folder.join("erp.log"),
        )?);
        Ok(())
    }

    /// Tells the ERP how to behave: `ok`, `down503`, `throttle429`, `slow`, `timeout`, `flap`, `picky`, `close`.
    pub async fn erp_mode(&self, mode: &str) -> Result<()> {
        self.put(&format!("{}/_mode", self.erp_url), &json!({"mode": mode}))
            .await
    }

    /// Sets the rate of every line, in documents a second.
    pub async fn rate(&self, per_second: f64) -> Result<()> {
        for Line { admin, .. } in self.lines.values() {
            self.put(&format!("{admin}/_rate"), &json!({"perSecond": per_second}))
                .await?;
        }
        Ok(())
    }

    /// Lets every line produce, or stops it.
    pub async fn produce(&self, on: bool) -> Result<()> {
        for Line { admin, .. } in self.lines.values() {
            self.put(
                &format!("{admin}/{}", if on { "_start" } else { "_stop" }),
                &json!({}),
            )
            .await?;
        }
        Ok(())
    }

    /// The ledger's own count.
    pub async fn ledger(&self) -> Result<Value> {
        self.get(&format!("{}/_ledger", self.erp_url)).await
    }

    /// The ledger's entries of a line, in the order in which they came.
    pub async fn entries(&self, line: &str) -> Result<Vec<Value>> {
        match self
            .get(&format!("{}/_ledger/entries?line={line}", self.erp_url))
            .await?
        {
            Value::Array(entries) => Ok(entries),
            Value::Object(mut page) => match page.remove("entries") {
                Some(Value::Array(entries)) => Ok(entries),
                _ => bail!("the ledger's answer has no entries"),
            },
            other => bail!("the ledger answered {other}"),
        }
    }

    /// What a line says of its own production.
    pub async fn journal(&self, line: &str) -> Result<Value> {
        let Line { admin, .. } = self
            .lines
            .get(line)
            .with_context(|| format!("there is no line {line}"))?;
        self.get(&format!("{admin}/_journal")).await
    }

    /// Compares what the lines produced with what the ERP posted.
    pub fn reconcile(&self) -> Result<Value> {
        let mut command = Command::new(root().join(".cache/venv/bin/python"));
        command.arg(root().join("tests/floor/reconcile.py"));
        for (line, known) in &self.lines {
            let journal = self.folder.join(format!("{line}.jsonl"));
            let named = format!("{}/confirmations/{line}={}", known.plant, journal.display());
            command.arg("--line").arg(named);
        }
        command
            .arg("--ledger")
            .arg(self.folder.join("ledger.jsonl"));
        let output = command.output()?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "reconcile.py said {} {}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// Waits until everything that was produced is posted, and gives the comparison; fails with the last one.
    pub async fn settled(&self, limit: Duration) -> Result<Value> {
        until("every document to be posted", limit, || async {
            let count = self.reconcile()?;
            let all = count["produced"].is_i64() && count["produced"] == count["posted"];
            Ok(if all {
                Look::Done(count)
            } else {
                Look::NotYet(count.to_string())
            })
        })
        .await
    }

    /// Fails if a simulator has ended by itself.
    pub fn must_run(&mut self) -> Result<()> {
        self.erp.as_mut().map_or(Ok(()), Background::must_run)?;
        self.lines
            .values_mut()
            .try_for_each(|line| line.process.must_run())
    }

    fn start_line(&mut self, (plant, line): (&str, &str), rate: f64, number: u16) -> Result<()> {
        let admin = self.forward(ADMIN_PORT + number)?;
        let mut command = self.command("opcua_line.py");
        command
            .args(["--plant", plant, "--line", line, "--host", &self.host])
            .args(["--port", &(OPCUA_PORT + number).to_string()])
            .args(["--admin-port", &(ADMIN_PORT + number).to_string()])
            .args(["--rate", &rate.to_string(), "--stopped", "--journal"])
            .arg(self.folder.join(format!("{line}.jsonl")));
        let log = self.folder.join(format!("{line}.log"));
        let process = Background::start(&format!("line {line}"), command, &log)?;
        let plant = plant.to_owned();
        let known = Line {
            plant,
            process,
            admin,
        };
        self.lines.insert(line.to_owned(), known);
        Ok(())
    }

    /// A simulator's command, inside the floor's network.
    fn command(&self, script: &str) -> Command {
        let python = root().join(".cache/venv/bin/python");
        let script = root().join("tests/floor").join(script);
        let Some(name) = &self.cluster else {
            let mut command = Command::new(python);
            command.arg("-u").arg(script);
            return command;
        };
        let mut command = tool("andon-cluster");
        command
            .args(["floor-run", name, "--"])
            .arg(python)
            .arg("-u")
            .arg(script);
        command
    }

    /// An address on loopback that leads to a port on the floor.
    fn forward(&self, port: u16) -> Result<String> {
        let Some(name) = &self.cluster else {
            return Ok(format!("http://{}:{port}", self.host));
        };
        let said =
            run(tool("andon-cluster").args(["forward", name, "--floor", &port.to_string()]))?;
        let local: u16 = said
            .trim()
            .parse()
            .with_context(|| format!("andon-cluster forward said {said:?}, not a port"))?;
        Ok(format!("http://127.0.0.1:{local}"))
    }

    async fn put(&self, url: &str, body: &Value) -> Result<()> {
        self.http
            .put(url)
            .json(body)
            .send()
            .await?
            .error_for_status()
            .with_context(|| format!("PUT {url}"))?;
        Ok(())
    }

    async fn get(&self, url: &str) -> Result<Value> {
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }
}
