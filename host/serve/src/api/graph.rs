//! The plugin dependency graph as JSON, DOT or Mermaid.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::graph::{Edge, Node, View};
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::state::AppState;
use crate::wire::input::QueryParams;

/// The output format.
#[derive(Deserialize, IntoParams)]
pub(crate) struct GraphQuery {
    /// Output format: `json`, `dot` or `mermaid`; `json` when absent.
    #[param(value_type = String)]
    #[serde(default)]
    format: GraphFormat,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GraphFormat {
    #[default]
    Json,
    Dot,
    Mermaid,
}

pub(crate) async fn graph(
    State(app): State<AppState>,
    QueryParams(GraphQuery { format }): QueryParams<GraphQuery>,
) -> Response {
    let graph = app.host.graph();
    match format {
        GraphFormat::Json => Json(shown(&graph.view())).into_response(),
        GraphFormat::Dot => text("text/vnd.graphviz", graph.dot()),
        GraphFormat::Mermaid => text("text/plain; charset=utf-8", graph.mermaid()),
    }
}

fn text(content_type: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn shown(view: &View<'_>) -> api::Graph {
    let node = |node: &&Node| api::GraphNode {
        id: node.id.to_string(),
        version: node.version.to_string(),
        enabled: node.enabled,
    };
    let edge = |edge: &Edge| api::GraphEdge {
        from: edge.from.to_string(),
        to: edge.to.to_string(),
        kind: edge.kind.as_str().to_owned(),
        requirement: edge.requirement.as_ref().map(ToString::to_string),
        satisfied: edge.is_satisfied(),
        problem: edge.in_short(),
    };
    api::Graph {
        nodes: view.nodes.iter().map(node).collect(),
        edges: view.edges.iter().map(edge).collect(),
        cycle: view.cycle.as_ref().map(|cycle| cycle.message()),
    }
}
