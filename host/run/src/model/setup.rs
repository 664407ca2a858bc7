//! The setup of a generation: an artifact and a layered configuration with sealed secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use host_core::configuration::{Change, Layers, Schema};
use host_core::manifest::Problem;
use host_core::{Desired, Digest, DigestWriter, Manifest, PluginId};
use host_store::Artifact;
use serde_json::{Map, Value};

use crate::model::Error;

/// A change of the operator's settings.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsChange {
    /// Replaces all settings.
    Replace(Map<String, Value>),
    /// Merges a patch into the settings (RFC 7396).
    Merge(Map<String, Value>),
}

/// An artifact with its parsed manifest and schemas.
#[derive(Clone)]
pub(crate) struct Build {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) artifact: Artifact,
    /// The configuration schema.
    pub(crate) schema: Schema,
    /// The schemas of request bodies, by their path in plugin.yaml.
    pub(crate) body_schemas: Arc<BTreeMap<String, Schema>>,
}

/// An artifact and a configuration, ready to be started.
#[derive(Clone)]
pub(crate) struct Setup {
    /// The desired state. The secrets in its configuration are sealed.
    pub(crate) desired: Desired,
    pub(crate) build: Build,
    /// The layers of the configuration, with readable secrets. Never logged, never shown.
    pub(crate) layers: Layers,
    /// The effective configuration: all layers merged.
    pub(crate) configuration: Map<String, Value>,
}

impl Build {
    /// Compiles the schemas of an artifact.
    ///
    /// # Errors
    /// [`Error::Schema`], which only an artifact of another host version can cause.
    pub(crate) fn from_artifact(
        manifest: Manifest,
        warnings: Vec<Problem>,
        artifact: Artifact,
    ) -> Result<Build, Error> {
        let failed = |source| Error::Schema { source };
        let schema = artifact.configuration_schema().map(Schema::compile).transpose().map_err(failed)?;
        let body_schemas = artifact.body_schemas().map(host_build::body_schemas).transpose().map_err(failed)?;
        Ok(Build {
            manifest: Arc::new(manifest),
            warnings,
            artifact,
            schema: schema.unwrap_or_else(Schema::any),
            body_schemas: Arc::new(body_schemas.unwrap_or_default()),
        })
    }
}

impl Setup {
    /// Checks the effective configuration against the schema of the plugin.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let checked = self.build.schema.check(&self.configuration);
        checked.map_err(|violations| Error::ConfigurationInvalid { violations })
    }

    /// Returns whether the plugin may have stored data.
    pub(crate) fn may_have_data(&self) -> bool {
        self.build.manifest.permissions.iter().any(|permission| permission == "kv.write")
    }

    /// The digest of artifact and effective configuration, which identifies a running setup.
    pub(crate) fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        let configuration = serde_json::to_vec(&self.configuration).unwrap_or_default();
        writer.field(self.build.artifact.digest().hex().as_bytes()).field(&configuration);
        writer.finish()
    }

    /// The setup as the installed one of a revision.
    pub(crate) fn installed(self, revision: u64) -> Installed {
        let setup = self.digest();
        Installed { desired: self.desired, revision, build: Some(self.build), setup }
    }

    pub(crate) fn view(&self, revision: u64) -> ConfigurationView {
        let schema = &self.build.schema;
        ConfigurationView {
            revision,
            effective: schema.mask(&self.configuration),
            defaults: schema.mask(&self.layers.defaults),
            host_file: schema.mask(&self.layers.host_file),
            operator: schema.mask(&self.layers.operator),
        }
    }
}

/// The sealing context of the secrets of a plugin's configuration.
pub(crate) fn context(id: &PluginId) -> String {
    format!("configuration of {id}")
}

/// The installed version of a plugin: its desired state and its build.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) desired: Desired,
    /// The revision of the desired state.
    pub(crate) revision: u64,
    /// `None` if the artifact is missing or damaged.
    pub(crate) build: Option<Build>,
    /// The digest of the setup that serves if the plugin serves as desired.
    pub(crate) setup: Digest,
}

impl Installed {
    /// The plugins that are started before this one, if they are installed.
    pub(crate) fn after(&self) -> Vec<PluginId> {
        let Some(build) = &self.build else { return vec![] };
        let needed = build.manifest.dependencies.iter().map(|dependency| &dependency.id);
        needed.chain(&build.manifest.run_after).cloned().collect()
    }
}

/// The result of checking a change of a configuration that was not made.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationCheck {
    /// The configuration as it would be; the revision is the current one.
    pub view: ConfigurationView,
    /// The differences from the effective configuration, with masked secrets.
    pub changes: Vec<Change>,
    /// The warnings about doubtful values.
    pub warnings: Vec<String>,
    /// Whether the code of the plugin has checked the configuration, which only a serving generation does.
    pub is_checked_by_plugin: bool,
}

/// A configuration with masked secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigurationView {
    /// The revision.
    pub revision: u64,
    /// The effective configuration.
    pub effective: Map<String, Value>,
    /// The defaults of plugin.yaml.
    pub defaults: Map<String, Value>,
    /// The settings of the host's configuration file.
    pub host_file: Map<String, Value>,
    /// The operator's settings.
    pub operator: Map<String, Value>,
}
