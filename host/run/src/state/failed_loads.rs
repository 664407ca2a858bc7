//! The first loads that have failed, one for each plugin.

use std::collections::BTreeMap;

use host_core::PluginId;
use host_core::job::JobState;
use parking_lot::Mutex;

use crate::jobs::JobView;
use crate::model::{Failed, FirstLoad};

/// A first load that has failed: the plugin is not installed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedLoad {
    /// The plugin.
    pub id: PluginId,
    /// The version that would have been installed.
    pub first_load: FirstLoad,
    /// The job.
    pub job: String,
    /// The failure.
    pub failed: Failed,
    /// The time of the start of the job, in milliseconds since the Unix epoch.
    pub started_unix_ms: Option<u64>,
    /// The time of its end.
    pub ended_unix_ms: Option<u64>,
}

/// The failed first loads, until they are dismissed or the plugin is installed. Their jobs are in the state, so a
/// restart keeps them.
#[derive(Default)]
pub(crate) struct FailedLoads(Mutex<BTreeMap<PluginId, FailedLoad>>);

impl FailedLoad {
    /// The failed first load of a job; `None` for any other job. A cancelled job was ended on request, so it is not a
    /// failure.
    pub(crate) fn of_job(view: &JobView) -> Option<FailedLoad> {
        let is_failure = matches!(view.state, JobState::Failed | JobState::TimedOut);
        let failed = view.result.as_ref().filter(|_| is_failure)?.as_ref().err()?;
        Some(FailedLoad {
            id: view.plugin.as_ref()?.parse().ok()?,
            first_load: (**failed.first_load.as_ref()?).clone(),
            job: view.id.clone(),
            failed: failed.clone(),
            started_unix_ms: view.started_unix_ms,
            ended_unix_ms: view.ended_unix_ms,
        })
    }
}

impl FailedLoads {
    /// All, ordered by the id of the plugin.
    pub(crate) fn all(&self) -> Vec<FailedLoad> {
        self.0.lock().values().cloned().collect()
    }

    /// Adds a failed load in place of the earlier one of the plugin, which is returned.
    pub(crate) fn replace(&self, failed: FailedLoad) -> Option<FailedLoad> {
        self.0.lock().insert(failed.id.clone(), failed)
    }

    /// Adds a stored failed load, unless a newer one of the plugin is known.
    pub(crate) fn add(&self, failed: FailedLoad) {
        let mut all = self.0.lock();
        if all.get(&failed.id).is_none_or(|known| known.ended_unix_ms < failed.ended_unix_ms) {
            all.insert(failed.id.clone(), failed);
        }
    }

    /// Removes the failed load of a plugin.
    pub(crate) fn remove(&self, id: &str) -> Option<FailedLoad> {
        self.0.lock().remove(id)
    }
}
