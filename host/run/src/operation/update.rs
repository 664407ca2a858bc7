//! Updates a plugin from its repository, and sets its update policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::tag::TagPattern;
use host_core::update::UpdatePolicy;
use host_core::{Desired, Goal, Revision, Source};
use semver::Version;

use crate::jobs::Job;
use crate::model::{Error, Receipt, Update};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Updates to `to`, or to the newest version that the update policy allows. Does nothing if there is no newer
    /// version.
    pub(super) async fn update(&mut self, id: &str, to: Option<Revision>, automatic: bool) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let desired = lease.installed()?.desired;
        if !desired.goal.is_enabled() {
            return Err(Error::Disabled { id: lease.plugin.id.clone() });
        }
        let Source::Git { .. } = desired.current.source.place() else {
            let place = desired.current.source.to_string();
            return Err(Error::NoRepository { id: lease.plugin.id.clone(), place });
        };
        let is_named = to.is_some();
        let chosen = match to {
            Some(revision) => Some(self.host.named_update(&desired.current, revision).await?),
            None => self.look_for_update(&lease, &desired, automatic).await?,
        };
        let Some(update) = chosen else {
            let now = lease.serving_number();
            let receipt = self.receipt(&lease, now, now)?;
            return Ok(Receipt {
                reason: Some("there is no newer version that the update policy allows".to_owned()),
                ..receipt
            });
        };
        let updated = self.take_update(&lease, desired.current.source, &update, is_named).await;
        if automatic
            && let Err(error) = &updated
            && !matches!(error, Error::ShuttingDown | Error::State(_))
        {
            self.never_again(&lease, &update, error).await;
        }
        updated
    }

    /// Sets the update policy.
    pub(super) async fn set_update_policy(
        &mut self,
        id: &str,
        policy: UpdatePolicy,
        blocked: Option<BTreeSet<Version>>,
        tags: Option<Option<TagPattern>>,
    ) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let mut before = lease.installed()?.desired;
        if let Some(tags) = tags {
            let place = before.current.source.to_string();
            let source = before.current.source.with_tags(tags);
            before.current.source = source.ok_or_else(|| Error::NoRepository { id: lease.plugin.id.clone(), place })?;
        }
        let blocked = blocked.unwrap_or_else(|| before.blocked.clone());
        let after = Desired { update: policy, blocked, ..before };
        let is_same = lease.installed()?.desired == after;
        let receipt = self.note(&lease, after).await?;
        let reason = is_same.then(|| "this is the update policy already".to_owned());
        Ok(Receipt { reason, ..receipt })
    }

    /// Blocks or unblocks a version for updates. The blocked versions are read under the lease, so that concurrent
    /// changes do not undo each other.
    pub(super) async fn block_version(&mut self, id: &str, version: Version, blocked: bool) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let mut desired = lease.installed()?.desired;
        let (has_changed, state) = if blocked {
            (desired.blocked.insert(version.clone()), "already")
        } else {
            (desired.blocked.remove(&version), "not")
        };
        let receipt = self.note(&lease, desired).await?;
        let reason = (!has_changed).then(|| format!("version {version} was {state} blocked"));
        Ok(Receipt { reason, ..receipt })
    }

    /// Commits a desired state that does not affect the serving generation.
    async fn note(&mut self, lease: &PluginLease, desired: Desired) -> Result<Receipt, Error> {
        self.commit_desired(lease, desired, GraphCheck::None, None).await?;
        let now = lease.serving_number();
        self.receipt(lease, now, now)
    }

    async fn look_for_update(
        &mut self,
        lease: &PluginLease,
        desired: &Desired,
        automatic: bool,
    ) -> Result<Option<Update>, Error> {
        self.step("look");
        let Desired { current, update, blocked, .. } = desired;
        let commit = current.commit.as_deref();
        let report = self.host.check_updates(&current.source, &current.version, commit, update, blocked).await?;
        lease.plugin.state().update_report = Some(report.clone());
        if let Some(error) = report.error {
            return Err(Error::UpdatesUnknown { code: error.code, message: error.message, fix: error.fix });
        }
        // Under the policy `manual` only an operator updates.
        let by_hand = (!automatic && !update.level().takes_any()).then_some(report.newest).flatten();
        Ok(report.allowed.or(by_hand))
    }

    async fn take_update(
        &mut self,
        lease: &PluginLease,
        installed_as: Source,
        update: &Update,
        is_named: bool,
    ) -> Result<Receipt, Error> {
        let source = installed_as
            .at(update.revision.clone())
            .unwrap_or_else(|| unreachable!("`Work::update` refuses a source that is not a repository"));
        let trust = lease.installed()?.desired.current.trust;
        let built = self.build_again(lease, source, trust).await;
        let (mut desired, build, cached) = lease.record_failure(self.host, built)?;
        // A reload must not go back to the revision that was installed before. A source without a revision stays: a
        // reload takes its newest release.
        let stays = matches!(installed_as.as_git(), Some((_, Revision::Latest))) && !is_named;
        if stays {
            desired.current.source = installed_as;
        }
        desired.current.tag = update.version.clone();
        desired.goal = Goal::Running;
        let setup = self.host.setup(desired, build);
        let setup = lease.record_failure(self.host, setup)?;
        let mut receipt = self.serve(lease.clone(), setup, None).await?;
        receipt.cached = cached;
        Ok(receipt)
    }

    /// Prevents another automatic update to the failed version: a version is blocked, the commit of a branch is stored.
    async fn never_again(&mut self, lease: &PluginLease, update: &Update, error: &Error) {
        let Some(version) = &update.version else {
            lease.plugin.state().bad_commits.insert(update.commit.clone());
            return;
        };
        let Ok(installed) = lease.installed() else { return };
        let mut desired = installed.desired;
        desired.blocked.insert(version.clone());
        let because = format!("the update to {version} failed: {}", error.chain());
        // A separate job, because the change is not the change of the job.
        let unlisted = Arc::new(Job::unlisted("update", &lease.plugin.id));
        let mut aside = Work::new(self.host, &unlisted);
        if let Err(error) = aside.commit_desired(lease, desired, GraphCheck::None, Some(&because)).await {
            tracing::warn!(plugin.id = %lease.plugin.id, "failed to block version {version}: {}", error.chain());
        }
    }
}
