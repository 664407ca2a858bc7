//! The graph as text for drawing programs: DOT and Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Edge, EdgeKind, Graph, Node, View};

pub(super) const NOT_INSTALLED: &str = "not installed";

impl Graph {
    /// The graph in the DOT language. Unsatisfied edges are red, disabled plugins dashed, missing plugins dotted.
    pub fn dot(&self) -> String {
        let view = self.view();
        let mut text = String::from("digraph plugins {\n  rankdir=LR;\n  node [shape=box];\n");
        // Writing to a string does not fail.
        for node in &view.nodes {
            let style = if node.enabled { "" } else { ", style=dashed" };
            let (id, label) = (dot_text(&[node.id.as_str()]), dot_text(&[node.id.as_str(), &about(node)]));
            let _ = writeln!(text, "  {id} [label={label}{style}];");
        }
        for id in absent(&view) {
            let _ = writeln!(text, "  {} [label={}, style=dotted];", dot_text(&[id]), dot_text(&[id, NOT_INSTALLED]));
        }
        for edge in &view.edges {
            let style = match edge.kind {
                EdgeKind::Dependency => "",
                EdgeKind::Optional => ", style=dashed",
                EdgeKind::RunAfter => ", style=dotted",
                EdgeKind::Conflict => ", style=bold, arrowhead=tee",
            };
            let color = if edge.is_satisfied() { "" } else { ", color=red" };
            let (from, to) = (dot_text(&[edge.from.as_str()]), dot_text(&[edge.to.as_str()]));
            let _ = writeln!(text, "  {from} -> {to} [label={}{style}{color}];", dot_text(&words(edge)));
        }
        text.push_str("}\n");
        text
    }

    /// The graph for Mermaid, as a flowchart: red, dashed and dotted as in [`Graph::dot`].
    pub fn mermaid(&self) -> String {
        let view = self.view();
        let mut text = String::from("flowchart LR\n");
        // Plugin ids cannot be node names, because some are keywords of Mermaid or look like an arrow.
        let mut names = BTreeMap::new();
        let installed = view.nodes.iter().map(|node| {
            let class = if node.enabled { "" } else { ":::disabled" };
            (node.id.as_str(), format!("{} {}", node.id, about(node)), class)
        });
        let absent = absent(&view).into_iter().map(|id| (id, format!("{id}: {NOT_INSTALLED}"), ":::absent"));
        for (id, label, class) in installed.chain(absent) {
            let name = format!("n{}", names.len());
            let _ = writeln!(text, "  {name}[{}]{class}", mermaid_text(&label));
            names.insert(id, name);
        }
        let mut unmet = Vec::new();
        for (index, edge) in view.edges.iter().enumerate() {
            let arrow = match edge.kind {
                EdgeKind::Dependency => "-->",
                EdgeKind::Optional | EdgeKind::RunAfter => "-.->",
                EdgeKind::Conflict => "--x",
            };
            let (from, to) = (&names[edge.from.as_str()], &names[edge.to.as_str()]);
            let _ = writeln!(text, "  {from} {arrow}|{}| {to}", mermaid_text(&words(edge).join(": ")));
            if !edge.is_satisfied() {
                unmet.push(index.to_string());
            }
        }
        if !unmet.is_empty() {
            let _ = writeln!(text, "  linkStyle {} stroke:red", unmet.join(","));
        }
        text.push_str("  classDef disabled stroke-dasharray:6\n  classDef absent stroke-dasharray:2\n");
        text
    }
}

/// The ids of related plugins that are not installed.
pub(super) fn absent<'a>(view: &'a View<'_>) -> BTreeSet<&'a str> {
    let installed: BTreeSet<_> = view.nodes.iter().map(|node| node.id.as_str()).collect();
    view.edges.iter().map(|edge| edge.to.as_str()).filter(|id| !installed.contains(id)).collect()
}

pub(super) fn about(node: &Node) -> String {
    format!("{}{}", node.version, if node.enabled { "" } else { ", disabled" })
}

/// The label of an edge with its problems.
pub(super) fn words(edge: &Edge) -> Vec<String> {
    let requirement = edge.requirement.iter().map(|requirement| format!(" {requirement}"));
    let says = std::iter::once(edge.kind.verb().to_owned()).chain(requirement).collect();
    std::iter::once(says).chain(edge.in_short()).collect()
}

/// Formats lines as one quoted string of DOT.
pub(super) fn dot_text<T: AsRef<str>>(lines: &[T]) -> String {
    let lines = lines.iter().map(|line| line.as_ref().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}

/// Formats a text as a quoted string of Mermaid, where `#60;` is the character with code point 60.
pub(super) fn mermaid_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " .,:-_+=^~".contains(c) => quoted.push(c),
            c => {
                let _ = write!(quoted, "#{};", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
