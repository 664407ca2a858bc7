//! What a generation is started with: an artifact, and a configuration of layers whose secrets are sealed on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use host_core::configuration::{Layers, Schema};
use host_core::manifest::Problem;
use host_core::{Desired, Digest, DigestWriter, Manifest, PluginId};
use host_store::Artifact;
use serde_json::{Map, Value};

use crate::model::Error;

/// How the operator changes what is set.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsChange {
    /// These are all.
    Replace(Map<String, Value>),
    /// These are merged into what is set (RFC 7396).
    Merge(Map<String, Value>),
}

/// An artifact, read.
#[derive(Clone)]
pub(crate) struct Build {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) artifact: Artifact,
    /// What its configuration has to fit.
    pub(crate) schema: Schema,
    /// What bodies have to fit, by the path that plugin.yaml gives.
    pub(crate) body_schemas: Arc<BTreeMap<String, Schema>>,
}

/// What a generation is started with.
#[derive(Clone)]
pub(crate) struct Setup {
    /// What is asked for. Secrets in its configuration are sealed.
    pub(crate) desired: Desired,
    pub(crate) build: Build,
    /// The layers of the configuration, with secrets that can be read: never logged, never shown.
    pub(crate) layers: Layers,
    /// The configuration in use: the layers, one over the other.
    pub(crate) configuration: Map<String, Value>,
}

impl Build {
    /// Compiles the schemas that an artifact holds.
    ///
    /// # Errors
    /// [`Error::Schema`], which only an artifact of another host's can give.
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
    /// Checks the configuration in use with the plugin's schema.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let checked = self.build.schema.check(&self.configuration);
        checked.map_err(|violations| Error::ConfigurationInvalid { violations })
    }

    /// Whether the host may keep data for the plugin.
    pub(crate) fn may_have_data(&self) -> bool {
        self.build.manifest.permissions.iter().any(|permission| permission == "kv.write")
    }

    /// Tells a generation that was started with this from one that was started with something else.
    pub(crate) fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        let configuration = serde_json::to_vec(&self.configuration).unwrap_or_default();
        writer.field(self.build.artifact.digest().hex().as_bytes()).field(&configuration);
        writer.finish()
    }

    /// The same, as it is kept once it is asked for with `revision`.
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

/// What the secrets of a plugin's configuration are sealed for.
pub(crate) fn context(id: &PluginId) -> String {
    format!("configuration of {id}")
}

/// What is installed: what was asked for, and what was built of it.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) desired: Desired,
    /// The revision with which that was asked for.
    pub(crate) revision: u64,
    /// `None` when the artifact is lost or damaged.
    pub(crate) build: Option<Build>,
    /// The digest of what it serves with, when it serves.
    pub(crate) setup: Digest,
}

impl Installed {
    /// The plugins that start before it where they are there.
    pub(crate) fn after(&self) -> Vec<PluginId> {
        let Some(build) = &self.build else { return vec![] };
        let needed = build.manifest.dependencies.iter().map(|dependency| &dependency.id);
        needed.chain(&build.manifest.run_after).filter_map(|id| id.parse().ok()).collect()
    }
}

/// A configuration as it may be shown: secrets are masked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigurationView {
    /// The revision that it belongs to.
    pub revision: u64,
    /// What is in use.
    pub effective: Map<String, Value>,
    /// What plugin.yaml gives.
    pub defaults: Map<String, Value>,
    /// What the host's configuration file sets.
    pub host_file: Map<String, Value>,
    /// What the operator set.
    pub operator: Map<String, Value>,
}
