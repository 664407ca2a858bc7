//! What a generation is started with: an artifact, and a configuration of layers whose secrets are sealed on disk.

use crate::model::{ConfigurationView, Error, Installed};
use crate::state::Host;

impl Host {
    /// The configuration of a plugin, with its secrets masked; `None` when none such is installed.
    ///
    /// # Errors
    /// The secrets could not be opened; the artifact, which says what is secret, is lost.
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
