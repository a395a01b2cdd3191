//! Runs many things at once.

use std::sync::{Mutex, PoisonError};

/// What came of each item, in their order, worked off by all cores. What a run that panicked had to say is missing.
pub fn on_all_cores<T, I, R>(items: I, run: impl Fn(T) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<Item = T>,
    I::IntoIter: Send,
    R: Send,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut done = Vec::new();
        while let Some((number, item)) = next() {
            done.push((number, run(item)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|worker| worker.join());
        ends.flat_map(Result::unwrap_or_default).collect()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let squares: Vec<u64> = (0..1000).map(|n| n * n).collect();
        assert_eq!(on_all_cores(0..1000, |n| n * n), squares);
    }
}
