//! The configuration of an author's command.

use std::path::PathBuf;

/// The configuration of an author's command: the configuration of a host on this machine, and the user's environment.
pub struct AuthorConfig {
    /// The data folders. The plugin folder is replaced by a temporary one; the cache folder is the user's build cache.
    pub store: host_store::Config,
    /// Builds.
    pub build: host_build::Config,
    /// Plugins, and how sources are fetched.
    pub run: host_run::Config,
    /// The HTTP server of `dev`.
    pub serve: host_serve::Config,
    /// The folder for the author's data; `None` if it is unknown.
    pub data_folder: Option<PathBuf>,
    /// The environment variables of a child process that opens a library.
    pub library_environment: Vec<(String, String)>,
}
