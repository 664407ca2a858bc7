//! The words of `available`, `validate`, `cache` and `config set`.

use clap::{Args, Subcommand};

use super::{Client, Loadable};

/// `available`.
#[derive(Debug, Args)]
pub(crate) struct Available {
    /// Read the indexes now
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Only plugins with this tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// As for `load`; a folder or file is one of the host's machine
    #[arg(value_parser = super::loadable)]
    pub(crate) source: Loadable,
    /// The branch, tag or commit of a git address
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// What to do with the build cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheWord {
    /// Show what lies on disk, and what the cache was good for
    #[command(after_help = super::EXIT_CODES)]
    Info(Client),
    /// Empty the cache, and remove what no plugin refers to any more; what serves and what a rollback needs stays
    #[command(after_help = super::EXIT_CODES)]
    Clear(Client),
}

/// `config set`.
#[derive(Debug, Args)]
pub(crate) struct SetConfig {
    /// The key, as in host.toml
    pub(crate) key: String,
    /// The value, as JSON or as a text
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `config unset`.
#[derive(Debug, Args)]
pub(crate) struct UnsetConfig {
    /// The key, as in host.toml
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) client: Client,
}

impl CacheWord {
    /// The host that is asked.
    pub(crate) fn client(&self) -> &Client {
        let (CacheWord::Info(client) | CacheWord::Clear(client)) = self;
        client
    }
}

impl SetConfig {
    /// What is to be set. What cannot be meant as JSON is a text.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.value).unwrap_or_else(|_| self.value.as_str().into())
    }
}
