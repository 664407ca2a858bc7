//! Arguments of the commands for plugin authors. None of these commands needs a running host.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use host_client::args::LOCAL_EXIT_CODES;
use host_core::whole_number;

/// The default port of `dev`: next to the default port of a host, so that both can run.
const DEV_PORT: u16 = 4001;

/// The commands for plugin authors, and the child processes of a host.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Create a plugin project
    #[command(after_help = LOCAL_EXIT_CODES)]
    New(New),
    /// Build and serve a plugin, and reload it at every change
    #[command(after_help = LOCAL_EXIT_CODES)]
    Dev(Dev),
    /// Check, build and open a plugin as a host would
    #[command(after_help = LOCAL_EXIT_CODES)]
    Check(Check),
    /// Create a reproducible ZIP archive for `load` or upload
    #[command(after_help = LOCAL_EXIT_CODES)]
    Pack(Pack),
    /// Inspect a library and show whether this host can load it
    #[command(after_help = LOCAL_EXIT_CODES)]
    Explain(Explain),
    /// Let cargo and editors in a folder find the plugin-sdk
    #[command(after_help = LOCAL_EXIT_CODES)]
    Sdk(Sdk),
    /// Open a library and print the result of each compatibility check
    #[command(hide = true)]
    OpenLibrary(OpenLibrary),
    /// Open and start a library and print the outcome
    #[command(hide = true)]
    TryLibrary(TryLibrary),
}

/// `new`.
#[derive(Debug, Args)]
pub struct New {
    /// Id of the plugin and name of its crate
    pub(crate) name: String,
    /// Folder to create; it must be empty or not exist [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

/// `sdk`.
#[derive(Debug, Args)]
pub struct Sdk {
    /// Folder of the plugin
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// The build cache.
#[derive(Debug, Args)]
pub struct Cache {
    /// Folder of the build cache [host.toml: cache_dir] [env: PLUGIN_HOST_CACHE_DIR, PLUGIN_CACHE_DIR] [default:
    /// ./build_cache if it exists, otherwise plugin-host/build_cache in the user's cache folder]
    #[arg(long, value_name = "PATH")]
    pub cache_dir: Option<String>,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Folder of the plugin
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Print the steps as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The build cache.
    #[command(flatten)]
    pub cache: Cache,
}

/// `dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Folder of the plugin
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Port to listen on at 127.0.0.1; 0 selects a free port
    #[arg(long, value_name = "NUMBER", default_value_t = DEV_PORT, value_parser = |text: &str| whole_number::<u16>(text, 0..=u16::MAX))]
    pub(crate) port: u16,
    /// JSON file with settings that override the defaults of plugin.yaml; the plugin is also reloaded when this file
    /// changes
    #[arg(long, alias = "config", value_name = "FILE")]
    pub(crate) configuration: Option<PathBuf>,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
    /// The build cache.
    #[command(flatten)]
    pub cache: Cache,
}

/// `pack`.
#[derive(Debug, Args)]
pub struct Pack {
    /// Folder of the plugin
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Archive to write [default: ./ID-VERSION.zip]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Library file, usually a `.so`; a plugin.yaml in the same folder is compared with the code
    #[arg(value_name = "LIB")]
    pub(crate) library: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `open-library`: `check` and `explain` run it as a child process, because opening a library runs its code.
#[derive(Debug, Args)]
pub struct OpenLibrary {
    /// The library
    pub(crate) library: PathBuf,
    /// plugin.yaml to compare the library with
    #[arg(long)]
    pub(crate) manifest: Option<PathBuf>,
    /// Empty working folder
    #[arg(long)]
    pub(crate) scratch: PathBuf,
    /// Time limit for opening the library, in seconds
    #[arg(long)]
    pub(crate) timeout_seconds: u64,
}

/// `try-library`: the host runs it as a child process before it opens a library for the first time.
#[derive(Debug, Args)]
pub struct TryLibrary {
    /// The library
    pub(crate) library: PathBuf,
    /// Working folder with plugin.yaml and the configuration
    #[arg(long)]
    pub(crate) scratch: PathBuf,
    /// Only open the library, do not start the plugin
    #[arg(long)]
    pub(crate) open_only: bool,
    /// Time limit for opening, `validate` and `start`, each, in milliseconds
    #[arg(long)]
    pub(crate) timeout_ms: u64,
}
