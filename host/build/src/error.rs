//! Errors of building.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_core::configuration::{SchemaError, Violation};
use host_core::{Digest, Size, Span};
use host_process::Exit;
use semver::{Version, VersionReq};

/// The reason why a tree did not become an artifact.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    /// cargo or rustc is missing, or its output is not as expected.
    #[error(
        "failed to run `{program}`; hint: install Rust from https://rustup.rs, or put `{program}` into the PATH of the host",
        program = program.display()
    )]
    NoToolchain {
        program: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tree has neither a Cargo.toml nor exactly one library at its root.
    #[error("the source has no Cargo.toml and {} at its root; hint: {}", libraries(*n_libraries), nothing_hint(*is_go))]
    NothingToBuild { n_libraries: usize, is_go: bool },
    /// The prebuilt library does not match the checksum in the manifest.
    #[error("`security.checksum` of plugin.yaml is `{expected}`, but `{path}` is `{actual}`")]
    Checksum { path: String, expected: Digest, actual: Digest },
    /// Files of the tree do not match the checksums in the manifest.
    #[error(
        "the tree does not match `checksums` of plugin.yaml: {list}; \
         hint: pack the plugin again with `plugin-host pack`, or correct `checksums`",
        list = problems.join("; ")
    )]
    TreeChecksum {
        /// One sentence for each file, ordered by path.
        problems: Vec<String>,
    },
    /// A schema is not in the tree.
    #[error("`{field}` of plugin.yaml is `{path}`, which is not in the plugin; hint: add the file, or remove the line")]
    SchemaMissing { field: String, path: String },
    /// A schema cannot be used.
    #[error("`{path}` is not a usable schema")]
    SchemaRefused { path: String, source: SchemaError },
    /// A Cargo.toml is invalid; cargo would refuse it, too.
    #[error("`{path}`{place}: {problem}", place = place(*line))]
    CargoToml {
        path: String,
        /// Counted from 1; 0 is the whole file.
        line: usize,
        problem: String,
    },
    /// The crate does not build a library that can be loaded.
    #[error("the crate does not build a `cdylib`; hint: write `crate-type = [\"cdylib\"]` under `[lib]` in Cargo.toml")]
    NotCdylib,
    /// A Cargo.toml names files that are not in the tree.
    #[error(
        "`{manifest}`: `{key}` is `{path}`, which is outside of the plugin; hint: put it into the plugin, or depend on a version"
    )]
    PathOutside { manifest: String, key: String, path: String },
    /// The plugin requires an SDK version that this host does not include.
    #[error(
        "the plugin requires plugin-sdk `{wanted}`, this host includes `{offered}`; hint: set plugin-sdk = \"{major}.{minor}\" in Cargo.toml",
        major = offered.major, minor = offered.minor
    )]
    SdkVersion { wanted: VersionReq, offered: Version },
    /// Too many builds wait already.
    #[error("{limit} builds are waiting already; hint: try again later")]
    QueueFull { limit: usize },
    /// The build waited too long for its turn.
    #[error("no build slot became free within {}; hint: try again later", Span::new(*timeout))]
    QueueTimeout { timeout: Duration },
    /// cargo stopped before it compiled anything: it could not read the manifests, or find or fetch a dependency.
    #[error("cargo could not prepare the build: {first}{hint}", first = first_line(message), hint = prepare_hint(message))]
    Dependencies { message: String, exit: Exit },
    /// The plugin or one of its dependencies does not compile.
    #[error("the plugin does not compile: {first}{hint}", first = first_line(message), hint = compile_hint(message))]
    Cargo { message: String, exit: Exit },
    /// The build took too long, or was silent for too long.
    #[error("the build was stopped; hint: raise `build.timeout_seconds` in plugin.yaml if the build needs more time")]
    TimedOut(#[source] host_process::Error),
    /// The build wrote more output than allowed.
    #[error("the build was stopped because it wrote more than {} of messages", Size::new(*max_bytes))]
    OutputTooLarge { max_bytes: u64 },
    /// cargo succeeded but reported no library.
    #[error("cargo succeeded but reported no library of `{package}`")]
    NoLibrary {
        /// The package that was built.
        package: String,
    },
    /// cargo could not be watched.
    #[error("failed to run cargo")]
    Process(#[source] host_process::Error),
    /// The store reported an error.
    #[error("failed to use the store")]
    Store(#[source] host_store::Error),
    /// A file of the build cache could not be used.
    #[error("failed to {action} `{path}`", path = path.display())]
    Io {
        action: &'static str,
        /// The path.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

/// Messages of cargo, the compiler and the linker for a full disk.
const NO_SPACE: &str = "No space left on device";

fn libraries(n_libraries: usize) -> String {
    if n_libraries == 0 { "no `.so` file".to_owned() } else { format!("{n_libraries} `.so` files") }
}

fn nothing_hint(is_go: bool) -> &'static str {
    if is_go {
        "this is a Go plugin; port it to Rust, see docs/authoring.md"
    } else {
        "add a Cargo.toml, or exactly one library"
    }
}

impl Error {
    /// The stable error code for clients, metrics and tests. For an error of the store, the store's code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NoToolchain { .. } => "build_no_toolchain",
            Error::NothingToBuild { .. } => "build_nothing_to_build",
            Error::Checksum { .. } => "build_checksum",
            Error::TreeChecksum { .. } => "build_tree_checksum",
            Error::SchemaMissing { .. } => "build_schema_missing",
            Error::SchemaRefused { .. } => "build_schema_refused",
            Error::CargoToml { .. } => "build_cargo_toml",
            Error::NotCdylib => "build_not_cdylib",
            Error::PathOutside { .. } => "build_path_outside",
            Error::SdkVersion { .. } => "build_sdk_version",
            Error::QueueFull { .. } => "build_queue_full",
            Error::QueueTimeout { .. } => "build_queue_timeout",
            Error::Dependencies { message, .. } | Error::Cargo { message, .. } if message.contains(NO_SPACE) => {
                "build_full"
            }
            Error::Dependencies { .. } => "build_dependencies",
            Error::Cargo { .. } => "build_failed",
            Error::TimedOut(_) => "build_timed_out",
            Error::OutputTooLarge { .. } => "build_output_too_large",
            Error::NoLibrary { .. } => "build_no_library",
            Error::Process(_) => "build_process",
            Error::Store(error) => error.code(),
            Error::Io { source, .. } if host_store::is_full(source) => "build_full",
            Error::Io { .. } => "build_io",
            Error::Stopping => "build_stopping",
        }
    }

    /// Returns whether the plugin was refused by a check before its build.
    pub fn is_before_build(&self) -> bool {
        matches!(
            self,
            Error::NothingToBuild { .. }
                | Error::Checksum { .. }
                | Error::TreeChecksum { .. }
                | Error::SchemaMissing { .. }
                | Error::SchemaRefused { .. }
                | Error::CargoToml { .. }
                | Error::NotCdylib
                | Error::PathOutside { .. }
                | Error::SdkVersion { .. }
        )
    }

    /// The violations of a schema, by location; empty for other errors.
    pub fn schema_problems(&self) -> &[Violation] {
        match self {
            Error::SchemaRefused { source: SchemaError::Refused { problems }, .. } => problems,
            _ => &[],
        }
    }

    /// The output of cargo and the compiler; `None` if they did not run or did not fail.
    pub fn compiler_output(&self) -> Option<&str> {
        match self {
            Error::Dependencies { message, .. } | Error::Cargo { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl From<host_store::Error> for Error {
    fn from(error: host_store::Error) -> Error {
        Error::Store(error)
    }
}

/// Adds the action and the path to an I/O error.
pub(crate) trait IoContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

/// The hint for a crate that uses the SDK without depending on it.
fn compile_hint(message: &str) -> &'static str {
    if message.contains("crate `plugin_sdk`") || message.contains("import `plugin_sdk`") {
        "; hint: add `plugin-sdk = \"0.1\"` under `[dependencies]` in Cargo.toml"
    } else {
        ""
    }
}

/// The hint for an SDK that cargo cannot fetch, such as the SDK of a git repository without a network.
fn prepare_hint(message: &str) -> &'static str {
    if message.contains("failed to get `plugin-sdk`") {
        "; hint: write `plugin-sdk = \"0.1\"` under `[dependencies]` in Cargo.toml: the host has the SDK"
    } else {
        ""
    }
}

fn place(line: usize) -> String {
    if line == 0 { String::new() } else { format!(" line {line}") }
}

fn first_line(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or("it wrote nothing");
    line.strip_prefix("error: ").unwrap_or(line).chars().take(300).collect()
}
