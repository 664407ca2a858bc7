//! Several operations in one job, one after the other: atomic, or as many as possible.
//!
//! The job holds the lease of one plugin at a time, so that two jobs cannot deadlock. The reason of each revision
//! contains a mark of the job and of the part. The revisions alone tell which changes must be undone, also to a host
//! process that resumes the job after the first one was killed.

use std::borrow::Cow;

use crate::model::{Error, Failed, Operation, OperationPart, PartState, Receipt, Target, TargetState};
use crate::operation::marks::PartOf;
use crate::operation::run::is_interruption;
use crate::operation::undo::RevisionMade;
use crate::operation::work::Work;

/// A part of the job.
pub(super) enum Task<'t> {
    /// A target of a plan.
    Target(&'t Target),
    /// An operation of a batch.
    Operation(&'t Operation),
}

impl Work<'_> {
    /// Performs the operations of a batch.
    pub(super) async fn batch(&mut self, operations: &[Operation], atomic: bool) -> Result<Receipt, Error> {
        self.many(operations.iter().map(Task::Operation).collect(), atomic).await
    }

    /// Performs the parts. If the job is atomic, a failure undoes the earlier parts.
    ///
    /// # Errors
    /// [`Error::Together`] with the result of each part.
    ///
    /// # Cancel safety
    /// A cancelled job ends between two steps of a part; see [`crate::jobs::Job::cancelled_in_shield`]. If the future
    /// is dropped, the next attempt continues.
    pub(super) async fn many(&mut self, tasks: Vec<Task<'_>>, atomic: bool) -> Result<Receipt, Error> {
        let job = self.job;
        let _shield = job.shield_from_cancel();
        let mut parts: Vec<_> = tasks.iter().map(Task::part).collect();
        let made = match job.attempt() {
            1 => vec![],
            _ => self.host.made_by(job).await?,
        };
        self.made_before = made.iter().map(|made| made.number).collect();
        if atomic && made.iter().any(|made| made.is_undo) {
            // The previous attempt has logged the reason.
            let reason = "a part failed, and the host stopped while the earlier parts were being undone".to_owned();
            return Err(self.give_up(Error::NotUndone { reason }, None, parts, atomic).await);
        }
        let count = tasks.len();
        for (index, task) in tasks.iter().enumerate() {
            if self.host.is_stopping() {
                return Err(Error::ShuttingDown);
            }
            job.set_several_plugins();
            self.part = Some(PartOf { number: index + 1, count, label: task.subject() });
            if task.is_done_already(self.host, made.iter().filter(|made| made.part == Some(index + 1))) {
                job.line(&format!("{} of `{}` is already done", task.name(), task.subject()));
                parts[index].state = PartState::Done;
                continue;
            }
            if count > 1 {
                job.line(&format!("part {} of {count}: {} of `{}`", index + 1, task.name(), task.subject()));
            }
            let done = tokio::select! {
                biased;
                done = Box::pin(self.task(task)) => done,
                reason = job.cancelled_in_shield() => Err(reason.into()),
            };
            self.steps();
            match done {
                Ok(receipt) => {
                    parts[index].state = PartState::Done;
                    parts[index].receipt = Some(Box::new(receipt));
                }
                Err(error) if is_interruption(&error) => return Err(error),
                Err(error) => {
                    job.line(&format!("{} of `{}` failed: {}", task.name(), task.subject(), error.chain()));
                    parts[index].state = PartState::Failed;
                    parts[index].problem = Some(Failed::from_error(&error));
                    if let Task::Target(target) = task {
                        self.drop_from_plan(&target.id);
                    }
                    if atomic || error.job_error().is_some() {
                        return Err(self.give_up(error, Some(index), parts, atomic).await);
                    }
                }
            }
        }
        job.set_several_plugins();
        self.part = None;
        let last = parts.iter().filter_map(|part| part.receipt.as_ref()).map(|receipt| receipt.revision).max();
        Ok(Receipt {
            id: None,
            version: String::new(),
            source: String::new(),
            commit: None,
            reference: None,
            revision: last.unwrap_or(0),
            generation_before: None,
            generation: None,
            served: vec![],
            cached: None,
            states: vec![],
            warnings: vec![],
            reason: None,
            parts,
            steps: self.steps(),
        })
    }

    async fn task(&mut self, task: &Task<'_>) -> Result<Receipt, Error> {
        match task {
            Task::Target(target) => self.apply_target(target).await,
            Task::Operation(operation) => self.one((*operation).clone()).await,
        }
    }

    /// Ends the job with the result of each part, after undoing the earlier parts of an atomic job.
    async fn give_up(
        &mut self,
        cause: Error,
        failed: Option<usize>,
        mut parts: Vec<OperationPart>,
        atomic: bool,
    ) -> Error {
        self.part = None;
        self.job.set_several_plugins();
        if atomic {
            self.step("undo");
            match self.undo().await {
                Ok(undone) => {
                    for (made, result) in undone {
                        note(&mut parts, &made, result);
                    }
                }
                Err(error) => {
                    self.job.line(&format!("failed to undo the earlier parts: {}", error.chain()));
                    for part in parts.iter_mut().filter(|part| part.state == PartState::Done) {
                        part.state = PartState::Stuck;
                        part.problem = Some(Failed::from_error(&error));
                    }
                }
            }
        }
        Error::Together { cause: Box::new(cause), failed, parts }
    }
}

/// Records the undoing of a plugin in the parts that changed it.
fn note(parts: &mut [OperationPart], made: &[RevisionMade], result: Result<(), Failed>) {
    for index in made.iter().filter_map(|made| made.part?.checked_sub(1)) {
        let Some(part) = parts.get_mut(index) else { continue };
        match (&result, part.state) {
            (Ok(()), PartState::Done | PartState::Skipped) => part.state = PartState::Undone,
            (Ok(()), _) => {}
            (Err(failed), _) => {
                part.state = PartState::Stuck;
                part.problem.get_or_insert_with(|| failed.clone());
            }
        }
    }
}

// === impl Task ===

impl Task<'_> {
    fn name(&self) -> &'static str {
        match self {
            Task::Target(Target { state: TargetState::Absent, .. }) => "unload",
            Task::Target(_) => "apply",
            Task::Operation(operation) => operation.name(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Task::Target(target) => target.id.to_string(),
            Task::Operation(operation) => operation.subject(),
        }
    }

    /// The part before its start.
    fn part(&self) -> OperationPart {
        let operation = Cow::Borrowed(self.name());
        let subject = self.subject();
        OperationPart { operation, subject, state: PartState::Skipped, receipt: None, problem: None }
    }

    /// Returns whether an earlier attempt has performed a part that must not be repeated. All other parts are
    /// repeated: that changes nothing, or completes them.
    fn is_done_already<'m>(&self, host: &crate::state::Host, mut made: impl Iterator<Item = &'m RevisionMade>) -> bool {
        let is_gone = |id: &str| !host.0.plugins.contains_key(id);
        match self {
            Task::Target(Target { id, state: TargetState::Absent, .. }) => {
                is_gone(id.as_str()) && made.any(|made| made.plugin == *id)
            }
            Task::Operation(Operation::Unload { id, .. }) => is_gone(id) && made.any(|made| made.plugin.as_str() == id),
            Task::Operation(Operation::Rollback { id, .. }) => made.any(|made| made.plugin.as_str() == id),
            _ => false,
        }
    }
}
