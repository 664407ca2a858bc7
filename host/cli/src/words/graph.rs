//! Arguments of `graph`.

use clap::{Args, ValueEnum};

use super::Client;

/// `graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Print the graph as Graphviz (dot) or Mermaid source
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<Drawing>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// The output format of a graph.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Drawing {
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}
