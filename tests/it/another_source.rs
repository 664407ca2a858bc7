//! A plugin is replaced by one from another source only on request.

use std::path::PathBuf;

use serde_json::json;

use crate::host::TestHost;
use crate::plugins::{built, copy, source};
use crate::uploads::{upload, zipped};

/// A copy of the built plugin `hello` in a folder of its own.
async fn hello_in(host: &TestHost, folder: &str) -> PathBuf {
    let folder = host.sources().join(folder);
    copy(built("hello").await.parent().unwrap(), &folder);
    folder.join("library.so")
}

#[tokio::test]
async fn a_load_from_another_source_is_refused_unless_it_replaces() {
    let host = TestHost::start().await;
    let (first, second) = (hello_in(&host, "first").await, hello_in(&host, "second").await);
    let load = async |body| host.post_json("/api/plugins/load", &body).await;
    load(json!({ "source": first })).await.expect(200);
    load(json!({ "source": first })).await.expect(200);

    let refused = load(json!({ "source": second })).await.expect(409);
    assert_eq!(refused.code(), "run_other_source");
    let text = refused.text();
    assert!(text.contains(first.to_str().unwrap()) && text.contains(second.to_str().unwrap()), "{text}");
    let batch = json!({ "operations": [{ "operation": "load", "source": second }] });
    assert_eq!(host.post_json("/api/plugins/batch", &batch).await.expect(409).code(), "run_other_source");
    let local = json!({ "pluginPath": second });
    assert_eq!(host.post_json("/api/plugins/local/load", &local).await.expect(409).code(), "run_other_source");
    assert_eq!(host.plugin("hello").await["generation"], 2);

    let replaced = load(json!({ "source": second, "replace": true })).await.expect(200).json();
    assert_eq!((&replaced["generation"], &replaced["source"]), (&json!(3), &json!(second)));

    let told = host.command(&["load", first.to_str().unwrap()]).await;
    let message = String::from_utf8(told.stderr).unwrap();
    assert!(message.contains("is installed from") && message.contains("--replace"), "{message}");
    assert_eq!(told.status.code(), Some(1));
    assert!(host.command(&["load", first.to_str().unwrap(), "--replace"]).await.status.success());

    // A plugin that is not installed any more has no source.
    host.delete("/api/plugins/hello").await.expect(200);
    load(json!({ "source": second })).await.expect(200);
}

#[tokio::test]
async fn an_upload_replaces_an_upload_but_no_other_source() {
    let host = TestHost::start().await;
    let upload_id = async || {
        let answer = upload(&host, &zipped("hello", "")).await.expect(200).json();
        answer["upload_id"].as_str().unwrap().to_owned()
    };
    let install = async |id: &str, body| {
        let _turn = crate::plugins::any_turn_to_build().await;
        host.post_json(&format!("/api/plugins/install/{id}"), &body).await
    };
    host.try_load(&source("hello")).await.expect(200);
    let first = upload_id().await;
    assert_eq!(install(&first, json!({})).await.expect(409).code(), "run_other_source");
    install(&first, json!({ "replace": true })).await.expect(200);
    install(&upload_id().await, json!({})).await.expect(200);
}
