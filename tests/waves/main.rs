//! Three plants in two waves, on a real cluster with real connectors, brokers and a counting ERP: a good release goes through a
//! pilot, a soak, two people's approval and a plant's window; a bad one passes the pilot, fails at the next plant and is
//! taken back everywhere. At the end the ERP's ledger judges: every document posted, none twice.

mod fleet;

use andon_tests::cluster::Cluster;
use andon_tests::process::run;
use anyhow::Result;
use fleet::Fleet;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo test -- --list` and the like are not for us.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    match book().await {
        Ok(()) => {
            println!("\n1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nFAILED: {error:#}\n\n0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

async fn book() -> Result<()> {
    let name = std::env::var("ANDON_CLUSTER").unwrap_or_else(|_| "waves".to_owned());
    let cluster = Cluster::up(&name).await?;
    let result = story(cluster.clone()).await;
    if let Err(error) = &result {
        println!("\n{error:#}");
        show(&cluster);
    }
    if std::env::var_os("ANDON_KEEP").is_none() {
        cluster.down()?;
    }
    result
}

async fn story(cluster: Cluster) -> Result<()> {
    let mut fleet = Fleet::start(cluster).await?;
    println!("\n# Three plants are installed");
    fleet.installed("1.0.0").await?;
    println!("\n# A good release in two waves");
    fleet.good_release().await?;
    println!("\n# A bad one is taken back everywhere");
    fleet.bad_release().await?;
    println!("\n# The books");
    fleet.books().await
}

/// What a person would look at first.
fn show(cluster: &Cluster) {
    for arguments in [
        &[
            "get",
            "integrationreleases,plantsites,plantintegrations,approvals,pods,jobs",
            "-A",
            "-o",
            "wide",
        ][..],
        &[
            "get",
            "integrationreleases,plantintegrations",
            "-A",
            "-o",
            "yaml",
        ],
        &["get", "events", "-A", "--sort-by=.lastTimestamp"],
    ] {
        match run(cluster.kubectl().args(arguments)) {
            Ok(text) => println!("--- kubectl {}\n{text}", arguments.join(" ")),
            Err(error) => println!("--- {error:#}"),
        }
    }
}
