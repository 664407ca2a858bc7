//! The beginning: what was asked for before the host ended is read, and brought about.

use std::sync::Arc;

use futures_util::StreamExt as _;
use host_core::{Desired, Goal, PluginId};
use host_state::{Change, Damage, Revision, read_record, write_record};

use crate::error::Error;
use crate::host::Host;
use crate::log_lines::now_unix_ms;
use crate::plugin::{Installed, LastError, Plugin};
use crate::reconcile::Input;

/// How many artifacts are read and hashed side by side.
const READS: usize = 4;

impl Host {
    /// Reads what was asked for before, and begins to bring it about; jobs that the host before did not end go on. To be called
    /// once, before anything is asked for. Returns how many plugins there are.
    ///
    /// # Errors
    /// The state could not be read. A plugin whose own record or artifact is damaged does not stop the others.
    pub async fn begin(&self) -> Result<usize, Error> {
        let unfinished = self.unfinished_jobs().await?;
        let newest = self.0.state.newest().await?;
        let mut revisions = newest.revisions;
        let damaged: Vec<_> = newest.damaged.iter().map(|damage| damage.plugin.clone()).collect();
        for damage in newest.damaged {
            match self.mend(&damage).await {
                Ok(revision) => revisions.push(revision),
                Err(reason) => tracing::error!(
                    plugin.id = damage.plugin,
                    code = "state_damaged",
                    "what was asked for of `{}` is damaged ({}) and can't be restored: {reason}; hint: `plugin-host rescan`, or load it again",
                    damage.plugin,
                    damage.reason
                ),
            }
        }
        self.sync_records(&revisions, damaged).await;
        let count = revisions.len();
        let reads = revisions.into_iter().map(|revision| {
            let host = self.clone();
            tokio::task::spawn_blocking(move || host.read_back(revision))
        });
        let mut reads = futures_util::stream::iter(reads).buffer_unordered(READS);
        while let Some(read) = reads.next().await {
            read.map_err(|_| Error::Panicked)?;
        }
        self.0.reconcile.start(self);
        self.0.reconcile.tell(Input::Begin);
        self.begin_updates();
        for (record, ..) in unfinished {
            let id = record.id.clone();
            match self.resume(record).await {
                Ok(job) => tracing::info!(job = id, "{} of `{}` goes on", job.view().operation, job.view().subject),
                Err(error) => {
                    tracing::error!(job = id, code = error.code(), "a job could not go on: {}", error.chain())
                }
            }
        }
        Ok(count)
    }

    /// Waits until all that was asked for when the host began serves, or has failed once. Cancel safe.
    pub async fn settled(&self) {
        self.0.reconcile.settled().await;
    }

    /// Makes a plugin known as it was asked for. Blocks.
    fn read_back(&self, revision: Revision) {
        let Some(desired) = revision.desired else { return };
        let plugin = Plugin::new(desired.id.clone());
        let artifact = desired.current.artifact;
        let build = self
            .read_artifact(&artifact)
            .and_then(|build| build.ok_or_else(|| Error::NoArtifact { id: desired.id.clone(), artifact }));
        let setup = build.and_then(|build| self.setup(desired.clone(), build));
        let installed = match setup {
            Ok(setup) => {
                if let Some(trial) = self.0.config.trial.as_ref().filter(|_| desired.goal == Goal::Running) {
                    trial.has_served(artifact);
                }
                setup.installed(revision.number)
            }
            Err(error) => {
                let (id, message) = (&desired.id, error.chain());
                tracing::error!(plugin.id = %id, code = error.code(), "`{id}` can't be started as it is: {message}");
                plugin.log.push("error", None, &message);
                plugin.state().last_error = Some(LastError { code: error.code(), message, at_unix_ms: now_unix_ms() });
                Installed { desired, revision: revision.number, build: None, setup: artifact }
            }
        };
        let id = plugin.id.clone();
        plugin.state().installed = Some(installed);
        self.0.plugins.insert(id, Arc::new(plugin));
    }

    /// Restores a damaged revision from the record that was written with it.
    async fn mend(&self, damage: &Damage) -> Result<Revision, String> {
        let id: PluginId = damage.plugin.parse().map_err(|error| format!("{error}"))?;
        let host = self.clone();
        let records = tokio::task::spawn_blocking(move || host.0.store.records()).await;
        let records = records.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (_, bytes) = records.into_iter().find(|(other, _)| *other == id).ok_or("there is no record of it")?;
        let (number, desired) = read_record(&bytes)?;
        if number != damage.number {
            return Err(format!("its record is of revision {number}, not {}", damage.number));
        }
        let reason = format!("revision {number} was damaged on disk and restored from its record");
        tracing::warn!(plugin.id = %id, "{reason}");
        let mut change = change_of_host(&id, Some(desired), "mend");
        change.reason = Some(reason);
        let numbers = self.0.state.commit(vec![change.clone()]).await.map_err(|error| error.to_string())?;
        self.0.metrics.revisions.inc();
        let Change { plugin, at_unix_ms, actor, operation, reason, desired, .. } = change;
        let number = numbers.first().copied().unwrap_or_default();
        Ok(Revision { number, plugin, at_unix_ms, actor, operation, reason, desired })
    }

    /// Brings the records beside the database up to date: a host that was killed between the two wrote only one.
    async fn sync_records(&self, revisions: &[Revision], damaged: Vec<String>) {
        let wanted: Vec<_> = revisions
            .iter()
            .filter_map(|revision| {
                let desired = revision.desired.as_ref()?;
                Some((revision.plugin.clone(), write_record(revision.number, desired)))
            })
            .collect();
        let host = self.clone();
        let synced = tokio::task::spawn_blocking(move || {
            let found = host.0.store.records()?;
            for (id, bytes) in &wanted {
                if !found.iter().any(|(other, found)| other == id && found == bytes) {
                    host.0.store.put_record(id, bytes)?;
                }
            }
            for (id, _) in &found {
                // The record of a plugin whose revision is damaged is all that is left of it.
                let is_wanted = wanted.iter().any(|(other, _)| other == id);
                if !is_wanted && !damaged.iter().any(|other| other == id.as_str()) {
                    host.0.store.remove_record(id)?;
                }
            }
            Ok::<(), host_store::Error>(())
        });
        if let Ok(Err(error)) = synced.await {
            tracing::warn!("the records beside the state could not be brought up to date: {error}");
        }
    }

    /// Writes or removes the record of a plugin beside the database, which holds what counts.
    pub(crate) async fn keep_record(&self, id: PluginId, revision: u64, desired: Option<Desired>) {
        let host = self.clone();
        let kept = tokio::task::spawn_blocking(move || match desired {
            Some(desired) => host.0.store.put_record(&id, &write_record(revision, &desired)),
            None => host.0.store.remove_record(&id),
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(
                "the record beside the state could not be written: {error}; it is written at the next start"
            );
        }
    }
}

/// A change that the host makes by itself.
fn change_of_host(plugin: &PluginId, desired: Option<Desired>, operation: &str) -> Change {
    Change {
        plugin: plugin.clone(),
        desired,
        expected: None,
        actor: "host".to_owned(),
        operation: operation.to_owned(),
        reason: None,
        at_unix_ms: now_unix_ms(),
    }
}
