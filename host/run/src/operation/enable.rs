//! Enabling, starting and restarting an installed plugin.

use host_core::Goal;

use crate::model::{Error, Receipt};
use crate::operation::lease::Held;
use crate::operation::stop::walk;
use crate::operation::work::Work;

impl Work<'_> {
    /// Lets an installed plugin serve. One that serves already is not disturbed.
    pub(super) async fn enable(&mut self, id: &str) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        let installed = held.installed()?;
        let serving = held.serving_number();
        if installed.desired.goal == Goal::Running && serving.is_some() {
            let receipt = self.receipt(&held, serving, serving)?;
            return Ok(Receipt { states: walk(Goal::Running, true, Goal::Running), ..receipt });
        }
        held.plugin.state().attempts.forget();
        let receipt = self.serve_again(held).await?;
        Ok(Receipt { states: walk(installed.desired.goal, serving.is_some(), Goal::Running), ..receipt })
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
}
