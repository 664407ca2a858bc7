//! Arguments of `complete`, which completion scripts run.

use clap::{Args, ValueEnum};

use super::HostArgs;

/// `complete`.
#[derive(Debug, Args)]
pub struct Complete {
    /// The kind of ids to list
    #[arg(value_enum)]
    pub(crate) kind: CompletedKind,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// The kind of ids that are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletedKind {
    /// Ids of installed plugins
    Plugins,
    /// Ids of the newest jobs
    Jobs,
}
