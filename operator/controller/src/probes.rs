//! `/livez`, `/readyz` and `/metrics`.

use crate::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// The runtime beats this often; when it has not for ten beats, it hangs.
const BEAT: Duration = Duration::from_secs(1);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What the probes know.
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    beat: AtomicU64,
    ready: AtomicBool,
}

impl Health {
    /// Says that this operator has spoken to the API server and takes part. Leading is a metric, not readiness: a
    /// standby is well.
    pub fn ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    /// Beats for ever.
    pub async fn beat(&self) {
        loop {
            let now = START.elapsed().as_secs();
            self.0.beat.store(now, Ordering::Relaxed);
            sleep(BEAT).await;
        }
    }

    fn alive(&self) -> bool {
        let last = self.0.beat.load(Ordering::Relaxed);
        START.elapsed().as_secs().saturating_sub(last) <= 10 * BEAT.as_secs()
    }
}

/// Why the probes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("failed to listen on {address}; choose another --listen")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped.
    #[error("failed to serve the probes")]
    Serve(#[source] std::io::Error),
}

/// Serves the probes for ever.
pub async fn serve(address: SocketAddr, health: Health, metrics: Metrics) -> Result<(), Error> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    let probe = |well: bool, word: &'static str| {
        let status = if well {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, word)
    };
    let app = Router::new()
        .route(
            "/livez",
            get(move |State(health): State<Health>| async move { probe(health.alive(), "live\n") }),
        )
        .route(
            "/readyz",
            get(move |State(health): State<Health>| async move {
                probe(health.0.ready.load(Ordering::Relaxed), "ready\n")
            }),
        )
        .with_state(health)
        .route("/metrics", get(move || async move { exposed(&metrics) }));
    axum::serve(listener, app).await.map_err(Error::Serve)
}

fn exposed(metrics: &Metrics) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
