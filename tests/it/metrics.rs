//! Metrics: what docs/metrics.md lists is what a host shows, as text and as JSON, and what the dashboard asks for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::repository;

/// A row of docs/metrics.md.
struct Row {
    labels: BTreeSet<String>,
    kind: String,
    /// Whether it is only there under a condition that a test host does not meet.
    is_seldom: bool,
}

fn documented() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [name, kind, labels, meaning] = cells.as_slice() else { panic!("not four cells: {row}") };
        let labels = labels.split(", ").map(|label| label.trim_matches('`').to_owned()).filter(|label| label != "–");
        let row = Row { labels: labels.collect(), kind: kind.to_string(), is_seldom: meaning.contains("only where") };
        (name.trim_end_matches('`').to_owned(), row)
    });
    rows.collect()
}

/// All families of a text: kind, labels; and that each has a help and a type.
fn shown(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.trim().is_empty(), "{name} has no help");
            assert!(helped.insert(name.to_owned()), "{name} comes twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let stripped = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
            let family = std::iter::once(name).chain(stripped).find(|name| families.contains_key(*name));
            let family = families.get_mut(family.unwrap_or_else(|| panic!("no type: {line}"))).unwrap();
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
            // No value of the host's own labels holds a comma or an equals sign.
            let names = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            family.1.extend(names.filter(|name| name != "le"));
        }
    }
    assert_eq!(helped, families.keys().cloned().collect());
    families
}

/// A host on which everything has happened that is counted.
async fn busy_host() -> TestHost {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("services").await;
    host.call("hello/hello").await.expect(200);
    host.call("hello/nothing").await.expect(404);
    host.post("/api/plugins/hello/reload").await.expect(200);
    host.anonymous().get("/api/plugins").await.expect(401);
    host.anonymous().get("/metrics").await.expect(200);
    eventually("it was measured what lies on disk", || async {
        host.anonymous().get("/metrics").await.text().contains("plugin_host_disk_bytes")
    })
    .await;
    host
}

#[tokio::test]
async fn the_documented_metrics_are_the_shown_metrics() {
    let host = busy_host().await;
    let text = host.anonymous().get("/metrics").await.expect(200).text();
    let mut shown = shown(&text);
    // Those of the plugin itself are the plugin's to document.
    shown.retain(|name, _| name.starts_with("plugin_host_") || name.starts_with("process_"));
    let documented = documented();
    for (name, (kind, labels)) in &shown {
        let row = documented.get(name).unwrap_or_else(|| panic!("docs/metrics.md does not have `{name}`"));
        assert_eq!((&row.kind, &row.labels), (kind, labels), "{name}");
        if kind == "counter" {
            assert!(name.ends_with("_total"), "{name}");
        }
        if kind == "histogram" {
            assert!(name.ends_with("_seconds"), "{name}");
        }
    }
    let missing = documented.iter().filter(|(name, row)| !row.is_seldom && !shown.contains_key(*name));
    assert_eq!(missing.map(|(name, _)| name).collect::<Vec<_>>(), Vec::<&String>::new(), "no host shows them");
}

#[tokio::test]
async fn the_same_numbers_come_as_json_beside_those_of_older_clients() {
    let host = busy_host().await;
    let json = host.get("/api/plugins/system/metrics").await.expect(200).json();
    for key in [
        "total_plugins",
        "healthy_plugins",
        "unhealthy_plugins",
        "unknown_plugins",
        "total_routes",
        "total_requests",
        "total_errors",
        "build_cache_size",
        "manager_uptime",
    ] {
        assert!(json["metrics"][key].is_number(), "{key}");
    }
    let text = host.anonymous().get("/metrics").await.expect(200).text();
    let families: BTreeSet<String> = json["families"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(families, shown(&text).into_keys().collect());
    let requests = &json["families"]["plugin_host_requests_total"];
    assert_eq!(requests["type"], "counter");
    let of_hello =
        |series: &&Value| series["labels"]["plugin"] == "hello" && series["labels"]["endpoint"] == "GET /hello";
    let series = requests["series"].as_array().unwrap().iter().find(of_hello).unwrap();
    assert_eq!(series["value"], 1.0);
    let duration = &json["families"]["plugin_host_request_duration_seconds"]["series"];
    let series = duration.as_array().unwrap().iter().find(of_hello).unwrap();
    assert_eq!((&series["count"], series["buckets"].as_array().unwrap().is_empty()), (&1.into(), false));
}

#[tokio::test]
async fn values_invented_by_callers_add_no_series() {
    let host = TestHost::start().await;
    host.load("hello").await;
    // Whatever is new about them is new now.
    host.call("hello/made-up").await.expect(404);
    host.get("/api/made-up").await.expect(404);
    host.anonymous().request("BREW", "/api/plugins").send().await;
    let n_series = || async {
        host.anonymous().get("/metrics").await.text().lines().filter(|line| !line.starts_with('#')).count()
    };
    eventually("it was measured what lies on disk", || async {
        host.anonymous().get("/metrics").await.text().contains("plugin_host_disk_bytes")
    })
    .await;
    let before = n_series().await;
    for n in 0..50 {
        host.call(&format!("hello/made-up-{n}")).await.expect(404);
        host.call(&format!("made-up-{n}/x")).await.expect(404);
        host.get(&format!("/api/made-up-{n}")).await.expect(404);
        host.anonymous().request(&format!("BREW{n}"), "/api/plugins").send().await;
        host.call(&format!("hello/hello/Zoe{n}")).await;
    }
    assert_eq!(n_series().await, before);

    host.delete("/api/plugins/hello").await.expect(200);
    let text = host.anonymous().get("/metrics").await.text();
    assert!(!text.contains("plugin=\"hello\""), "{text}");
}

#[tokio::test]
async fn answers_connections_and_the_process_are_counted() {
    let host = TestHost::start().await;
    host.load("services").await;
    host.call("services/kv/nothing").await.expect(404);
    host.call("services/me").await.expect(200);
    let class = |status: &str, endpoint: &str| {
        format!(r#"plugin_host_responses_total{{endpoint="GET {endpoint}",plugin="services",status="{status}"}}"#)
    };
    assert_eq!((host.metric(&class("4xx", "/kv/:key")).await, host.metric(&class("2xx", "/me")).await), (1.0, 1.0));
    let api = r#"plugin_host_api_requests_total{action="plugin_load",status="2xx"}"#;
    assert_eq!(host.metric(api).await, 1.0);
    assert!(host.metric("plugin_host_connections").await >= 1.0);
    assert!(host.metric("plugin_host_connections_total").await >= 4.0);
    assert!(host.metric("process_resident_memory_bytes").await > 1e6);
    assert!(host.metric("process_threads").await > 1.0 && host.metric("process_open_fds").await > 5.0);
    assert!(host.metric("process_cpu_seconds_total").await > 0.0);
    assert!(host.metric(r#"plugin_host_plugins{phase="running"}"#).await == 1.0);
    assert!(host.metric(r#"plugin_host_probes_total{outcome="passed",plugin="services"}"#).await >= 1.0);
    host.anonymous().request("GET", &endpoint("services/guarded")).send().await.expect(401);
    assert_eq!(host.metric(r#"plugin_host_auth_failures_total{reason="token"}"#).await, 1.0);
}

#[test]
fn every_metric_that_the_dashboard_asks_for_is_documented() {
    let text = std::fs::read_to_string(repository().join("docs/grafana/plugin-host.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries = vec![];
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        let found: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
        assert!(panel["type"] == "row" || !found.is_empty(), "{} asks for nothing", panel["title"]);
        queries.extend(found);
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        queries.extend(variable["query"].as_str().map(str::to_owned));
    }
    assert!(queries.len() > 15, "{queries:?}");
    let documented = documented();
    let mut asked = BTreeSet::new();
    for query in &queries {
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| word.starts_with("plugin_host_") || word.starts_with("process_")) {
            let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| word.strip_suffix(part));
            let found = std::iter::once(word).chain(parts).find(|name| documented.contains_key(*name));
            asked.insert(found.unwrap_or_else(|| panic!("`{word}` of `{query}` is not documented")).to_owned());
        }
    }
    assert!(asked.len() > 12, "{asked:?}");
}

#[tokio::test]
async fn the_series_of_a_plugin_has_its_requests_errors_and_response_times() {
    let host = TestHost::start().await;
    host.load("echo").await;
    host.load("hello").await;
    for _ in 0..5 {
        host.call("hello/hello").await.expect(200);
    }
    let series = async |id: &str| host.get(&format!("/api/plugins/{id}/metrics/series")).await.expect(200).json();
    // The timer may end a step between two calls.
    let requests = |series: &serde_json::Value| -> u64 {
        series["points"].as_array().unwrap().iter().map(|point| point["requests"].as_u64().unwrap()).sum()
    };
    eventually("the step ends", || async { requests(&series("hello").await) == 5 }).await;
    let shown = series("hello").await;
    assert_eq!((&shown["step_seconds"], &shown["id"]), (&10.into(), &"hello".into()));
    assert_eq!(shown["to_unix_ms"].as_u64().unwrap() - shown["from_unix_ms"].as_u64().unwrap(), 900_000);
    let point = &shown["points"][0];
    let [p50, p99] = ["p50_ms", "p99_ms"].map(|name| point[name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= 30_000.0, "{shown}");
    assert_eq!(point["errors"], 0);

    // A reload keeps what was counted, and a plugin without requests has no points.
    host.post("/api/plugins/hello/reload").await.expect(200);
    assert_eq!(requests(&series("hello").await), 5);
    assert_eq!(series("echo").await["points"].as_array().unwrap().len(), 0);
    assert_eq!(host.get("/api/plugins/nothing/metrics/series").await.expect(404).code(), "run_unknown_plugin");
}
