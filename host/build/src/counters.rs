//! Counts what builds do.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a builder since its creation, and its current activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of requested builds.
    pub builds: u64,
    /// The number of builds that reused an earlier artifact.
    pub cache_hits: u64,
    /// Builds that ended with an error.
    pub failures: u64,
    /// The number of cargo runs, including the warm-up.
    pub cargo_runs: u64,
    /// The number of running cargo processes.
    pub running: u64,
    /// The number of builds waiting for a slot.
    pub waiting: u64,
}

#[derive(Default)]
pub(crate) struct Counts {
    builds: AtomicU64,
    cache_hits: AtomicU64,
    failures: AtomicU64,
    cargo_runs: AtomicU64,
    running: AtomicU64,
}

impl Counts {
    pub(crate) fn build_asked(&self) {
        self.builds.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cache_hit(&self) {
        self.cache_hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a run of cargo, also as running for as long as the future lives.
    pub(crate) async fn cargo_run<T>(&self, run: impl Future<Output = T>) -> T {
        self.cargo_runs.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(&self.running);
        run.await
    }

    pub(crate) fn read(&self, n_waiting: usize) -> Counters {
        let Counts { builds, cache_hits, failures, cargo_runs, running } = self;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            builds: read(builds),
            cache_hits: read(cache_hits),
            failures: read(failures),
            cargo_runs: read(cargo_runs),
            running: read(running),
            waiting: n_waiting as u64,
        }
    }
}

struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
