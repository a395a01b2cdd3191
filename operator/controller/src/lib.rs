//! The operator: the only crate with a client, a clock or a network. It observes, lets the pure crates decide, and writes.
//!
//! ```text
//! plant_site            PlantSite          -> PlantIntegration objects
//! integration_release   IntegrationRelease -> their targets
//! plant_integration     PlantIntegration   -> everything that runs on the lines
//! ```

pub mod adapter;
pub mod args;
pub mod context;
pub mod event;
#[cfg(feature = "fault-injection")]
pub mod fault;
pub mod kinds;
pub mod leader;
pub mod metrics;
pub mod probes;
pub mod server_side_apply;
pub mod telemetry;

mod integration_release;
mod plant_integration;
mod plant_site;
mod watch;

use args::Config;
use context::Context;
use event::Teller;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use kube::Client;
use kube::client::ClientBuilder;
use leader::Candidate;
use metrics::Metrics;
use probes::Health;
use server_side_apply::Writer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;

/// Requests under way at once. kube has no flow control of its own, and one operator must not crowd out an API server.
const REQUESTS: usize = 32;

/// An API server that has not answered by then does not answer. Holds for the head of a response, so watches live on.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);

/// Reconciles that are under way at a stop get this long; the kubelet allows 30 s.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// How soon to try again to reach the API server at the start.
const RETRY_REACH: Duration = Duration::from_secs(1);

/// Why the operator ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no API server to talk to.
    #[error("failed to make a client; run in a cluster or set KUBECONFIG")]
    Client(#[source] Box<kube::Error>),
    /// There is no client for Prometheus servers.
    #[error("failed to make a client for Prometheus servers")]
    Http(#[source] reqwest::Error),
    /// Probes and metrics cannot be served.
    #[error("failed to serve probes and metrics")]
    Probes(#[source] probes::Error),
    /// Another operator may lead now; what is under way cannot be called back, so the process ends.
    #[error("lost the lease; another operator leads")]
    LeaseLost,
    /// A test asked for it.
    #[cfg(feature = "fault-injection")]
    #[error("died after its last allowed write, as a test asked")]
    Crashed,
}

/// A client as the operator needs it: it gives up in time and leaves trying again to the controllers, which know how urgent it is.
pub fn client(mut config: kube::Config) -> Result<Client, Error> {
    config.default_retry = false;
    let builder =
        ClientBuilder::try_from(config).map_err(|source| Error::Client(Box::new(source)))?;
    Ok(builder
        .with_layer(&ConcurrencyLimitLayer::new(REQUESTS))
        .with_layer(&TimeoutLayer::new(REQUEST_PATIENCE))
        .build())
}

/// Runs the operator until `shutdown` resolves; then it ends what is under way and gives the lease up.
pub async fn run(
    config: Config,
    client: Client,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (metrics, health) = (Metrics::new(), Health::default());
    let probes = match config.listen {
        Some(address) => probes::serve(address, health.clone(), metrics.clone()).boxed(),
        None => std::future::pending().boxed(),
    };
    let beating = health.clone();
    #[cfg(feature = "fault-injection")]
    let budget = config.budget.clone();
    #[cfg(feature = "fault-injection")]
    let crash = async { budget.crashed().await };
    #[cfg(not(feature = "fault-injection"))]
    let crash = std::future::pending::<()>();
    tokio::select! {
        ended = operate(config, client, (metrics, health), shutdown) => ended,
        Err(error) = probes => Err(Error::Probes(error)),
        () = beating.beat() => Ok(()),
        () = crash => {
            #[cfg(feature = "fault-injection")]
            return Err(Error::Crashed);
            #[cfg(not(feature = "fault-injection"))]
            Ok(())
        }
    }
}

/// Campaigns, and runs the controllers while it leads.
async fn operate(
    config: Config,
    client: Client,
    (metrics, health): (Metrics, Health),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let shutdown = shutdown.fuse();
    futures::pin_mut!(shutdown);
    let http = adapter::prometheus::client().map_err(Error::Http)?;
    let identity = config.election.identity.clone();
    let mut candidate = Candidate::new(client.clone(), config.election.clone());
    let campaign = async {
        reach(&client).await;
        // A standby that waits its turn is ready: readiness is not leadership.
        health.ready(true);
        candidate.win().await;
    };
    tokio::select! {
        () = campaign => {}
        () = &mut shutdown => return Ok(()),
    }
    metrics.leader(true);
    let writer = writer(&config, client.clone(), &candidate);
    let (teller, telling) = Teller::new(writer.clone(), identity);
    let context = Arc::new(Context::new(
        (client, http),
        writer,
        teller,
        metrics.clone(),
    ));
    let (stop, stopping) = oneshot::channel::<()>();
    let controllers = controllers(context, stopping.map(drop).boxed().shared());
    let work = async { tokio::join!(controllers, telling) };
    futures::pin_mut!(work);
    let ended = tokio::select! {
        () = candidate.hold() => Err(Error::LeaseLost),
        _ = &mut work => Ok(()),
        () = &mut shutdown => {
            tracing::info!("stopping: ending what is under way");
            drop(stop);
            let ended = async { tokio::select! { () = candidate.hold() => {}, _ = &mut work => {} } };
            if timeout(STOP_PATIENCE, ended).await.is_err() {
                tracing::warn!("failed to end what is under way in time; it will be looked at again");
            }
            Ok(())
        }
    };
    metrics.leader(false);
    if ended.is_ok() {
        candidate.resign().await;
    }
    ended
}

/// Returns once the API server answers.
async fn reach(client: &Client) {
    while let Err(error) = client.apiserver_version().await {
        tracing::warn!(
            error = context::said(&error),
            "failed to reach the API server; trying again"
        );
        sleep(RETRY_REACH).await;
    }
}

#[cfg(not(feature = "fault-injection"))]
fn writer(_: &Config, client: Client, candidate: &Candidate) -> Writer {
    Writer::new(client, candidate.leadership())
}

#[cfg(feature = "fault-injection")]
fn writer(config: &Config, client: Client, candidate: &Candidate) -> Writer {
    Writer::new(client, candidate.leadership(), config.budget.clone())
}

/// Runs the three controllers until they are told to stop. The context goes with them, and with it the last teller, so
/// that the telling ends once every event is told.
async fn controllers(context: Arc<Context>, stop: watch::Stop) {
    let running = FuturesUnordered::new();
    running.push(plant_site::run(Arc::clone(&context), stop.clone()).boxed());
    running.push(integration_release::run(Arc::clone(&context), stop.clone()).boxed());
    running.push(plant_integration::run(context, stop).boxed());
    running.collect::<()>().await;
}
