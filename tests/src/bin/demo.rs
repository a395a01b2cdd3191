//! `make demo`: prints the story as it happens, then a table, and writes `target/demo/summary.json`.

use andon_tests::demo::{Demo, Summary};
use andon_tests::{cluster::Cluster, process::root};
use anyhow::Result;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match tell().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "\nThe demo failed: {error:#}\nThe cluster is kept; `make cluster-down NAME=demo` removes it."
            );
            ExitCode::FAILURE
        }
    }
}

async fn tell() -> Result<()> {
    let name = std::env::var("ANDON_CLUSTER").unwrap_or_else(|_| "demo".to_owned());
    let cluster = Cluster::up(&name).await?;
    let mut demo = Demo::start(cluster.clone(), "demo").await?;
    let summary = demo.run().await?;
    let text = serde_json::to_string_pretty(&summary)?;
    std::fs::write(root().join("target/demo/summary.json"), format!("{text}\n"))?;
    print(&summary);
    summary.verify()?;
    if std::env::var_os("ANDON_KEEP").is_some() {
        println!(
            "\nThe cluster is kept: export KUBECONFIG={}",
            cluster.kubeconfig.display()
        );
        return Ok(());
    }
    drop(demo);
    cluster.down()
}

fn print(summary: &Summary) {
    println!(
        "\n{:<9} {:<11} {:>13} {:>15}",
        "version", "outcome", "lines changed", "lines untouched"
    );
    for release in &summary.releases {
        let (changed, untouched) = (release.lines_changed, release.lines_untouched);
        println!(
            "{:<9} {:<11} {changed:>13} {untouched:>15}",
            release.version, release.outcome
        );
    }
    let ledger = &summary.ledger;
    println!(
        "\nproduced {}, posted {}, duplicates {}, lost {}; {} were dead-lettered and replayed",
        ledger.produced, ledger.posted, ledger.duplicates, ledger.lost, ledger.dead_lettered
    );
    let rollback = &summary.rollback;
    println!(
        "1.2.0: {} bad messages, decided {} s after the first, restored {} s later; all in {} s",
        rollback.bad_messages,
        rollback.seconds_to_decision,
        rollback.seconds_to_restored,
        summary.seconds
    );
}
