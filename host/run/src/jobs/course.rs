//! The course of a job: its state, its requested end, and whether it may be cancelled at the moment.

use host_core::job::{JobEvent, JobState};
use tokio::sync::watch;

use crate::model::JobError;

/// The course of a job, shared by its worker, its watchers and its cancellers.
#[derive(Debug)]
pub(super) struct JobCourse(watch::Sender<Now>);

#[derive(Debug)]
struct Now {
    state: JobState,
    /// The reason to end the job early. The first reason counts.
    wanted_end: Option<JobError>,
    /// The number of [`CancelShield`]s.
    n_shields: usize,
}

/// Shields the work on a job from cancellation until it is dropped.
#[must_use = "the job can be cancelled again once this is dropped"]
pub(crate) struct CancelShield<'a>(&'a JobCourse);

impl JobCourse {
    pub(super) fn new() -> JobCourse {
        JobCourse(watch::Sender::new(Now { state: JobState::Queued, wanted_end: None, n_shields: 0 }))
    }

    pub(super) fn state(&self) -> JobState {
        self.0.borrow().state
    }

    /// Applies an event. Returns whether it changes the state.
    pub(super) fn enter(&self, event: JobEvent) -> bool {
        self.0.send_if_modified(|now| match now.state.after(event) {
            Some(state) => {
                now.state = state;
                true
            }
            None => false,
        })
    }

    /// Requests the end of the job. Returns whether it has not ended and no end was requested before.
    pub(super) fn want_end(&self, reason: JobError) -> bool {
        self.0.send_if_modified(|now| {
            let is_first = !now.state.is_ended() && now.wanted_end.is_none();
            if is_first {
                now.wanted_end = Some(reason);
            }
            is_first
        })
    }

    /// The reason to end the job, if its end was requested.
    pub(super) fn wanted_end(&self) -> Option<JobError> {
        self.0.borrow().wanted_end.clone()
    }

    /// Waits until the end of the job is requested and no shield is held. Cancel safe.
    pub(super) async fn cancelled(&self) -> JobError {
        self.cancelled_with_shields(0).await
    }

    async fn cancelled_with_shields(&self, n_shields: usize) -> JobError {
        let mut now = self.0.subscribe();
        let found = now.wait_for(|now| now.wanted_end.is_some() && now.n_shields <= n_shields).await;
        match found.ok().and_then(|now| now.wanted_end.clone()) {
            Some(reason) => reason,
            // The sender is owned by `self`, so the wait only ends with a reason.
            None => std::future::pending().await,
        }
    }

    /// Waits until the end of the job is requested and at most one shield is held, the shield of the caller. Cancel
    /// safe.
    pub(super) async fn cancelled_in_shield(&self) -> JobError {
        self.cancelled_with_shields(1).await
    }

    /// Waits until the job is started. Cancel safe.
    pub(super) async fn started(&self) {
        let mut now = self.0.subscribe();
        // The sender is owned by `self`, so the wait only ends with the state.
        let _ = now.wait_for(|now| now.state != JobState::Queued).await;
    }

    pub(super) fn shield_from_cancel(&self) -> CancelShield<'_> {
        self.0.send_modify(|now| now.n_shields += 1);
        CancelShield(self)
    }
}

impl Drop for CancelShield<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|now| now.n_shields -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_shielded_job_is_not_cancelled() {
        let course = JobCourse::new();
        assert!(course.cancelled().now_or_never().is_none());
        let outer = course.shield_from_cancel();
        let inner = course.shield_from_cancel();
        assert!(course.want_end(JobError::Cancelled));
        assert_eq!(course.wanted_end(), Some(JobError::Cancelled));
        assert!(course.cancelled_in_shield().now_or_never().is_none());
        drop(outer);
        assert!(course.cancelled().now_or_never().is_none());
        assert_eq!(course.cancelled_in_shield().now_or_never(), Some(JobError::Cancelled));
        drop(inner);
        assert_eq!(course.cancelled().now_or_never(), Some(JobError::Cancelled));
    }

    #[test]
    fn the_first_reason_to_end_a_job_counts() {
        let course = JobCourse::new();
        let superseded = JobError::Superseded { by: "job_2".to_owned() };
        assert!(course.want_end(superseded.clone()));
        assert!(!course.want_end(JobError::Cancelled));
        assert_eq!(course.cancelled().now_or_never(), Some(superseded));
    }

    #[test]
    fn an_ended_job_cannot_be_cancelled() {
        let course = JobCourse::new();
        assert!(course.started().now_or_never().is_none());
        assert!(course.enter(JobEvent::Started) && !course.enter(JobEvent::Started));
        assert!(course.started().now_or_never().is_some());
        assert!(course.enter(JobEvent::Ended(JobState::Done)));
        assert!(!course.want_end(JobError::Cancelled));
        assert_eq!(course.state(), JobState::Done);
    }
}
