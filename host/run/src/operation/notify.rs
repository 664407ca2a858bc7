//! The events of an operation.

use std::time::Duration;

use host_core::event::EventKind;
use host_core::{Desired, Goal, PluginId};
use host_state::Change;

use crate::jobs::Job;
use crate::state::Host;

impl Host {
    /// Publishes an event of a job, with its plugin if that is known. Steps of the host itself have no job.
    pub(crate) fn publish_for_job(&self, job: &Job, kind: EventKind) {
        let id = Some(job.id()).filter(|id| !id.is_empty());
        self.0.events.publish(job.plugin().as_ref(), id, kind);
    }

    /// Publishes the events of a change of the desired state.
    pub(super) fn publish_change(&self, job: &str, change: &Change, before: Option<&Desired>, revision: u64) {
        let job = Some(job).filter(|job| !job.is_empty());
        let reason = change.reason.as_deref().unwrap_or(&change.operation);
        let actor = change.actor.as_str().into();
        let reason = reason.into();
        let publish = |kind| self.0.events.publish(Some(&change.plugin), job, kind);
        publish(EventKind::RevisionMade { revision, actor, reason });
        let Some(after) = &change.desired else {
            if let Some(before) = before {
                let keeps_data = matches!(before.goal, Goal::Absent { keep_data: true });
                publish(EventKind::PluginUninstalled { version: version(before), keeps_data });
            }
            return;
        };
        if before.is_none_or(|before| before.current.artifact != after.current.artifact) {
            let source = after.current.source.to_string().into();
            publish(EventKind::PluginInstalled { version: version(after), source });
        }
        if before.is_none_or(|before| before.goal != after.goal) {
            match after.goal {
                Goal::Running => publish(EventKind::PluginEnabled { version: version(after) }),
                Goal::Disabled => publish(EventKind::PluginDisabled { version: version(after) }),
                Goal::Stopped => publish(EventKind::PluginStopped { reason: change.actor.as_str().into() }),
                Goal::Installed | Goal::Absent { .. } => {}
            }
        }
        if after.quarantine.is_none() && before.is_some_and(|before| before.quarantine.is_some()) {
            publish(EventKind::PluginQuarantineLifted { actor: change.actor.as_str().into() });
            self.forget_crashes(&change.plugin);
        }
    }

    /// Publishes that a plugin is quarantined.
    pub(super) fn publish_quarantine(&self, plugin: &PluginId, failures: u32, reason: &str) {
        let window = Duration::from_millis(self.config().patience.window_ms);
        let kind = EventKind::PluginQuarantined { failures: failures.into(), window, reason: reason.into() };
        self.0.events.publish(Some(plugin), None, kind);
    }
}

fn version(desired: &Desired) -> host_core::event::Text {
    desired.current.version.to_string().into()
}
