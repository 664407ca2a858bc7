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
    // Nor does the host repeat a secret that the plugin's code has put into its message.
    let refused = put(json!({ "token": "unread \"tiger\"" })).await.expect(422).text();
    assert!(refused.contains("invalid value: string \\\"********\\\""), "{refused}");
    let dry = host.request("PATCH", &format!("{CONFIG}?dry_run=true")).json(&json!({ "token": "unread tiger" }));
    let dry = dry.send().await.expect(422).text();
    for path in ["/api/plugins/settings", "/api/plugins/settings/logs", "/api/jobs"] {
        assert!(!host.get(path).await.expect(200).text().contains("tiger"), "{path}");
    }
    assert!(!(dry + &refused + &host.log()).contains("tiger"));

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
async fn without_a_schema_the_names_of_keys_tell_secrets() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let path = "/api/plugins/hello/config";
    let set = json!({ "smtp": { "password": SECRET }, "api_token": null, "cookies": true });
    host.request("PUT", path).json(&set).send().await.expect(200);
    let shown = host.get(path).await.expect(200).json();
    assert_eq!(shown["set"], json!({ "smtp": { "password": MASK }, "api_token": null, "cookies": true }));
    // The mask that is sent back keeps the secret: the history has one change.
    let set = json!({ "smtp": { "password": MASK, "host": "mail" }, "cookies": true });
    host.request("PUT", path).json(&set).send().await.expect(200);
    let revision = host.get(path).await.json()["revision"].as_u64().unwrap();
    let changes =
        host.get(&format!("/api/plugins/hello/revisions/{revision}")).await.expect(200).json()["changes"].take();
    let pointers: Vec<_> =
        changes.as_array().unwrap().iter().map(|change| change["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/configuration/api_token", "/configuration/smtp/host"], "{changes}");
    for path in
        [path, "/api/plugins/hello", "/api/plugins/hello/revisions", "/api/plugins", "/api/events?after=0&limit=500"]
    {
        let answer = host.request("GET", path).header("accept", "application/json").send().await.expect(200);
        assert!(!answer.text().contains(SECRET), "{path}");
    }
    for (name, bytes) in files(&host.plugin_dir()) {
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "the secret stands in {name}");
    }
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

#[tokio::test]
async fn the_schema_is_returned_for_forms_and_a_plugin_without_one_has_the_empty_schema() {
    let host = TestHost::start().await;
    host.load("settings").await;
    host.load("hello").await;
    let schema = host.get("/api/plugins/settings/config/schema").await.expect(200).json();
    assert_eq!(schema["properties"]["database"]["properties"]["port"]["maximum"], 65535);
    assert_eq!(schema["$defs"]["secret"]["writeOnly"], true);
    assert_eq!(host.get("/api/plugins/hello/config/schema").await.expect(200).json(), json!({}));
    assert_eq!(host.get("/api/plugins/nothing/config/schema").await.expect(404).code(), "run_unknown_plugin");
}

#[tokio::test]
async fn a_dry_run_checks_a_configuration_like_the_change_and_changes_nothing() {
    let host = TestHost::start().await;
    host.load("settings").await;
    let dry = |method: &'static str, body: Value| {
        let request = host.request(method, &format!("{CONFIG}?dry_run=true")).json(&body);
        async move { request.send().await }
    };
    let checked = dry("PATCH", json!({ "database": { "port": 1, "password": SECRET } })).await.expect(200);
    assert!(!checked.text().contains(SECRET), "{}", checked.text());
    let checked = checked.json();
    assert_eq!(checked["configuration"]["database"], json!({ "host": "localhost", "port": 1, "password": MASK }));
    assert_eq!((&checked["checked_by_plugin"], &checked["set"]["database"]["port"]), (&json!(true), &json!(1)));
    let pointers: Vec<_> = checked["changes"].as_array().unwrap().iter().map(|change| &change["pointer"]).collect();
    assert_eq!(pointers, ["/database/password", "/database/port"]);
    assert_eq!(checked["changes"][1], json!({ "pointer": "/database/port", "before": 5432, "after": 1 }));
    let nothing = dry("PUT", json!({})).await.expect(200).json();
    assert_eq!(
        (&nothing["changes"], &nothing["message"]),
        (&json!([]), &json!("the schema and the plugin accept the configuration; nothing would change"))
    );

    // The refusals are those of the change: by the schema, and by the code of the plugin.
    let invalid = dry("PUT", json!({ "database": { "port": 70_000 } })).await.expect(422);
    assert_eq!(
        (invalid.code(), &invalid.json()["errors"][0]["pointer"]),
        ("run_configuration_invalid".to_owned(), &json!("/database/port"))
    );
    let refused = dry("PUT", json!({ "database": { "host": "nowhere" } })).await.expect(422);
    assert_eq!(refused.code(), "run_configuration_refused");
    let stale = host.request("PUT", &format!("{CONFIG}?dry_run=true")).header("if-match", "\"999\"").json(&json!({}));
    assert_eq!(stale.send().await.expect(412).code(), "state_stale");

    assert_eq!(in_use(&host).await, json!({ "database": { "host": "localhost", "port": 5432 } }));
    assert_eq!(host.get("/api/plugins/settings/revisions").await.json()["revisions"].as_array().unwrap().len(), 1);
    assert_eq!(host.get("/api/jobs?operation=configure").await.json()["jobs"], json!([]));
    assert_eq!(host.plugin("settings").await["last_error"], Value::Null);
    let audited = async |action: &str| {
        let page = host.get(&format!("/api/audit?action={action}")).await.json();
        page["entries"].as_array().unwrap().len()
    };
    assert_eq!((audited("config_put").await, audited("config_put_dry_run").await), (0, 8));

    host.post("/api/plugins/settings/disable").await.expect(200);
    let stopped = dry("PUT", json!({ "database": { "host": "nowhere" } })).await.expect(200).json();
    assert_eq!(stopped["checked_by_plugin"], false, "no code of a stopped plugin runs");
}
