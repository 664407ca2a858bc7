//! Libraries that come finished: each gate, and what it says.

use std::path::{Path, PathBuf};

use host_core::Digest;
use serde_json::json;

use crate::host::{TestHost, eventually};
use crate::plugins::{build_cache, built, copy, repository, source, turn_to_build};
use crate::uploads::{install, upload};
use crate::zip_builder::archive;

/// Puts a library beside a plugin.yaml into the host's source folder.
fn beside(host: &TestHost, name: &str, library: &[u8], yaml: &str) -> PathBuf {
    let folder = host.sources().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    std::fs::write(folder.join("library.so"), library).unwrap();
    folder.join("library.so")
}

fn yaml_of(name: &str) -> String {
    std::fs::read_to_string(source(name).join("plugin.yaml")).unwrap()
}

#[tokio::test]
async fn a_prebuilt_library_is_loaded_from_a_file_or_a_folder() {
    let host = TestHost::start().await;
    let library = built("hello").await;
    for source in [library.as_path(), library.parent().unwrap()] {
        let body = json!({ "source": source, "replace": true });
        let asked = host.post_json("/api/plugins/load", &body).await.expect(200).json();
        assert_eq!(asked["id"], "hello");
        let log = host.get(&format!("/api/jobs/{}/log", asked["job"].as_str().unwrap())).await.expect(200).text();
        assert!(log.contains("the prebuilt library is used unchanged") && !log.contains("Compiling"), "{log}");
        host.call("hello/hello").await.expect(200);
    }
}

#[tokio::test]
async fn a_library_must_match_the_checksum_in_plugin_yaml() {
    let host = TestHost::start().await;
    let bytes = std::fs::read(built("hello").await).unwrap();
    let with = |digest: &str| format!("{}\nsecurity: {{checksum: '{digest}'}}\n", yaml_of("hello"));
    let right = Digest::compute(&bytes).to_string();
    host.try_load(&beside(&host, "right", &bytes, &with(&right))).await.expect(200);

    let wrong = format!("sha256:{}", "0".repeat(64));
    let refused = host.try_load(&beside(&host, "wrong", &bytes, &with(&wrong))).await.expect(422);
    assert_eq!(refused.code(), "build_checksum");
    assert!(refused.text().contains(&right) && refused.text().contains(&wrong), "{}", refused.text());
    assert_eq!(host.plugin("hello").await["generation"], 1);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_foreign_file_is_refused_before_any_of_it_runs() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let good = std::fs::read(built("hello").await).unwrap();
    let patched = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let aarch64 = 183_u16.to_le_bytes();
    for (what, library, code, evidence) in [
        ("a text", b"#!/bin/sh\nexit 1\n".to_vec(), "load_not_a_library", ""),
        ("nothing", Vec::new(), "load_not_a_library", ""),
        ("half of a library", good[..good.len() / 2].to_vec(), "load_not_a_library", ""),
        (
            "another machine's",
            patched(&|bytes| bytes[18..20].copy_from_slice(&aarch64)),
            "load_other_machine",
            "x86_64",
        ),
        ("a program", patched(&|bytes| bytes[16] = 2), "load_not_a_library", "program"),
        ("a 32-bit one", patched(&|bytes| bytes[4] = 1), "load_not_a_library", ""),
    ] {
        let refused = host.try_load(&beside(&host, "bad", &library, &yaml_of("hello"))).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, code), "{what}: {}", refused.text());
        assert!(refused.text().contains(evidence), "{what}: {}", refused.text());
        assert_eq!(host.plugin("hello").await["generation"], 1, "{what}");
    }
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_library_that_was_built_to_abort_is_refused_and_its_source_is_built_to_unwind() {
    let host = TestHost::start().await;
    let folder = source("panic-abort");
    host.try_load(&folder).await.expect(200);
    assert_eq!(host.call("panic-abort/panic").await.expect(500).code(), "plugin_panicked");
    host.call("panic-abort/hello").await.expect(200);

    let library = compiled(&host, &folder, &["-C", "panic=abort"]).await;
    let refused = host.try_load(&beside(&host, "abort", &library, &yaml_of("panic-abort"))).await.expect(422);
    assert_eq!(refused.code(), "load_panic_abort");
    assert!(refused.json()["fix"].as_str().unwrap().contains("panic = \"abort\""), "{}", refused.text());
    host.call("panic-abort/hello").await.expect(200);
}

/// Builds a plugin as its author would who has no host. What is told to the compiler is for the plugin itself: the
/// dependencies that the other builds have compiled fit it too.
async fn compiled(host: &TestHost, folder: &Path, compiler: &[&str]) -> Vec<u8> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let work = host.sources().join("work").join(name);
    copy(folder, &work);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aborting");
    let sdk = crate::plugins::repository().join("plugin-sdk");
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo
        .current_dir(&work)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_HOME", crate::plugins::build_cache().join("cargo-home"))
        .args(["rustc", "--quiet", "--release", "--lib", "--config", "profile.release.panic=\"unwind\"", "--config"])
        .arg(format!("patch.crates-io.plugin-sdk.path={:?}", sdk.to_str().unwrap()))
        .arg("--")
        .args(compiler);
    let _turn = turn_to_build(&work).await;
    let output = tokio::task::spawn_blocking(move || cargo.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(target.join(format!("release/lib{}.so", name.replace('-', "_")))).unwrap()
}

#[tokio::test]
async fn a_crashing_or_hanging_library_only_affects_the_trial_process() {
    let host = TestHost::with(&["--start-timeout-seconds", "5"]).await;
    host.load("hello").await;
    host.load("counter").await;
    for (name, code, evidence) in [
        ("crashes-on-open", "load_trial_crashed", "while it was opened: the child was ended by signal 6 (SIGABRT)"),
        ("start-aborts", "load_trial_crashed", "(SIGABRT); its last line was `nothing can start here`"),
        (
            "stop-aborts",
            "load_trial_crashed",
            "in its `stop` hook: the child was ended by signal 6 (SIGABRT); its last line",
        ),
        (
            "drop-aborts",
            "load_trial_crashed",
            "while it was dropped: the child was ended by signal 6 (SIGABRT); its last line",
        ),
        ("constructor-hangs", "load_trial_timed_out", "while it was opened, for longer than 5 s"),
    ] {
        let library = compiled(&host, &source(name), &[]).await;
        // It is to replace what serves, and another plugin is called until it is refused.
        let yaml = yaml_of(name).replace(&format!("id: {name}"), "id: hello");
        let library = beside(&host, name, &library, &yaml);
        let loading = host.try_load(&library);
        tokio::pin!(loading);
        let refused = loop {
            tokio::select! {
                refused = &mut loading => break refused,
                served = host.call("counter/count") => drop(served.expect(200)),
            }
        };
        assert_eq!((refused.status, refused.code().as_str()), (422, code), "{name}: {}", refused.text());
        assert!(refused.text().contains(evidence), "{name}: {}", refused.text());
        assert!(refused.json()["fix"].as_str().unwrap().starts_with("none of its code ran in the host"), "{name}");
        let plugin = host.plugin("hello").await;
        assert_eq!((&plugin["generation"], plugin["last_error"]["code"].as_str()), (&1.into(), Some(code)), "{name}");
        host.call("hello/hello").await.expect(200);
        let started = processes_in_the_log(&host).await;
        assert_eq!(started.len(), usize::from(name == "start-aborts"), "{name}");
        eventually("the child and what it started are gone", || async {
            host.children().is_empty() && !started.iter().any(|id| runs(*id))
        })
        .await;
    }
}

#[tokio::test]
async fn a_library_in_an_upload_that_crashes_costs_a_child() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let library = compiled(&host, &source("crashes-on-open"), &[]).await;
    let yaml = yaml_of("crashes-on-open");
    let archive = archive(&[("plugin.yaml", yaml.as_bytes()), ("library.so", &library)]);
    let uploaded = upload(&host, &archive).await.expect(200).json();
    let refused = install(&host, uploaded["upload_id"].as_str().unwrap()).await.expect(422);
    assert_eq!(refused.code(), "load_trial_crashed");
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_library_that_a_child_cannot_start_without_a_host_is_started_by_the_host() {
    let host = TestHost::with(&["--start-timeout-seconds", "5"]).await;
    let library = compiled(&host, &source("needs-its-host"), &[]).await;
    let library = beside(&host, "needs", &library, &yaml_of("needs-its-host"));
    for (patient, reason) in [(false, "the plugin did not start: "), (true, "it did not start in time and requested")] {
        let asked = host.try_load_with(&library, serde_json::json!({ "patient": patient })).await.expect(200).json();
        let log = host.get(&format!("/api/jobs/{}/log", asked["job"].as_str().unwrap())).await.expect(200).text();
        let line = log.lines().find(|line| line.starts_with("started in a child process first: no crash in "));
        assert!(line.is_some_and(|line| line.contains(&format!("but refused: {reason}"))), "{log}");
        host.call("needs-its-host/hello").await.expect(200);
    }
}

#[tokio::test]
async fn a_stopping_host_kills_a_hanging_trial_process() {
    let host = TestHost::start().await;
    let library = compiled(&host, &source("constructor-hangs"), &[]).await;
    let library = beside(&host, "hangs", &library, &yaml_of("constructor-hangs"));
    let body = serde_json::json!({ "source": library });
    let request = host.request("POST", "/api/plugins/load").header("prefer", "respond-async").json(&body);
    request.send().await.expect(202);
    let tries = |id: &u32| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        read("cmdline").contains("try-library") && read("maps").contains("memfd:plugin")
    };
    eventually("the library is opened in a child", || async { host.children().iter().any(tries) }).await;
    let child = host.children().into_iter().find(tries).unwrap();
    host.stop();
    eventually("the child has ended", || async { !runs(child) }).await;
}

/// The processes that the plugin of the last job says it has started.
async fn processes_in_the_log(host: &TestHost) -> Vec<u32> {
    let job = host.get("/api/jobs").await.json()["jobs"][0]["id"].clone();
    let log = host.get(&format!("/api/jobs/{}/log", job.as_str().unwrap())).await.expect(200).text();
    let ids =
        log.split("started process ").skip(1).map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap());
    ids.collect()
}

/// Returns whether a process runs; one that has ended may wait for whoever collects it.
fn runs(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn a_library_that_passed_in_a_child_is_not_tried_again() {
    let host = TestHost::start().await;
    let library = built("counter").await;
    let mut tried = vec![];
    for _ in 0..2 {
        let body = serde_json::json!({ "source": library });
        let answer = host.post_json("/api/plugins/load", &body).await.expect(200).json();
        let steps = answer["steps"].as_array().unwrap().clone();
        let log = host.get(&format!("/api/jobs/{}/log", answer["job"].as_str().unwrap())).await.expect(200).text();
        let trial = steps.iter().find(|step| step["step"] == "trial");
        assert!(trial.is_none_or(|trial| trial["duration_ms"].as_f64().unwrap() > 0.0), "{answer}");
        assert_eq!(log.contains("started in a child process first: passed in "), trial.is_some(), "{log}");
        tried.push(trial.is_some());
        host.call("counter/count").await.expect(200);
    }
    host.post("/api/plugins/counter/reload").await.expect(200);
    assert_eq!(tried, [true, false]);
}

#[tokio::test]
async fn files_elsewhere_on_the_machine_cannot_be_loaded_or_probed_for_over_http() {
    let host = TestHost::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    copy(&source("hello"), &elsewhere.path().join("hello"));
    std::os::unix::fs::symlink(elsewhere.path().join("hello"), host.sources().join("link")).unwrap();
    for path in [
        elsewhere.path().join("hello"),
        elsewhere.path().join("not-there"),
        host.sources().join("link"),
        host.sources().join("../../../etc"),
        PathBuf::from("/etc/passwd"),
        PathBuf::from("/root/secret.so"),
    ] {
        let refused = host.try_load(&path).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "fetch_outside_roots"), "{}", path.display());
        let jobs = host.get("/api/jobs").await.expect(200).json();
        assert_eq!(jobs["jobs"], json!([]), "a refused place is not a failed job");
    }
    assert_eq!(host.try_load(&host.sources().join("nothing")).await.expect(422).code(), "fetch_nothing_there");

    // The same folder is taken from whoever has a shell.
    let library = built("hello").await;
    let moved = elsewhere.path().join("built");
    copy(library.parent().unwrap(), &moved);
    let other = TestHost::with(&["--load", moved.to_str().unwrap()]).await;
    other.call("hello/hello").await.expect(200);
    other.post("/api/plugins/hello/reload").await.expect(200);
}

#[tokio::test]
async fn a_path_that_cannot_be_followed_is_a_matter_of_the_caller_on_every_route() {
    let host = TestHost::start().await;
    std::os::unix::fs::symlink("circle", host.sources().join("circle")).unwrap();
    for name in ["x".repeat(256), format!("{}/a.so", "x".repeat(256)), "circle".to_owned(), "circle/a.zip".to_owned()] {
        let path = host.sources().join(&name).display().to_string();
        let source = json!({ "source": path });
        for (route, body) in [
            ("/api/plugins/load", source.clone()),
            ("/api/plugins/validate", source.clone()),
            ("/api/plugins/local/load", json!({ "pluginPath": path })),
            ("/api/plugins/batch", json!({ "operations": [{ "operation": "load", "source": path }] })),
        ] {
            let refused = host.post_json(route, &body).await.expect(422);
            assert_eq!(refused.code(), "fetch_unreadable", "{route}: {}", refused.text());
            assert!(refused.text().contains("hint") || refused.json()["fix"].is_string(), "{}", refused.text());
        }
        let plan_text = format!("version: 1\nplugins:\n  - source: {path}\n");
        let plan = host.request("POST", "/api/plugins/plan").header("content-type", "application/yaml");
        let refused = plan.body(plan_text.as_bytes()).send().await.expect(422);
        assert!(refused.text().contains("failed to resolve"), "{}", refused.text());
    }
}

#[tokio::test]
async fn a_library_without_a_plugin_yaml_beside_it_is_refused() {
    let host = TestHost::start().await;
    let library = beside(&host, "alone", b"x", "");
    std::fs::remove_file(library.with_file_name("plugin.yaml")).unwrap();
    assert_eq!(host.try_load(&library).await.expect(422).code(), "fetch_no_manifest");
}

#[tokio::test]
async fn a_plugin_of_the_previous_minor_version_serves() {
    let host = TestHost::start().await;
    host.load("previous-minor").await;
    let call = host.request("POST", "/api/plugin-endpoints/previous-minor/echo/word").body(b"and body");
    assert_eq!(call.send().await.expect(200).text(), "word and body");
    assert_eq!(host.plugin("previous-minor").await["status"]["health"], "healthy");
    let logs = host.get("/api/plugins/previous-minor/logs").await.expect(200).text();
    assert!(logs.contains("started with ABI 1.0"), "{logs}");
    // Hooks and configuration changes are younger than ABI 1.0: the host does not ask for them.
    host.post("/api/plugins/previous-minor/reload").await.expect(200);
    host.delete("/api/plugins/previous-minor").await.expect(200);
}

/// `tests/run` finds another rustc and leaves this test out where there is none.
#[tokio::test]
async fn a_plugin_built_by_another_rustc_serves() {
    let rustc = std::env::var("OTHER_RUSTC").expect("OTHER_RUSTC, the path that `tests/other-rustc FOLDER` prints");
    let host = TestHost::start().await;
    let (source, target) = (host.sources().join("hello"), build_cache().with_file_name("other_rustc"));
    copy(&self::source("hello"), &source);
    // The lock may name versions that an older compiler does not take.
    std::fs::remove_file(source.join("Cargo.lock")).unwrap();
    let mut cargo = std::process::Command::new("cargo");
    cargo.args(["build", "--release", "--lib", "--quiet", "--target-dir"]).arg(&target);
    for (name, folder) in [("plugin-sdk", ""), ("plugin-sdk-abi", "abi"), ("plugin-sdk-macros", "macros")] {
        let folder = repository().join("plugin-sdk").join(folder);
        cargo.args(["--config".to_owned(), format!("patch.crates-io.{name}.path={folder:?}")]);
    }
    let built = cargo.current_dir(&source).env("RUSTC", rustc).env_remove("RUSTFLAGS").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let library = std::fs::read(target.join("release/libhello.so")).unwrap();
    host.try_load(&beside(&host, "other-rustc", &library, &yaml_of("hello"))).await.expect(200);
    assert_eq!(host.call("hello/hello").await.expect(200).json()["message"], "Hello from plugin!");
    host.post("/api/plugins/hello/reload").await.expect(200);
    host.call("hello/hello").await.expect(200);
}
