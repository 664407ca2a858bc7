//! Enabling, starting and restarting an installed plugin.

use host_core::Goal;

use crate::model::{Error, Receipt};
use crate::operation::lease::PluginLease;
use crate::operation::stop::walk;
use crate::operation::work::Work;

impl Work<'_> {
    /// Enables or starts an installed plugin. A serving plugin is not changed.
    pub(super) async fn enable(&mut self, id: &str) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let installed = lease.installed()?;
        let serving = lease.serving_number();
        if installed.desired.goal == Goal::Running && serving.is_some() {
            let receipt = self.receipt(&lease, serving, serving)?;
            return Ok(Receipt { states: walk(Goal::Running, true, Goal::Running), ..receipt });
        }
        lease.plugin.state().forget_failures();
        let receipt = self.serve_again(lease).await?;
        Ok(Receipt { states: walk(installed.desired.goal, serving.is_some(), Goal::Running), ..receipt })
    }

    /// Starts the installed version again, without fetching or building it.
    pub(super) async fn restart(&mut self, id: &str) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        if !lease.installed()?.desired.goal.is_enabled() {
            return Err(Error::Disabled { id: lease.plugin.id.clone() });
        }
        lease.plugin.state().forget_failures();
        self.serve_again(lease).await
    }
}
