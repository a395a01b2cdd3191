//! The demo's story and what may go wrong around it, on a real cluster with real connectors, broker and a counting ERP.
//!
//! The chapters share one plant, in this order, because a plant takes minutes to make: this is a program of its own and
//! not a set of `#[test]` functions. At the end the ERP's ledger judges them all: every document posted, none twice.

mod fault;
mod prometheus;

use andon_tests::{cluster::Cluster, demo::Demo};
use anyhow::{Context, Result};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo test -- --list` and the like are not for us.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    match book().await {
        Ok(passed) => {
            println!("\n{passed} passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nFAILED: {error:#}\n\n0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

async fn book() -> Result<usize> {
    let name = std::env::var("ANDON_CLUSTER").unwrap_or_else(|_| "e2e".to_owned());
    let cluster = Cluster::up(&name).await?;
    let result = chapters(cluster.clone()).await;
    if let Err(error) = &result {
        println!("\n{error:#}");
        fault::show(&cluster);
    }
    if std::env::var_os("ANDON_KEEP").is_none() {
        cluster.down()?;
    }
    result
}

async fn chapters(cluster: Cluster) -> Result<usize> {
    let mut demo = Demo::start(cluster, "e2e").await?;
    println!("\n# The demo's story");
    let summary = demo.run().await.context("the demo's story")?;
    summary.verify().context("the demo's story")?;
    println!("\n# Drift is put back");
    fault::drift(&mut demo).await.context("drift")?;
    println!("\n# The connector is killed while it posts");
    demo.floor.produce(true).await?;
    fault::post_killed(&mut demo)
        .await
        .context("post killed while it posts")?;
    println!("\n# The ERP is down for all lines: hold, never fail");
    fault::erp_down(&mut demo)
        .await
        .context("ERP down for all")?;
    println!("\n# Prometheus counts, and is away for a while: hold, never guess");
    prometheus::judged_through_prometheus(&mut demo)
        .await
        .context("judged through Prometheus")?;
    println!("\n# The operator is killed in every phase of a change");
    fault::operator_killed(&mut demo)
        .await
        .context("operator killed")?;
    println!("\n# The books");
    demo.books().await.context("the books at the end")?;
    Ok(7)
}
