//! The environment of an author's command: a temporary store, with the configuration of a host on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_core::manifest::Checked;
use host_core::{Manifest, Source};
use host_fetch::Fetched;
use host_run::{Error, Trust};
use host_store::{Store, Tree};
use tempfile::TempDir;

use crate::blocking;
use crate::config::AuthorConfig;
use host_client::Failure;

/// A temporary store and the configuration of all crates.
pub(crate) struct Workshop {
    pub(crate) build: host_build::Config,
    pub(crate) run: host_run::Config,
    pub(crate) serve: host_serve::Config,
    pub(crate) store: Store,
    pub(crate) data_folder: Option<PathBuf>,
    pub(crate) library_environment: Vec<(String, String)>,
    /// The temporary folder that contains the plugin folder. Declared last, so that it is dropped after the store.
    folder: TempDir,
}

impl Workshop {
    /// Opens a workshop with the user's build cache, for commands that build.
    pub(crate) fn with_cache(config: AuthorConfig) -> Result<Workshop, Failure> {
        Workshop::open(config, |cache_dir, _| cache_dir)
    }

    /// Opens a workshop with a temporary cache, for commands that build nothing.
    pub(crate) fn without_cache(config: AuthorConfig) -> Result<Workshop, Failure> {
        Workshop::open(config, |_, folder| folder.join("cache"))
    }

    fn open(config: AuthorConfig, cache_dir: impl FnOnce(PathBuf, &Path) -> PathBuf) -> Result<Workshop, Failure> {
        let folder = scratch()?;
        let AuthorConfig { store: mut places, build, run, serve, data_folder, library_environment } = config;
        places.plugin_dir = folder.path().join("plugins");
        places.cache_dir = cache_dir(places.cache_dir, folder.path());
        let store =
            Store::open(places).map_err(|error| Failure::from_error("failed to open the data folders", &error))?;
        Ok(Workshop { build, run, serve, store, data_folder, library_environment, folder })
    }

    /// Returns the folder for temporary files.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a folder as a source.
    ///
    /// # Errors
    /// The path is not a folder, or the folder contains the build cache, which would become part of the plugin.
    pub(crate) fn source(&self, folder: &Path) -> Result<Source, Failure> {
        let shown = folder.display();
        let place = folder.canonicalize().map_err(|error| {
            Failure::usage(format!("folder `{shown}` does not exist"))
                .because(error.to_string())
                .fix("pass the folder of a plugin; `plugin-host new NAME` creates one")
        })?;
        if !place.is_dir() {
            return Err(
                Failure::usage(format!("`{shown}` is not a folder")).fix("pass the folder that contains plugin.yaml")
            );
        }
        let is_plugin = |name: &&str| place.join(name).exists();
        if self.store.cache_dir().starts_with(&place) && !["plugin.yaml", "plugin.yml"].iter().any(is_plugin) {
            // The folder in which a host was started, rather than a plugin.
            return Err(Failure::usage(format!("`{shown}` has no plugin.yaml"))
                .fix("pass the folder of a plugin; `plugin-host new NAME` creates one"));
        }
        if self.store.cache_dir().starts_with(&place) {
            let failure = Failure::usage(format!("the build cache is inside the plugin's folder `{shown}`"));
            return Err(failure
                .because(format!("it is `{}`", self.store.cache_dir().display()))
                .fix("select another folder with --cache-dir or PLUGIN_CACHE_DIR"));
        }
        Ok(Source::Folder(place))
    }

    /// Fetches a source as a host does.
    pub(crate) async fn fetch(&self, source: Source) -> Result<Fetched, Error> {
        let store = self.store.clone();
        let config = self.run.fetch.clone();
        let fetched = blocking(move || {
            host_fetch::fetch(&store, &config, &source, Trust::CommandLine, &Arc::new(AtomicBool::new(false)))
        });
        Ok(fetched.await?)
    }

    /// Checks the plugin.yaml of a tree as a host does.
    pub(crate) fn check(&self, tree: &Tree) -> Result<Checked, Error> {
        let text = tree.manifest_text()?;
        let checked = Manifest::check_for_host(&text, self.run.mode, self.run.max_endpoint_timeout);
        let mut checked = checked.map_err(|problems| Error::Manifest { problems })?;
        checked.warnings.extend(host_build::version_difference(tree, &checked.manifest));
        Ok(checked)
    }
}

/// Creates an empty folder that is deleted when it is dropped.
pub(crate) fn scratch() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("plugin-host-").tempdir().map_err(|error| {
        Failure::from_error("failed to create a temporary folder", &error).fix("set TMPDIR to a folder with free space")
    })
}
