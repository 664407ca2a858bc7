//! The words of `graph`.

use clap::{Args, ValueEnum};

use super::Client;

/// `graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Print it for a program that draws: Graphviz or Mermaid
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<Drawing>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// For which program.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Drawing {
    /// For Graphviz
    Dot,
    /// For Mermaid
    Mermaid,
}
