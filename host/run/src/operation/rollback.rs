//! Rolling back to an earlier version, and restoring an earlier revision.

use host_core::event::EventKind;
use host_core::{Desired, Digest, Goal, Pick, Revision, Source};

use crate::model::{Build, Error, Receipt};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Rolls back to a rollback version: the previous one, or the newest with the version, commit or artifact `to`.
    /// With `because` the rollback is automatic, and updates do not choose the failed version again.
    pub(super) async fn rollback(
        &mut self,
        id: &str,
        to: Option<&str>,
        because: Option<String>,
    ) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let installed = lease.installed()?;
        let mut desired = installed.desired;
        let found = desired.rollback_versions.iter().find(|pick| to.is_none_or(|to| is_meant(pick, to))).cloned();
        let Some(pick) = found else {
            let stored = desired.rollback_versions.iter().map(|pick| pick.version.to_string()).collect();
            return Err(Error::NoRollbackVersion { id: lease.plugin.id.clone(), to: to.map(str::to_owned), stored });
        };
        if because.is_some() {
            desired.block_current();
        }
        let build = self.read_artifact(&pick.artifact).await;
        let build = lease.record_failure(self.host, build)?;
        let build = build.ok_or(Error::NoArtifact { id: lease.plugin.id.clone(), artifact: pick.artifact })?;
        desired.pick(&build.manifest, pick, self.host.config().max_kept_versions);
        desired.goal = Goal::Running;
        let from = lease.installed()?.desired.current.version.to_string();
        let setup = self.host.setup(desired, build);
        let setup = lease.record_failure(self.host, setup)?;
        let mut receipt = self.serve(lease, setup, because.as_deref()).await?;
        let cause = if because.is_some() { "automatic" } else { "operator" };
        self.host.0.metrics.rollbacks.with_label_values(&[cause]).inc();
        let asked_for = || self.job.initiator().reason.clone().unwrap_or_else(|| "requested by an operator".to_owned());
        self.host.publish_for_job(
            self.job,
            EventKind::RollbackDone {
                from: from.into(),
                to: receipt.version.as_str().into(),
                generation: receipt.generation,
                automatic: because.is_some(),
                reason: because.clone().unwrap_or_else(asked_for).into(),
            },
        );
        receipt.reason = because;
        Ok(receipt)
    }

    /// Restores the desired state of an earlier revision of the plugin.
    pub(super) async fn restore(&mut self, id: &str, number: u64) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let unknown = || Error::UnknownRevision { id: lease.plugin.id.clone(), number };
        let revision = self.host.0.state.revision(number).await?.ok_or_else(unknown)?;
        if revision.plugin != lease.plugin.id {
            return Err(unknown());
        }
        let then = revision.desired.ok_or_else(unknown)?;
        let build = self.read_artifact(&then.current.artifact).await;
        let build = lease.record_failure(self.host, build)?;
        let build = build.ok_or(Error::NoArtifact { id: lease.plugin.id.clone(), artifact: then.current.artifact })?;
        let mut desired = lease.installed()?.desired;
        desired.pick(&build.manifest, then.current.clone(), self.host.config().max_kept_versions);
        let goal = match then.goal {
            // A removal of that time is not repeated.
            Goal::Absent { .. } => Goal::Disabled,
            goal => goal,
        };
        let desired = Desired { goal, rollback_versions: desired.rollback_versions, quarantine: None, ..then };
        let because = format!("restored revision {number}");
        let setup = self.host.setup(desired, build);
        let setup = lease.record_failure(self.host, setup)?;
        if goal == Goal::Running {
            return self.serve(lease, setup, Some(&because)).await;
        }
        let judged = match setup.check() {
            Ok(()) => self.judge(&setup).await,
            Err(error) => Err(error),
        };
        lease.record_failure(self.host, judged)?;
        self.commit_setup(&lease, setup, Some(&because)).await?;
        self.step("swap");
        let before = self.remove_from_roster(&lease);
        self.receipt(&lease, before, None)
    }

    /// Starts the desired version. A missing or damaged artifact is built again from its source.
    pub(super) async fn revive(&mut self, lease: PluginLease) -> Result<(), Error> {
        let installed = lease.installed()?;
        let (setup, because) = match installed.build {
            Some(build) => (self.host.setup(installed.desired, build)?, None),
            None => {
                let Pick { source, trust, commit, artifact, .. } = installed.desired.current;
                if matches!(source.place(), Source::Upload(_)) {
                    return Err(Error::NoArtifact { id: lease.plugin.id.clone(), artifact });
                }
                // The exact commit, wherever the branch points now.
                let exact = commit.and_then(|commit| source.at(Revision::Named(commit)));
                let (desired, build, _) = self.build_commit_again(&lease, exact.unwrap_or(source), trust).await?;
                (
                    self.host.setup(desired, build)?,
                    Some(format!("artifact {} was missing or damaged", artifact.short())),
                )
            }
        };
        self.serve(lease, setup, because.as_deref()).await.map(drop)
    }

    /// An artifact with its manifest; `None` if it is not in the store.
    pub(super) async fn read_artifact(&self, digest: &Digest) -> Result<Option<Build>, Error> {
        let host = self.host.clone();
        let digest = *digest;
        tokio::task::spawn_blocking(move || host.read_artifact(&digest)).await.map_err(|_| Error::Panicked)?
    }
}

/// Returns whether a text names a version: by its number, or by a prefix of its commit or of its artifact's digest.
fn is_meant(pick: &Pick, to: &str) -> bool {
    let starts = |text: &str| to.len() >= 7 && text.starts_with(to);
    let digest = pick.artifact.hex();
    pick.version.to_string() == to.strip_prefix('v').unwrap_or(to)
        || pick.commit.as_deref().is_some_and(starts)
        || starts(&digest)
        || to.strip_prefix("sha256:").is_some_and(|to| digest.starts_with(to) && to.len() >= 7)
}
