//! The operator's process: arguments, logs, client, and the end.

use andon_controller::args::Args;
use andon_controller::context::chain;
use andon_controller::{Error, client, run, telemetry};
use clap::Parser;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    // Before anything makes a client: without a provider each of them would panic.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("failed to install the TLS provider: another one is installed");
        return ExitCode::FAILURE;
    }
    let args = Args::parse();
    telemetry::start(args.log_format);
    match operate(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(&*error), "ended");
            ExitCode::FAILURE
        }
    }
}

async fn operate(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let cluster = kube::Config::infer().await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        identity = args.identity,
        "starting"
    );
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let client = client(cluster)?;
    run(args.config(), client, shutdown)
        .await
        .map_err(|error: Error| error.into())
}
