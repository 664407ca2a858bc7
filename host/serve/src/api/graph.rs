//! The plugin dependency graph as JSON, DOT, Mermaid or a picture.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_api as api;
use host_core::Digest;
use host_core::graph::{Edge, Node, SVG_STYLE, View};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::state::AppState;
use crate::wire::input::QueryParams;

/// The output format.
#[derive(Deserialize, IntoParams)]
pub(crate) struct GraphQuery {
    /// Output format: `json`, `dot`, `mermaid` or `svg`; `json` when absent.
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
    Svg,
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
        GraphFormat::Svg => {
            let mut response = text("image/svg+xml", graph.svg());
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, PICTURE_POLICY.clone());
            response
        }
    }
}

/// Content security policy of the picture: its own style sheet, and nothing else.
static PICTURE_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = BASE64_STANDARD.encode(Digest::compute(SVG_STYLE.as_bytes()).as_bytes());
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

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
