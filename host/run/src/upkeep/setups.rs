//! Setups: artifacts and configurations, ready to be started.

use host_core::configuration::{Layers, Violation};
use host_core::manifest::Manifest;
use host_core::{Desired, Digest};
use serde_json::Value;

use crate::model::{Build, Error, SettingsChange, Setup, context};
use crate::state::Host;

impl Host {
    /// The setup of a desired state. Seals the secrets that the schema of `build` marks and the previous schema did
    /// not.
    pub(crate) fn setup(&self, mut desired: Desired, build: Build) -> Result<Setup, Error> {
        let context = context(&desired.id);
        let operator = self.0.sealer.open_secrets(&context, &desired.configuration)?;
        let secrets = build.schema.secrets(&operator);
        let stored = Value::Object(desired.configuration.clone());
        let opened = Value::Object(operator.clone());
        // A sealed value differs from its readable value.
        if secrets.iter().any(|pointer| stored.pointer(pointer) == opened.pointer(pointer)) {
            desired.configuration = self.0.sealer.seal_secrets(&context, &operator, &secrets)?;
        }
        let layers = Layers {
            defaults: build.manifest.configuration.clone(),
            host_file: self.config().configurations.get(&desired.id).cloned().unwrap_or_default(),
            operator,
        };
        let configuration = layers.effective();
        Ok(Setup { desired, build, layers, configuration })
    }

    /// A setup with changed settings of the operator.
    ///
    /// # Errors
    /// [`Error::ConfigurationInvalid`] if the settings contain a mask in a place that has no secret.
    pub(crate) fn setup_with(&self, setup: Setup, change: &SettingsChange) -> Result<Setup, Error> {
        let Setup { mut desired, build, layers, .. } = setup;
        let changed = match change {
            SettingsChange::Replace(settings) => layers.with_operator(&build.schema, settings.clone()),
            SettingsChange::Merge(patch) => layers.with_patch(&build.schema, patch),
        };
        let changed = changed.map_err(|violations| Error::ConfigurationInvalid { violations })?;
        // Sealing the same value twice gives different texts, so unchanged settings keep their sealed text.
        if changed.operator != layers.operator {
            let secrets = build.schema.secrets(&changed.operator);
            let sealed = self.0.sealer.seal_secrets(&context(&desired.id), &changed.operator, &secrets);
            desired.configuration = sealed.map_err(|error| match error {
                host_state::Error::LooksSealed { .. } => {
                    let violation = Violation { pointer: String::new(), message: error.to_string() };
                    Error::ConfigurationInvalid { violations: vec![violation] }
                }
                error => error.into(),
            })?;
        }
        let configuration = changed.effective();
        Ok(Setup { desired, build, layers: changed, configuration })
    }

    /// Reads an artifact; `None` if it is not in the store. Blocks.
    pub(crate) fn read_artifact(&self, digest: &Digest) -> Result<Option<Build>, Error> {
        let Some(artifact) = self.0.store.artifact(digest)? else { return Ok(None) };
        let checked = Manifest::check(artifact.manifest_text(), self.config().mode);
        let checked = checked.map_err(|problems| Error::Manifest { problems })?;
        Build::from_artifact(checked.manifest, checked.warnings, artifact).map(Some)
    }
}
