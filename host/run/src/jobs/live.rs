//! The jobs that are queued or running.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::job::JobState;
use host_state::JobCursor;
use parking_lot::{Mutex, MutexGuard};

use crate::jobs::{Job, JobView};

/// The jobs that are queued or running.
pub(crate) struct Jobs {
    live: Mutex<HashMap<String, Arc<Job>>>,
    next: AtomicU64,
    /// A random part of the ids, which distinguishes the jobs of this process from those of earlier ones.
    prefix: u32,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// The start of the next page, if there is one.
    pub next: Option<JobCursor>,
}

impl Jobs {
    pub(crate) fn new(prefix: u32) -> Jobs {
        Jobs { live: Mutex::default(), next: AtomicU64::new(1), prefix }
    }

    pub(crate) fn next_id(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("job_{:08x}{number:08x}", self.prefix)
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, HashMap<String, Arc<Job>>> {
        self.live.lock()
    }

    /// The number of queued and of running jobs.
    pub(crate) fn count(&self) -> (usize, usize) {
        let live = self.live();
        let count = |state| live.values().filter(|job| job.state() == state).count();
        (count(JobState::Queued), count(JobState::Running))
    }
}
