//! The story that Andon is for, told on real parts: a good release goes through, two bad ones are taken back.

use crate::cluster::Cluster;
use crate::floor::{Floor, Setup};
use crate::packages;
use crate::plant::{self, FLEET, LINES, PLANT};
use crate::process::{Background, root};
use crate::rollback::{self, Moments};
use crate::story::{self, Story};
use andon_api::LineStatus;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What the demo measured; `target/demo/summary.json`.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How long the story took, from the plant's first object to the last document.
    pub seconds: u64,
    /// What became of each release.
    pub releases: Vec<Release>,
    /// What the lines produced against what the ERP posted.
    pub ledger: Ledger,
    /// How the release that refused documents was taken back.
    pub rollback: Rollback,
}

/// What became of a release.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its version.
    pub version: String,
    /// `Promoted` or `RolledBack`.
    pub outcome: &'static str,
    /// Lines whose pods changed.
    pub lines_changed: usize,
    /// Lines whose pods are the same as before.
    pub lines_untouched: usize,
}

/// What the lines produced against what the ERP posted.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Documents that the lines produced.
    pub produced: i64,
    /// Documents that the ERP posted.
    pub posted: i64,
    /// Documents posted twice.
    pub duplicates: i64,
    /// Documents that are neither posted nor dead-lettered.
    pub lost: i64,
    /// Documents that were dead-lettered on the way; all of them were replayed.
    pub dead_lettered: i64,
}

/// How the release that refused documents was taken back.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Documents that the ERP refused.
    pub bad_messages: i64,
    /// From the first refusal to the decision.
    pub seconds_to_decision: f64,
    /// From the decision until the last good was in place and ready again.
    pub seconds_to_restored: f64,
}

/// A plant with its floor, being taken through releases.
pub struct Demo {
    /// The cluster.
    pub cluster: Cluster,
    /// The shop floor.
    pub floor: Floor,
    /// What is told of `confirmations`.
    pub story: Story,
    began: Instant,
    releases: Vec<Release>,
    /// The operator, where it runs as a process beside the cluster and not from its image.
    pub operator: Option<Background>,
}

impl Demo {
    /// Starts the floor and installs operator, plant and broker.
    pub async fn start(cluster: Cluster, folder: &str) -> Result<Self> {
        let story = Story::new(&cluster.client, FLEET, PLANT, "confirmations");
        let local = plant::operator_is_process();
        let images: &[&str] = if local {
            &["connector", "broker"]
        } else {
            &["connector", "broker", "operator"]
        };
        // An OPC UA server takes seconds to start, and works on the floor, not in the cluster.
        let lines = LINES.map(|line| ("ulm", line));
        let setup = Setup {
            lines: &lines,
            rate: 4.0,
        };
        let floor = Floor::start(&cluster, folder, &setup)?;
        story.say("three lines and an ERP start on the shop floor");
        cluster.load(images)?;
        story.say("the images are imported");
        let operator = if local {
            plant::install_kinds(&cluster)?;
            Some(plant::start_operator(
                &cluster,
                &root().join("target").join(folder).join("operator.log"),
            )?)
        } else {
            plant::install_operator(&cluster)?;
            None
        };
        story.say("the operator is installed");
        floor.ready().await?;
        plant::install_plant(&cluster, &floor).await?;
        story.say("plant ulm asks for its broker and for confirmations 1.0.0");
        let mut broker = Story::new(&cluster.client, FLEET, PLANT, "plant-base");
        broker
            .follow("the broker", Duration::from_secs(180), |lines| {
                story::all_run(lines, 1, "1.0.0")
            })
            .await?;
        Ok(Self {
            cluster,
            floor,
            story,
            began: Instant::now(),
            releases: vec![],
            operator,
        })
    }

    /// The whole story; the lines stand still at its end.
    pub async fn run(&mut self) -> Result<Summary> {
        self.floor.produce(true).await?;
        self.promoted("1.0.0", false).await?;
        self.promoted("1.1.0", true).await?;
        let watched = tokio::spawn(rollback::moments(self.cluster.client.clone()));
        let refused = self.taken_back("1.2.0").await?;
        let rollback = self.measure(&watched.await??).await?;
        let dead_lettered = rollback.bad_messages;
        self.replay(&refused.name, dead_lettered)?;
        self.taken_back("1.3.0").await?;
        let ledger = self.settle(dead_lettered).await?;
        Ok(Summary {
            seconds: self.began.elapsed().as_secs(),
            releases: std::mem::take(&mut self.releases),
            ledger,
            rollback,
        })
    }

    /// Releases a version (if it is not the first) and sees it promoted on every line.
    async fn promoted(&mut self, version: &str, publish: bool) -> Result<()> {
        let before = plant::pods_by_line(&self.cluster.client).await?;
        if publish {
            self.publish(version).await?;
        }
        let what = format!("{version} on every line");
        self.story
            .follow(&what, Duration::from_secs(420), |lines| {
                story::all_run(lines, 3, version)
            })
            .await?;
        self.note(version, "Promoted", &before).await
    }

    /// Releases a version and sees the first line take it back.
    async fn taken_back(&mut self, version: &str) -> Result<LineStatus> {
        let before = plant::pods_by_line(&self.cluster.client).await?;
        self.publish(version).await?;
        let what = format!("{version} to be taken back");
        let lines = self
            .story
            .follow(&what, Duration::from_secs(300), |lines| {
                lines.iter().any(|line| story::taken_back(line, version))
            })
            .await?;
        self.note(version, "RolledBack", &before).await?;
        lines
            .into_iter()
            .find(|line| story::taken_back(line, version))
            .context("no line says so")
    }

    async fn publish(&self, version: &str) -> Result<()> {
        let overlay = root().join("examples/demo/versions").join(version);
        let folder = packages::lay_over("line-confirmations", &overlay, version)?;
        packages::publish(&self.cluster, &folder)?;
        self.story.release(version).await
    }

    async fn note(
        &mut self,
        version: &str,
        outcome: &'static str,
        before: &std::collections::BTreeMap<String, std::collections::BTreeSet<String>>,
    ) -> Result<()> {
        let after = plant::pods_by_line(&self.cluster.client).await?;
        let lines_untouched = LINES
            .iter()
            .filter(|line| {
                before
                    .get(**line)
                    .is_some_and(|pods| after.get(**line) == Some(pods))
            })
            .count();
        let lines_changed = LINES.len() - lines_untouched;
        self.story.say(&format!(
            "{version}: {outcome}; lines changed {lines_changed}, untouched {lines_untouched}"
        ));
        self.releases.push(Release {
            version: version.to_owned(),
            outcome,
            lines_changed,
            lines_untouched,
        });
        Ok(())
    }

    /// The ledger's clock tells when the first refusal came, a watch when the rest became visible.
    async fn measure(&self, moments: &Moments) -> Result<Rollback> {
        let trial = rollback::figures(self, moments).await?;
        Ok(Rollback {
            bad_messages: i64::try_from(trial.bad_messages)?,
            seconds_to_decision: round(trial.seconds_to_decision),
            seconds_to_restored: round(trial.seconds_to_restored),
        })
    }

    /// Sends a line's dead letters through again, now that the good mapping is back.
    fn replay(&self, line: &str, expected: i64) -> Result<()> {
        let replayed = packages::replay(&self.cluster, line)?;
        self.story.say(&format!(
            "{replayed} dead letters of {line} are replayed through the good mapping"
        ));
        ensure!(
            replayed == expected,
            "replayed {replayed} dead letters, but the ERP had refused {expected}"
        );
        Ok(())
    }

    /// Sends whatever a line has dead-lettered through again.
    pub fn replay_dead_letters(&self, line: &str) -> Result<()> {
        let replayed = packages::replay(&self.cluster, line)?;
        self.story
            .say(&format!("{replayed} dead letters of {line} are replayed"));
        ensure!(replayed > 0, "{line} had no dead letters to replay");
        Ok(())
    }

    /// Stops the lines and fails unless every document they ever produced is posted once.
    pub async fn books(&mut self) -> Result<Ledger> {
        let ledger = self.settle(0).await?;
        ledger.verify()?;
        Ok(ledger)
    }

    /// Stops the lines, waits until all is posted and compares the books.
    async fn settle(&mut self, dead_lettered: i64) -> Result<Ledger> {
        self.floor.produce(false).await?;
        self.story
            .say("the lines stop; waiting until every document is posted");
        let count = self.floor.settled(Duration::from_secs(120)).await?;
        self.floor.must_run()?;
        let number = |name: &str| {
            count[name]
                .as_i64()
                .with_context(|| format!("the comparison has no {name}: {count}"))
        };
        Ok(Ledger {
            produced: number("produced")?,
            posted: number("posted")?,
            duplicates: number("duplicates")?,
            lost: number("lost")?,
            dead_lettered,
        })
    }
}

impl Summary {
    /// Fails unless the story ended as it must.
    pub fn verify(&self) -> Result<()> {
        let outcomes: Vec<_> = self
            .releases
            .iter()
            .map(|release| (release.version.as_str(), release.outcome))
            .collect();
        ensure!(
            outcomes
                == [
                    ("1.0.0", "Promoted"),
                    ("1.1.0", "Promoted"),
                    ("1.2.0", "RolledBack"),
                    ("1.3.0", "RolledBack")
                ],
            "the releases ended so: {outcomes:?}"
        );
        for release in &self.releases[2..] {
            ensure!(
                release.lines_untouched == 2,
                "{} touched {} lines, not one",
                release.version,
                release.lines_changed
            );
        }
        let Ledger {
            produced,
            posted,
            duplicates,
            lost,
            ..
        } = self.ledger;
        ensure!(
            produced > 0 && produced == posted && duplicates == 0 && lost == 0,
            "the books differ: {:?}",
            self.ledger
        );
        ensure!(self.rollback.bad_messages > 0, "no document was refused");
        Ok(())
    }
}

impl Ledger {
    /// Fails unless every document was posted once.
    pub fn verify(&self) -> Result<()> {
        let Self {
            produced,
            posted,
            duplicates,
            lost,
            ..
        } = *self;
        let right = produced > 0 && produced == posted && duplicates == 0 && lost == 0;
        ensure!(right, "the books differ: {self:?}");
        Ok(())
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
