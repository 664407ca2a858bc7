//! Validation of a source without installing it.

use std::collections::VecDeque;
use std::path::PathBuf;

use host_build::BuildKind;
use host_core::configuration::Schema;
use host_core::graph::Node;
use host_core::manifest::Checked;
use host_core::{Digest, Manifest, Source, TreePath, Trust};
use host_fetch::Fetched;
use host_load::LibraryHeader;
use host_store::Tree;

use crate::model::Error;
use crate::operation::{check, fetch, fits_host};
use crate::state::Host;

/// Number of lines of a build log that are returned.
const MAX_LOG_LINES: usize = 1_000;

/// The result of a validation.
#[derive(Debug)]
pub struct Validated {
    /// The manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// The configuration schema, which marks secrets.
    pub schema: Schema,
    /// The warnings about the files of the source and its plugin.yaml.
    pub warnings: Vec<String>,
    /// The reason why the source cannot be installed; `None` if none was found. Only a build shows whether the
    /// code compiles.
    pub error: Option<Error>,
    /// The fetched tree.
    pub tree: Digest,
    /// The fetched commit, for a repository.
    pub commit: Option<String>,
    /// How the artifact would be created.
    pub build: Option<BuildKind>,
    /// The predicted artifact; `None` if only a build can tell.
    pub artifact: Option<Digest>,
    /// The prebuilt library, if the source has one and it can be loaded.
    pub library: Option<(TreePath, LibraryHeader)>,
}

impl Host {
    /// Fetches a source and performs the checks before a build: plugin.yaml, versions, checksums, code, schema.
    /// Installs nothing; the tree is removed by a later sweep.
    ///
    /// # Errors
    /// The source could not be fetched; [`Error::Looking`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the fetch.
    pub async fn validate(&self, source: Source) -> Result<Validated, Error> {
        // An upload is in the store already.
        let _turn = match source.place() {
            Source::Upload(_) => None,
            _ => Some(self.0.looks.try_acquire().map_err(|_| Error::Looking)?),
        };
        let fetched = self.fetch_for_validation(source).await?;
        Ok(self.judge_fetched(fetched).await)
    }

    /// Fetches, checks and builds a source without installing it. The build cache keeps the artifact for a later
    /// installation. Returns the result, with the artifact, and the last lines of the build log.
    ///
    /// # Errors
    /// The source could not be fetched, or the host is stopping; [`Error::Looking`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the fetch or the build.
    pub async fn build_source(&self, source: Source) -> Result<(Validated, Vec<String>), Error> {
        let _turn = self.0.looks.try_acquire().map_err(|_| Error::Looking)?;
        let shown = source.to_string();
        let fetched = self.fetch_for_validation(source).await?;
        let mut validated = self.judge_fetched(fetched.clone()).await;
        let Some(manifest) = validated.manifest.as_ref().filter(|_| validated.error.is_none()) else {
            return Ok((validated, vec![]));
        };
        let log = parking_lot::Mutex::new(VecDeque::new());
        let add_line = |line: &str| {
            let mut log = log.lock();
            if log.len() == MAX_LOG_LINES {
                log.pop_front();
            }
            log.push_back(line.to_owned());
        };
        let from = host_build::BuildSource { source: shown, commit: fetched.commit.clone() };
        let built = tokio::select! {
            built = self.0.builder.build(&fetched.tree, manifest, &from, &add_line) => built,
            () = self.0.stopping.cancelled() => return Err(Error::ShuttingDown),
        };
        match built {
            Ok(built) => validated.artifact = Some(built.artifact.digest()),
            Err(error) => validated.error = Some(error.into()),
        }
        Ok((validated, log.into_inner().into()))
    }

    async fn fetch_for_validation(&self, source: Source) -> Result<Fetched, Error> {
        Ok(match source {
            Source::Upload(upload) => {
                let host = self.clone();
                let id = upload.clone();
                let found = tokio::task::spawn_blocking(move || {
                    let found = host.0.store.upload(&id)?;
                    let found = found.map(|found| Fetched::from_tree(found.tree, found.warnings));
                    Ok::<_, Error>(found.map(Fetched::with_warnings_about_code))
                });
                let found = found.await.map_err(|_| Error::Panicked)??;
                let shown = || host_core::shown(&upload, 60);
                found.ok_or_else(|| Error::UnknownUpload { id: shown() })?
            }
            source => tokio::select! {
                fetched = fetch(self, source, Trust::Http) => fetched?,
                () = self.0.stopping.cancelled() => return Err(Error::ShuttingDown),
            },
        })
    }

    /// Gate 0 for a prebuilt library: reads the file and runs none of its code.
    async fn read_library(&self, tree: &Tree, library: &TreePath) -> Result<LibraryHeader, Error> {
        let (tree, file) = (tree.clone(), library.clone());
        let header = tokio::task::spawn_blocking(move || {
            let bytes = tree.read(&file, u64::MAX)?;
            host_load::library_header(&bytes).map_err(|source| Error::Library { file, source })
        });
        header.await.map_err(|_| Error::Panicked).flatten()
    }

    /// Checks that a manifest named beside a plugin is the manifest of that plugin.
    ///
    /// # Errors
    /// [`Error::ManifestElsewhere`].
    pub fn with_manifest(&self, plugin: &Source, manifest: Option<&str>) -> Result<(), Error> {
        let Some(manifest) = manifest.filter(|manifest| !manifest.is_empty()) else { return Ok(()) };
        let folder = match plugin.place() {
            Source::Folder(path) => path.clone(),
            Source::Library(path) => path.parent().map(PathBuf::from).unwrap_or_default(),
            _ => PathBuf::new(),
        };
        let names = ["plugin.yaml", "plugin.yml"].map(|name| folder.join(name));
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let named = absolute(PathBuf::from(manifest));
        let is_named = names.into_iter().any(|name| absolute(name) == named);
        if is_named { Ok(()) } else { Err(Error::ManifestElsewhere) }
    }

    async fn judge_fetched(&self, fetched: Fetched) -> Validated {
        let Fetched { tree, commit, warnings, .. } = fetched;
        let mut validated = Validated {
            manifest: None,
            schema: Schema::any(),
            warnings,
            error: None,
            tree: tree.digest(),
            commit,
            build: None,
            artifact: None,
            library: None,
        };
        let Checked { manifest, warnings } = match check(&self.config(), &tree) {
            Ok(checked) => checked,
            Err(error) => return Validated { error: Some(error), ..validated },
        };
        validated.warnings.extend(warnings.iter().map(ToString::to_string));
        validated.error = fits_host(self, &manifest).err();
        if validated.error.is_none() {
            match self.0.builder.forecast(&tree, &manifest).await {
                Ok(forecast) => {
                    validated.build = Some(forecast.kind);
                    if let Some(file) = forecast.library {
                        match self.read_library(&tree, &file).await {
                            Ok(header) => validated.library = Some((file, header)),
                            Err(error) => validated.error = Some(error),
                        }
                    }
                    validated.artifact = forecast.artifact;
                    match forecast.configuration_schema.map(|text| Schema::compile(&text)).transpose() {
                        Ok(schema) => validated.schema = schema.unwrap_or_else(Schema::any),
                        Err(source) => {
                            validated.error.get_or_insert(Error::Schema { source });
                        }
                    }
                }
                Err(error) => validated.error = Some(error.into()),
            }
        }
        if validated.error.is_none() {
            validated.warnings.extend(self.obstacles(&manifest, &validated.schema));
        }
        validated.manifest = Some(manifest);
        validated
    }

    /// Reasons why a valid plugin cannot be loaded now: its dependencies, and defaults that its own schema refuses.
    fn obstacles(&self, manifest: &Manifest, schema: &Schema) -> Vec<String> {
        let graph = self.graph().check(&Node::from_manifest(manifest, true)).err();
        let graph = graph.map(|error| format!("the plugin cannot be started now: {}", Error::from(error).chain()));
        let defaults = schema.check(&manifest.configuration).err();
        let defaults = defaults.map(|violations| {
            let error = Error::ConfigurationInvalid { violations };
            format!("the plugin cannot be started with its own defaults: {}", error.chain())
        });
        graph.into_iter().chain(defaults).collect()
    }
}
