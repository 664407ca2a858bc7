//! What a plugin is asked to do and what it does, in the words of older clients; quarantine, and plugins that others
//! need.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{as_version, built};

async fn state(host: &TestHost, id: &str) -> String {
    host.plugin(id).await["state"].as_str().unwrap().to_owned()
}

async fn run(host: &TestHost, words: &[&str], code: i32) -> (String, String) {
    let output = host.command(words).await;
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{words:?}: {out}\n{err}");
    (out, err)
}

#[tokio::test]
async fn each_state_has_its_word_and_a_receipt_names_those_on_the_way() {
    let host = TestHost::start().await;
    let body = json!({ "source": built("hello").await, "start": false });
    host.post_json("/api/plugins/load", &body).await.expect(200);
    assert_eq!(state(&host, "hello").await, "installed");
    for (verb, expected, states) in [
        ("enable", "running", &["installed", "enabled", "running"][..]),
        ("enable", "running", &["running"]),
        ("stop", "stopped", &["running", "stopped"]),
        ("start", "running", &["stopped", "running"]),
        ("disable", "disabled", &["running", "stopped", "disabled"]),
        ("start", "running", &["disabled", "enabled", "running"]),
        ("stop", "stopped", &["running", "stopped"]),
        ("disable", "disabled", &["stopped", "disabled"]),
    ] {
        let receipt = host.post(&format!("/api/plugins/hello/{verb}")).await.expect(200).json();
        assert_eq!((&receipt["states"], state(&host, "hello").await.as_str()), (&json!(states), expected), "{verb}");
        let steps: Vec<_> = receipt["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
        let starts = expected == "running" && states.len() > 1;
        assert_eq!(steps.contains(&json!("start")) && steps.contains(&json!("swap")), starts, "{verb}: {steps:?}");
    }
    let host = host.restart().await;
    assert_eq!(state(&host, "hello").await, "disabled");
    host.post("/api/plugins/hello/restart").await.expect(409);
    let unloaded = host.delete("/api/plugins/hello").await.expect(200).json();
    assert_eq!(unloaded["generation_before"], Value::Null);
}

#[tokio::test]
async fn states_are_changed_from_the_command_line() {
    let host = TestHost::start().await;
    let hello = built("hello").await;
    run(&host, &["load", hello.to_str().unwrap(), "--no-start", "--reason", "for later"], 0).await;
    assert_eq!(state(&host, "hello").await, "installed");
    let (list, _) = run(&host, &["list"], 0).await;
    assert!(list.contains("  installed  unknown  "), "{list}");
    let (wide, _) = run(&host, &["list", "-o", "wide"], 0).await;
    assert!(wide.contains("installed/stopped"), "{wide}");
    let (enabled, _) = run(&host, &["enable", "hello"], 0).await;
    assert!(enabled.contains("states      installed, enabled, running") && enabled.contains("steps "), "{enabled}");
    host.call("hello/hello").await.expect(200);
    let (stopped, _) = run(&host, &["stop", "hello", "--reason", "a pause & more"], 0).await;
    assert!(stopped.starts_with("plugin hello is stopped"), "{stopped}");
    assert!(stopped.contains("generation 2: 1 request\n"), "{stopped}");
    run(&host, &["start", "hello"], 0).await;
    let restarted = run(&host, &["restart", "hello", "--json"], 0).await.0;
    let restarted: Value = serde_json::from_str(&restarted).unwrap();
    assert_eq!((&restarted["generation_before"], &restarted["generation"]), (&json!(3), &json!(4)));
    run(&host, &["disable", "hello", "--on-conflict", "reject"], 0).await;
    let revisions = host.get("/api/plugins/hello/revisions").await.json()["revisions"].clone();
    let told: Vec<_> = revisions.as_array().unwrap().iter().map(|one| (&one["operation"], &one["reason"])).collect();
    let (pause, later) = (json!("a pause & more"), json!("for later"));
    let expected = [
        ("disable", &Value::Null),
        ("start", &Value::Null),
        ("stop", &pause),
        ("enable", &Value::Null),
        ("load", &later),
    ];
    assert_eq!(
        told,
        expected
            .map(|(operation, reason)| (json!(operation), reason))
            .iter()
            .map(|(operation, reason)| (operation, *reason))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_plugin_that_fails_again_and_again_is_quarantined_until_the_operator_enables_it() {
    let host = TestHost::with(&["--quarantine-failures", "2", "--retry-first-wait-ms", "10"]).await;
    host.load("health-fails").await;
    host.load("hello").await;
    for generation in [1, 2] {
        eventually("it serves", || async { host.plugin("health-fails").await["generation"] == generation }).await;
        host.anonymous().post(&endpoint("health-fails/break")).await.expect(204);
    }
    eventually("it is quarantined", || async { host.plugin("health-fails").await["phase"] == "quarantined" }).await;
    let plugin = host.plugin("health-fails").await;
    let reason = plugin["quarantine"].as_str().unwrap();
    assert!(reason.contains("in a row; last error: ") && reason.contains("no disk"), "{reason}");
    assert_eq!(
        (&plugin["state"], &plugin["goal"], &plugin["enabled"]),
        (&json!("enabled"), &json!("running"), &json!(true))
    );
    let refused = host.call("health-fails/mend").await.expect(503);
    assert_eq!(refused.code(), "plugin_not_serving");
    assert!(refused.text().contains("until an operator enables, starts or restarts it"), "{}", refused.text());
    assert_eq!(host.metric("plugin_host_quarantined{plugin=\"health-fails\"}").await, 1.0);
    assert_eq!(host.metric("plugin_host_quarantined{plugin=\"hello\"}").await, 0.0);
    host.call("hello/hello").await.expect(200);

    let host = host.restart().await;
    let summary = host.get("/api/plugins/health/summary").await.expect(200).json();
    let of_plugin = summary["plugins"].as_array().unwrap().iter().find(|one| one["id"] == "health-fails").unwrap();
    assert!(of_plugin["quarantine"].as_str().unwrap().contains("no disk"), "{of_plugin}");
    let (list, remarks) = run(&host, &["list"], 0).await;
    assert!(list.contains("running/quarantined"), "{list}");
    assert!(remarks.contains("`plugin-host enable health-fails` lifts it"), "{remarks}");
    let (show, _) = run(&host, &["show", "health-fails"], 0).await;
    assert!(show.contains("quarantine ") && show.contains("`enable`, `start` or `restart` lifts it"), "{show}");

    run(&host, &["enable", "health-fails"], 0).await;
    let plugin = host.plugin("health-fails").await;
    assert_eq!((&plugin["state"], &plugin["quarantine"]), (&json!("running"), &Value::Null));
    host.anonymous().post(&endpoint("health-fails/mend")).await.expect(204);
}

#[tokio::test]
async fn a_plugin_with_dependants_is_removed_only_with_them() {
    let host = TestHost::start().await;
    host.try_load(&as_version(&host, "hello", "store", "1.0.0").await).await.expect(200);
    let app = as_version(&host, "hello", "app", "1.0.0").await;
    let yaml = app.with_file_name("plugin.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, format!("{text}dependencies: [{{id: store, version: ^1}}]\n")).unwrap();
    host.try_load(&app).await.expect(200);

    let refused = host.post("/api/plugins/store/disable").await.expect(409);
    assert_eq!(refused.code(), "dependency_dependants");
    assert_eq!(refused.json()["errors"][0]["message"], "`store` cannot be disabled: `app` needs it");
    let (_, told) = run(&host, &["disable", "store"], 1).await;
    assert_eq!(
        told,
        "error: `store` cannot be disabled: `app` needs it\n\nfix: disable `app` first, or add `--cascade`\n"
    );
    host.call("store/hello").await.expect(200);
    // Who rests is still there for others.
    run(&host, &["stop", "store"], 0).await;
    run(&host, &["start", "store"], 0).await;

    let (_, warnings) = run(&host, &["disable", "store", "--cascade"], 0).await;
    assert_eq!(warnings, "warning: `app` was disabled first, because it depends on `store`\n");
    assert_eq!(
        (state(&host, "app").await, state(&host, "store").await),
        ("disabled".to_owned(), "disabled".to_owned())
    );
    run(&host, &["unload", "store"], 1).await;
    run(&host, &["unload", "store", "--cascade"], 0).await;
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
}
