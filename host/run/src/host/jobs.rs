//! Submitting jobs, and looking up queued, running and stored ones.

use std::sync::Arc;
use std::time::Duration;

use host_call::{LogLine, now_unix_ms};
use host_core::event::EventKind;
use host_core::job::JobState;
use host_state::{JobCursor, JobFilter, JobRecord};

use crate::jobs::{Job, JobPage, JobParts, JobView};
use crate::model::{Error, Initiator, JobError, Operation, record};
use crate::operation;
use crate::state::Host;
use crate::upkeep::KEEP;

/// How long a cancellation waits for the end of the job.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

impl Host {
    /// Submits an operation. Its job is stored when this returns, and runs whether or not a client waits for it.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] and [`Error::UnknownUpload`] for an invalid id, [`Error::State`] if the job could not
    /// be written, [`Error::ShuttingDown`]; nothing was done.
    ///
    /// # Cancel safety
    /// If the future is dropped, the operation is submitted or not.
    pub async fn submit(&self, operation: Operation, initiator: Initiator) -> Result<Arc<Job>, Error> {
        let name = operation.name();
        let taken_on = self.take_on(operation, initiator, None).await;
        if let Err(error) = &taken_on {
            let code = error.code().into();
            let error = error.chain().into();
            self.0.events.publish(None, None, EventKind::RequestRefused { operation: name.into(), code, error });
        }
        taken_on
    }

    /// Submits the operation of a job that has ended without success again.
    ///
    /// # Errors
    /// [`JobError::Unknown`], [`JobError::NotRetryable`], [`JobError::NotKept`]; those of [`Host::submit`].
    pub async fn retry(&self, id: &str, initiator: Initiator) -> Result<Arc<Job>, Error> {
        let view = self.job(id).await?;
        if !view.state.is_retryable() {
            return Err(JobError::NotRetryable { id: view.id, state: view.state }.into());
        }
        let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
        if record.request.is_none() {
            return Err(JobError::NotKept { id: view.id }.into());
        }
        let operation = self.operation_of(&record)?;
        self.take_on(operation, initiator, Some(view.id)).await
    }

    /// The job with that id: queued, running or stored.
    ///
    /// # Errors
    /// [`JobError::Unknown`]; [`Error::State`] if it cannot be read.
    pub async fn job(&self, id: &str) -> Result<JobView, Error> {
        if let Some(job) = self.live_job(id) {
            return Ok(job.view());
        }
        let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
        Ok(JobView::remembered(record))
    }

    /// At most `limit` jobs that match a filter, newest first, starting after `before`. Damaged records are left out
    /// and logged.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn jobs(&self, filter: &JobFilter, limit: usize, before: Option<&JobCursor>) -> Result<JobPage, Error> {
        // Live jobs are read from memory first, because the state database may lag behind.
        let live: Vec<_> = self.0.jobs.live().values().map(|job| job.view()).collect();
        let kept = self.0.state.jobs(filter, limit.saturating_add(live.len()), before).await?;
        if !kept.damaged.is_empty() {
            tracing::warn!("damaged job records were left out: {}", kept.damaged.join(", "));
        }
        let is_live = |record: &JobRecord| live.iter().any(|view| view.id == record.id);
        let kept_views = kept.jobs.into_iter().filter(|record| !is_live(record)).map(JobView::remembered);
        let mut jobs: Vec<_> = kept_views.collect();
        jobs.extend(live.into_iter().filter(|view| {
            let is_behind = before.is_none_or(|before| view.cursor() < *before);
            is_behind && filter.takes(view.plugin.as_deref(), view.state, &view.operation)
        }));
        jobs.sort_by_cached_key(|view| std::cmp::Reverse(view.cursor()));
        let more = kept.more || jobs.len() > limit;
        jobs.truncate(limit);
        let next = jobs.last().filter(|_| more).map(JobView::cursor);
        Ok(JobPage { jobs, next })
    }

    /// The stored log lines of a job numbered `from` and higher.
    ///
    /// # Errors
    /// The errors of [`Host::job`].
    pub async fn job_lines(&self, id: &str, from: u64) -> Result<Vec<LogLine>, Error> {
        if let Some(job) = self.live_job(id) {
            return Ok(job.lines(from));
        }
        let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
        let at_unix_ms = record.ended_unix_ms.or(record.started_unix_ms).unwrap_or(record.created_unix_ms);
        let log = self.0.state.job_log(id).await?.unwrap_or_default();
        let numbered = (log.first_line..).zip(log.text.lines()).filter(|(number, _)| *number >= from);
        let line = |(number, text): (u64, &str)| LogLine {
            number,
            at_unix_ms,
            level: "info",
            generation: None,
            message: text.to_owned(),
        };
        Ok(numbered.map(line).collect())
    }

    /// Cancels a job and waits a moment for its end. A job that has gone too far to be cancelled may take longer and
    /// may succeed.
    ///
    /// # Errors
    /// [`JobError::Unknown`]; [`JobError::Ended`] if it has ended otherwise.
    pub async fn cancel_job(&self, id: &str) -> Result<JobView, Error> {
        let Some(job) = self.live_job(id) else {
            let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
            if record.state.is_ended() {
                return Err(JobError::Ended { id: record.id, state: record.state }.into());
            }
            // A job that an earlier host process left and that was not resumed.
            return self.finish_orphaned_job(record, JobError::Cancelled).await;
        };
        let is_first = job.cancel();
        if is_first {
            tracing::info!(job = job.id(), "{} of `{}` is being cancelled", job.operation(), job.subject());
        }
        let _ = tokio::time::timeout(CANCEL_WAIT, job.wait()).await;
        let view = job.view();
        match view.state {
            state if state.is_ended() && !(is_first && state == JobState::Cancelled) => {
                Err(JobError::Ended { id: view.id, state }.into())
            }
            _ => Ok(view),
        }
    }

    async fn take_on(
        &self,
        operation: Operation,
        initiator: Initiator,
        retry_of: Option<String>,
    ) -> Result<Arc<Job>, Error> {
        operation.check()?;
        self.check_place(&operation).await?;
        let id = self.0.jobs.next_id();
        let request = self.protect(&id, record::write(&operation))?;
        let parts = JobParts {
            operation: operation.name(),
            subject: operation.subject(),
            plugin: operation.plugin(),
            initiator,
            attempt: 1,
            retry_of,
            created_unix_ms: now_unix_ms(),
            request,
            id,
        };
        self.start_job(operation, Job::new(parts)).await
    }

    /// Refuses to load a path that the management API may not read, so that the refusal does not become a failed job.
    async fn check_place(&self, operation: &Operation) -> Result<(), Error> {
        let Operation::Load { source, trust, .. } = operation else { return Ok(()) };
        let (config, source, trust) = (self.config(), source.clone(), *trust);
        let checked = tokio::task::spawn_blocking(move || host_fetch::check_place(&config.fetch, &source, trust));
        Ok(checked.await.map_err(|_| Error::Panicked)??)
    }

    /// Stores a job and starts it.
    pub(super) async fn start_job(&self, operation: Operation, job: Job) -> Result<Arc<Job>, Error> {
        if self.is_stopping() {
            return Err(Error::ShuttingDown);
        }
        let host = self.clone();
        let job = Arc::new(job);
        // A separate task, because the caller may be dropped between the write and the start.
        let started = self.0.tasks.spawn(async move {
            match job.initiator().request.clone() {
                Some(key) => host.0.state.put_job_of(job.record(None), key).await?,
                None => host.0.state.put_job(job.record(None), None, KEEP).await?,
            }
            host_fail::point("job.accepted");
            host.0.jobs.live().insert(job.id().to_owned(), job.clone());
            let name = job.operation().into();
            let subject = job.subject().into();
            host.publish_for_job(&job, EventKind::JobQueued { operation: name, subject });
            let working = job.clone();
            let tasks = host.0.tasks.clone();
            tasks.spawn(async move { operation::run(host, operation, working).await });
            Ok(job)
        });
        started.await.map_err(|_| Error::Panicked)?
    }
}
