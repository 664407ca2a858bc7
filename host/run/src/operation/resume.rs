//! Resuming a job with a committed change.

use host_core::{Goal, PluginId};

use crate::model::{Error, Receipt};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Performs the remaining steps of a job. Its change is not repeated: a rollback would go back twice, and a
    /// change of a given revision would find its own newer one.
    pub(super) async fn resume(&mut self, plugin: &PluginId) -> Result<Receipt, Error> {
        self.job.line("the change of this job is already committed; the remaining steps are done");
        let lease = match PluginLease::installed_plugin(self.host, self.job, plugin.as_str()).await {
            Err(Error::UnknownPlugin { .. }) => return self.gone(plugin).await,
            lease => lease?,
        };
        let desired = lease.installed()?.desired;
        let serving = lease.serving_number();
        match desired.goal {
            Goal::Absent { keep_data } => return self.remove(lease, keep_data).await,
            Goal::Running if serving.is_none() && desired.quarantine.is_none() => self.revive(lease.clone()).await?,
            _ => {}
        }
        let now = lease.serving_number();
        self.receipt(&lease, serving, now)
    }

    /// The receipt for a plugin that was removed.
    async fn gone(&mut self, plugin: &PluginId) -> Result<Receipt, Error> {
        let revisions = self.host.0.state.revisions(Some(plugin), None, 2).await?;
        let unknown = || Error::UnknownPlugin { id: plugin.to_string() };
        let last = revisions.iter().find_map(|revision| revision.desired.as_ref()).ok_or_else(unknown)?;
        Ok(Receipt {
            id: Some(plugin.clone()),
            version: last.current.version.to_string(),
            source: last.current.source.to_string(),
            commit: last.current.commit.clone(),
            reference: last.current.reference.clone(),
            revision: revisions.first().map_or(0, |revision| revision.number),
            generation_before: None,
            generation: None,
            served: vec![],
            cached: None,
            warnings: vec![],
            states: vec![],
            parts: vec![],
            reason: None,
            steps: self.steps(),
        })
    }
}
