//! Views and checks of the configurations of plugins.

use std::sync::Arc;

use host_call::Admitted;
use serde_json::Value;

use crate::model::{ConfigurationCheck, ConfigurationView, Error, Installed, SettingsChange, Setup};
use crate::plugins::Plugin;
use crate::state::Host;

impl Host {
    /// The configuration of a plugin, with masked secrets; `None` if the plugin is not installed.
    ///
    /// # Errors
    /// The secrets could not be opened, or the artifact, which marks the secrets, is missing.
    pub fn configuration(&self, id: &str) -> Result<Option<ConfigurationView>, Error> {
        let Some(plugin) = self.0.plugins.get(id).map(|entry| entry.value().clone()) else { return Ok(None) };
        Ok(self.installed_setup(&plugin)?.map(|(setup, revision)| setup.view(revision)))
    }

    /// The JSON Schema of the configuration of a plugin; `None` if the plugin is not installed. A plugin without a
    /// schema has the empty one, which accepts everything.
    ///
    /// # Errors
    /// The artifact, which has the schema, is missing.
    pub fn configuration_schema(&self, id: &str) -> Result<Option<Value>, Error> {
        let Some(plugin) = self.0.plugins.get(id).map(|entry| entry.value().clone()) else { return Ok(None) };
        let Some(installed) = plugin.state().installed.clone() else { return Ok(None) };
        match installed.build {
            Some(build) => Ok(Some(build.schema.as_value().clone())),
            None => Err(no_artifact(&plugin, &installed)),
        }
    }

    /// Checks a change of the operator's settings like the change itself, and changes nothing: against the schema, and
    /// by the code of the serving generation.
    ///
    /// # Errors
    /// The errors of the change: an unknown plugin, another revision than `expected`, refused settings.
    pub async fn check_configuration(
        &self,
        id: &str,
        change: &SettingsChange,
        expected: Option<u64>,
    ) -> Result<ConfigurationCheck, Error> {
        let unknown = || Error::UnknownPlugin { id: host_core::shown(id, 60) };
        let plugin = self.0.plugins.get(id).map(|entry| entry.value().clone()).ok_or_else(unknown)?;
        let (before, revision) = self.installed_setup(&plugin)?.ok_or_else(unknown)?;
        if let Some(expected) = expected.filter(|expected| *expected != revision) {
            let plugin = plugin.id.clone();
            return Err(host_state::Error::Stale { plugin, expected, found: revision }.into());
        }
        let setup = self.setup_with(before.clone(), change)?;
        setup.check()?;
        let serving = self.0.roster.get(&plugin.id);
        // Counted like a call, so that the stop hook does not run during the hook.
        let counted = serving.as_ref().and_then(Admitted::to_open);
        let mut is_checked_by_plugin = false;
        if let Some(counted) = counted.as_ref().filter(|counted| counted.generation().instance.validates()) {
            is_checked_by_plugin = true;
            let timeout = self.config().start_timeout;
            let judged = counted.generation().instance.validate(&setup.configuration, timeout).await;
            judged.map_err(|error| Error::ConfigurationRefused { reason: setup.mask_text(&error.to_string()) })?;
        }
        Ok(ConfigurationCheck {
            changes: setup.build.schema.diff(&before.configuration, &setup.configuration),
            warnings: setup.build.manifest.likely_slips(&setup.configuration),
            is_checked_by_plugin,
            view: setup.view(revision),
        })
    }

    /// The setup of the installed version with its revision; `None` if the plugin is not installed.
    fn installed_setup(&self, plugin: &Arc<Plugin>) -> Result<Option<(Setup, u64)>, Error> {
        let Some(installed) = plugin.state().installed.clone() else { return Ok(None) };
        match &installed.build {
            Some(build) => Ok(Some((self.setup(installed.desired.clone(), build.clone())?, installed.revision))),
            None => Err(no_artifact(plugin, &installed)),
        }
    }
}

fn no_artifact(plugin: &Plugin, installed: &Installed) -> Error {
    Error::NoArtifact { id: plugin.id.clone(), artifact: installed.desired.current.artifact }
}
