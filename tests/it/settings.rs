//! A plugin's configuration: schema, layers and secrets.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{built, copy, files};

#[tokio::test]
async fn the_schema_of_a_configuration_travels_from_the_source_to_the_artifact_and_with_its_library() {
    let host = TestHost::start().await;
    let folder = host.sources().join("settings");
    copy(built("settings").await.parent().unwrap(), &folder);
    let library = folder.join("library.so");
    let schema = std::fs::read(library.with_file_name("configuration_schema.json")).unwrap();
    host.try_load(&library).await.expect(200);
    let plugin = host.plugin("settings").await;
    let digest = plugin["file_path"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let kept = host.plugin_dir().join("artifacts").join(digest).join("configuration_schema.json");
    assert_eq!(std::fs::read(kept).unwrap(), schema);
    assert_eq!(host.call("settings/settings").await.expect(200).json()["database"]["port"], 5432);

    std::fs::remove_file(library.with_file_name("configuration_schema.json")).unwrap();
    assert_eq!(host.try_load(&library).await.expect(422).code(), "build_schema_missing");
    host.call("settings/settings").await.expect(200);
}

#[tokio::test]
async fn a_configuration_has_to_fit_and_its_secrets_are_never_shown() {
    let host = TestHost::start().await;
    host.load("settings").await;
    let put = |body: Value| {
        let request = host.request("PUT", CONFIG).json(&body);
        async move { request.send().await }
    };
    let refused = put(json!({ "database": { "port": 70_000, "password": 7, "hots": "a" }, "colour": "red" })).await;
    let refused = refused.expect(422);
    assert_eq!(refused.code(), "run_configuration_invalid");
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert!(
        pointers.contains(&json!("/database/port")) && pointers.contains(&json!("/database/password")),
        "{pointers:?}"
    );
    assert_eq!(in_use(&host).await, json!({ "database": { "host": "localhost", "port": 5432 } }));

    // The plugin's `validate` hook checks what the schema cannot express.
    let refused = put(json!({ "database": { "host": "nowhere" } })).await.expect(422);
    assert_eq!(refused.code(), "run_configuration_refused");

    // Applied without a new generation, and merged with the layer below at every depth.
    let set = put(json!({ "database": { "password": SECRET }, "token": "tiger-42" })).await.expect(200).json();
    assert_eq!((&set["generation_before"], &set["generation"]), (&json!(1), &json!(1)));
    assert_eq!(in_use(&host).await["database"], json!({ "host": "localhost", "port": 5432, "password": SECRET }));
    let shown = host.get(CONFIG).await.expect(200);
    assert_eq!(shown.header("etag"), Some(format!("\"{}\"", set["revision"]).as_str()));
    assert_eq!(shown.json()["set"], json!({ "database": { "password": MASK }, "token": MASK }));
    assert_eq!(shown.json()["configuration"]["database"]["password"], MASK);

    // A response can be sent back: a mask keeps the current secret.
    put(json!({ "database": { "password": MASK, "port": 1 }, "token": MASK })).await.expect(200);
    assert_eq!(in_use(&host).await["database"], json!({ "host": "localhost", "port": 1, "password": SECRET }));
    assert_eq!(
        put(json!({ "servers": [{ "name": "a", "key": MASK }] })).await.expect(422).code(),
        "run_configuration_invalid"
    );

    // The secret is neither on disk in a readable form nor in a log.
    assert!(!host.log().contains(SECRET) && !host.get("/api/jobs").await.text().contains(SECRET));
    let host = host.restart().await;
    assert_eq!(in_use(&host).await["database"]["password"], SECRET);
    for (name, bytes) in files(&host.plugin_dir()) {
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "the secret stands in {name}");
    }
}

#[tokio::test]
async fn a_patch_is_merged_and_a_change_of_something_older_is_refused() {
    let host = TestHost::start().await;
    host.load("settings").await;
    let patch = |body: Value, tag: Option<String>| {
        let mut request = host.request("PATCH", CONFIG);
        if let Some(tag) = tag {
            request = request.header("if-match", &tag);
        }
        let request = request.json(&body);
        async move { request.send().await }
    };
    let tag = || async { host.get(CONFIG).await.expect(200).header("etag").unwrap().to_owned() };
    let before = tag().await;
    patch(json!({ "database": { "port": 1 } }), Some(before.clone())).await.expect(200);
    patch(json!({ "database": { "host": "db" }, "token": "tiger" }), None).await.expect(200);
    assert_eq!(in_use(&host).await, json!({ "database": { "host": "db", "port": 1 }, "token": "tiger" }));
    for stale in [before, "\"x\"".to_owned(), "W/\"1\"".to_owned()] {
        let refused = patch(json!({ "token": "other" }), Some(stale)).await.expect(412);
        assert_eq!(refused.code(), "state_stale");
    }
    // Null resets a key to its default; a plugin that cannot apply the change gets a new generation.
    let restarted = patch(json!({ "token": null, "restart": true }), Some(tag().await)).await.expect(200).json();
    assert_eq!((&restarted["generation_before"], &restarted["generation"]), (&json!(1), &json!(2)));
    assert_eq!(in_use(&host).await, json!({ "database": { "host": "db", "port": 1 }, "restart": true }));
    // The same request again changes nothing.
    let revision = host.plugin("settings").await["revision"].clone();
    patch(json!({ "database": { "port": 1 } }), None).await.expect(200);
    assert_eq!(host.plugin("settings").await["revision"], revision);
}

#[tokio::test]
async fn the_host_file_overrides_defaults_and_is_overridden_by_the_operator() {
    let options = TestHost::options();
    let file = options.sources().join("host.toml");
    std::fs::write(
        &file,
        "[configuration.settings]\ndatabase = { host = \"file\", port = 7 }\ntoken = \"from the file\"\n",
    )
    .unwrap();
    let host = options.flags(&["--config", file.to_str().unwrap()]).start().await;
    host.load("settings").await;
    host.request("PATCH", CONFIG).json(&json!({ "database": { "port": 8 } })).send().await.expect(200);
    let expected = json!({ "database": { "host": "file", "port": 8 }, "token": "from the file" });
    assert_eq!(in_use(&host).await, expected);
    let shown = host.get(CONFIG).await.json();
    assert_eq!(shown["host_file"], json!({ "database": { "host": "file", "port": 7 }, "token": MASK }));
    assert_eq!(shown["set"], json!({ "database": { "port": 8 } }));
}

const CONFIG: &str = "/api/plugins/settings/config";
const MASK: &str = "********";
const SECRET: &str = "correct horse battery staple";

async fn in_use(host: &TestHost) -> Value {
    host.call("settings/settings").await.expect(200).json()
}

#[tokio::test]
async fn endpoints_with_a_longer_timeout_than_the_configured_maximum_are_refused() {
    let host = TestHost::start().await;
    let set_maximum = async |seconds: u64| {
        let change = json!({ "max_endpoint_timeout_seconds": seconds });
        host.request("PUT", "/api/plugins/system/configuration").json(&change).send().await.expect(200);
    };
    set_maximum(100).await;
    let slow = built("slow").await;
    let refused = host.try_load(&slow).await.expect(422);
    assert_eq!(refused.code(), "manifest_refused");
    let text = refused.text();
    assert!(text.contains(": `endpoints[1].timeout_ms` must be at most 100000 on this host"), "{text}");
    set_maximum(120).await;
    host.try_load(&slow).await.expect(200);
}
