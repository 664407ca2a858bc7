//! `plan`, `apply` and `export` of the command line.

use std::process::Output;

use serde_json::Value;

use super::placed;
use crate::host::TestHost;
use crate::plugins::built;

#[tokio::test]
async fn an_operator_plans_applies_and_exports_from_the_command_line() {
    let host = TestHost::start().await;
    placed(&host, "hello", "hello", "").await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let command = async |words: &[&str], code: i32| {
        let output: Output = host.command(words).await;
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\n{stdout}\n{stderr}");
        (stdout, stderr)
    };
    let file = host.sources().join("site/plugins.yaml");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "version: 1\nplugins:\n  - source: ../hello/library.so\n").unwrap();
    let name = "site/plugins.yaml";
    let source = std::fs::canonicalize(host.sources()).unwrap().join("site/../hello/library.so");
    let line = format!("+ hello: install 1.0.0 from {}\n+ hello: running\n", source.display());
    assert_eq!(command(&["plan", "-f", name], 0).await, (line.clone(), "plugins to change: 1\n".to_owned()));
    command(&["plan", "-f", name, "--exit-code"], 10).await;
    let (json, _) = command(&["plan", "-f", name, "--json", "--exit-code"], 10).await;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["changing"], 1);
    let (_, stderr) = command(&["apply", "-f", name], 2).await;
    assert!(stderr.contains("--yes"), "{stderr}");
    let (stdout, _) = command(&["apply", "-f", name, "--yes"], 0).await;
    assert_eq!(stdout, format!("{line}done: hello: plugin hello 1.0.0 serves as generation 1\n"));
    host.call("hello/hello").await.expect(200);
    assert_eq!(command(&["plan", "-f", name, "--exit-code"], 0).await, (String::new(), "no changes\n".to_owned()));
    command(&["apply", "-f", name], 0).await;

    command(&["export", "-f", "exported.yaml"], 0).await;
    let (printed, _) = command(&["export"], 0).await;
    assert_eq!(printed, std::fs::read_to_string(host.sources().join("exported.yaml")).unwrap());
    assert!(printed.contains("- id: hello\n"), "{printed}");
    command(&["plan", "-f", "exported.yaml", "--exit-code"], 0).await;

    let settings = built("settings").await;
    let bad = format!(
        "version: 1\nplugins:\n  - source: ../hello/library.so\n    goal: stopped\n  - source: {}\n    configuration: {{database: {{host: nowhere}}}}\n",
        settings.display()
    );
    std::fs::write(&file, bad).unwrap();
    let (_, stderr) = command(&["apply", "-f", name, "--yes"], 1).await;
    assert!(stderr.contains("failed: apply of settings") && stderr.contains("skipped: apply of hello"), "{stderr}");
    host.call("hello/hello").await.expect(200);
    let (stdout, stderr) = command(&["apply", "-f", name, "--yes", "--best-effort"], 1).await;
    assert!(stdout.contains("done: hello: ") && stderr.contains("1 of 2 changes failed"), "{stdout}\n{stderr}");
    std::fs::write(&file, "version: 1\nplugins:\n  - goal: fast\n").unwrap();
    let (_, stderr) = command(&["plan", "-f", name], 2).await;
    for part in
        ["site/plugins.yaml:3: `plugins[0].source` is required", "site/plugins.yaml:3: `plugins[0].goal` must be"]
    {
        assert!(stderr.contains(part), "{stderr}");
    }
    let (_, stderr) = command(&["plan", "-f", "none.yaml"], 2).await;
    assert!(stderr.contains("failed to read `none.yaml`"), "{stderr}");
}
