//! Arguments of `graph`.

use clap::{Args, ValueEnum};

use super::HostArgs;

/// `graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// Print the graph as Graphviz (dot) or Mermaid source, or as an SVG picture
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["json", "output_format"])]
    pub(crate) format: Option<GraphFormat>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// The output format of a graph.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
    /// SVG picture
    Svg,
}
