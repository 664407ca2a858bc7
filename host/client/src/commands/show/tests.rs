use expect_test::expect;
use host_api::{
    Endpoint, Generation, LastCrash, LastError, Metadata, PluginParts, RollbackVersion, Route, Status, Update,
    UpdatePolicy,
};

use super::*;
use crate::output::text::plain;

pub(in crate::commands) fn plugin() -> Plugin {
    let endpoint = |method: &str, path: &str, description: &str| Endpoint {
        path: path.to_owned(),
        method: method.to_owned(),
        handler: "h".to_owned(),
        description: description.to_owned(),
    };
    let metadata = Metadata {
        id: "hello".to_owned(),
        name: "Hello".to_owned(),
        version: "1.0.0".to_owned(),
        description: "Greets".to_owned(),
        endpoints: vec![endpoint("GET", "/hello", "A greeting"), endpoint("POST", "/echo", "")],
        configuration: serde_json::from_str(r#"{"step": 1}"#).unwrap(),
        ..Metadata::default()
    };
    let status =
        Status { health: "healthy".to_owned(), uptime: 75.0, request_count: 12, error_count: 1, ..Status::default() };
    let route = |endpoint: &Endpoint| Route {
        method: endpoint.method.clone(),
        path: format!("/api/plugin-endpoints/hello{}", endpoint.path),
        handler: "h".to_owned(),
    };
    let routes = metadata.endpoints.iter().map(route).collect();
    let item = PluginItem {
        metadata: metadata.clone(),
        status: status.clone(),
        source: "https://github.com/acme/hello".to_owned(),
        loaded_at: Some(0),
        file_path: "sha256:00".to_owned(),
        enabled: true,
        goal: Some("running".to_owned()),
        revision: 9,
        kept: vec![RollbackVersion {
            version: "0.9.0".to_owned(),
            source: "https://github.com/acme/hello".to_owned(),
            commit: Some("0123456789abcdef".to_owned()),
            ..RollbackVersion::default()
        }],
        update: Some(UpdatePolicy {
            policy: "minor".to_owned(),
            interval_seconds: 3600,
            blocked: vec!["1.0.1".to_owned()],
            ..UpdatePolicy::default()
        }),
        update_available: Some(Update { version: Some("1.3.0".to_owned()), ..Update::default() }),
        phase: "running".to_owned(),
        generation: Some(2),
        generations: vec![Generation {
            number: 2,
            version: "1.0.0".to_owned(),
            phase: "running".to_owned(),
            in_flight: 3,
            ..Generation::default()
        }],
        warnings: vec!["plugin.yaml:3: `colour` is not known".to_owned()],
        last_error: Some(LastError {
            code: "build_failed".to_owned(),
            message: "failed to build".to_owned(),
            at_unix_ms: 1_000,
        }),
        last_crash: Some(LastCrash {
            message: "generation 2 crashed the host during a call: invalid memory access (SIGSEGV)".to_owned(),
            at_unix_ms: 2_000,
            ..LastCrash::default()
        }),
        ..PluginItem::default()
    };
    let stored_data = StoredData { keys: 3, bytes: 2_048 };
    Plugin { plugin: PluginParts { metadata, status, routes }, stored_data, item }
}

#[test]
fn a_plugin_is_shown_with_all_its_fields() {
    let configuration = serde_json::from_value(serde_json::json!({
        "id": "hello",
        "configuration": { "limits": { "guests": 3, "rows": 2 }, "name": "x", "step": 1 },
        "defaults": { "limits": { "guests": 1, "rows": 2 }, "step": 1 },
        "host_file": { "name": "x" },
        "set": { "limits": { "guests": 3 } },
    }))
    .unwrap();
    expect![[r#"
        id           hello
        name         Hello
        version      1.0.0, update: 1.3.0
        description  Greets
        source       https://github.com/acme/hello
        artifact     sha256:00
        loaded       1970-01-01 00:00:00.000 UTC
        goal         running
        phase        running
        health       healthy
        generation   2
        uptime       1 min 15 s
        requests     12, 1 failed
        stored data  3 keys, 2.0 KiB
        revision     9
        updates      minor, manual; checked every 1 h
        blocked      1.0.1

        METHOD  URL                                                     DESCRIPTION
        GET     http://127.0.0.1:4000/api/plugin-endpoints/hello/hello  A greeting
        POST    http://127.0.0.1:4000/api/plugin-endpoints/hello/echo

        GENERATION  VERSION  PHASE    IN FLIGHT  REQUESTS
        2           1.0.0    running  3          0

        ROLLBACK VERSION  LOADED (UTC)  COMMIT        SOURCE
        0.9.0             01-01 00:00   0123456789ab  https://github.com/acme/hello

        KEY     VALUE                  FROM          DEFAULT
        limits  {"guests":3,"rows":2}  set, default  {"guests":1,"rows":2}
        name    "x"                    host.toml     -
        step    1                      default       1

        warning: plugin.yaml:3: `colour` is not known
        last error: failed to build (build_failed, 1970-01-01 00:00:01.000 UTC)
        last crash: generation 2 crashed the host during a call: invalid memory access (SIGSEGV) (1970-01-01 00:00:02.000 UTC)"#]]
    .assert_eq(&plain(&sheet(&plugin(), &configuration, "http://127.0.0.1:4000")));
}

#[test]
fn generations_that_have_left_memory_are_counted_only() {
    let generation = |phase: &str| Generation { phase: phase.to_owned(), ..Generation::default() };
    let generations = ["unmapped", "kept", "unmapped", "running"].map(generation).into();
    let mut item = PluginItem { generations, ..plugin().item };
    assert_eq!(remove_unmapped(&mut item), 2);
    assert_eq!(item.generations.iter().map(|one| one.phase.as_str()).collect::<Vec<_>>(), ["kept", "running"]);
}

#[test]
fn a_quarantine_is_shown_with_its_reason_and_the_number_of_failures() {
    let quarantined = PluginItem {
        phase: "quarantined".to_owned(),
        quarantine: Some("it failed 3 times in a row, last with: no disk".to_owned()),
        ..plugin().item
    };
    let item = PluginItem { failures_in_a_row: 3, ..quarantined };
    let sheet = plain(&sheet(&Plugin { item, ..plugin() }, &Configuration::default(), ""));
    let lines = "phase        quarantined
quarantine   it failed 3 times in a row, last with: no disk; `enable`, `start` or `restart` lifts it
health       healthy
failures     3 in a row";
    assert!(sheet.contains(lines), "{sheet}");
}
