//! Input that is wrong in a small way: the message names the place, the reason and what to write instead.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{built, source};

/// Copies the prebuilt plugin `hello` to a source folder, with a changed plugin.yaml.
async fn prebuilt(host: &TestHost, name: &str, change: impl FnOnce(String) -> String) -> std::path::PathBuf {
    let folder = host.sources().join(name);
    crate::plugins::copy(built("hello").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    std::fs::write(folder.join("plugin.yaml"), change(yaml)).unwrap();
    folder
}

#[tokio::test]
async fn validation_describes_a_prebuilt_library_and_names_one_that_is_none() {
    let host = TestHost::start().await;
    let folder = prebuilt(&host, "hello", |yaml| yaml).await;
    let library = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let library = library.into_iter().find(|path| path.extension().is_some_and(|end| end == "so")).unwrap();
    let name = library.file_name().unwrap().to_str().unwrap().to_owned();
    let validate =
        async || host.post_json("/api/plugins/validate", &json!({ "source": folder })).await.expect(200).json();
    let found = validate().await;
    assert_eq!((&found["library"]["file"], &found["library"]["arch"]), (&json!(name), &json!(std::env::consts::ARCH)));
    assert!(found["library"]["package"].as_str().unwrap().starts_with("hello "), "{found}");
    let said = host.command(&["validate", &folder.display().to_string()]).await;
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains(&format!("its library {name} (hello ")) && said.contains("its code was not run"), "{said}");

    std::fs::write(&library, "#!/bin/sh\n").unwrap();
    let refused = validate().await;
    let expected = format!(
        "the prebuilt library `{name}` cannot be loaded: the file is not a 64-bit shared library: it is a script"
    );
    assert!(refused["message"].as_str().unwrap().ends_with(&expected), "{refused}");
    assert!(refused["fix"].as_str().unwrap().contains("cdylib") && refused["library"].is_null(), "{refused}");
}

#[tokio::test]
async fn filters_refuse_values_that_nothing_can_have() {
    let host = TestHost::start().await;
    for (path, fix) in [
        ("/api/audit?action=plugin_laod", "did you mean `plugin_load`?"),
        ("/api/audit?action=job_relaod", "did you mean `job_reload`?"),
        ("/api/audit?action=host_quarantin", "did you mean `host_quarantine`?"),
        ("/api/audit?action=zzz", "leave `action` out to see which values there are"),
        ("/api/jobs?operation=laod", "did you mean `load`?"),
    ] {
        let refused = host.get(path).await.expect(400);
        assert_eq!((refused.code().as_str(), &refused.json()["fix"]), ("query_does_not_fit", &json!(fix)), "{path}");
    }
    // Values that nothing has yet.
    for path in ["/api/audit?action=plugin_load", "/api/audit?action=job_rollback", "/api/jobs?operation=rollback"] {
        host.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn bodies_and_conditions_that_are_almost_right_are_refused() {
    let host = TestHost::start().await;
    host.load("settings").await;
    let config = "/api/plugins/settings/config";
    let twice = host.request("PATCH", config).body(br#"{"database": {"port": 1, "port": 2}}"#).send().await;
    let twice = twice.expect(400);
    assert_eq!(twice.json()["errors"][0], json!({ "pointer": "database.port", "message": "`port` is given twice" }));
    let patch =
        host.request("PATCH", config).header("content-type", "application/json-patch+json").body(b"[]").send().await;
    let patch = patch.expect(415);
    assert!(patch.json()["fix"].as_str().unwrap().contains("JSON Merge Patch"), "{}", patch.text());
    for path in [config, "/api/plugins/system/configuration"] {
        let refused = host.request("PUT", path).header("if-none-match", "*").json(&json!({})).send().await.expect(412);
        assert_eq!(refused.code(), "request_if_none_match");
    }
    let ignored = host.request("DELETE", "/api/plugins/settings").header("if-match", "\"1\"").send().await.expect(412);
    assert_eq!(ignored.code(), "request_if_match");
    let stale = host.request("PATCH", config).header("if-match", "\"99\"").json(&json!({})).send().await.expect(412);
    assert!(stale.json()["detail"].as_str().unwrap().starts_with("`settings` now has revision "), "{}", stale.text());
    let login = host.post_json("/login", &json!({ "user": "a", "password": "b" })).await.expect(400);
    assert_eq!(login.json()["fix"], "the fields are `username`, `password`");
    let empty =
        host.anonymous().request("GET", "/api/plugins").header("authorization", "Bearer ").send().await.expect(401);
    assert!(empty.text().contains("has no token after `Bearer`"), "{}", empty.text());
}

#[tokio::test]
async fn a_plan_names_keys_that_the_plugin_may_not_read() {
    let host = TestHost::start().await;
    let hello = prebuilt(&host, "hello", |yaml| yaml + "configuration: {limits: {guests: 3}}\n").await;
    let plan = |configuration: Value| json!({ "version": 1, "plugins": [{ "source": hello, "configuration": configuration }] });
    let dotted = plan(json!({ "limits.guests": 4 }));
    let planned = host.post_json("/api/plugins/plan", &dotted).await.expect(200).json();
    let warnings = planned["plugins"][0]["warnings"].to_string();
    assert!(warnings.contains("a dot in a key does not nest"), "{planned}");
    let nested = plan(json!({ "limits": { "guests": 4 } }));
    let planned = host.post_json("/api/plugins/plan", &nested).await.expect(200).json();
    assert_eq!(planned["plugins"][0]["warnings"], json!([]), "{planned}");
}

#[tokio::test]
async fn a_failed_build_and_a_failed_start_come_with_what_explains_them() {
    let host = TestHost::start().await;
    let folder = host.sources().join("left-out");
    crate::plugins::copy(&source("hello"), &folder);
    let code = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
    std::fs::write(folder.join("src/lib.rs"), code + "\nmod generated;\n").unwrap();
    std::fs::write(folder.join("src/generated.rs"), "").unwrap();
    std::fs::write(folder.join(".gitignore"), "src/generated.rs\n").unwrap();
    let refused = host.try_load(&folder).await.expect(422);
    let errors = refused.json()["errors"].to_string();
    assert!(errors.contains("left out of the source: `src/generated.rs`"), "{errors}");

    let hooks = built("hooks").await;
    let refused = host.try_load_with(&hooks, json!({ "fails": "install" })).await.expect(422);
    assert_eq!(refused.code(), "run_hook_failed");
    let job = host.get("/api/jobs?limit=1").await.expect(200).json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let log = host.get(&format!("/api/jobs/{job}/log")).await.expect(200).text();
    assert!(log.contains("plugin info: install ran"), "{log}");
}

#[tokio::test]
async fn blocking_a_version_twice_changes_nothing_and_says_so() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let blocked = "/api/plugins/hello/blocked/9.9.9";
    let message = |answer: crate::client::Answer| answer.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(message(host.delete(blocked).await), "nothing changed: version 9.9.9 was not blocked for plugin hello");
    let policy = async || {
        host.request("PUT", "/api/plugins/hello/update-policy").json(&json!({ "policy": "minor" })).send().await
    };
    assert_eq!(
        message(policy().await.expect(200)),
        "nothing changed: this is the update policy already for plugin hello"
    );
    let block = async || host.request("PUT", blocked).send().await.expect(200);
    assert_eq!(message(block().await), "the update policy of plugin hello was changed");
    assert_eq!(message(block().await), "nothing changed: version 9.9.9 was already blocked for plugin hello");
}
