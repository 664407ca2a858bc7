//! Undoing the changes of a job: each plugin gets back its previous desired state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host_core::{Desired, Goal, PluginId};
use host_state::Revision;

use crate::jobs::Job;
use crate::model::{Error, Failed};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::marks::{part_marked, undo_mark};
use crate::operation::work::Work;
use crate::state::Host;

/// The number of revisions in a page.
const PAGE: usize = 200;
/// Tolerates a change of the system clock during the job.
const CLOCK_SLACK_MS: u64 = 24 * 60 * 60 * 1000;

/// A revision that a job has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RevisionMade {
    pub(super) plugin: PluginId,
    pub(super) number: u64,
    /// The number of the part of the job that made this revision, from 1.
    pub(super) part: Option<usize>,
    /// Whether this revision undoes another revision.
    pub(super) is_undo: bool,
}

impl Host {
    /// The revisions that a job has made in all its attempts, newest first.
    pub(super) async fn made_by(&self, job: &Job) -> Result<Vec<RevisionMade>, Error> {
        let since = self.revisions_since(job).await?;
        Ok(since.iter().filter_map(|revision| made(revision, job.id())).collect())
    }

    /// The revisions that were made since the job was submitted, newest first.
    async fn revisions_since(&self, job: &Job) -> Result<Vec<Revision>, Error> {
        let oldest = job.created_unix_ms().saturating_sub(CLOCK_SLACK_MS);
        let mut all = vec![];
        let mut before = None;
        loop {
            let page = self.0.state.revisions(None, before, PAGE).await?;
            before = page.last().map(|revision| revision.number);
            let n_found = page.len();
            let n_before = all.len();
            all.extend(page.into_iter().take_while(|revision| revision.at_unix_ms >= oldest));
            if n_found < PAGE || all.len() - n_before < n_found {
                return Ok(all);
            }
        }
    }
}

impl Work<'_> {
    /// Undoes all changes of the job, newest first. Returns, for each changed plugin, its revisions and whether they
    /// were undone.
    pub(super) async fn undo(&mut self) -> Result<Vec<(Vec<RevisionMade>, Result<(), Failed>)>, Error> {
        let since = self.host.revisions_since(self.job).await?;
        let all: Vec<_> = since.iter().filter_map(|revision| made(revision, self.job.id())).collect();
        let mut order: Vec<&PluginId> = vec![];
        let mut of_plugin: BTreeMap<&PluginId, Vec<RevisionMade>> = BTreeMap::new();
        for made in &all {
            if !order.contains(&&made.plugin) {
                order.push(&made.plugin);
            }
            of_plugin.entry(&made.plugin).or_default().push(made.clone());
        }
        let mut undone = vec![];
        for id in order {
            let made = of_plugin.remove(id).unwrap_or_default();
            let done = self.undo_one(id, &made, &since).await;
            match &done {
                Ok(what) => self.job.line(&format!("undo: {what}")),
                Err(error) => self.job.line(&format!("undo: failed to restore plugin `{id}`: {}", error.chain())),
            }
            undone.push((made, done.map(drop).map_err(|error| Failed::from_error(&error))));
        }
        Ok(undone)
    }

    /// Restores the desired state that a plugin had before the job. Returns the result in words, for the job's log.
    async fn undo_one(&mut self, id: &PluginId, made: &[RevisionMade], since: &[Revision]) -> Result<String, Error> {
        let ours: BTreeSet<u64> = made.iter().map(|made| made.number).collect();
        let Some(first) = ours.first().copied() else { return Ok(format!("the job did not change plugin `{id}`")) };
        if made.first().is_some_and(|newest| newest.is_undo) {
            return Ok(format!("an earlier attempt restored plugin `{id}`"));
        }
        // If the host was killed during a removal of this job, the reconcile loop has completed it as the actor `host`.
        let is_ours = |revision: &&Revision| {
            ours.contains(&revision.number) || revision.desired.is_none() && revision.actor == "host"
        };
        let later = since.iter().filter(|revision| revision.plugin == *id && revision.number > first);
        if let Some(other) = later.into_iter().find(|revision| !is_ours(revision)) {
            let reason = format!("plugin `{id}` was changed in the meantime, to revision {}", other.number);
            return Err(Error::NotUndone { reason });
        }
        let before = self.host.0.state.revisions(Some(id), Some(first), 1).await?;
        let before = before.into_iter().next().and_then(|revision| Some((revision.number, revision.desired?)));
        // A separate job, because this one may be cancelled.
        let job = Arc::new(Job::unlisted("undo", id));
        let mut work = Work::new(self.host, &job);
        work.batch_check = Some(GraphCheck::None);
        work.restore_revision(id, before, &undo_mark(self.job.id())).await
    }

    async fn restore_revision(
        &mut self,
        id: &PluginId,
        before: Option<(u64, Desired)>,
        because: &str,
    ) -> Result<String, Error> {
        let lease = PluginLease::plugin(self.host, self.job, id).await?;
        let Some((number, then)) = before else {
            let Ok(installed) = lease.installed() else {
                lease.forget_if_new(self.host);
                return Ok(format!("plugin `{id}` is not installed, as before the job"));
            };
            let desired = Desired { goal: Goal::Absent { keep_data: true }, ..installed.desired };
            self.commit_desired(&lease, desired, GraphCheck::None, Some(because)).await?;
            self.remove(lease, true).await?;
            return Ok(format!("plugin `{id}` was unloaded, because it was not installed before the job"));
        };
        let goal = match then.goal {
            Goal::Absent { .. } => Goal::Disabled,
            goal => goal,
        };
        let desired = Desired { goal, ..then };
        let artifact = desired.current.artifact;
        let installed = lease.plugin.state().installed.clone();
        let same = installed.and_then(|installed| installed.build).filter(|build| build.artifact.digest() == artifact);
        let build = match same {
            Some(build) => Some(build),
            None => lease.record_failure(self.host, self.read_artifact(&artifact).await)?,
        };
        let build = build.ok_or_else(|| Error::NoArtifact { id: id.clone(), artifact });
        let build = lease.record_failure(self.host, build)?;
        let setup = self.host.setup(desired, build);
        let setup = lease.record_failure(self.host, setup)?;
        let serves = goal == Goal::Running && setup.desired.quarantine.is_none();
        if serves {
            match self.serve(lease.clone(), setup.clone(), Some(because)).await {
                Ok(_) => return Ok(format!("plugin `{id}` was restored to revision {number} and serves")),
                Err(Error::ShuttingDown) => return Err(Error::ShuttingDown),
                // The previous state is desired again; the reconcile loop retries the start.
                Err(error) => self.job.line(&format!("undo: plugin `{id}` does not start: {}", error.chain())),
            }
        }
        self.commit_setup(&lease, setup, Some(because)).await?;
        self.remove_from_roster(&lease);
        Ok(format!("plugin `{id}` was restored to revision {number}"))
    }
}

/// The relation of a revision to a job.
fn made(revision: &Revision, job: &str) -> Option<RevisionMade> {
    let reason = revision.reason.as_deref()?;
    let part = part_marked(reason, job);
    let is_undo = reason == undo_mark(job);
    let plugin = revision.plugin.clone();
    let number = revision.number;
    (part.is_some() || is_undo).then_some(RevisionMade { plugin, number, part, is_undo })
}
