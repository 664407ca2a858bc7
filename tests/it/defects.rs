//! Sources that must not be loaded: each is refused with its own word and its evidence, and what served still serves.

use std::path::Path;

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{built, copy, source};

/// A host on which a good plugin serves under the id `id`, which is generation 1 and says that it is version 1.
async fn host_with(id: &str, flags: &[&str]) -> TestHost {
    let host = TestHost::with(flags).await;
    let good = host.sources().join("good");
    copy(built("other-versions/v1").await.parent().unwrap(), &good);
    let yaml = std::fs::read_to_string(good.join("plugin.yaml")).unwrap();
    std::fs::write(good.join("plugin.yaml"), yaml.replace("id: other-versions", &format!("id: {id}"))).unwrap();
    host.try_load(&good.join("library.so")).await.expect(200);
    host
}

async fn assert_untouched(host: &TestHost, id: &str) {
    assert_eq!(host.call(&format!("{id}/version")).await.expect(200).text(), "1.0.0");
    let list = host.get("/api/plugins").await.expect(200).json();
    assert_eq!((&list["count"], &list["plugins"][id]["generation"]), (&json!(1), &json!(1)));
    assert_eq!(list["plugins"][id]["status"]["health"], "healthy");
}

/// Loads the defect `name` over a good plugin of the same id, and alone; gives the problem document.
async fn refused(name: &str, code: &str) -> Value {
    refused_by(name, code, &[]).await
}

async fn refused_by(name: &str, code: &str, flags: &[&str]) -> Value {
    let host = host_with(name, flags).await;
    let answer = host.try_load(&source(name)).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, code), "{}", answer.text());
    assert_untouched(&host, name).await;
    let plugin = host.plugin(name).await;
    assert_eq!(plugin["last_error"]["code"], code);
    let job = host.get("/api/jobs").await.json()["jobs"][0].clone();
    assert_eq!((&job["state"], &job["problem"]["code"]), (&json!("failed"), &json!(code)));

    host.delete(&format!("/api/plugins/{name}")).await.expect(200);
    let again = host.try_load(&source(name)).await.expect(422);
    assert_eq!(again.code(), code);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0, "a plugin whose first load failed is not installed");
    let document = answer.json();
    assert!(!document["detail"].as_str().unwrap().contains('\n'), "{document}");
    document
}

fn detail(document: &Value) -> &str {
    document["detail"].as_str().unwrap()
}

#[tokio::test]
async fn a_source_without_a_readable_plugin_yaml_is_refused() {
    let host = host_with("good-one", &[]).await;
    let missing = host.try_load(&source("no-manifest")).await.expect(422);
    assert_eq!(missing.code(), "store_no_manifest");
    let bad = host.try_load(&source("bad-manifest")).await.expect(422);
    assert_eq!(bad.code(), "manifest_refused");
    let document = bad.json();
    let errors = document["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for field in ["id", "version", "endpoints[0].path", "endpoints[1].method", "endpoints[2].handler"] {
        assert!(pointers.contains(&field), "`{field}` is not among {pointers:?}");
    }
    assert!(errors.iter().all(|error| error["message"].as_str().unwrap().starts_with("plugin.yaml:")), "{document}");
    assert_untouched(&host, "good-one").await;
}

#[tokio::test]
async fn files_that_are_not_those_plugin_yaml_lists_are_refused() {
    let document = refused("checksum-mismatch", "build_tree_checksum").await;
    assert!(detail(&document).contains("`src/gone.rs` is missing"), "{document}");
    assert!(detail(&document).contains("`src/lib.rs` is `sha256:"), "{document}");
}

#[tokio::test]
async fn a_schema_that_no_configuration_can_be_checked_with_is_refused_with_every_reason() {
    let document = refused("bad-schema", "build_schema_refused").await;
    assert!(detail(&document).contains("schemas/config.json"), "{document}");
    let errors = document["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/properties/greeting/type", "/properties/server/$ref"], "{document}");
    assert!(errors[1]["message"].as_str().unwrap().contains("refers to another document"), "{document}");
}

#[tokio::test]
async fn code_that_does_not_compile_is_refused_with_the_compiler_output() {
    let document = refused("does-not-compile", "build_failed").await;
    assert!(detail(&document).contains("mismatched types"), "{document}");
    let output = document["errors"][0]["message"].as_str().unwrap();
    assert!(output.contains("src/lib.rs:12:29") && output.contains("expected `u32`, found `&str`"), "{output}");
}

#[tokio::test]
async fn a_crate_that_makes_no_library_to_load_is_refused() {
    let document = refused("not-a-cdylib", "build_not_cdylib").await;
    assert!(document.to_string().contains("crate-type"), "{document}");
}

#[tokio::test]
async fn a_library_without_a_root_symbol_is_refused() {
    let document = refused("no-entry-symbol", "load_not_a_plugin").await;
    assert!(document["fix"].as_str().unwrap().contains("plugin_sdk::export!"), "{document}");
}

#[tokio::test]
async fn a_library_that_the_linker_refuses_is_refused_with_its_words() {
    let document = refused("undefined-symbol", "load_linker").await;
    assert!(detail(&document).contains("undefined symbol: a_function_of_a_missing_library"), "{document}");
}

#[tokio::test]
async fn a_library_of_another_abi_is_refused_with_both_versions() {
    let old = refused("older-abi", "load_sdk_too_old").await;
    assert!(detail(&old).contains("SDK 0.0.9 (ABI 0.9), this host supports ABI 1.x"), "{old}");
    let new = refused("newer-abi", "load_sdk_too_new").await;
    assert!(detail(&new).contains("SDK 2.0.0 (ABI 2.0), this host supports ABI 1.x"), "{new}");
}

#[tokio::test]
async fn types_that_differ_at_the_boundary_are_refused_in_one_line_that_names_both() {
    let host = host_with("layout-differs", &[]).await;
    let answer = host.try_load(&source("layout-differs")).await.expect(422);
    assert_eq!(answer.code(), "load_layout_differs");
    let document = answer.json();
    let detail = detail(&document);
    assert!(!detail.contains('\n') && detail.len() < 300, "{detail}");
    for part in ["status", "u16", "u32"] {
        assert!(detail.contains(part), "`{part}` is not in {detail}");
    }
    assert_untouched(&host, "layout-differs").await;
    let job = host.get("/api/jobs").await.json()["jobs"][0]["id"].clone();
    let report = host.get(&format!("/api/jobs/{}/log", job.as_str().unwrap())).await.expect(200).text();
    assert!(report.lines().count() > 20, "the whole report is not in the job's log: {report}");
}

#[tokio::test]
async fn code_and_plugin_yaml_that_disagree_are_refused_with_every_difference() {
    let document = refused("code-differs", "load_code_differs").await;
    for difference in [
        "for GET /renamed, plugin.yaml names handler `written`, but the code names `coded`",
        "plugin.yaml has POST /only-yaml (handler `only_yaml`), but the code has no such route",
        "the code has DELETE /only-code (handler `only_code`), but plugin.yaml does not",
    ] {
        assert!(detail(&document).contains(difference), "{document}");
    }
    assert!(!detail(&document).contains("/both"), "{document}");
}

#[tokio::test]
async fn a_failed_or_panicked_start_is_refused_with_its_message() {
    let failed = refused("start-fails", "load_start_failed").await;
    assert!(detail(&failed).contains("the database does not answer"), "{failed}");
    let panicked = refused("start-panics", "load_start_panicked").await;
    assert!(detail(&panicked).contains("nothing can start here at src/lib.rs:11"), "{panicked}");
}

#[tokio::test]
async fn a_plugin_that_installs_a_second_subscriber_is_told_to_remove_it() {
    let panicked = refused("second-subscriber", "load_start_panicked").await;
    assert!(detail(&panicked).contains("Unable to install global subscriber"), "{panicked}");
    let fix = panicked["fix"].as_str().unwrap();
    assert!(fix.contains("the SDK already logs to the host") && fix.contains("remove"), "{panicked}");
}

#[tokio::test]
async fn a_start_that_does_not_end_is_given_up_at_its_deadline() {
    for name in ["start-hangs", "start-blocks"] {
        let document = refused_by(name, "load_start_timed_out", &["--start-timeout-seconds", "5"]).await;
        assert!(detail(&document).contains("within 5 s"), "{document}");
    }
}

#[tokio::test]
async fn a_plugin_whose_first_probe_fails_is_refused() {
    let host = TestHost::start().await;
    for (name, evidence) in [("health-fails", "no disk"), ("health-panics", "no pulse"), ("health-hangs", "")] {
        let library = built(name).await;
        host.try_load(&library).await.expect(200);
        let refused = host.try_load_with(&library, json!({ "broken": true })).await.expect(422);
        assert_eq!(refused.code(), "run_unhealthy", "{name}");
        assert!(refused.text().contains(evidence), "{name}: {}", refused.text());
        let plugin = host.plugin(name).await;
        assert_eq!((&plugin["generation"], &plugin["status"]["health"]), (&json!(1), &json!("healthy")), "{name}");
    }
}

#[tokio::test]
async fn a_source_that_became_another_plugin_is_not_reloaded() {
    let host = TestHost::start().await;
    let folder = host.sources().join("plugin");
    copy(built("hello").await.parent().unwrap(), &folder);
    host.try_load(&folder.join("library.so")).await.expect(200);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    std::fs::write(folder.join("plugin.yaml"), yaml.replace("id: hello", "id: goodbye")).unwrap();
    let refused = host.post("/api/plugins/hello/reload").await.expect(409);
    assert_eq!(refused.code(), "manifest_other_plugin");
    host.call("hello/hello").await.expect(200);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1);
}

/// A defect that nobody tests is a folder that nobody would miss.
#[test]
fn every_folder_of_test_plugins_is_named_by_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it");
    let tests = crate::plugins::files(&here).into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap());
    let tests: String = tests.collect();
    let folders = std::fs::read_dir(crate::plugins::repository().join("tests/plugins")).unwrap();
    let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let forgotten: Vec<_> = names
        .filter(|name| !tests.contains(&format!("\"{name}\"")) && !tests.contains(&format!("\"{name}/")))
        .collect();
    assert_eq!(forgotten, Vec::<String>::new());
}
