//! Stopping, disabling and quarantining a plugin.

use std::borrow::Cow;

use host_core::{Desired, Goal, PluginId};

use crate::model::{Error, Receipt};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Disables a plugin, after the plugins that depend on it if `cascade` is set.
    pub(super) async fn disable(&mut self, id: &str, cascade: bool) -> Result<Receipt, Error> {
        let mut first = vec![];
        if cascade {
            for dependant in self.dependants(id, true) {
                self.stop_with_goal(dependant.as_str(), Goal::Disabled).await?;
                first.push(format!("`{dependant}` was disabled first, because it depends on `{id}`"));
            }
        }
        let mut receipt = self.stop_with_goal(id, Goal::Disabled).await?;
        receipt.warnings.extend(first);
        Ok(receipt)
    }

    /// The plugins that depend on `id`, in the order in which they are stopped.
    pub(super) fn dependants(&self, id: &str, only_enabled: bool) -> Vec<PluginId> {
        id.parse().map(|id| self.host.graph().dependants(&id, only_enabled)).unwrap_or_default()
    }

    /// Sets a goal that needs no serving generation, and stops the plugin.
    pub(super) async fn stop_with_goal(&mut self, id: &str, goal: Goal) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let before = lease.installed()?.desired;
        let states = walk(before.goal, lease.serving_number().is_some(), goal);
        let desired = Desired { goal, ..before };
        let rule = if goal == Goal::Disabled { GraphCheck::DisableAllowed } else { GraphCheck::None };
        let _shield = self.job.shield_from_cancel();
        self.commit_desired(&lease, desired, rule, None).await?;
        self.step("swap");
        let before = self.remove_from_roster(&lease);
        host_fail::point("run.taken_out");
        Ok(Receipt { states, ..self.receipt(&lease, before, None)? })
    }

    /// Quarantines a plugin that has failed too often, until an operator acts.
    pub(super) async fn quarantine(&mut self, lease: PluginLease) -> Result<(), Error> {
        let installed = lease.installed()?;
        let (failures, reason) = {
            let state = lease.plugin.state();
            match &state.last_crash {
                Some(crash) if state.too_many_crashes > 0 => {
                    let crashes = state.too_many_crashes;
                    let reason = format!("it ended the host {crashes} times; the last time, {}", crash.message());
                    (u32::try_from(crashes).unwrap_or(u32::MAX), reason)
                }
                _ => {
                    let error = state.last_error.as_ref().map(|error| error.message.clone());
                    let problem = state.serving().and_then(|generation| generation.health_report().problem);
                    let (failures, error) = (state.attempts.in_a_row, error.or(problem).unwrap_or_default());
                    (failures, format!("it failed {failures} times in a row; last error: {error}"))
                }
            }
        };
        tracing::error!(plugin.id = %lease.plugin.id, "plugin `{}` is quarantined: {reason}", lease.plugin.id);
        lease.plugin.log.push("error", None, &format!("quarantined: {reason}"));
        let desired = Desired { quarantine: Some(reason.clone()), ..installed.desired };
        self.commit_desired(&lease, desired, GraphCheck::None, Some(&reason)).await?;
        self.host.publish_quarantine(&lease.plugin.id, failures, &reason);
        lease.plugin.state().forget_failures();
        self.remove_from_roster(&lease);
        Ok(())
    }
}

/// The states that a plugin goes through, from the current to the new state.
pub(super) fn walk(from: Goal, serves: bool, to: Goal) -> Vec<Cow<'static, str>> {
    let first = match from {
        Goal::Running if serves => "running",
        Goal::Running => "enabled",
        other => other.as_str(),
    };
    let between = match (first, to) {
        ("installed" | "disabled", Goal::Running) => Some("enabled"),
        ("running", Goal::Disabled) => Some("stopped"),
        _ => None,
    };
    let mut states: Vec<_> = [Some(first), between, Some(to.as_str())].into_iter().flatten().collect();
    states.dedup();
    states.into_iter().map(Cow::Borrowed).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_states_between_two_goals_are_listed() {
        let mut table = String::new();
        for from in [Goal::Installed, Goal::Running, Goal::Stopped, Goal::Disabled] {
            for (serves, to) in
                [(false, Goal::Running), (true, Goal::Running), (true, Goal::Stopped), (true, Goal::Disabled)]
            {
                if !serves || from == Goal::Running {
                    table += &format!("{}\n", walk(from, serves, to).join(" > "));
                }
            }
        }
        expect![[r#"
            installed > enabled > running
            enabled > running
            running
            running > stopped
            running > stopped > disabled
            stopped > running
            disabled > enabled > running
        "#]]
        .assert_eq(&table);
    }
}
