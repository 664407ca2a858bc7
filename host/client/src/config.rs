//! The configuration of a client: environment variables and the host on this machine.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use host_core::TreePath;
use tempfile::TempPath;

use crate::failure::Failure;

/// Packs a folder with a plugin, at its root or in the folder inside of it, into a temporary archive.
pub type Pack<'a> = dyn Fn(PathBuf, Option<TreePath>) -> Pin<Box<dyn Future<Output = Result<TempPath, Failure>>>> + 'a;

/// Writes a bundle to a path.
pub type WriteBundle<'a> = dyn Fn(Bundle, PathBuf) -> Pin<Box<dyn Future<Output = Result<(), Failure>>>> + 'a;

/// Reads a bundle.
pub type ReadBundle<'a> = dyn Fn(PathBuf) -> Pin<Box<dyn Future<Output = Result<Bundle, Failure>>>> + 'a;

/// The work with archives that the commands leave to the program.
pub struct Archives<'a> {
    /// Packs a folder.
    pub pack: &'a Pack<'a>,
    /// Writes a bundle.
    pub write_bundle: &'a WriteBundle<'a>,
    /// Reads a bundle.
    pub read_bundle: &'a ReadBundle<'a>,
}

/// A plugins.yaml with the sources that it names by relative paths.
pub struct Bundle {
    /// The plugins.yaml.
    pub text: String,
    /// The sources.
    pub sources: Vec<BundledSource>,
    /// The paths of all other files.
    pub others: Vec<String>,
    /// Removes temporary archives when it is dropped.
    pub guard: Option<Box<dyn Send>>,
}

/// A source of a bundle.
#[derive(Clone, Debug)]
pub struct BundledSource {
    /// The folder in the bundle, such as `sources/hello`.
    pub folder: String,
    /// An archive with the files of the source.
    pub archive: PathBuf,
}

/// The configuration of a client, apart from its arguments.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The URL of the host from the environment.
    pub url: Option<String>,
    /// The API token from the environment.
    pub token: Option<String>,
    /// The file with certificate authorities from the environment.
    pub authorities: Option<PathBuf>,
    /// The host on this machine.
    pub local: LocalHost,
}

/// The host on this machine, as its configuration describes it.
#[derive(Clone, Debug)]
pub struct LocalHost {
    /// The URL of the host.
    pub url: String,
    /// The address that the host listens on. Port 0 is unknown.
    pub address: SocketAddr,
    /// The certificate of the host, if it uses TLS.
    pub certificate: Option<PathBuf>,
    /// The plugin folder of the host.
    pub plugin_dir: PathBuf,
}
