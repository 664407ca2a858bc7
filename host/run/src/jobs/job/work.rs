//! A job as its worker drives it: start, steps, cancellation and end.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use host_call::now_unix_ms;
use host_core::PluginId;
use host_core::job::JobEvent;

use super::{Ended, Job};
use crate::jobs::{CancelShield, state_of};
use crate::model::{Error, FirstLoad, JobError, Receipt};

impl Job {
    /// Marks the job as running. The first step does so as well.
    pub fn started(&self) {
        let mut progress = self.progress();
        if self.course.enter(JobEvent::Started) {
            progress.started_unix_ms = Some(now_unix_ms());
        }
    }

    /// The number of the attempt; the first is 1.
    pub(crate) fn attempt(&self) -> u64 {
        self.attempt
    }

    /// The time of the request, in milliseconds since the Unix epoch.
    pub(crate) fn created_unix_ms(&self) -> u64 {
        self.created_unix_ms
    }

    /// Sets the plugin that the job changes.
    pub(crate) fn set_plugin(&self, plugin: &PluginId) {
        self.progress().plugin = Some(plugin.clone());
    }

    /// Notes that the job installs its plugin for the first time.
    pub(crate) fn set_first_load(&self, first_load: FirstLoad) {
        self.progress().first_load = Some(first_load);
    }

    /// Clears the plugin, because the job changes several ones or the next one is unknown.
    pub(crate) fn set_several_plugins(&self) {
        let mut progress = self.progress();
        progress.plugin = None;
        progress.first_load = None;
    }

    /// Shields the job from cancellation and timeout until the returned guard is dropped, for work that must not be
    /// left half done, such as the steps from the start of a generation to its swap.
    pub(crate) fn shield_from_cancel(&self) -> CancelShield<'_> {
        self.course.shield_from_cancel()
    }

    /// Checks within a shield whether the end of the job was requested.
    ///
    /// # Errors
    /// The reason to end the job.
    pub(crate) fn check_not_cancelled(&self) -> Result<(), Error> {
        self.course.wanted_end().map_or(Ok(()), |reason| Err(reason.into()))
    }

    pub(crate) fn line(&self, message: &str) {
        self.log.push("info", None, message);
    }

    pub(crate) fn enter(&self, step: impl Into<Cow<'static, str>>) {
        self.started();
        let step = step.into();
        let mut progress = self.progress();
        let now = Instant::now();
        progress.end_step(now);
        // The step `end` of a receipt only ends the previous step.
        let goes_on = step != "end";
        progress.step = step;
        progress.since = goes_on.then_some(now);
    }

    /// Waits until the end of the job is requested and no shield is held. Cancel safe.
    pub(crate) async fn cancelled(&self) -> JobError {
        self.course.cancelled().await
    }

    /// Waits until the end of the job is requested and only the caller holds a [`CancelShield`]. Cancel safe.
    pub(crate) async fn cancelled_in_shield(&self) -> JobError {
        self.course.cancelled_in_shield().await
    }

    /// Waits until the job is started. Cancel safe.
    pub(crate) async fn has_started(&self) {
        self.course.started().await;
    }

    /// Returns whether the job consists of several operations, so that a change is only a part of it.
    pub(crate) fn has_parts(&self) -> bool {
        matches!(self.operation, "apply" | "batch")
    }

    /// Returns whether the job is stored in the state database. Steps of the host itself are not.
    pub(crate) fn is_listed(&self) -> bool {
        !self.id.is_empty()
    }

    /// Requests the end of the job because its time limit has passed.
    pub(crate) fn time_out(&self) {
        if let Some(after) = self.initiator.timeout {
            self.course.want_end(JobError::TimedOut { after });
        }
    }

    /// Prepares the end; it becomes visible with [`Job::end`].
    pub(crate) fn ended(&self, result: Result<Receipt, Error>) -> Ended {
        self.progress().end_step(Instant::now());
        Ended { state: state_of(&result), at_unix_ms: now_unix_ms(), result: result.map_err(Arc::new) }
    }

    /// Ends the job and wakes the waiters.
    pub(crate) fn end(&self, ended: Ended) {
        let mut progress = self.progress();
        progress.ended_unix_ms = Some(ended.at_unix_ms);
        let _ = self.result.set(ended.result);
        self.course.enter(JobEvent::Ended(ended.state));
        drop(progress);
        self.over.cancel();
    }

    /// Wakes the waiters, because the host stops. The job has not ended: it resumes when the host restarts.
    pub(crate) fn interrupt(&self) {
        let _ = self.result.set(Err(Arc::new(Error::ShuttingDown)));
        self.over.cancel();
    }
}
