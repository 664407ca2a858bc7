//! All jobs: those under way, and those that are remembered.

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

/// How long an answer to a cancellation waits for the end of the job.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

impl Host {
    /// Takes on an operation: it is in the state when this returns, and goes on whether or not anyone waits for it.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] and [`Error::UnknownUpload`] for what can be no id, [`Error::State`] when the job could not
    /// be written, [`Error::ShuttingDown`]; nothing is done then.
    ///
    /// # Cancel safety
    /// When the future is dropped, the operation is taken on or not.
    pub async fn submit(&self, operation: Operation, initiator: Initiator) -> Result<Arc<Job>, Error> {
        let name = operation.name();
        let taken_on = self.take_on(operation, initiator, None).await;
        if let Err(error) = &taken_on {
            let (code, error) = (error.code().into(), error.chain().into());
            self.0.events.publish(None, None, EventKind::RequestRefused { operation: name.into(), code, error });
        }
        taken_on
    }

    /// Asks for the same as a job that has ended otherwise than asked.
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

    /// The job of that id, under way or remembered.
    ///
    /// # Errors
    /// [`JobError::Unknown`]; [`Error::State`] when it can't be read.
    pub async fn job(&self, id: &str) -> Result<JobView, Error> {
        if let Some(job) = self.live_job(id) {
            return Ok(job.view());
        }
        let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
        Ok(JobView::remembered(record))
    }

    /// At most `limit` jobs that a filter takes, newest first, from behind `before` on. Those whose record is damaged are
    /// left out and logged.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn jobs(&self, filter: &JobFilter, limit: usize, before: Option<&JobCursor>) -> Result<JobPage, Error> {
        // What is under way is read here first: the state may be a moment behind.
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

    /// The lines of a job that are still there, numbered `from` and later.
    ///
    /// # Errors
    /// As [`Host::job`].
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

    /// Ends a job, and waits a little for it to have ended: one that has gone so far that it can't be cut off may take
    /// longer, and come to its own end.
    ///
    /// # Errors
    /// [`JobError::Unknown`]; [`JobError::Ended`] when it has ended otherwise.
    pub async fn cancel_job(&self, id: &str) -> Result<JobView, Error> {
        let Some(job) = self.live_job(id) else {
            let record = self.0.state.job(id).await?.ok_or_else(|| JobError::unknown(id))?;
            if record.state.is_ended() {
                return Err(JobError::Ended { id: record.id, state: record.state }.into());
            }
            // One that the host before has left, and that nobody took up.
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

    /// Writes a job and starts it.
    pub(super) async fn start_job(&self, operation: Operation, job: Job) -> Result<Arc<Job>, Error> {
        if self.is_stopping() {
            return Err(Error::ShuttingDown);
        }
        let (host, job) = (self.clone(), Arc::new(job));
        // A task, because whoever asks may go away between the write and the start.
        let started = self.0.tasks.spawn(async move {
            match job.initiator().request.clone() {
                Some(key) => host.0.state.put_job_of(job.record(None), key).await?,
                None => host.0.state.put_job(job.record(None), None, KEEP).await?,
            }
            host_fail::point("job.accepted");
            host.0.jobs.live().insert(job.id().to_owned(), job.clone());
            let (asked, subject) = (job.operation().into(), job.subject().into());
            host.tell_of_job(&job, EventKind::JobQueued { operation: asked, subject });
            let (working, tasks) = (job.clone(), host.0.tasks.clone());
            tasks.spawn(async move { operation::run(host, operation, working).await });
            Ok(job)
        });
        started.await.map_err(|_| Error::Panicked)?
    }
}
