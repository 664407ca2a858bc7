//! The words that can be typed.

mod access;
mod audit;
pub(crate) mod author;
mod catalog;
mod change;
mod events;
mod graph;
mod history;
mod jobs;
mod logs;
mod plan;
mod reload;
mod rescan;
mod shell;
mod updates;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use host_core::{PluginId, Source};

use crate::config::Flags;

pub(crate) use access::{AddUser, MakeToken, RightsWords, SetUser, TokenWord, UserWord};
pub(crate) use audit::{Audit, AuditWord, VerifyAudit};
pub(crate) use catalog::{Available, CacheWord, SetConfig, UnsetConfig, Validate};
pub(crate) use change::{Change, Conditions, Disable, Unload};
pub(crate) use events::Events;
pub(crate) use graph::{Drawing, Graph};
pub(crate) use history::{Diff, Restore, Revisions, Rollback};
pub(crate) use jobs::{Job, JobWord, Jobs, OfJob};
pub(crate) use logs::Logs;
pub(crate) use plan::{Apply, Export, Plan};
pub(crate) use reload::Reload;
pub(crate) use rescan::Rescan;
pub(crate) use shell::{Completions, Man, Ping, completions, man};
pub(crate) use updates::{Block, SetPolicy, Update, Updates};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the host refused, or failed
  2  the words or the configuration are wrong
  3  no host can be reached";

/// A host for plugins written in Rust: fetches, checks, builds and loads them while it runs.
#[derive(Debug, Parser)]
#[command(name = "plugin-host", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Words {
    /// What to do.
    #[command(subcommand)]
    pub(crate) word: Word,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// Run a host until SIGTERM or SIGINT
    #[command(after_help = EXIT_CODES)]
    Serve(Box<Serve>),
    /// Install a plugin, or replace it, and let it serve
    #[command(after_help = EXIT_CODES)]
    Load(Load),
    /// Show which plugins can be installed, by the indexes that the host is configured with
    #[command(after_help = EXIT_CODES)]
    Available(Available),
    /// Let the host fetch a source and check it, without installing anything
    #[command(after_help = EXIT_CODES)]
    Validate(Validate),
    /// Show all installed plugins
    #[command(after_help = EXIT_CODES)]
    List(Client),
    /// Show a plugin
    #[command(after_help = EXIT_CODES)]
    Show(OfPlugin),
    /// Fetch and build a plugin's source again and replace what serves; or prove that this loses nothing
    #[command(after_help = EXIT_CODES)]
    Reload(Reload),
    /// Let an installed plugin serve; lifts a quarantine
    #[command(after_help = EXIT_CODES)]
    Enable(Change),
    /// Stop serving, but stay installed
    #[command(after_help = EXIT_CODES)]
    Disable(Disable),
    /// Let a plugin that rests serve again; lifts a quarantine
    #[command(after_help = EXIT_CODES)]
    Start(Change),
    /// Let a plugin rest until it is started: it stays enabled, so others may go on needing it
    #[command(after_help = EXIT_CODES)]
    Stop(Change),
    /// Start a plugin anew, without fetching or building it; lifts a quarantine
    #[command(after_help = EXIT_CODES)]
    Restart(Change),
    /// Stop serving and forget the plugin
    #[command(after_help = EXIT_CODES)]
    Unload(Unload),
    /// Let an earlier version of a plugin serve again
    #[command(after_help = EXIT_CODES)]
    Rollback(Rollback),
    /// Show what was asked for, when, by whom and why
    #[command(after_help = EXIT_CODES)]
    Revisions(Revisions),
    /// Show what a revision changed, or how two differ
    #[command(after_help = EXIT_CODES)]
    Diff(Diff),
    /// Ask for what an earlier revision of a plugin asked for
    #[command(after_help = EXIT_CODES)]
    Restore(Restore),
    /// Show which plugins have newer versions, or what is known of one
    #[command(after_help = EXIT_CODES)]
    Updates(Updates),
    /// Take a newer version from a plugin's repository
    #[command(after_help = EXIT_CODES)]
    Update(Update),
    /// Say which newer versions of a plugin are taken, and whether by themselves
    #[command(after_help = EXIT_CODES)]
    UpdatePolicy(SetPolicy),
    /// Take no newer versions of a plugin and do not look for any: the policy `pinned`
    #[command(after_help = EXIT_CODES)]
    Pin(Change),
    /// Look for newer versions of a plugin again: the policy `minor`, when asked
    #[command(after_help = EXIT_CODES)]
    Unpin(Change),
    /// Keep updates from choosing a version of a plugin
    #[command(after_help = EXIT_CODES)]
    Block(Block),
    /// Let updates choose a version of a plugin again
    #[command(after_help = EXIT_CODES)]
    Unblock(Block),
    /// Show what a plugin's configuration is, or replace what the operator set
    #[command(after_help = EXIT_CODES)]
    Configure(Configure),
    /// Show the last log lines of a plugin, and follow those to come
    #[command(after_help = EXIT_CODES)]
    Logs(Logs),
    /// Show which plugin needs which, in the order in which they start
    #[command(after_help = EXIT_CODES)]
    Graph(Graph),
    /// Show what a plugins.yaml would change: what would be fetched, built, configured, started and unloaded
    #[command(after_help = plan::EXIT_CODES)]
    Plan(Plan),
    /// Show what a plugins.yaml would change, ask, and do exactly that
    #[command(after_help = EXIT_CODES)]
    Apply(Apply),
    /// Print the present state as a plugins.yaml, without secrets
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// Show operations: those under way and the last that have ended
    #[command(after_help = EXIT_CODES)]
    Jobs(Jobs),
    /// Show an operation, follow it, end it, or ask for it once more
    #[command(after_help = EXIT_CODES)]
    Job(Box<Job>),
    /// Show what happened in the host, and what happens
    #[command(after_help = EXIT_CODES)]
    Events(Events),
    /// Tokens: who may ask the host for what
    #[command(subcommand)]
    Token(TokenWord),
    /// Users, who log in with a password
    #[command(subcommand)]
    User(UserWord),
    /// Show who asked for what and what became of it, or verify that log
    #[command(after_help = EXIT_CODES)]
    Audit(Box<Audit>),
    /// Ask whether a host is there and ready; needs no token
    #[command(after_help = EXIT_CODES)]
    Ping(Ping),
    /// Rebuild a lost or damaged state of what is installed from the records beside it, while no host runs
    #[command(after_help = EXIT_CODES)]
    Rescan(Rescan),
    /// The build cache of a host, and what else lies on its disk
    #[command(subcommand)]
    Cache(CacheWord),
    /// The configuration of a host
    #[command(subcommand)]
    Config(ConfigWord),
    /// For authors: begin a plugin in a new folder
    #[command(after_help = EXIT_CODES)]
    New(author::New),
    /// For authors: build and serve a plugin, and reload it at every change of its folder
    #[command(after_help = EXIT_CODES)]
    Dev(author::Dev),
    /// For authors: check, build and open a plugin as a host would, without starting it
    #[command(after_help = EXIT_CODES)]
    Check(author::Check),
    /// For authors: make the ZIP of a plugin that `load` and an upload take; the same files give the same bytes
    #[command(after_help = EXIT_CODES)]
    Pack(author::Pack),
    /// For authors: show what a host sees in a library, and why it fits or not
    #[command(after_help = EXIT_CODES)]
    Explain(author::Explain),
    /// For authors: tell cargo and editors where this program's plugin-sdk is, for one plugin's folder
    #[command(after_help = EXIT_CODES)]
    Sdk(author::Sdk),
    /// Print what a shell needs to complete these words
    Completions(Completions),
    /// Print the manual page, or write one for each command
    Man(Man),
    /// Opens a library and says what its gates say
    #[command(hide = true)]
    OpenLibrary(author::OpenLibrary),
    /// Opens and starts a library and says how it went
    #[command(hide = true)]
    TryLibrary(TryLibrary),
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigWord {
    /// Show what `serve` would use with the same flags, environment and file
    #[command(after_help = EXIT_CODES)]
    Show(Box<ShowConfig>),
    /// Change a setting of a host that runs; kept over restarts, above host.toml and below flags and environment
    #[command(after_help = EXIT_CODES)]
    Set(SetConfig),
    /// Take back a change: host.toml or the default counts again
    #[command(after_help = EXIT_CODES)]
    Unset(UnsetConfig),
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Load this source at the start: an https git address, a folder, a `.zip` or a `.so`; may be repeated
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    pub(crate) load: Vec<Source>,
    /// Read settings from this file [default: ./host.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowConfig {
    /// Also show where each value was given
    #[arg(long)]
    pub(crate) origin: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read settings from this file [default: ./host.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `configure`.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// A file with the settings to use over the defaults of plugin.yaml, as one JSON object; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Set one key, to JSON or to a text, and leave the others; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = set)]
    pub(crate) set: Vec<(String, serde_json::Value)>,
    /// Let one key have its default again; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) unset: Vec<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// `try-library`, which a host runs as a child before it opens a library that it has not built.
#[derive(Debug, Args)]
pub(crate) struct TryLibrary {
    /// The library
    pub(crate) library: PathBuf,
    /// A folder with plugin.yaml and the configuration, to work in
    #[arg(long)]
    pub(crate) scratch: PathBuf,
    /// Do not start it
    #[arg(long)]
    pub(crate) open_only: bool,
    /// How long each of opening, `validate` and `start` may take, in milliseconds
    #[arg(long)]
    pub(crate) timeout_ms: u64,
}

/// What all client commands take.
#[derive(Debug, Args)]
pub(crate) struct Client {
    /// Where the host answers [env: PLUGIN_HOST_URL] [default: the configured host and port, http://127.0.0.1:4000]
    #[arg(long, help_heading = "Host")]
    pub(crate) url: Option<String>,
    /// The operator's token; other users may see it in the list of processes, not so that of the environment
    /// [env: PLUGIN_HOST_TOKEN] [default: what stands in operator.token of the host's plugin folder]
    #[arg(long, help_heading = "Host")]
    pub(crate) token: Option<String>,
    /// Trust the authorities of this PEM file for https, instead of the public ones [env: PLUGIN_HOST_CA] [default for the
    /// host on this machine: its own certificate]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub(crate) ca: Option<PathBuf>,
    /// The plugin folder of a host on this machine [host.toml: plugin_dir] [env: PLUGIN_DIR] [default: ./cache]
    #[arg(long, value_name = "PATH", help_heading = "Host")]
    pub(crate) plugin_dir: Option<String>,
    /// Read settings from this file [default: ./host.toml, if it is there]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    pub(crate) config: Option<PathBuf>,
    /// Print the host's answer as it is, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Commands about one plugin.
#[derive(Debug, Args)]
pub(crate) struct OfPlugin {
    /// The plugin
    pub(crate) id: PluginId,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `load`.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// An https git address, a folder, a `.zip` or a `.so`, or `index:ID` as `available` lists it; a `.zip` of this machine is uploaded
    #[arg(value_parser = loadable)]
    pub(crate) source: Loadable,
    /// The branch, tag or commit of a git address [default: the newest release, or else the default branch]
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Set a key of the plugin's configuration, to JSON or to a text; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = set)]
    pub(crate) set: Vec<(String, serde_json::Value)>,
    /// Only install it: it does not serve until it is enabled; one that serves already goes on, with this
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// What can be loaded.
#[derive(Clone, Debug)]
pub(crate) enum Loadable {
    /// A source.
    Source(Source),
    /// What an index lists, as it was typed: `index:ID` or `index:ID@VERSION`.
    Listed(String),
}

fn loadable(text: &str) -> Result<Loadable, String> {
    match text.strip_prefix("index:") {
        Some(_) => Ok(Loadable::Listed(text.to_owned())),
        None => source(text).map(Loadable::Source),
    }
}

/// Reads a source. An address without `https://` would be a folder, and rarely is one.
fn source(text: &str) -> Result<Source, String> {
    let source: Source = text.parse().map_err(|error: host_core::SourceError| error.to_string())?;
    let mut parts = text.split('/');
    let (first, n_more) = (parts.next().unwrap_or_default(), parts.filter(|part| !part.is_empty()).count());
    let looks_like_an_address = first.contains('.') && !first.starts_with('.') && !first.contains(':') && n_more == 2;
    match &source {
        Source::Folder(path) if looks_like_an_address && !path.exists() => {
            Err(format!("there is no such folder; did you mean `https://{text}`?"))
        }
        _ => Ok(source),
    }
}

/// Reads `key=json`. What cannot be meant as JSON is a text, so that `--set name=World` needs no quotes.
fn set(text: &str) -> Result<(String, serde_json::Value), String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    if key.is_empty() {
        return Err("there is no key before `=`".to_owned());
    }
    match serde_json::from_str(value) {
        Ok(value) => Ok((key.to_owned(), value)),
        Err(error) if value.trim_start().starts_with(['{', '[', '"']) => Err(format!("the value is not JSON: {error}")),
        Err(_) => Ok((key.to_owned(), value.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_free_of_contradictions() {
        <Words as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_value_is_json_or_a_text() {
        let read = |text: &str| set(text).map(|(key, value)| format!("{key}: {value}"));
        for (text, expected) in [
            ("step=2", Ok("step: 2")),
            ("name=World", Ok("name: \"World\"")),
            ("name=\"World\"", Ok("name: \"World\"")),
            ("on=true", Ok("on: true")),
            ("a=", Ok("a: \"\"")),
            ("a=b=c", Ok("a: \"b=c\"")),
            ("list=[1,2]", Ok("list: [1,2]")),
            ("step", Err("there is no `=` in it")),
            ("=1", Err("there is no key before `=`")),
        ] {
            assert_eq!(read(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert!(read("a={b:1}").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn an_address_without_its_scheme_is_not_taken_for_a_folder() {
        assert!(source("github.com/acme/hello").unwrap_err().contains("`https://github.com/acme/hello`"));
        for text in ["examples/hello", "../a/b", "/srv/a.b/c", "https://github.com/acme/hello", "a.b/c"] {
            assert!(source(text).is_ok(), "{text}");
        }
        assert!(source("ftp://x").is_err());
    }

    #[test]
    fn a_version_after_load_is_the_plugins() {
        let words =
            Words::try_parse_from(["plugin-host", "load", "https://github.com/a/b", "--version", "v1"]).unwrap();
        let Word::Load(load) = words.word else { panic!("not load") };
        assert_eq!(load.version.as_deref(), Some("v1"));
    }
}
