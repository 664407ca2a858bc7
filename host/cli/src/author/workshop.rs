//! The environment of an author's command: a temporary store, with the configuration of a host on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_core::manifest::Checked;
use host_core::{Manifest, Source};
use host_run::{Error, Trust};
use host_store::{Store, Tree};
use tempfile::TempDir;

use super::blocking;
use crate::args::author::Cache;
use crate::config::{self, Environment, Flags, Rooms, Settings};
use crate::failure::Failure;

/// A temporary store and the configuration of all crates.
pub(super) struct Workshop {
    pub(super) settings: Settings,
    pub(super) build: host_build::Config,
    pub(super) run: host_run::Config,
    pub(super) serve: host_serve::Config,
    pub(super) store: Store,
    /// The temporary folder that contains the plugin folder. Declared last, so that it is dropped after the store.
    folder: TempDir,
}

impl Workshop {
    /// Opens a workshop with the user's build cache, for commands that build.
    pub(super) fn with_cache(environment: &Environment, cache: &Cache) -> Result<Workshop, Failure> {
        let flags = Flags::default().with("cache_dir", cache.cache_dir.as_deref());
        let settings = config::read(&flags, environment, None)?;
        let cache_dir = settings.cache_dir_of_author(environment);
        Workshop::open(settings, environment, |_| cache_dir)
    }

    /// Opens a workshop with a temporary cache, for commands that build nothing.
    pub(super) fn without_cache(environment: &Environment) -> Result<Workshop, Failure> {
        let settings = config::read(&Flags::default(), environment, None)?;
        Workshop::open(settings, environment, |folder| folder.join("cache"))
    }

    fn open(
        settings: Settings,
        environment: &Environment,
        cache_dir: impl FnOnce(&Path) -> PathBuf,
    ) -> Result<Workshop, Failure> {
        let folder = scratch()?;
        let Rooms { store: mut config, build, run, serve, .. } = Rooms::of(&settings, environment);
        config.plugin_dir = folder.path().join("plugins");
        config.cache_dir = cache_dir(folder.path());
        let store = Store::open(config).map_err(|error| Failure::of("failed to open the data folders", &error))?;
        Ok(Workshop { settings, build, run, serve, store, folder })
    }

    /// Returns the folder for temporary files.
    pub(super) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a folder as a source.
    ///
    /// # Errors
    /// The path is not a folder, or the folder contains the build cache, which would become part of the plugin.
    pub(super) fn source(&self, folder: &Path) -> Result<Source, Failure> {
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
        if self.store.cache_dir().starts_with(&place) {
            let failure = Failure::usage(format!("the build cache is inside the plugin's folder `{shown}`"));
            return Err(failure
                .because(format!("it is `{}`", self.store.cache_dir().display()))
                .fix("select another folder with --cache-dir or PLUGIN_CACHE_DIR"));
        }
        Ok(Source::Folder(place))
    }

    /// Fetches a source as a host does.
    pub(super) async fn fetch(&self, source: Source) -> Result<Tree, Error> {
        let (store, config) = (self.store.clone(), self.run.fetch.clone());
        let fetched = blocking(move || {
            host_fetch::fetch(&store, &config, &source, Trust::CommandLine, &Arc::new(AtomicBool::new(false)))
        });
        Ok(fetched.await?.tree)
    }

    /// Checks the plugin.yaml of a tree as a host does.
    pub(super) fn check(&self, tree: &Tree) -> Result<Checked, Error> {
        Manifest::check(&tree.manifest_text()?, self.run.mode).map_err(|problems| Error::Manifest { problems })
    }
}

/// Creates an empty folder that is deleted when it is dropped.
pub(super) fn scratch() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("plugin-host-").tempdir().map_err(|error| {
        Failure::of("failed to create a temporary folder", &error).fix("set TMPDIR to a folder with free space")
    })
}
