//! Views of the configurations of plugins.

use crate::model::{ConfigurationView, Error, Installed};
use crate::state::Host;

impl Host {
    /// The configuration of a plugin, with masked secrets; `None` if the plugin is not installed.
    ///
    /// # Errors
    /// The secrets could not be opened, or the artifact, which marks the secrets, is missing.
    pub fn configuration(&self, id: &str) -> Result<Option<ConfigurationView>, Error> {
        let Some(plugin) = self.0.plugins.get(id).map(|entry| entry.value().clone()) else { return Ok(None) };
        let Some(installed) = plugin.state().installed.clone() else { return Ok(None) };
        let Installed { desired, revision, build, .. } = installed;
        match build {
            Some(build) => Ok(Some(self.setup(desired, build)?.view(revision))),
            None => Err(Error::NoArtifact { id: plugin.id.clone(), artifact: desired.current.artifact }),
        }
    }
}
