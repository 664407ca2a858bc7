//! The arguments of the client commands and their help texts.

mod access;
mod audit;
mod catalog;
mod change;
mod complete;
mod events;
mod graph;
mod history;
mod jobs;
mod key_path;
mod load;
mod logs;
mod ping;
mod plan;
mod reload;
mod settings;
mod updates;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use host_core::PluginId;

use crate::output::FormatArgs;

pub use access::{AddUser, CreateToken, RightsArgs, SetUser, TokenArgs, TokenCommand, UserArgs, UserCommand};
pub use audit::{Audit, AuditCommand, VerifyAudit};
pub use catalog::{Available, CacheCommand, Validate};
pub use change::{ChangeArgs, ChangeOptions, Disable, OnConflict, Unload};
pub use complete::{Complete, CompletedKind};
pub use events::Events;
pub use graph::{Graph, GraphFormat};
pub use history::{Diff, Restore, Revisions, Rollback};
pub use jobs::{Job, JobArgs, JobCommand, Jobs};
use key_path::KeyPath;
pub(crate) use key_path::KeyValue;
pub use load::{Load, Loadable, parse_source};
pub use logs::Logs;
pub use ping::Ping;
pub use plan::{Apply, Export, Plan};
pub use reload::{Prove, Reload};
pub use settings::{RunningConfig, SetConfig, SettingCommand, UnsetConfig};
pub use updates::{Block, SetPolicy, Update, Updates};

/// The exit codes, for the help text of each command.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the host refused the request, or the request failed
  2  invalid arguments or configuration
  3  the host cannot be reached";

/// The exit codes of `serve`.
pub const SERVE_EXIT_CODES: &str = "\
Exit codes:
  0  stopped by SIGTERM or SIGINT
  1  the host could not start, or was stopped by a second signal
  2  invalid arguments or configuration";

/// The exit codes of commands that call no host.
pub const LOCAL_EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the command failed
  2  invalid arguments or configuration";

/// The client commands.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Install or replace a plugin and start it
    #[command(after_help = EXIT_CODES)]
    Load(Load),
    /// List the plugins in the host's configured indexes
    #[command(after_help = EXIT_CODES)]
    Available(Available),
    /// Fetch and check a source on the host without installing it
    #[command(after_help = EXIT_CODES)]
    Validate(Validate),
    /// List installed plugins
    #[command(after_help = EXIT_CODES)]
    List(HostArgs),
    /// Show the details of a plugin
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Fetch and build a plugin again and replace the running version
    ///
    /// --prove reloads the plugin repeatedly while it sends requests, and reports whether each request succeeded.
    #[command(after_help = EXIT_CODES)]
    Reload(Reload),
    /// Enable an installed plugin and start it; lifts a quarantine
    #[command(after_help = EXIT_CODES)]
    Enable(ChangeArgs),
    /// Stop a plugin until it is enabled again; it stays installed
    ///
    /// Unlike a plugin that was stopped with `stop`, a disabled plugin cannot be restarted or updated, and no enabled
    /// plugin can depend on it. Disable plugins that depend on it first, or with --cascade.
    #[command(after_help = EXIT_CODES)]
    Disable(Disable),
    /// Start a stopped plugin; lifts a quarantine
    #[command(after_help = EXIT_CODES)]
    Start(ChangeArgs),
    /// Stop a plugin until it is started again
    ///
    /// The plugin stays enabled: plugins that depend on it keep running, and it can be updated. To prevent both, use
    /// `disable`.
    #[command(after_help = EXIT_CODES)]
    Stop(ChangeArgs),
    /// Restart a plugin without fetching or building it
    ///
    /// Lifts a quarantine.
    #[command(after_help = EXIT_CODES)]
    Restart(ChangeArgs),
    /// Stop a plugin and uninstall it
    #[command(after_help = EXIT_CODES)]
    Unload(Unload),
    /// Replace a plugin with one of its rollback versions
    #[command(after_help = EXIT_CODES)]
    Rollback(Rollback),
    /// List the changes of the desired state with time and reason
    #[command(after_help = EXIT_CODES)]
    Revisions(Revisions),
    /// Show what a revision changed, or compare two revisions
    #[command(after_help = EXIT_CODES)]
    Diff(Diff),
    /// Restore version, goal and configuration of an earlier revision
    #[command(after_help = EXIT_CODES)]
    Restore(Restore),
    /// List available updates of all plugins, or of one plugin
    #[command(after_help = EXIT_CODES)]
    Updates(Updates),
    /// Update a plugin to a newer version from its repository
    #[command(after_help = EXIT_CODES)]
    Update(Update),
    /// Set which updates of a plugin are allowed or automatic
    #[command(after_help = EXIT_CODES)]
    UpdatePolicy(SetPolicy),
    /// Pin a plugin to its version (policy `pinned`)
    ///
    /// The host no longer checks for updates of the plugin.
    #[command(after_help = EXIT_CODES)]
    Pin(ChangeArgs),
    /// Check a pinned plugin for updates again (policy `minor`)
    ///
    /// Updates are not installed automatically.
    #[command(after_help = EXIT_CODES)]
    Unpin(ChangeArgs),
    /// Exclude a version of a plugin from updates
    #[command(after_help = EXIT_CODES)]
    Block(Block),
    /// Allow updates to a blocked version of a plugin again
    #[command(after_help = EXIT_CODES)]
    Unblock(Block),
    /// Show or change the configuration of a plugin
    #[command(after_help = EXIT_CODES)]
    Configure(Configure),
    /// Show the log of a plugin; --follow also prints new lines
    #[command(after_help = EXIT_CODES)]
    Logs(Logs),
    /// Show the dependency graph of the plugins in start order
    #[command(after_help = EXIT_CODES)]
    Graph(Graph),
    /// Show the changes that `apply` would make for a plugins.yaml
    #[command(after_help = plan::EXIT_CODES)]
    Plan(Plan),
    /// Show the changes for a plugins.yaml, and make them if confirmed
    ///
    /// Only the changes that were shown are made. If a change fails, all changes are undone, except with --best-effort.
    #[command(after_help = EXIT_CODES)]
    Apply(Apply),
    /// Print the desired state as a plugins.yaml, without secrets
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// List running and recently finished jobs
    #[command(after_help = EXIT_CODES)]
    Jobs(Jobs),
    /// Show, follow, cancel or retry a job
    #[command(after_help = EXIT_CODES)]
    Job(Box<Job>),
    /// Show the events of the host; --follow also prints new events
    #[command(after_help = EXIT_CODES)]
    Events(Events),
    /// Manage API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage users who log in with a password
    #[command(subcommand)]
    User(UserCommand),
    /// Show or verify the audit log of all changes
    #[command(after_help = EXIT_CODES)]
    Audit(Box<Audit>),
    /// Check whether a host is ready; needs no token
    #[command(after_help = EXIT_CODES)]
    Ping(Ping),
    /// List ids for the completion script of a shell
    #[command(hide = true)]
    Complete(Complete),
    /// Show or clear the build cache, artifacts and source trees
    #[command(subcommand)]
    Cache(CacheCommand),
}

/// `configure`.
#[derive(Debug, Args)]
pub struct Configure {
    /// File with a JSON object that replaces all earlier settings of the plugin; a key that it does not contain has the
    /// value of host.toml or the default of plugin.yaml; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Set one key to a JSON value or a text, and keep the other settings; `a.b` is the key `b` of the object `a`,
    /// `"a.b"` is one key; may be repeated
    #[arg(long, value_name = "KEY=JSON")]
    pub(crate) set: Vec<KeyValue>,
    /// Remove one of these settings, so that host.toml or the default of plugin.yaml applies; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) unset: Vec<KeyPath>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// Options of all client commands.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// URL of the host [env: PLUGIN_HOST_URL] [default: the configured host and port, http://127.0.0.1:4000]
    #[arg(long, help_heading = "Host")]
    pub url: Option<String>,
    /// API token; other users can see it in the process list, so prefer the environment variable
    /// [env: PLUGIN_HOST_TOKEN] [default: the initial admin token, from operator.token in the host's plugin folder]
    #[arg(long, help_heading = "Host")]
    pub(crate) token: Option<String>,
    /// PEM file with the certificate authorities to trust for https [env: PLUGIN_HOST_CA] [default: public authorities;
    /// for the host on this machine, its own certificate]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub(crate) ca: Option<PathBuf>,
    /// Plugin folder of the host on this machine [host.toml: plugin_dir] [env: PLUGIN_HOST_PLUGIN_DIR, PLUGIN_DIR]
    /// [default: ./cache]
    #[arg(long, value_name = "PATH", help_heading = "Host")]
    pub plugin_dir: Option<String>,
    /// Configuration file [default: ./host.toml if it exists]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub config: Option<PathBuf>,
    /// The output format.
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

/// `show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    pub(crate) plugin: PluginArgs,
    /// Also list the generations that were removed from memory
    #[arg(long)]
    pub(crate) all: bool,
}

/// Commands about one plugin.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// The plugin's id
    pub(crate) id: PluginId,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Parses a client command, for tests.
#[cfg(test)]
fn command(args: &[&str]) -> Result<ClientCommand, clap::Error> {
    #[derive(clap::Parser)]
    #[command(version)]
    struct Test {
        #[command(subcommand)]
        command: ClientCommand,
    }
    <Test as clap::Parser>::try_parse_from([&["plugin-host"], args].concat()).map(|test| test.command)
}
