//! Listing, replacing and dismissing failed first loads.

use host_core::job::JobState;
use host_state::{JobFilter, JobRecord};

use crate::jobs::{JobView, outcome};
use crate::state::{FailedLoad, Host};
use crate::upkeep::KEEP;

impl Host {
    /// The failed first loads of plugins that are neither installed nor being installed, ordered by id.
    pub fn failed_loads(&self) -> Vec<FailedLoad> {
        let mut all = self.0.failed_loads.all();
        all.retain(|failed| !self.0.plugins.contains_key(&failed.id));
        all
    }

    /// Reads the failed first loads from the stored jobs. Call it once, when the installed plugins are known.
    pub(crate) async fn read_failed_loads(&self) {
        for state in [JobState::Failed, JobState::TimedOut] {
            let filter = JobFilter { state: Some(state), ..JobFilter::default() };
            let limit = usize::try_from(KEEP).unwrap_or(usize::MAX);
            match self.0.state.jobs(&filter, limit, None).await {
                Ok(found) => {
                    let views = found.jobs.into_iter().map(JobView::remembered);
                    views
                        .filter_map(|view| FailedLoad::of_job(&view))
                        .for_each(|failed| self.0.failed_loads.add(failed));
                }
                Err(error) => tracing::warn!("failed to read the failed first loads: {error}"),
            }
        }
        self.dismiss_loads_of_installed().await;
    }

    /// Notes the end of a job: a failed first load is listed from now on, and a plugin that is installed no longer is.
    pub(crate) async fn note_first_load(&self, ended: &JobRecord) {
        if let Some(failed) = FailedLoad::of_job(&JobView::remembered(ended.clone()))
            && let Some(earlier) = self.0.failed_loads.replace(failed)
        {
            self.unmark(&earlier).await;
        }
        self.dismiss_loads_of_installed().await;
    }

    /// Dismisses the failed first load of a plugin that is not installed.
    pub(crate) async fn dismiss_failed_load(&self, id: &str) -> Option<FailedLoad> {
        if self.0.plugins.contains_key(id) {
            return None;
        }
        let failed = self.0.failed_loads.remove(id)?;
        self.unmark(&failed).await;
        Some(failed)
    }

    async fn dismiss_loads_of_installed(&self) {
        for failed in self.0.failed_loads.all() {
            let is_installed = self.0.plugins.get(&failed.id).is_some_and(|plugin| !plugin.state().is_new());
            if is_installed && self.0.failed_loads.remove(failed.id.as_str()).is_some() {
                self.unmark(&failed).await;
            }
        }
    }

    /// Removes the mark of a first load from the record of its job, so that it is not listed after a restart.
    async fn unmark(&self, failed: &FailedLoad) {
        let written = async {
            let Some(mut record) = self.0.state.job(&failed.job).await? else { return Ok(()) };
            record.outcome = Some(outcome::write(outcome::read(record.outcome.as_deref()).map_err(|mut failed| {
                failed.first_load = None;
                failed
            })));
            self.0.state.put_job(record, None, KEEP).await
        };
        if let Err(error) = written.await {
            tracing::warn!(job = failed.job, "the failed first load will be listed again after a restart: {error}");
        }
    }
}
