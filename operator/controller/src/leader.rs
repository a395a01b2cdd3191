//! Leader election on a Lease, by client-go's rules: a PUT with the resource version decides who wins, and whether the
//! holder is alive is judged by our own monotonic clock since we last *saw* the Lease change, so that clocks may differ.
#![allow(
    clippy::disallowed_methods,
    reason = "the Lease is what leadership is decided by"
)]

use crate::context::said;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How to campaign.
#[derive(Clone, Debug)]
pub struct Election {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who we are. A container that starts again in the same pod is the same candidate, and needs not wait.
    pub identity: String,
    /// A holder that is not heard of for so long has lost it. Whole seconds, at least one.
    pub duration: Duration,
    /// We stop writing when we could not renew for so long. Less than `duration`, or two could write at once.
    pub renew_deadline: Duration,
    /// How long to wait between two attempts.
    pub retry: Duration,
}

/// Whether we lead, asked at every write.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<Mutex<Option<Instant>>>);

impl Leadership {
    /// Whether we may write now.
    pub fn held(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// A candidate.
pub struct Candidate {
    api: Api<Lease>,
    election: Election,
    leadership: Leadership,
    seen: Option<(String, Instant)>,
}

impl Candidate {
    /// A candidate that has not campaigned yet.
    pub fn new(client: Client, election: Election) -> Self {
        Self {
            api: Api::namespaced(client, &election.namespace),
            election,
            leadership: Leadership::default(),
            seen: None,
        }
    }

    /// Whether this candidate leads.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Returns once we lead.
    pub async fn win(&mut self) {
        while !self.attempt().await {
            sleep(self.election.retry).await;
        }
        tracing::info!(
            lease = self.election.name,
            identity = self.election.identity,
            "leading"
        );
    }

    /// Keeps the Lease; returns when it is lost.
    pub async fn hold(&mut self) {
        loop {
            sleep(self.election.retry).await;
            if !self.attempt().await && !self.leadership.held() {
                return;
            }
        }
    }

    /// Gives the Lease up, so that the next candidate needs not wait.
    pub async fn resign(&mut self) {
        self.leadership.set(None);
        match timeout(self.election.retry, self.take(true)).await {
            Ok(Ok(_)) => tracing::info!(lease = self.election.name, "resigned"),
            Ok(Err(error)) => tracing::warn!(
                error = said(&error),
                "failed to resign; the lease runs out by itself"
            ),
            Err(_) => tracing::warn!("failed to resign in time; the lease runs out by itself"),
        }
    }

    /// One attempt to get or renew the Lease. True: we hold it.
    async fn attempt(&mut self) -> bool {
        // Counted from before the request: the API server's clock for us starts no later than that.
        let begun = Instant::now();
        match timeout(self.election.renew_deadline, self.take(false)).await {
            Ok(Ok(true)) => {
                self.leadership
                    .set(Some(begun + self.election.renew_deadline));
                true
            }
            Ok(Ok(false)) => {
                self.leadership.set(None);
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(error = said(&error), "failed to reach the lease");
                false
            }
            Err(_) => {
                tracing::warn!("failed to reach the lease in time");
                false
            }
        }
    }

    async fn take(&mut self, release: bool) -> kube::Result<bool> {
        let Some(mut lease) = self.api.get_opt(&self.election.name).await? else {
            return if release {
                Ok(false)
            } else {
                self.create().await
            };
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, at)) if *seen == version => *at,
            _ => self.seen.insert((version, Instant::now())).1,
        };
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let ours = holder == self.election.identity;
        let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        let alive = !holder.is_empty() && since.elapsed() < Duration::from_secs(seconds);
        if !ours && (alive || release) {
            return Ok(false);
        }
        lease.spec = Some(self.claim(ours.then_some(&spec), spec.lease_transitions, release));
        match self
            .api
            .replace(&self.election.name, &PostParams::default(), &lease)
            .await
        {
            Ok(_) => Ok(!release),
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> kube::Result<bool> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.election.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(self.claim(None, None, false)),
        };
        match self.api.create(&PostParams::default(), &lease).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The Lease as we write it: renewed, taken over, or given up.
    fn claim(
        &self,
        ours: Option<&LeaseSpec>,
        transitions: Option<i32>,
        release: bool,
    ) -> LeaseSpec {
        let now = MicroTime(jiff::Timestamp::now());
        let seconds = i32::try_from(self.election.duration.as_secs().max(1)).unwrap_or(i32::MAX);
        let before = transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(if release {
                String::new()
            } else {
                self.election.identity.clone()
            }),
            lease_duration_seconds: Some(if release { 1 } else { seconds }),
            acquire_time: ours
                .and_then(|spec| spec.acquire_time.clone())
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if ours.is_some() || transitions.is_none() {
                before
            } else {
                before.saturating_add(1)
            }),
            ..LeaseSpec::default()
        }
    }
}
