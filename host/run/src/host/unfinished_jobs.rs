//! The jobs that an earlier host process left: resumed, or ended as failed.

use std::sync::Arc;

use host_call::now_unix_ms;
use host_core::job::JobState;
use host_state::JobRecord;

use crate::jobs::{Job, JobParts, JobView, end_record};
use crate::model::{Error, Initiator, JobError, Operation};
use crate::state::Host;
use crate::upkeep::KEEP;

/// The number of attempts after which a job is not resumed, because it may be the reason why the host stopped.
const MAX_ATTEMPTS: u64 = 3;
/// The same for the job of a plugin that has crashed the host too often.
const MAX_ATTEMPTS_OF_CRASHES: u64 = 2;

impl Host {
    /// The jobs that an earlier host process left, oldest first, with their operations: to be passed to
    /// [`Host::resume`]. Call it once, before the first [`Host::submit`].
    ///
    /// A job during which a host stopped for the third time, and a job that cannot be read, are not among them: they
    /// end as failed, with the codes `job_interrupted` and `job_unreadable`.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn unfinished_jobs(&self) -> Result<Vec<(JobRecord, Operation, Initiator)>, Error> {
        let found = self.0.state.unfinished_jobs().await?;
        for id in found.damaged {
            tracing::error!("the record of job `{id}` is damaged; the job is ended as failed");
            let reason = "the job record is damaged".to_owned();
            self.finish_orphaned_job(unknown_job(id), JobError::Unreadable { reason }).await?;
        }
        let mut unfinished = vec![];
        for record in found.jobs {
            if self.live_job(&record.id).is_some() {
                continue;
            }
            let has_crashed = record.plugin.as_deref().is_some_and(|id| self.has_crashed_too_often(id));
            if record.attempt >= if has_crashed { MAX_ATTEMPTS_OF_CRASHES } else { MAX_ATTEMPTS } {
                let attempts = record.attempt;
                tracing::error!(
                    job = record.id,
                    "the host stopped {attempts} times during this job; it is not resumed again"
                );
                self.finish_orphaned_job(record, JobError::Interrupted { attempts }).await?;
                continue;
            }
            match self.operation_of(&record) {
                Ok(operation) => {
                    let initiator = Initiator::from_record(&record);
                    unfinished.push((record, operation, initiator));
                }
                Err(error) => {
                    tracing::error!(job = record.id, code = error.code(), "{}", error.chain());
                    self.finish_orphaned_job(record, error).await?;
                }
            }
        }
        Ok(unfinished)
    }

    /// Resumes a job of [`Host::unfinished_jobs`] under the same id, as the next attempt. If its change is already
    /// committed, only the remaining steps are performed; otherwise the job starts again. Its time limit starts again.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::ShuttingDown`]; the job stays unfinished.
    pub async fn resume(&self, record: JobRecord) -> Result<Arc<Job>, Error> {
        if let Some(job) = self.live_job(&record.id) {
            return Ok(job);
        }
        let operation = self.operation_of(&record)?;
        let log = self.0.state.job_log(&record.id).await.ok().flatten().unwrap_or_default();
        let left = record.clone();
        let parts = JobParts {
            operation: operation.name(),
            subject: left.subject,
            plugin: left.plugin.and_then(|id| id.parse().ok()),
            initiator: Initiator::from_record(&record),
            attempt: record.attempt.saturating_add(1),
            retry_of: left.retry_of,
            created_unix_ms: record.created_unix_ms,
            request: left.request.unwrap_or_default(),
            id: left.id,
        };
        let job = Job::new(parts);
        job.continue_log(&log);
        job.resume_as(&record);
        job.line(&format!(
            "the host stopped during attempt {}; this is attempt {}",
            record.attempt,
            record.attempt + 1
        ));
        self.start_job(operation, job).await
    }

    /// Ends a job that is not running.
    pub(super) async fn finish_orphaned_job(
        &self,
        mut record: JobRecord,
        error: impl Into<Error>,
    ) -> Result<JobView, Error> {
        end_record(&mut record, error.into());
        let view = JobView::remembered(record.clone());
        let audit_entries = view
            .result
            .as_ref()
            .map(|result| self.audit_of_job(&view, result.as_ref().map_err(Clone::clone)))
            .unwrap_or_default();
        self.0.state.put_ended_job(record, None, KEEP, audit_entries).await?;
        Ok(view)
    }
}

/// A record for a job with only its id readable.
fn unknown_job(id: String) -> JobRecord {
    JobRecord {
        id,
        operation: "unknown".to_owned(),
        plugin: None,
        subject: String::new(),
        actor: "unknown".to_owned(),
        reason: None,
        on_conflict: "queue".to_owned(),
        timeout_ms: None,
        state: JobState::Queued,
        attempt: 1,
        retry_of: None,
        created_unix_ms: now_unix_ms(),
        started_unix_ms: None,
        ended_unix_ms: None,
        step: "queue".to_owned(),
        steps: "[]".to_owned(),
        n_lines: 0,
        request: None,
        outcome: None,
    }
}
