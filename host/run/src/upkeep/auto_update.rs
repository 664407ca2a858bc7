//! Automatic checks for updates, and automatic updates where the update policy allows them.

use std::sync::Arc;

use host_core::event::EventKind;
use host_core::{Desired, PluginId};

use crate::model::{Error, Operation, UpdateReport, Watched};
use crate::state::{Host, Inner, Input};

impl Host {
    /// Starts the checks for updates.
    pub(crate) fn begin_updates(&self) {
        let weak = Arc::downgrade(&self.0);
        let reported_to = Arc::downgrade(&self.0);
        let watched = move || {
            let host = weak.upgrade().map(Host);
            async move { host.map(|host| host.watched()).unwrap_or_default() }
        };
        let tell = move |watched: Watched, report: UpdateReport| {
            let host: Option<Arc<Inner>> = reported_to.upgrade();
            async move {
                if let Some(host) = host.map(Host) {
                    host.take_report(&watched.id, report).await;
                }
            }
        };
        let _ = self.0.updates.set(self.poll_updates(watched, tell));
    }

    /// Checks a plugin for updates now, and stores the result.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`], [`Error::ShuttingDown`]. The failure of a repository is part of the report.
    pub async fn look_for_updates(&self, id: &str) -> Result<UpdateReport, Error> {
        let unknown = || Error::UnknownPlugin { id: id.to_owned() };
        let plugin = self.0.plugins.get(id).map(|entry| entry.value().clone()).ok_or_else(unknown)?;
        let desired = plugin.state().installed.as_ref().map(|installed| installed.desired.clone());
        let Desired { current, update, blocked, .. } = desired.ok_or_else(unknown)?;
        let commit = current.commit.as_deref();
        let report = self.check_updates(&current.source, &current.version, commit, &update, &blocked).await?;
        plugin.state().update_report = Some(report.clone());
        Ok(report)
    }

    /// Wakes the poller, because the watched plugins may have changed.
    pub(crate) fn updates_may_differ(&self) {
        if let Some(poller) = self.0.updates.get() {
            poller.wake();
        }
    }

    fn watched(&self) -> Vec<Watched> {
        let one = |plugin: &crate::plugins::Plugin| {
            let state = plugin.state();
            let desired = &state.installed.as_ref()?.desired;
            let is_git = desired.current.source.is_git();
            (is_git && desired.goal.is_enabled()).then(|| Watched {
                id: plugin.id.clone(),
                source: desired.current.source.clone(),
                installed: desired.current.version.clone(),
                commit: desired.current.commit.clone(),
                policy: desired.update.clone(),
                blocked: desired.blocked.clone(),
                last_check_unix_ms: state.update_report.as_ref().map(|report| report.checked_at_unix_ms),
            })
        };
        self.0.plugins.iter().filter_map(|entry| one(entry.value())).collect()
    }

    /// Stores a report, and starts an update if the update policy is automatic.
    async fn take_report(&self, id: &PluginId, report: UpdateReport) {
        let Some(plugin) = self.0.plugins.get(id).map(|entry| entry.value().clone()) else { return };
        let takes = {
            let mut state = plugin.state();
            let is_current = state.installed.as_ref().is_some_and(|installed| {
                let current = &installed.desired.current;
                current.version == report.installed && current.commit == report.commit
            });
            if !is_current {
                return;
            }
            let known = state.update_report.replace(report.clone());
            let newest = |report: &UpdateReport| report.newest.as_ref().map(|update| update.commit.clone());
            if let Some(newest) = report.newest.as_ref().filter(|_| known.as_ref().and_then(newest) != newest(&report))
            {
                tracing::info!(plugin.id = %id, "`{id}`: {} is newer than the installed version", newest.revision);
                let available = report.allowed.as_ref().unwrap_or(newest).revision.to_string().into();
                let installed = report.installed.to_string().into();
                self.0.events.publish(Some(id), None, EventKind::UpdateAvailable { installed, available });
            }
            let is_automatic = state.installed.as_ref().is_some_and(|installed| installed.desired.update.automatic());
            let allowed = report.allowed.as_ref();
            is_automatic && allowed.is_some_and(|update| !state.bad_commits.contains(&update.commit))
        };
        if takes {
            let operation = Operation::Update { id: id.to_string(), to: None, automatic: true };
            self.0.reconcile.send(Input::Submit(Box::new(operation)));
        }
    }
}
