//! The hooks of a plugin: when each runs, and what a failure of it costs.

use serde_json::{Value, json};

use crate::host::{TestHost, eventually};
use crate::plugins::{built, copy};

/// What one generation wrote to the plugin's log.
async fn said_by(host: &TestHost, generation: u64) -> Vec<String> {
    let lines = host.get("/api/plugins/hooks/logs").await.expect(200).json();
    let lines = lines["lines"].as_array().unwrap().iter().filter(|line| line["generation"] == generation);
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

/// What all generations wrote.
async fn said(host: &TestHost) -> Vec<String> {
    let mut all = vec![];
    for generation in 1..10 {
        all.extend(said_by(host, generation).await);
    }
    all
}

async fn load(host: &TestHost, configuration: Value) -> crate::client::Answer {
    host.try_load_with(&built("hooks").await, configuration).await
}

async fn put(host: &TestHost, configuration: Value) -> crate::client::Answer {
    host.request("PUT", "/api/plugins/hooks/config").json(&configuration).send().await
}

#[tokio::test]
async fn each_hook_runs_at_its_time() {
    let host = TestHost::start().await;
    load(&host, json!({})).await.expect(200);
    assert_eq!(said(&host).await, ["install ran", "health ran", "on_load ran"]);

    host.post("/api/plugins/hooks/reload").await.expect(200);
    host.logged("generation 1 of `hooks` has ended").await;
    // Two generations run side by side, so the lines of one may lie between those of the other.
    assert_eq!(said_by(&host, 2).await, ["health ran", "on_load ran"], "the version is neither installed nor upgraded");
    assert_eq!(said_by(&host, 1).await[3..], ["on_unload ran", "stop ran"]);

    // Another version: the library of the same code, beside a plugin.yaml that says so.
    let newer = host.sources().join("newer");
    copy(built("hooks").await.parent().unwrap(), &newer);
    let yaml = std::fs::read_to_string(newer.join("plugin.yaml")).unwrap().replace("version: 1.0.0", "version: 1.1.0");
    std::fs::write(newer.join("plugin.yaml"), yaml).unwrap();
    host.try_load(&newer.join("library.so")).await.expect(200);
    assert_eq!(said_by(&host, 3).await, ["upgrade from 1.0.0", "upgrade ran", "health ran", "on_load ran"]);

    host.get("/metrics").await.expect(200);
    assert!(said(&host).await.contains(&"metrics ran".to_owned()));

    host.delete("/api/plugins/hooks?keep_data=true").await.expect(200);
    host.logged("generation 3 of `hooks` has ended").await;
    let log = host.log();
    let of = |text: &str| log.find(text).unwrap_or_else(|| panic!("no `{text}` in {log}"));
    assert!(of("uninstall, keep_data true") < of("generation 3 of `hooks` has ended"));
    load(&host, json!({})).await.expect(200);
    assert_eq!(said(&host).await[0], "install ran", "it was removed, so this is a first time");
}

#[tokio::test]
async fn a_disabled_plugin_is_started_to_run_its_uninstall_hook() {
    let host = TestHost::start().await;
    load(&host, json!({})).await.expect(200);
    host.post("/api/plugins/hooks/disable").await.expect(200);
    host.delete("/api/plugins/hooks").await.expect(200);
    host.logged("uninstall ran").await;
    let log = host.log();
    assert!(log.contains("uninstall, keep_data false"), "{log}");
    assert_eq!(log.matches("install ran").count() - log.matches("uninstall ran").count(), 1, "{log}");
}

#[tokio::test]
async fn installed_versions_are_remembered_over_a_restart() {
    let host = TestHost::start().await;
    load(&host, json!({})).await.expect(200);
    let host = host.restart().await;
    assert_eq!(said(&host).await, ["health ran", "on_load ran"]);
}

#[tokio::test]
async fn a_hook_that_refuses_leaves_what_served() {
    let host = TestHost::start().await;
    for (hook, code) in [
        ("validate", "load_configuration_refused"),
        ("start", "load_start_failed"),
        ("install", "run_hook_failed"),
        ("health", "run_unhealthy"),
    ] {
        let refused = load(&host, json!({ "fails": hook })).await.expect(422);
        assert_eq!(refused.code(), code, "{hook}");
        assert!(refused.text().contains(&format!("{hook} was asked to fail")), "{}", refused.text());
        assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
    }
    for (hook, code) in [
        ("validate", "load_configuration_refused"),
        ("start", "load_start_panicked"),
        ("install", "run_hook_failed"),
        ("health", "run_unhealthy"),
    ] {
        let refused = load(&host, json!({ "panics": hook })).await.expect(422);
        assert_eq!(refused.code(), code, "{hook}");
        assert!(refused.text().contains("hooks") || refused.text().contains("lib.rs"), "{}", refused.text());
    }
    load(&host, json!({})).await.expect(200);
    assert_eq!(load(&host, json!({ "fails": "validate" })).await.expect(422).code(), "load_configuration_refused");
    host.call("hooks/settings").await.expect(200);
}

#[tokio::test]
async fn a_hook_that_can_refuse_nothing_any_more_is_logged() {
    let host = TestHost::start().await;
    for how in ["fails", "panics"] {
        for hook in ["on_load", "on_unload", "metrics", "uninstall", "stop"] {
            load(&host, json!({ how: hook })).await.expect(200);
            host.get("/metrics").await.expect(200);
            host.delete("/api/plugins/hooks").await.expect(200);
        }
    }
    for hook in ["on_load", "on_unload", "metrics", "uninstall", "stop"] {
        let failed = format!("the {hook} hook of `hooks` failed");
        eventually(&failed, async || host.log().matches(&failed).count() == 2).await;
    }
}

#[tokio::test]
async fn an_error_observer_sees_errors_and_panics_and_may_itself_panic() {
    let host = TestHost::start().await;
    for panics in ["", "on_error"] {
        load(&host, json!({ "panics": panics })).await.expect(200);
        host.call("hooks/fail").await.expect(500);
        assert_eq!(host.call("hooks/panic").await.expect(500).code(), "plugin_panicked");
        host.call("hooks/settings").await.expect(200);
    }
    let said = said(&host).await.join("\n");
    assert_eq!(said.matches("on_error: fail it is broken panicked false").count(), 2, "{said}");
    assert_eq!(said.matches("on_error: panic the handler was asked to panic panicked true").count(), 2, "{said}");
}

#[tokio::test]
async fn a_configuration_is_applied_live_or_by_a_reload_or_refused() {
    let host = TestHost::start().await;
    load(&host, json!({ "limits": { "retries": 2 } })).await.expect(200);
    let in_use = host.get("/api/plugins/hooks/config").await.expect(200).json();
    assert_eq!(in_use["configuration"], json!({ "greeting": "hello", "limits": { "retries": 2 } }));
    assert_eq!(in_use["defaults"], json!({ "greeting": "hello" }));

    let live = put(&host, json!({ "greeting": "hi", "live": true })).await.expect(200).json();
    assert_eq!(live["generation"], 1, "{live}");
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hi");

    let reloaded = put(&host, json!({ "greeting": "hey" })).await.expect(200).json();
    assert_eq!(reloaded["generation"], 2, "{reloaded}");
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hey");

    let wrong = put(&host, json!({ "limits": { "retries": 300 } })).await.expect(422);
    assert_eq!(wrong.code(), "run_configuration_refused");
    assert!(wrong.text().contains("limits") && wrong.text().contains("retries"), "{}", wrong.text());
    for (configuration, code) in [
        (json!({ "fails": "validate" }), "run_configuration_refused"),
        (json!({ "panics": "validate" }), "run_configuration_refused"),
        (json!({ "fails": "start" }), "load_start_failed"),
    ] {
        assert_eq!(put(&host, configuration.clone()).await.expect(422).code(), code, "{configuration}");
    }
    for (body, code) in [
        ("", "body_not_json"),
        ("{", "body_not_json"),
        ("[]", "body_does_not_fit"),
        ("null", "body_does_not_fit"),
        ("\"x\"", "body_does_not_fit"),
    ] {
        let refused = host.request("PUT", "/api/plugins/hooks/config").body(body.as_bytes()).send().await;
        assert_eq!(refused.expect(400).code(), code, "{body}");
    }
    let long = format!("{{\"greeting\": \"{}\"}}", "x".repeat(1 << 20));
    let refused = host.request("PUT", "/api/plugins/hooks/config").body(long.as_bytes()).send().await;
    assert_eq!(refused.expect(413).code(), "body_too_large");
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hey");
    assert_eq!(host.get("/api/plugins/hooks/config").await.json()["set"], json!({ "greeting": "hey" }));
    host.post("/api/plugins/hooks/reload").await.expect(200);
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hey");

    host.post("/api/plugins/hooks/disable").await.expect(200);
    assert_eq!(put(&host, json!({ "fails": "validate" })).await.expect(422).code(), "load_configuration_refused");
    put(&host, json!({ "greeting": "later" })).await.expect(200);
    host.post("/api/plugins/hooks/enable").await.expect(200);
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "later");
    eventually("the generations before have ended", || async {
        host.plugin("hooks").await["generations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|g| g["phase"] != "unmapped")
            .count()
            == 1
    })
    .await;
}

#[tokio::test]
async fn the_command_line_shows_and_changes_a_configuration() {
    let host = TestHost::start().await;
    load(&host, json!({})).await.expect(200);
    let said = |output: &std::process::Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let shown = said(&host.command(&["configure", "hooks"]).await);
    assert_eq!(shown, (Some(0), "{\n  \"greeting\": \"hello\"\n}\n".to_owned(), String::new()));

    let changed = said(&host.command(&["configure", "hooks", "--set", "greeting=hi", "--set", "live=true"]).await);
    assert_eq!((changed.0, changed.1.contains("generation 1 keeps serving")), (Some(0), true), "{changed:?}");
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hi");

    let slip = said(&host.command(&["configure", "hooks", "--set", "greting=hi", "--unset", "live"]).await);
    assert!(slip.0 == Some(0) && slip.1.contains("serves as generation 2"), "{slip:?}");
    assert!(slip.2.contains("`greting` is not in plugin.yaml's `configuration`; did you mean `greeting`?"), "{slip:?}");

    let refused = said(&host.command(&["configure", "hooks", "--set", "fails=validate"]).await);
    assert!(refused.0 == Some(1) && refused.2.contains("validate was asked to fail"), "{refused:?}");
    let not_set = said(&host.command(&["configure", "hooks", "--unset", "colour"]).await);
    assert!(not_set.0 == Some(2) && not_set.2.contains("`colour` is not set"), "{not_set:?}");
    assert_eq!(host.call("hooks/settings").await.json()["greeting"], "hi");

    let replaced = load(&host, json!({ "live": true })).await.expect(200).json();
    let removed = "replaces all earlier settings; removed: `greeting`, `greting`";
    assert!(replaced["warnings"].to_string().contains(removed), "{replaced}");

    let kept = said(&host.command(&["unload", "hooks", "--keep-data"]).await);
    assert_eq!(kept.0, Some(0), "{kept:?}");
    host.logged("uninstall, keep_data true").await;
}
