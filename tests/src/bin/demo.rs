//! `make demo`: prints the story as it happens, then a table, and writes `target/demo/summary.json`.

use andon_tests::{cluster::Cluster, demo::Demo, process::root};
use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let name = std::env::var("ANDON_CLUSTER").unwrap_or_else(|_| "demo".to_owned());
    let cluster = Cluster::up(&name).await?;
    let mut demo = Demo::start(cluster.clone(), "demo").await?;
    let summary = demo.run().await?;
    let text = serde_json::to_string_pretty(&summary)?;
    std::fs::write(root().join("target/demo/summary.json"), format!("{text}\n"))?;
    println!(
        "\n{:<9} {:<11} {:>13} {:>15}",
        "version", "outcome", "lines changed", "lines untouched"
    );
    for release in &summary.releases {
        println!(
            "{:<9} {:<11} {:>13} {:>15}",
            release.version, release.outcome, release.lines_changed, release.lines_untouched
        );
    }
    let (ledger, rollback) = (&summary.ledger, &summary.rollback);
    println!(
        "\nproduced {}  posted {}  duplicates {}  lost {}  dead-lettered and replayed {}",
        ledger.produced, ledger.posted, ledger.duplicates, ledger.lost, ledger.dead_lettered
    );
    println!(
        "1.2.0: {} bad messages, decided {} s after the first, restored {} s later",
        rollback.bad_messages, rollback.seconds_to_decision, rollback.seconds_to_restored
    );
    summary.verify()?;
    if std::env::var_os("ANDON_KEEP").is_some() {
        println!(
            "\nThe cluster is kept: KUBECONFIG={}",
            cluster.kubeconfig.display()
        );
        return Ok(());
    }
    cluster.down()
}
