//! Whether a plugin serves, rests or is out of service.

use host_core::{Desired, Goal, PluginId};

use crate::error::Error;
use crate::operation::Receipt;
use crate::operation::swap::Rule;
use crate::operation::turn::Held;
use crate::operation::work::Work;

impl Work<'_> {
    /// Lets an installed plugin serve. One that serves already is not disturbed.
    pub(super) async fn enable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        let installed = held.installed()?;
        let serving = held.serving_number();
        if installed.desired.goal == Goal::Running && serving.is_some() {
            return self.receipt(&held, serving, serving);
        }
        held.plugin.state().attempts.forget();
        self.serve_again(held).await
    }

    /// Starts what is installed anew, without fetching or building it.
    pub(super) async fn restart(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        if !held.installed()?.desired.goal.is_enabled() {
            return Err(Error::Disabled { id: held.plugin.id.clone() });
        }
        held.plugin.state().attempts.forget();
        self.serve_again(held).await
    }

    /// Takes a plugin out of service, and those that need it first if that is what `cascade` says.
    pub(super) async fn disable(&mut self, id: &str, cascade: bool) -> Result<Receipt, Error> {
        let mut first = vec![];
        if cascade {
            for dependant in self.dependants(id, true) {
                self.rest(dependant.as_str(), Goal::Disabled).await?;
                first.push(format!("`{dependant}` was disabled first: it needs `{id}`"));
            }
        }
        let mut receipt = self.rest(id, Goal::Disabled).await?;
        receipt.warnings.extend(first);
        Ok(receipt)
    }

    /// The plugins that need `id`, in the order in which they go.
    pub(super) fn dependants(&self, id: &str, only_enabled: bool) -> Vec<PluginId> {
        id.parse().map(|id| self.host.graph().dependants(&id, only_enabled)).unwrap_or_default()
    }

    /// Asks for a goal with which nothing serves.
    pub(super) async fn rest(&mut self, id: &str, goal: Goal) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        let desired = Desired { goal, ..held.installed()?.desired };
        let rule = if goal == Goal::Disabled { Rule::NotNeeded } else { Rule::Free };
        let _uncut = self.job.uncut();
        self.ask_to(&held, desired, rule, None).await?;
        self.step("swap");
        let before = self.take_out(&held);
        self.receipt(&held, before, None)
    }

    /// Notes that a plugin fails too often, and takes it out of service until the operator says otherwise.
    pub(super) async fn quarantine(&mut self, held: Held) -> Result<(), Error> {
        let installed = held.installed()?;
        let (failures, error) = {
            let state = held.plugin.state();
            let error = state.last_error.as_ref().map(|error| error.message.clone());
            let problem = state.serving().and_then(|generation| generation.health_report().problem);
            (state.attempts.in_a_row, error.or(problem).unwrap_or_default())
        };
        let reason = format!("it failed {failures} times in a row, last with: {error}");
        tracing::error!(plugin.id = %held.plugin.id, "plugin `{}` is quarantined: {reason}", held.plugin.id);
        held.plugin.log.push("error", None, &format!("quarantined: {reason}"));
        let desired = Desired { quarantine: Some(reason.clone()), ..installed.desired };
        self.ask_to(&held, desired, Rule::Free, Some(&reason)).await?;
        self.host.tell_of_quarantine(&held.plugin.id, failures, &reason);
        held.plugin.state().attempts.forget();
        self.take_out(&held);
        Ok(())
    }
}
