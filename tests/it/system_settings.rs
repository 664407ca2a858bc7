//! The settings of a host: shown, changed while it runs, stored, and rejected.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::host::TestHost;

const PATH: &str = "/api/plugins/system/configuration";

async fn put(host: &TestHost, body: Value) -> Answer {
    host.request("PUT", PATH).json(&body).send().await
}

#[tokio::test]
async fn settings_are_changed_while_the_host_runs_and_stored() {
    let host = TestHost::with(&["--max-connections", "500"]).await;
    let before = host.get(PATH).await.expect(200);
    let tag = before.header("etag").unwrap().to_owned();
    assert_eq!((&before.json()["security_mode"], &before.json()["security_enabled"]), (&json!("normal"), &json!(true)));
    assert_eq!(before.json()["origins"]["max_connections"], "flag --max-connections");

    // The security mode takes effect immediately.
    let folder = host.sources().join("odd");
    crate::plugins::copy(crate::plugins::built("hello").await.parent().unwrap(), &folder);
    let yaml = folder.join("plugin.yaml");
    std::fs::write(&yaml, std::fs::read_to_string(&yaml).unwrap() + "unknown_key: 1\n").unwrap();
    let valid = async |host: &TestHost| {
        let answer = host.post_json("/api/plugins/validate", &json!({ "source": folder })).await.expect(200);
        answer.json()["valid"] == true
    };
    assert!(valid(&host).await);
    let change = json!({ "security_mode": "strict", "max_kept_versions": 7, "max_upload_bytes": "2MB" });
    let request = host.request("PUT", PATH).header("if-match", &tag).json(&change);
    let changed = request.send().await.expect(200).json();
    assert_eq!(changed["changed"], json!(["security_mode", "max_upload_bytes", "max_kept_versions"]));
    assert_eq!(
        (&changed["pending"], &changed["max_upload_bytes"]),
        (&json!({ "max_upload_bytes": 2_000_000 }), &json!(64 << 20))
    );
    assert!(!valid(&host).await);
    let stale = host.request("PUT", PATH).header("if-match", &tag).json(&json!({ "max_kept_versions": 8 }));
    assert_eq!(stale.send().await.expect(412).code(), "settings_stale");

    // Sending the object back does not reset pending values.
    put(&host, host.get(PATH).await.json()).await.expect(200);
    let host = host.kill_and_restart().await;
    let after = host.get(PATH).await.json();
    assert_eq!((&after["max_upload_bytes"], &after["pending"]), (&json!(2_000_000), &json!({})));
    assert_eq!(after["origins"]["security_mode"], "changed while a host ran");
    assert!(!valid(&host).await);

    let run = async |words: &[&str]| {
        let output = host.command(words).await;
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(run(&["config", "show", "--origin"]).await.contains("\"strict\""));
    assert_eq!(run(&["config", "unset", "security_mode"]).await, "changed: security_mode\n");
    assert!(valid(&host).await);
    assert_eq!(run(&["config", "set", "max_kept_versions", "2"]).await, "changed: max_kept_versions\n");
    let in_force = run(&["config", "running", "--origin"]).await;
    let line = |key: &str| in_force.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(line("max_kept_versions ").contains(" 2 ") && line("max_kept_versions ").contains("changed"), "{in_force}");
    assert!(line("plugin_dir ").contains("--plugin-dir"), "{in_force}");
    assert!(run(&["config", "set", "nonsense", "1"]).await.contains("unknown setting `nonsense`"));
    let refused = put(&host, json!({ "securty_mode": "strict" })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/securty_mode");
    assert!(refused["detail"].to_string().contains("did you mean `security_mode`?"), "{refused}");
    assert!(
        put(&host, json!({ "security_enabled": "no" })).await.expect(422).text().contains("expected true or false")
    );
}

#[tokio::test]
async fn a_running_host_shows_the_sections_of_its_file_without_secrets() {
    let options = TestHost::options();
    let file = options.sources().join("host.toml");
    let text = "[git.\"git.example.org/acme\"]\ntoken_command = [\"gh\", \"--with\", \"s3cret\"]\n\
                [git.\"github.com\"]\ntoken_env = \"MY_TOKEN\"\n\
                [configuration.hello]\ngreeting = \"Hi\"\napi_key = \"s3cret\"\n";
    std::fs::write(&file, text).unwrap();
    let host = options.flags(&["--config", file.to_str().unwrap()]).start().await;
    let answer = host.get(PATH).await.expect(200);
    let shown = answer.json();
    let mask = "********";
    assert_eq!(
        shown["sections"],
        json!({
            "git.\"git.example.org/acme\"": { "token_command": ["gh", mask, mask], "user": "x-access-token" },
            "git.\"github.com\"": { "token_env": "MY_TOKEN", "user": "x-access-token" },
            "configuration.hello": { "greeting": "Hi", "api_key": mask },
        })
    );
    assert_eq!(shown["origins"]["configuration.hello"], format!("file {}:5", file.display()));
    let output = host.command(&["config", "running", "--origin"]).await;
    let table = String::from_utf8(output.stdout).unwrap();
    for part in ["git.\"github.com\"", "MY_TOKEN", "configuration.hello", "host.toml:5"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("s3cret") && !answer.text().contains("s3cret"), "{table}");
    // The object can be sent back, with its sections.
    assert_eq!(put(&host, shown).await.expect(200).json()["warnings"], Value::Null);

    // SIGHUP replaces the sections of repositories; those of plugins apply at the next start.
    std::fs::write(&file, "[configuration.hello]\ngreeting = \"Moin\"\n").unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(host.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    host.logged("reload").await;
    crate::host::eventually("the sections are replaced", async || {
        let sections = host.get(PATH).await.json()["sections"].clone();
        sections == json!({ "configuration.hello": { "greeting": "Hi", "api_key": mask } })
    })
    .await;

    let without = TestHost::start().await;
    assert_eq!(without.get(PATH).await.json()["sections"], Value::Null);
    let output = without.command(&["config", "running"]).await;
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("max_upload_bytes") && !table.contains("git.") && !table.contains("configuration."),
        "{table}"
    );
}

#[tokio::test]
async fn the_command_line_explains_changes_that_are_refused() {
    let host = TestHost::start().await;
    let run = async |words: &[&str]| {
        let output = host.command(words).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    for (words, parts) in [
        (
            &["config", "set", "max_kept_version", "1"][..],
            &["no setting was changed", "did you mean `max_kept_versions`?"][..],
        ),
        (
            &["config", "set", "max_kept_versions", "-1"],
            &["`max_kept_versions` is `-1`, expected a number from 0 to 100"],
        ),
        (&["config", "set", "max_upload_bytes", "-5MB"], &["`max_upload_bytes` is", "-5MB", "expected a size"]),
        (&["config", "set", "security_mode", "lax"], &["expected one of `strict`, `normal`, `permissive`"]),
        (&["config", "unset", "nonsense"], &["unknown setting `nonsense`"]),
    ] {
        let (code, text) = run(words).await;
        assert_eq!(code, Some(1), "{words:?}: {text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{words:?}: {text}");
    }
    assert_eq!(
        run(&["config", "set", "max_upload_bytes", "2MB"]).await.1,
        "changed, from the next start of the host on: max_upload_bytes\n"
    );
    // A change that waits for the next start is not named by later changes.
    assert_eq!(run(&["config", "set", "max_kept_versions", "5"]).await.1, "changed: max_kept_versions\n");
}

#[tokio::test]
async fn invalid_changes_are_rejected_as_a_whole_with_reasons() {
    let host = TestHost::with(&["--max-connections", "500"]).await;
    for (change, part) in [
        (json!({ "max_kept_versions": 5, "cargo": "/tmp/evil" }), "can only be set on the command line"),
        (json!({ "source_roots": ["/"] }), "can only be set on the command line"),
        (json!({ "max_connections": 100 }), "which takes precedence over a change"),
        (json!({ "max_kept_versions": 1000 }), "expected a number from 0 to 100"),
        (json!({ "max_kept_versions": "many" }), "is `\\\"many\\\"`, expected a number from 0 to 100"),
        (json!({ "security_mode": ["strict"] }), "expected one of "),
    ] {
        let refused = put(&host, change.clone()).await.expect(422);
        assert_eq!(refused.code(), "settings_refused");
        assert!(refused.text().contains(part), "{change}: {}", refused.text());
    }
    assert_eq!(host.get(PATH).await.json()["max_kept_versions"], 3);
    for body in ["[]", "7", "{"] {
        host.request("PUT", PATH).body(body.as_bytes()).send().await.expect(400);
    }
    host.anonymous().get(PATH).await.expect(401);

    // A damaged file prevents the next start, with a hint.
    put(&host, json!({ "max_kept_versions": 5 })).await.expect(200);
    let file = host.plugin_dir().join("settings.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("5", "6")).unwrap();
    let options = host.pull_plug();
    let output = options.clone().run_to_its_end().await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("settings.json` is damaged"), "{output:?}");
    std::fs::remove_file(&file).unwrap();
    let host = options.start().await;
    assert_eq!(host.get(PATH).await.json()["max_kept_versions"], 3);
}

#[tokio::test]
async fn the_permissive_mode_accepts_files_that_do_not_match_their_checksums() {
    let host = TestHost::start().await;
    let folder = host.sources().join("changed");
    crate::plugins::copy(crate::plugins::built("hello").await.parent().unwrap(), &folder);
    let yaml = folder.join("plugin.yaml");
    let zeros = "0".repeat(64);
    let checksums = format!("checksums:\n  library.so: sha256:{zeros}\n  gone.txt: sha256:{zeros}\n");
    std::fs::write(&yaml, std::fs::read_to_string(&yaml).unwrap() + &checksums).unwrap();
    let load = json!({ "source": folder.join("library.so") });
    let load = async || host.post_json("/api/plugins/load", &load).await;
    assert_eq!(load().await.expect(422).code(), "build_tree_checksum");

    // As older clients send it.
    put(&host, json!({ "security_enabled": false })).await.expect(200);
    let warnings = load().await.expect(200).json()["warnings"].to_string();
    for part in ["`gone.txt` is missing", "`library.so` is `sha256:", "security_mode: permissive"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    host.call("hello/hello").await.expect(200);
    put(&host, json!({ "security_enabled": true })).await.expect(200);
    assert_eq!(load().await.expect(422).code(), "build_tree_checksum");
}
