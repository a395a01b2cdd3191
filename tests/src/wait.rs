//! Waiting for a condition with a deadline; what was seen last is in the error.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::{Duration, Instant};

/// How one look turned out.
pub enum Look<T> {
    /// What was waited for.
    Done(T),
    /// Not yet, and how things stand.
    NotYet(String),
}

/// Looks again and again until it is done; after `limit` fails with how things stood.
pub async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let began = Instant::now();
    loop {
        let state = match look().await {
            Ok(Look::Done(value)) => return Ok(value),
            Ok(Look::NotYet(state)) => state,
            Err(error) => format!("{error:#}"),
        };
        if began.elapsed() > limit {
            bail!(
                "waited {} s for {what}; it stands so: {state}",
                limit.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
