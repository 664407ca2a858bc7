//! `graph`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use host_api::{Graph, GraphEdge};

use crate::args::{self, GraphFormat};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output;
use crate::output::text::printable;

const ROUTE: &str = "/api/plugins/graph";

/// Shows the installed plugins in start order with their relations to other plugins.
pub(super) async fn graph(client: &Client, args: args::Graph) -> Result<(), Failure> {
    let query = match args.format {
        None => "",
        Some(GraphFormat::Dot) => "?format=dot",
        Some(GraphFormat::Mermaid) => "?format=mermaid",
        Some(GraphFormat::Svg) => "?format=svg",
    };
    let reply = client.request(ApiRequest::get(format!("{ROUTE}{query}"))).await?;
    if args.format.is_some() || args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let graph: Graph = reply.read()?;
    if graph.nodes.is_empty() {
        output::error_line("no plugin is installed; `plugin-host load SOURCE` installs one");
        return Ok(());
    }
    output::line(&list(&graph));
    if let Some(cycle) = &graph.cycle {
        output::error_line(&printable(cycle));
    }
    Ok(())
}

/// Lists each plugin, followed by one line per relation to another plugin.
fn list(graph: &Graph) -> String {
    let installed: BTreeSet<_> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut list = String::new();
    // Writing to a string does not fail.
    for node in &graph.nodes {
        let state = if node.enabled { "" } else { ", disabled" };
        let _ = writeln!(list, "{}", printable(&format!("{} {}{state}", node.id, node.version)));
        for edge in graph.edges.iter().filter(|edge| edge.from == node.id) {
            let _ = writeln!(list, "  {}", printable(&says(edge, installed.contains(edge.to.as_str()))));
        }
    }
    list.trim_end().to_owned()
}

fn says(edge: &GraphEdge, is_installed: bool) -> String {
    let (verb, broken) = match edge.kind.as_str() {
        "dependency" => ("needs", "unmet"),
        "optional" => ("may use", "unmet"),
        "run_after" => ("runs after", "unmet"),
        "conflict" => ("conflicts with", "violated"),
        // A newer host may return other kinds.
        other => (other, "unmet"),
    };
    let requirement = edge.requirement.iter().map(|requirement| format!(" {requirement}")).collect::<String>();
    let remark = match (edge.satisfied, &edge.problem) {
        (true, _) if is_installed => String::new(),
        (true, _) => " (not installed)".to_owned(),
        (false, Some(problem)) => format!(" - {broken}: {problem}"),
        (false, None) => format!(" - {broken}"),
    };
    format!("{verb} {}{requirement}{remark}", edge.to)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::GraphNode;

    use super::*;

    #[test]
    fn each_plugin_is_listed_with_its_relations() {
        let node =
            |id: &str, version: &str, enabled| GraphNode { id: id.to_owned(), version: version.to_owned(), enabled };
        let edge = |to: &str, kind: &str, requirement: Option<&str>, problem: Option<&str>| GraphEdge {
            from: "shop".to_owned(),
            to: to.to_owned(),
            kind: kind.to_owned(),
            requirement: requirement.map(str::to_owned),
            satisfied: problem.is_none(),
            problem: problem.map(str::to_owned),
        };
        let graph = Graph {
            nodes: vec![node("bank", "1.0.0", false), node("store", "0.9.0", true), node("shop", "2.0.0-rc.1", true)],
            edges: vec![
                edge("store", "dependency", Some(">=1, <2"), Some("0.9.0 is installed")),
                edge("bank", "dependency", None, Some("disabled")),
                edge("gone", "dependency", None, Some("not installed")),
                edge("disks", "optional", Some("^1"), None),
                edge("bank", "run_after", None, None),
                edge("store", "conflict", Some("<1"), Some("0.9.0 is installed")),
                edge("old\u{1b}[31m", "conflict", None, None),
            ],
            cycle: None,
        };
        expect![[r#"
            bank 1.0.0, disabled
            store 0.9.0
            shop 2.0.0-rc.1
              needs store >=1, <2 - unmet: 0.9.0 is installed
              needs bank - unmet: disabled
              needs gone - unmet: not installed
              may use disks ^1 (not installed)
              runs after bank
              conflicts with store <1 - violated: 0.9.0 is installed
              conflicts with old\u{1b}[31m (not installed)"#]]
        .assert_eq(&list(&graph));
    }
}
