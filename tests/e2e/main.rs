//! The demo's story and what may go wrong around it, on a real cluster with real connectors, broker and a counting ERP.
//!
//! The chapters share one plant, in this order, because a plant takes minutes to make: this is a program of its own and
//! not a set of `#[test]` functions. At the end the ERP's ledger judges them all: every document posted, none twice.

mod fault;
mod prometheus;
mod removal;
mod standby;

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

/// What can be told after the story, in this order, by the names that `ANDON_CHAPTERS` takes.
const CHAPTERS: [(&str, &str); 7] = [
    ("drift", "Drift is put back"),
    ("post-killed", "The connector is killed while it posts"),
    (
        "erp-down",
        "The ERP is down for all lines: hold, never fail",
    ),
    (
        "prometheus",
        "Prometheus counts, and is away for a while: hold, never guess",
    ),
    (
        "operator-killed",
        "The operator is killed in every phase of a change",
    ),
    (
        "standby",
        "The last good stands by behind its canary, and gets the queue when the canary fails",
    ),
    (
        "line-removed",
        "A line is taken out while its documents wait: source, drain, the rest",
    ),
];

/// Tells the story, then the chapters that `ANDON_CHAPTERS` names (all of them if it is not set), then compares the books.
async fn chapters(cluster: Cluster) -> Result<usize> {
    let wanted = wanted()?;
    let mut demo = Demo::start(cluster, "e2e").await?;
    println!("\n# The demo's story");
    let summary = demo.run().await.context("the demo's story")?;
    summary.verify().context("the demo's story")?;
    demo.floor.produce(true).await?;
    for (name, title) in &wanted {
        println!("\n# {title}");
        match *name {
            "drift" => fault::drift(&mut demo).await,
            "post-killed" => fault::post_killed(&mut demo).await,
            "erp-down" => fault::erp_down(&mut demo).await,
            "prometheus" => prometheus::judged_through_prometheus(&mut demo).await,
            "standby" => standby::standby(&mut demo).await,
            "line-removed" => removal::line_removed(&mut demo).await,
            _ => fault::operator_killed(&mut demo).await,
        }
        .with_context(|| format!("chapter {name}"))?;
    }
    println!("\n# The books");
    demo.books().await.context("the books at the end")?;
    Ok(wanted.len() + 2)
}

fn wanted() -> Result<Vec<(&'static str, &'static str)>> {
    let Ok(given) = std::env::var("ANDON_CHAPTERS") else {
        return Ok(CHAPTERS.to_vec());
    };
    let known = |name: &str| CHAPTERS.into_iter().find(|(known, _)| *known == name);
    let names = given.split(',').filter(|name| !name.is_empty());
    let all: Vec<&str> = CHAPTERS.iter().map(|(name, _)| *name).collect();
    names
        .map(|name| {
            known(name).with_context(|| {
                format!(
                    "ANDON_CHAPTERS names {name:?}; there are {}",
                    all.join(", ")
                )
            })
        })
        .collect()
}
