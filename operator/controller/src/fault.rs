//! For tests only (feature `fault-injection`, never in the product image): the operator dies right after its n-th write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// How many writes this operator may make before it dies.
#[derive(Clone, Debug)]
pub struct WriteBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicU64,
    spent: AtomicU64,
    crash: Notify,
}

impl Default for WriteBudget {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl WriteBudget {
    /// A budget of that many writes.
    pub fn new(writes: u64) -> Self {
        Self(Arc::new(Inner {
            left: AtomicU64::new(writes),
            spent: AtomicU64::new(0),
            crash: Notify::new(),
        }))
    }

    /// Writes made so far.
    pub fn spent(&self) -> u64 {
        self.0.spent.load(Ordering::SeqCst)
    }

    /// Returns when the budget is spent.
    pub async fn crashed(&self) {
        self.0.crash.notified().await;
    }

    /// Called after each write. The one that spends the budget never returns: what the caller knew dies with it.
    pub(crate) async fn spend(&self, what: &str, accepted: bool) {
        if !accepted {
            return;
        }
        let number = self.0.spent.fetch_add(1, Ordering::SeqCst) + 1;
        tracing::debug!(number, what, "wrote");
        let left = self.0.left.fetch_sub(1, Ordering::SeqCst);
        if left <= 1 {
            // A second writer may come here at the same moment; nobody writes after the crash.
            self.0.left.store(1, Ordering::SeqCst);
            self.0.crash.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
