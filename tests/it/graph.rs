//! Which plugin needs which: over HTTP and on the command line.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{built, copy};

/// Loads a copy of `hello` under another id, with more lines in its plugin.yaml.
async fn load(host: &TestHost, id: &str, more: &str) {
    let library = built("hello").await;
    let folder = host.sources().join(id);
    copy(library.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let yaml = yaml.replace("id: hello", &format!("id: {id}"));
    std::fs::write(folder.join("plugin.yaml"), format!("{yaml}\n{more}\n")).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
}

#[tokio::test]
async fn the_graph_shows_the_start_order_and_unmet_dependencies() {
    let host = TestHost::start().await;
    let empty = json!({ "nodes": [], "edges": [], "cycle": null });
    assert_eq!(host.get("/api/plugins/graph").await.expect(200).json(), empty);
    load(&host, "store", "").await;
    load(&host, "metric-log", "").await;
    let of_app = "dependencies: [{id: store, version: '>=1, <2'}, {id: metric-log, version: ^2, optional: true}]\n\
                  run_after: [gone]\nconflicts: [{id: old-app, version: '<2'}]";
    load(&host, "app", of_app).await;
    host.post("/api/plugins/metric-log/disable").await.expect(200);

    let graph = host.get("/api/plugins/graph").await.expect(200).json();
    let node = |id: &str, enabled: bool| json!({ "id": id, "version": "1.0.0", "enabled": enabled });
    assert_eq!(graph["nodes"], json!([node("metric-log", false), node("store", true), node("app", true)]));
    let edge = |to: &str, kind: &str, requirement: Value, problem: Value| {
        let satisfied = problem.is_null();
        json!({ "from": "app", "to": to, "kind": kind, "requirement": requirement, "satisfied": satisfied, "problem": problem })
    };
    let edges = [
        edge("store", "dependency", json!(">=1, <2"), Value::Null),
        edge("metric-log", "optional", json!("^2"), json!("1.0.0 is installed")),
        edge("gone", "run_after", Value::Null, Value::Null),
        edge("old-app", "conflict", json!("<2"), Value::Null),
    ];
    assert_eq!((&graph["edges"], &graph["cycle"]), (&json!(edges), &Value::Null));

    let dot = host.get("/api/plugins/graph?format=dot").await.expect(200);
    assert_eq!(dot.header("content-type"), Some("text/vnd.graphviz"));
    assert!(dot.text().contains(r#""app" -> "store" [label="needs >=1, <2"];"#), "{}", dot.text());
    let mermaid = host.get("/api/plugins/graph?format=mermaid").await.expect(200);
    assert_eq!(mermaid.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(mermaid.text().starts_with("flowchart LR\n"), "{}", mermaid.text());
    let svg = host.get("/api/plugins/graph?format=svg").await.expect(200);
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.header("content-security-policy").unwrap().contains("style-src 'sha256-"), "{svg:?}");
    assert!(svg.text().contains("<title>app → store: needs &gt;=1, &lt;2</title>"), "{}", svg.text());
    let refused = host.get("/api/plugins/graph?format=png").await.expect(400);
    assert_eq!(refused.code(), "query_does_not_fit");
    host.anonymous().get("/api/plugins/graph").await.expect(401);

    let command = async |words: &[&str], code: i32| {
        let output = host.command(&[&["graph"], words].concat()).await;
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
        stdout
    };
    let list = "\
metric-log 1.0.0, disabled
store 1.0.0
app 1.0.0
  needs store >=1, <2
  may use metric-log ^2 - unmet: 1.0.0 is installed
  runs after gone (not installed)
  conflicts with old-app <2 (not installed)
";
    assert_eq!(command(&[], 0).await, list);
    assert_eq!(command(&["--format", "dot"], 0).await, dot.text());
    assert_eq!(command(&["--format", "mermaid"], 0).await, mermaid.text());
    assert_eq!(command(&["--format", "svg"], 0).await, svg.text());
    assert_eq!(serde_json::from_str::<Value>(&command(&["--json"], 0).await).unwrap(), graph);
    command(&["--format", "png"], 2).await;
    command(&["--format", "dot", "--json"], 2).await;
}
