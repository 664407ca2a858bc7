//! The words of plugin authors. None of these commands needs a running host.

use std::path::PathBuf;

use clap::Args;

/// Where `dev` listens unless told: beside a host on its usual port.
const DEV_PORT: u16 = 4001;

/// `new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// What the plugin is called: its id, and the name of its crate
    pub(crate) name: String,
    /// The folder to write, which must be empty or not there yet [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

/// `sdk`.
#[derive(Debug, Args)]
pub(crate) struct Sdk {
    /// The plugin's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Where builds keep what makes them fast.
#[derive(Debug, Args)]
pub(crate) struct Cache {
    /// Where builds keep what makes them fast [host.toml: cache_dir] [env: PLUGIN_CACHE_DIR] [default: ./build_cache if it
    /// is there, else plugin-host/build_cache in the user's cache folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) cache_dir: Option<String>,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The plugin's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Print the steps as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: Cache,
}

/// `dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The plugin's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The port to listen at, on 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "NUMBER", default_value_t = DEV_PORT)]
    pub(crate) port: u16,
    /// A JSON file with configuration to set over that of plugin.yaml; a change of it reloads too
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) cache: Cache,
}

/// `pack`.
#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// The plugin's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The file to write [default: ./ID-VERSION.zip]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print what was packed as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The file, usually a `.so`; a plugin.yaml beside it is compared with the code
    #[arg(value_name = "LIB")]
    pub(crate) library: PathBuf,
    /// Print what was seen as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `open-library`, which `check` and `explain` run as a child: foreign code runs there when a library is opened.
#[derive(Debug, Args)]
pub(crate) struct OpenLibrary {
    /// The library
    pub(crate) library: PathBuf,
    /// The plugin.yaml to compare it with
    #[arg(long)]
    pub(crate) manifest: Option<PathBuf>,
    /// An empty folder to work in
    #[arg(long)]
    pub(crate) scratch: PathBuf,
    /// How long the library may take to open, in seconds
    #[arg(long)]
    pub(crate) timeout_seconds: u64,
}
