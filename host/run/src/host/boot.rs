//! The start of a host: reads the desired state, starts the reconcile loop and resumes jobs.

mod records;

use std::sync::Arc;

use futures_util::StreamExt as _;
use host_call::now_unix_ms;
use host_core::{Goal, PluginId};
use host_state::{Damage, Revision};

use crate::model::{Error, Installed};
use crate::plugins::{LastError, Plugin};
use crate::state::{Host, Input};

/// The number of artifacts that are read and hashed concurrently.
const READS: usize = 4;

impl Host {
    /// Reads the desired state, starts the reconcile loop and resumes the jobs that an earlier host process left. Call
    /// it once, before the first operation. Returns the number of plugins.
    ///
    /// # Errors
    /// The state database could not be read. A damaged record or artifact of one plugin does not stop the others.
    pub async fn begin(&self) -> Result<usize, Error> {
        let unfinished = self.unfinished_jobs().await?;
        let newest = self.0.state.newest().await?;
        let records = self.records().await;
        host_fail::point("boot.read");
        let wanted = self.settle_records(newest, &records).await;
        host_fail::point("boot.mended");
        self.sync_records(&wanted, records).await;
        host_fail::point("boot.records_synced");
        wanted.lost.iter().for_each(|lost| self.note_lost(lost));
        let revisions = wanted.revisions.into_values();
        let count = revisions.len();
        let reads = revisions.map(|revision| {
            let host = self.clone();
            tokio::task::spawn_blocking(move || host.read_back(revision))
        });
        let mut reads = futures_util::stream::iter(reads).buffer_unordered(READS);
        while let Some(read) = reads.next().await {
            read.map_err(|_| Error::Panicked)?;
        }
        self.note_crashes();
        self.read_failed_loads().await;
        host_fail::point("boot.plugins_read");
        self.start_loop();
        self.0.reconcile.send(Input::Begin);
        self.begin_updates();
        self.begin_sweeps();
        self.begin_series();
        host_fail::point("boot.begun");
        for (record, ..) in unfinished {
            let id = record.id.clone();
            match self.resume(record).await {
                Ok(job) => tracing::info!(job = id, "{} of `{}` is resumed", job.view().operation, job.view().subject),
                Err(error) => {
                    tracing::error!(job = id, code = error.code(), "failed to resume a job: {}", error.chain())
                }
            }
            host_fail::point("boot.resumed");
        }
        Ok(count)
    }

    /// Waits until every plugin that should serve after the start serves, or has failed once. Cancel safe.
    pub async fn settled(&self) {
        self.0.reconcile.settled().await;
    }

    /// Adds a plugin with its desired state. Blocks.
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
                if let Some(trial) = &self.config().trial
                    && desired.goal == Goal::Running
                    && !self.has_just_crashed(&desired.id)
                {
                    trial.mark_passed(artifact);
                }
                setup.installed(revision.number)
            }
            Err(error) => {
                let id = &desired.id;
                let message = error.chain();
                tracing::error!(plugin.id = %id, code = error.code(), "plugin `{id}` cannot be started: {message}");
                plugin.log.push("error", None, &message);
                plugin.state().last_error = Some(LastError { code: error.code(), message, at_unix_ms: now_unix_ms() });
                Installed { desired, revision: revision.number, build: None, setup: artifact }
            }
        };
        let id = plugin.id.clone();
        plugin.state().installed = Some(installed);
        self.0.plugins.insert(id, Arc::new(plugin));
    }

    /// Adds a plugin with an unknown desired state.
    fn note_lost(&self, damage: &Damage) {
        let Ok(id) = damage.plugin.parse::<PluginId>() else { return };
        let error =
            Error::from(host_state::Error::DamagedRevision { number: damage.number, reason: damage.reason.clone() });
        let plugin = Plugin::new(id.clone());
        plugin.log.push("error", None, &error.chain());
        {
            let mut state = plugin.state();
            state.last_error =
                Some(LastError { code: error.code(), message: error.chain(), at_unix_ms: now_unix_ms() });
            state.lost = Some(damage.clone());
        }
        self.0.plugins.insert(id, Arc::new(plugin));
    }
}
