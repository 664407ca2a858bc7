//! The plugin template works without changes, created by `new` or by cargo-generate.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::author_commands::{ends, new_plugin, run};
use crate::host::TestHost;
use crate::plugins::{any_turn_to_build, build_cache, files, repository};

#[tokio::test]
async fn a_new_plugin_is_checked_loaded_and_answers() {
    let (folder, place) = new_plugin().await;
    let turn = any_turn_to_build().await;
    let (stdout, _) = ends(&run(folder.path(), &["check", "my-plugin"]).await, 0);
    assert!(stdout.lines().filter(|line| line.starts_with("ok ")).count() == 9, "{stdout}");
    let host = TestHost::start().await;
    // The API only reads below the source roots, so the folder is inside them.
    let inside = host.sources().join("my-plugin");
    crate::plugins::copy(&place, &inside);
    let loaded = host.command(&["load", inside.to_str().unwrap(), "--set", "greeting=Moin"]).await;
    drop(turn);
    ends(&loaded, 0);
    assert_eq!(host.call("my-plugin/hello/Zoe").await.expect(200).json(), json!({ "message": "Moin, Zoe!" }));
    let change = json!({ "greeting": "Good morning" });
    host.anonymous().post_json("/api/plugin-endpoints/my-plugin/greeting", &change).await.expect(200);
    assert_eq!(host.call("my-plugin/hello/Zoe").await.expect(200).json(), json!({ "message": "Good morning, Zoe!" }));
    assert_eq!(host.plugin("my-plugin").await["warnings"].as_array().map_or(0, Vec::len), 0);
}

#[tokio::test]
async fn the_tests_of_a_new_plugin_pass_in_its_own_folder() {
    let (_folder, place) = new_plugin().await;
    let mut cargo = author_cargo(&place);
    cargo.args(["test", "--quiet"]);
    let _turn = any_turn_to_build().await;
    let output = tokio::task::spawn_blocking(move || cargo.output().unwrap()).await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("2 passed"), "{stdout}\n{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
}

#[tokio::test]
async fn an_author_tests_a_plugin_in_the_real_host() {
    const TEST: &str = r#"
        use plugin_sdk::testing::TestHost;

        #[test]
        fn it_serves_over_a_reload() {
            let host = TestHost::with_plugin(env!("CARGO_MANIFEST_DIR"));
            assert_eq!(host.plugin(), "my-plugin");
            for _ in 0..2 {
                let answer = host.get("/hello/Zoe");
                assert_eq!((answer.status(), answer.text()), (200, "{\"message\":\"Hello, Zoe!\"}".to_owned()));
                host.reload();
            }
            assert_eq!(host.get("/nothing").status(), 404);
            while !host.log().contains("greeting with `Hello`") {
                std::thread::yield_now();
            }
            assert_eq!(host.operate("GET", "/api/plugins/my-plugin", None).status(), 200);
        }
    "#;
    let (_folder, place) = new_plugin().await;
    let manifest = std::fs::read_to_string(place.join("Cargo.toml")).unwrap();
    std::fs::write(place.join("Cargo.toml"), manifest.replace("\"testing\"", "\"test-host\"")).unwrap();
    std::fs::create_dir(place.join("tests")).unwrap();
    std::fs::write(place.join("tests/host.rs"), TEST).unwrap();
    let mut cargo = author_cargo(&place);
    cargo.env("PLUGIN_HOST", env!("CARGO_BIN_EXE_plugin-host")).args(["test", "--quiet", "--test", "host"]);
    let _turn = any_turn_to_build().await;
    let output = tokio::task::spawn_blocking(move || cargo.output().unwrap()).await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

/// cargo as an author runs it in a plugin's folder.
fn author_cargo(place: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(place)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("by-author"))
        .env("CARGO_HOME", build_cache().join("cargo-home"));
    cargo
}

#[tokio::test]
async fn invalid_names_and_folders_with_content_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(51);
    for name in ["ab", &long, "a b", "a/b", "../x", "é-plugin", "system", "match", "2fast", "plugin-sdk", ""] {
        ends(&run(folder.path(), &["new", name]).await, 2);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    ends(&run(folder.path(), &["new", "my-plugin", "--path", "deep/er"]).await, 0);
    let (_, stderr) = ends(&run(folder.path(), &["new", "my-plugin", "--path", "deep"]).await, 1);
    assert!(stderr.contains("`deep` is not empty") && stderr.contains("it contains `er`"), "{stderr}");
    ends(&run(folder.path(), &["new", "MyPlugin"]).await, 0);
    let text = std::fs::read_to_string(folder.path().join("my-plugin/plugin.yaml")).unwrap();
    assert!(text.starts_with("id: \"my-plugin\"\n"), "{text}");
}

#[tokio::test]
async fn cargo_generate_makes_the_same_files() {
    let template = repository().join("plugin-sdk/template");
    let folder = tempfile::tempdir().unwrap();
    let mut generate = Command::new("cargo-generate");
    generate.args(["generate", "--silent", "--vcs", "none", "--name", "my-plugin", "--path"]).arg(template);
    generate.current_dir(folder.path());
    if std::env::var_os("USER").is_none() {
        // In containers; cargo-generate refuses to start without a name of an author.
        generate.env("USER", "somebody");
    }
    let output = generate.output().expect("cargo-generate, which tests/run installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_folder, place) = new_plugin().await;
    // `.cargo/config.toml` is written by `new` only, since it depends on the machine.
    let of_new: Vec<_> = files(&place).into_iter().filter(|(path, _)| !path.starts_with(".cargo/")).collect();
    let shown = |files: Vec<(String, Vec<u8>)>| {
        let text = |(path, bytes): (String, Vec<u8>)| format!("=== {path}\n{}", String::from_utf8(bytes).unwrap());
        files.into_iter().map(text).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(shown(files(&folder.path().join("my-plugin"))), shown(of_new));
    let sdk = run(&folder.path().join("my-plugin"), &["sdk"]).await;
    ends(&sdk, 0);
}
