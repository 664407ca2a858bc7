//! The records of jobs in the state database.

use std::sync::Arc;

use host_state::JobLog;

use crate::jobs::Job;
use crate::model::{Error, Failed, Receipt};
use crate::state::Host;

/// The number of ended jobs that are stored.
pub(crate) const KEEP: u64 = 1_000;

impl Host {
    /// The jobs that are queued or running.
    pub(crate) fn live_jobs(&self) -> Vec<Arc<Job>> {
        self.0.jobs.live().values().cloned().collect()
    }

    /// The job with that id, if it is queued or running.
    pub fn live_job(&self, id: &str) -> Option<Arc<Job>> {
        self.0.jobs.live().get(id).cloned()
    }

    /// Writes the progress of a job. A failure is only logged, because it is not worth ending the job.
    pub(crate) async fn note_job(&self, job: &Job, log: Option<JobLog>) {
        if let Err(error) = self.0.state.put_job(job.record(None), log, KEEP).await {
            tracing::warn!(job = job.id(), "failed to write the progress of the job: {error}");
        }
    }

    /// Ends a job: its end is written first, then the waiters are woken. An end that could not be written is shown
    /// while the host runs, and is written as soon as possible.
    pub(crate) async fn end_job(&self, job: &Job, result: Result<Receipt, Error>) {
        let audit_entries = self.audit_of_job(&job.view(), result.as_ref().map_err(Failed::from_error));
        let ended = job.ended(result);
        host_fail::point("job.ending");
        let record = job.record(Some(&ended));
        let written = self.0.state.put_ended_job(record.clone(), Some(job.kept_log()), KEEP, audit_entries).await;
        host_fail::point("job.ended");
        self.note_first_load(&record).await;
        job.end(ended);
        match written {
            Ok(()) => {
                self.0.jobs.live().remove(job.id());
                self.write_ended_jobs().await;
            }
            Err(error) => tracing::error!(job = job.id(), "failed to write the result of the job: {error}"),
        }
    }

    /// Writes the ends of jobs that could not be written before.
    pub(crate) async fn write_ended_jobs(&self) {
        let ended: Vec<_> = self.0.jobs.live().values().filter(|job| job.state().is_ended()).cloned().collect();
        for job in ended {
            let view = job.view();
            let audit_entries = view
                .result
                .as_ref()
                .map(|result| self.audit_of_job(&view, result.as_ref().map_err(Clone::clone)))
                .unwrap_or_default();
            if self.0.state.put_ended_job(job.record(None), Some(job.kept_log()), KEEP, audit_entries).await.is_err() {
                return;
            }
            self.0.jobs.live().remove(job.id());
        }
    }
}
