//! Flags and environment, parsed once.

use crate::leader::Election;
use crate::telemetry::LogFormat;
use clap::Parser;
use std::net::SocketAddr;
use std::time::Duration;

/// Andon: rolls integrations out to factory lines, one line at a time, and takes a bad change back.
#[derive(Parser, Clone, Debug)]
#[command(name = "andon", version)]
pub struct Args {
    /// Address for /livez, /readyz and /metrics
    #[arg(long, env = "ANDON_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// How logs are written; RUST_LOG says what
    #[arg(long, env = "ANDON_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// Namespace of the Lease: the operator's own
    #[arg(long, env = "POD_NAMESPACE", default_value = "andon-system")]
    pub lease_namespace: String,
    /// Name of the Lease
    #[arg(long, env = "ANDON_LEASE_NAME", default_value = "andon")]
    pub lease_name: String,
    /// Who this operator is: the pod's name
    #[arg(long, env = "POD_NAME", default_value = "andon-local")]
    pub identity: String,
    /// A leader that is not heard of for so long has lost the Lease; at least 3 s
    #[arg(long, env = "ANDON_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..))]
    pub lease_seconds: u64,
    /// Ends the process right after its n-th write (tests only)
    #[cfg(feature = "fault-injection")]
    #[arg(long, env = "ANDON_CRASH_AFTER_WRITES")]
    pub crash_after_writes: Option<u64>,
}

/// What the operator needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address for probes and metrics; none: they are not served.
    pub listen: Option<SocketAddr>,
    /// How it campaigns.
    pub election: Election,
    /// Writes until it dies.
    #[cfg(feature = "fault-injection")]
    pub budget: crate::fault::WriteBudget,
}

impl Args {
    /// The configuration that these flags ask for.
    pub fn config(self) -> Config {
        let lease = Duration::from_secs(self.lease_seconds);
        Config {
            listen: Some(self.listen),
            election: Election {
                namespace: self.lease_namespace,
                name: self.lease_name,
                identity: self.identity,
                duration: lease,
                // As client-go: 15 s, 10 s and 2 s.
                renew_deadline: lease * 2 / 3,
                retry: lease * 2 / 15,
            },
            #[cfg(feature = "fault-injection")]
            budget: self
                .crash_after_writes
                .map(crate::fault::WriteBudget::new)
                .unwrap_or_default(),
        }
    }
}
