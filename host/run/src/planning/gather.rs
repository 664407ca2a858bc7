//! The inputs of a plan: the installed plugins, and the sources of a file.

use std::collections::BTreeMap;

use futures_util::{FutureExt as _, StreamExt as _};
use host_build::BuildKind;
use host_core::configuration::{Layers, Schema, Violation};
use host_core::plugin_set::{FetchedSource, InstalledPlugin, PluginEntry, PluginSet};
use host_core::{Desired, Manifest, PluginId, Source, Trust};
use host_fetch::Fetched;
use serde_json::{Map, Value};

use crate::model::{Error, Failed, FailureKind, FieldProblem, Setup, secrets_in, with_secrets};
use crate::operation::{absolute, check, fetch, fits_host};
use crate::state::Host;

/// The number of sources that are fetched concurrently.
const LOOKS: usize = 4;

/// An installed plugin.
pub(crate) struct KnownPlugin {
    pub(crate) revision: u64,
    pub(crate) desired: Desired,
    /// `None` if the artifact is missing.
    setup: Option<Setup>,
}

/// The plugin that an entry leads to.
pub(super) struct FoundSource {
    pub(super) found: FetchedSource,
    /// The trust in the client that named the source.
    pub(super) trust: Trust,
    /// `None` if the entry is the installed version, so that nothing was fetched.
    pub(super) fetched: Option<Fetched>,
    /// How the artifact would be created.
    pub(super) build: Option<BuildKind>,
    /// The warnings about the source and its plugin.yaml.
    pub(super) warnings: Vec<String>,
    /// Likely mistakes in the keys of the configuration.
    pub(super) slips: Vec<String>,
}

/// The operator's settings of a plan.
struct PlannedSettings {
    /// `None` leaves the settings unchanged.
    configuration: Option<Map<String, Value>>,
    /// The JSON pointers to secrets.
    secrets: Vec<String>,
    /// Likely mistakes in the keys of the effective configuration.
    slips: Vec<String>,
}

/// The plugins that all entries lead to.
#[derive(Default)]
pub(super) struct FoundSources {
    /// By the place of the entry in the file.
    pub(super) found: BTreeMap<usize, FoundSource>,
    /// The problems of the other entries.
    pub(super) problems: Vec<FieldProblem>,
}

impl Host {
    /// The installed plugins at this moment.
    pub(crate) fn known(&self) -> Result<BTreeMap<PluginId, KnownPlugin>, Error> {
        let plugins: Vec<_> = self.0.plugins.iter().map(|entry| entry.value().clone()).collect();
        let mut all = BTreeMap::new();
        for plugin in plugins {
            let Some(installed) = plugin.state().installed.clone() else { continue };
            let setup = installed.build.map(|build| self.setup(installed.desired.clone(), build)).transpose()?;
            let known = KnownPlugin { revision: installed.revision, desired: installed.desired, setup };
            all.insert(plugin.id.clone(), known);
        }
        Ok(all)
    }

    /// Fetches and checks the sources of all entries.
    ///
    /// # Errors
    /// A failure of the host itself; problems of entries are part of the result.
    pub(super) async fn look_at_all(
        &self,
        file: &PluginSet,
        known: &BTreeMap<PluginId, KnownPlugin>,
    ) -> Result<FoundSources, Error> {
        let look = |(index, entry)| async move { (index, self.look(entry, known).await) }.boxed();
        let looks: Vec<_> = file.plugins.iter().enumerate().map(look).collect();
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(LOOKS);
        let mut all = FoundSources::default();
        let mut problems = BTreeMap::new();
        while let Some((index, looked)) = looks.next().await {
            match looked {
                Ok(looked) => drop(all.found.insert(index, looked)),
                Err(error) if matches!(error.kind(), FailureKind::Broken | FailureKind::Full) => return Err(error),
                Err(error) => drop(problems.insert(index, problems_of_entry(index, &error))),
            }
        }
        all.problems = problems.into_values().flatten().collect();
        Ok(all)
    }

    async fn look(&self, entry: &PluginEntry, known: &BTreeMap<PluginId, KnownPlugin>) -> Result<FoundSource, Error> {
        let source = absolute(entry.source.clone());
        let same_source = known.values().find(|known| known.desired.current.source == source);
        // A client that may reload a plugin may name its source.
        let trust = same_source.map_or(Trust::Http, |known| known.desired.current.trust);
        let named = entry.id.as_ref().and_then(|id| known.get(id)).or(same_source);
        if let Some(setup) = named.and_then(|known| known.is_what(entry)) {
            let manifest = Manifest::clone(&setup.build.manifest);
            let schema = &setup.build.schema;
            let PlannedSettings { configuration, secrets, slips } =
                self.settings(entry, &manifest, schema, Some(setup))?;
            let commit = setup.desired.current.commit.clone();
            let artifact = Some(setup.desired.current.artifact);
            let found = FetchedSource { manifest, source, commit, artifact, configuration, secrets };
            return Ok(FoundSource { found, trust, fetched: None, build: None, warnings: vec![], slips });
        }
        let fetched = fetch(self, entry.to_fetch(), trust).await?;
        let checked = check(&self.config(), &fetched.tree)?;
        fits_host(self, &checked.manifest)?;
        let manifest = checked.manifest;
        let forecast = self.0.builder.forecast(&fetched.tree, &manifest).await?;
        let before = known.get(&manifest.id);
        let built = before.and_then(|known| known.setup.as_ref()).map(|setup| &setup.build.artifact);
        let same_tree = built.filter(|artifact| artifact.provenance().tree == Some(fetched.tree.digest()));
        let installed = same_tree.map(|artifact| artifact.digest());
        // The installed artifact of this tree is kept, unless the file is locked to another artifact.
        let installed = installed.filter(|digest| entry.artifact.is_none_or(|locked| locked == *digest));
        let schema = match &forecast.configuration_schema {
            Some(text) => Schema::compile(text).map_err(|source| Error::Schema { source })?,
            None => Schema::any(),
        };
        let setup = before.and_then(|known| known.setup.as_ref());
        let PlannedSettings { configuration, secrets, slips } = self.settings(entry, &manifest, &schema, setup)?;
        let found = FetchedSource {
            manifest,
            source,
            commit: fetched.commit.clone(),
            artifact: installed.or(forecast.artifact),
            configuration,
            secrets,
        };
        let of_manifest = checked.warnings.iter().map(ToString::to_string);
        let warnings = fetched.warnings.iter().cloned().chain(of_manifest).collect();
        Ok(FoundSource { found, trust, fetched: Some(fetched), build: Some(forecast.kind), warnings, slips })
    }

    /// The operator's settings and their secrets. Checks the effective configuration against the schema.
    fn settings(
        &self,
        entry: &PluginEntry,
        manifest: &Manifest,
        schema: &Schema,
        before: Option<&Setup>,
    ) -> Result<PlannedSettings, Error> {
        let invalid = |violations: Vec<Violation>| Error::ConfigurationInvalid { violations };
        let layers = Layers {
            defaults: manifest.configuration.clone(),
            host_file: self.config().configurations.get(&manifest.id).cloned().unwrap_or_default(),
            operator: before.map(|setup| setup.layers.operator.clone()).unwrap_or_default(),
        };
        let layers = match &entry.configuration {
            None => layers,
            Some(wanted) => {
                let secrets = before.map(Setup::secrets).unwrap_or_default();
                let whole = with_secrets(wanted, &layers.operator, &secrets);
                layers.with_operator(schema, whole).map_err(invalid)?
            }
        };
        let effective = layers.effective();
        schema.check(&effective).map_err(invalid)?;
        let slips = manifest.likely_slips(&effective);
        let secrets = secrets_in(schema, &layers.operator);
        Ok(PlannedSettings { configuration: entry.configuration.is_some().then_some(layers.operator), secrets, slips })
    }
}

/// The problems of an entry.
fn problems_of_entry(index: usize, error: &Error) -> Vec<FieldProblem> {
    let failed = Failed::from_error(error);
    let entry = format!("plugins[{index}]");
    if !failed.problems.is_empty() {
        let inner = |problem: FieldProblem| match error {
            Error::ConfigurationInvalid { .. } => {
                FieldProblem { field: format!("{entry}.configuration{}", problem.field), message: problem.message }
            }
            _ => FieldProblem { field: entry.clone(), message: problem.message },
        };
        return failed.problems.into_iter().map(inner).collect();
    }
    let hint = failed.fix.map(|fix| format!("; hint: {fix}")).unwrap_or_default();
    vec![FieldProblem { field: entry, message: format!("{}{hint}", failed.message) }]
}

impl KnownPlugin {
    /// The plugin, as the comparison needs it.
    pub(super) fn present(&self) -> InstalledPlugin {
        let setup = self.setup.as_ref();
        InstalledPlugin {
            desired: self.desired.clone(),
            manifest: setup.map(|setup| Manifest::clone(&setup.build.manifest)),
            configuration: setup.map(|setup| setup.layers.operator.clone()).unwrap_or_default(),
            secrets: setup.map(Setup::secrets).unwrap_or_default(),
        }
    }

    /// The setup, if the entry names exactly the installed version, so that nothing must be fetched.
    fn is_what(&self, entry: &PluginEntry) -> Option<&Setup> {
        let current = &self.desired.current;
        let is_same_folder = entry.source.path() == current.source.path();
        let is_same = match (entry.source.place(), current.source.place()) {
            _ if !is_same_folder => false,
            (Source::Git { url, .. }, Source::Git { url: installed, .. }) => {
                entry.commit.is_some() && entry.commit == current.commit && url.is_same_repository(installed)
            }
            (Source::Upload(id), Source::Upload(installed)) => id == installed,
            _ => false,
        };
        let is_locked_to_it = entry.artifact.is_none_or(|artifact| artifact == current.artifact);
        self.setup.as_ref().filter(|_| is_same && is_locked_to_it)
    }
}
