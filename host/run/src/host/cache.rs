//! Garbage collection: unreferenced artifacts and trees, expired uploads, and the build cache.

use std::collections::HashSet;
use std::time::Duration;

use host_call::now_unix_ms;
use host_core::Digest;
use host_store::Swept;

use crate::model::{Error, Operation, Target, TargetState};
use crate::state::{CacheReport, Cleaned, Host};

/// The referenced digests.
#[derive(Default)]
struct Referred {
    artifacts: HashSet<Digest>,
    trees: HashSet<Digest>,
}

impl Host {
    /// Measures the build cache and the disk usage.
    ///
    /// # Errors
    /// A data folder could not be read.
    pub async fn cache_report(&self) -> Result<CacheReport, Error> {
        let host = self.clone();
        let read = tokio::task::spawn_blocking(move || (host.usage(), host.0.store.last_sweep_unix_ms()));
        let (usage, last_cleanup_unix_ms) = read.await.map_err(|_| Error::Panicked)?;
        let counters = self.0.builder.counters();
        Ok(CacheReport {
            usage: usage?,
            builds: counters.builds,
            hits: counters.cache_hits,
            last_cleanup_unix_ms,
            max_bytes: self.config().cache_max_bytes,
            enabled: self.config().cache_enabled,
        })
    }

    /// Empties the build cache, and removes the artifacts and trees that no plugin, rollback, job, plan or upload
    /// references, whatever their age. Does not affect serving generations and running builds.
    ///
    /// # Errors
    /// A data folder could not be read or written.
    pub async fn clear_cache(&self) -> Result<Cleaned, Error> {
        self.clean(Duration::ZERO, 0).await
    }

    /// Sweeps at the configured interval until the host stops.
    pub(crate) fn begin_sweeps(&self) {
        let host = self.clone();
        self.0.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(host.config().sweep_interval) => {}
                    () = host.0.stopping.cancelled() => return,
                }
                let config = host.config();
                match host.clean(config.unreferenced_keep, config.cache_max_bytes).await {
                    Ok(Cleaned { swept, .. }) if swept.bytes > 0 => {
                        let Swept { artifacts, trees, bytes, .. } = swept;
                        tracing::info!(artifacts, trees, bytes, "unused files were removed");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!("failed to remove unused files: {}", error.chain()),
                }
            }
        });
    }

    async fn clean(&self, age: Duration, cache_max_bytes: u64) -> Result<Cleaned, Error> {
        let _turn = self.0.cleaning.turn.lock().await;
        let host = self.clone();
        // A host that stops waits for the sweep.
        let token = self.0.tasks.token();
        let cleaned = tokio::task::spawn_blocking(move || {
            let _token = token;
            let store = &host.0.store;
            let mut cleaned = Cleaned::default();
            store.sweep_uploads(host.config().upload_lifetime)?;
            match host.referred() {
                Some(referred) => {
                    cleaned.swept += store.sweep_unneeded(&referred.artifacts, &referred.trees, age, now_unix_ms())?;
                }
                None => cleaned.store_was_left = true,
            }
            cleaned.swept += store.trim_build_cache(cache_max_bytes)?;
            Ok(cleaned)
        });
        cleaned.await.map_err(|_| Error::Panicked)?
    }

    /// The artifacts and trees that plugins, their rollbacks and jobs reference; `None` if that is not known for
    /// certain. The files of plans, fetches, builds and generations are protected by handles.
    fn referred(&self) -> Option<Referred> {
        let mut referred = Referred::default();
        // Jobs first: a job that ends in between has passed its references on to plugins, which are read afterwards.
        for job in self.live_jobs() {
            let operation = self.operation_of(&job.record(None)).ok()?;
            referred.add_operation(&operation);
        }
        let plugins: Vec<_> = self.0.plugins.iter().map(|entry| entry.value().clone()).collect();
        for plugin in plugins {
            let state = plugin.state();
            if state.lost.is_some() {
                return None;
            }
            let Some(installed) = &state.installed else { continue };
            let picks = std::iter::once(&installed.desired.current).chain(&installed.desired.rollback_versions);
            referred.artifacts.extend(picks.map(|pick| pick.artifact));
        }
        let trees: Vec<_> = referred.artifacts.iter().filter_map(|artifact| self.0.store.tree_of(artifact)).collect();
        referred.trees.extend(trees);
        Some(referred)
    }
}

impl Referred {
    fn add_operation(&mut self, operation: &Operation) {
        match operation {
            Operation::Apply { targets, .. } => targets.iter().for_each(|target| self.add_target(target)),
            Operation::Batch { operations, .. } => operations.iter().for_each(|one| self.add_operation(one)),
            // Fetches and builds hold their files by handles, and an upload keeps its tree.
            _ => {}
        }
    }

    fn add_target(&mut self, target: &Target) {
        if let TargetState::Present(there) = &target.state
            && let Some(pick) = &there.pick
        {
            self.trees.extend(pick.tree);
            self.artifacts.extend(pick.artifact);
        }
    }
}
