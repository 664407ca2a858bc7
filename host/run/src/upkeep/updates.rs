//! Checks for newer versions of installed plugins.

mod judge;
mod poll;
mod schedule;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_call::now_unix_ms;
use host_core::update::UpdatePolicy;
use host_core::{GitUrl, Pick, Revision, Source};
use host_fetch::{Listing, Release};
use semver::Version;

use crate::model::{Error, Update, UpdateFailure, UpdateReport, Watched};
use crate::state::{Host, Poller};

impl Host {
    /// Checks a source for newer versions. Fetches nothing and changes nothing.
    ///
    /// A source that fails, or that is not a repository, is reported as an error within the report.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`], and [`Error::Panicked`] for a defect of the host.
    ///
    /// # Cancel safety
    /// Dropping the future ends the request; the shutdown of the host waits for that.
    pub async fn check_updates(
        &self,
        source: &Source,
        installed: &Version,
        commit: Option<&str>,
        policy: &UpdatePolicy,
        blocked: &BTreeSet<Version>,
    ) -> Result<UpdateReport, Error> {
        let report = UpdateReport::empty(installed, commit);
        let Some((url, revision)) = source.as_git() else {
            let error = UpdateFailure {
                code: "update_no_repository",
                message: format!("`{source}` is not a repository, so it has no versions"),
                fix: Some("reload the plugin to build its current source".to_owned()),
            };
            return Ok(UpdateReport { error: Some(error), ..report });
        };
        if self.is_stopping() {
            return Err(Error::ShuttingDown);
        }
        let listed = tokio::select! {
            listed = self.list(url.clone()) => listed,
            () = self.0.stopping.cancelled() => return Err(Error::ShuttingDown),
        };
        let judge = |listing: Listing| {
            let followed = listing.follow(revision, source.tag_rule())?;
            Ok(judge::judge(&report, followed, revision, policy.level(), blocked))
        };
        let judged = listed.and_then(judge);
        match judged {
            Ok(report) => Ok(report),
            Err(error @ Error::Fetch(_)) => Ok(report.failed(&error)),
            Err(error) => Err(error),
        }
    }

    /// Checks the `watched` plugins for updates, each at the interval of its policy and at most two at once, and passes
    /// each report to `tell`. Ends when the [`Poller`] is dropped or the host stops.
    ///
    /// `watched` is called before each check. It may wait briefly, for instance for a database, which delays other
    /// checks. `tell` is not called while the host stops. The plugin may have changed when `tell` is called. The
    /// next check of the plugin waits until `tell` returns, so `tell` should start a job and not wait for its end.
    pub fn poll_updates<W, WF, T, TF>(&self, watched: W, tell: T) -> Poller
    where
        W: Fn() -> WF + Send + Sync + 'static,
        WF: Future<Output = Vec<Watched>> + Send,
        T: Fn(Watched, UpdateReport) -> TF + Send + Sync + 'static,
        TF: Future<Output = ()> + Send,
    {
        let (poller, wake, ended) = Poller::new(self.0.stopping.child_token());
        let host = self.clone();
        self.0.tasks.spawn(async move {
            let check = |watched: Watched| {
                let host = host.clone();
                async move {
                    let Watched { source, installed, commit, policy, blocked, .. } = &watched;
                    host.check_updates(source, installed, commit.as_deref(), policy, blocked).await
                }
            };
            tokio::select! {
                never = poll::poll(&wake, now_unix_ms(), &watched, &check, &tell) => match never {},
                () = ended.cancelled() => {}
            }
        });
        poller
    }

    /// The update of `installed` that `revision` names: the release of that version, however its tag is spelled, or
    /// the exact branch, tag or commit.
    pub(crate) async fn named_update(&self, installed: &Pick, revision: Revision) -> Result<Update, Error> {
        let (Some((url, _)), Revision::Named(name)) = (installed.source.as_git(), &revision) else {
            return Ok(Update { version: None, revision, commit: String::new() });
        };
        if revision.is_commit() {
            return Ok(Update { version: None, revision, commit: String::new() });
        }
        let listing = self.list(url.clone()).await?;
        Ok(match listing.release(name, installed.source.tag_rule(), installed.tag_name())? {
            Some(Release { version, tag, commit }) => {
                Update { version: Some(version), revision: Revision::Named(tag), commit }
            }
            None => Update { version: None, revision, commit: String::new() },
        })
    }

    async fn list(&self, url: GitUrl) -> Result<Listing, Error> {
        let host = self.clone();
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(cancelled.clone());
        // A host that stops waits until the request has noticed the cancellation.
        let token = host.0.tasks.token();
        let listed = tokio::task::spawn_blocking(move || {
            let _token = token;
            host_fetch::versions(&host.config().fetch, &url, &cancelled)
        });
        Ok(listed.await.map_err(|_| Error::Panicked)??)
    }
}

/// Ends a request when its caller was dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
