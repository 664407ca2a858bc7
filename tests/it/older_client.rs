//! An unmodified client of the older system: its requests are accepted, and responses have the fields it reads.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::git_server::GitServer;
use crate::host::TestHost;
use crate::plugins;
use crate::uploads::{install, upload};
use crate::zip_builder::archive;

/// Checks only whether a status is successful.
struct OlderClient<'h>(&'h TestHost);

impl OlderClient<'_> {
    async fn get(&self, path: &str) -> Value {
        ok(self.0.get(&format!("/api/plugins{path}")).await)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let _turn = plugins::any_turn_to_build().await;
        ok(self.0.post_json(&format!("/api/plugins{path}"), &body).await)
    }
}

fn ok(answer: Answer) -> Value {
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
    answer.json()
}

/// Asserts that each field, written `a.b`, exists and has the type of its letter: text, number, flag, list or object.
fn reads(answer: &Value, fields: &[(&str, char)]) {
    for (field, kind) in fields {
        let value = field.split('.').fold(answer, |value, key| &value[key]);
        let is_of_kind = match kind {
            't' => value.is_string(),
            'n' => value.is_number(),
            'f' => value.is_boolean(),
            'l' => value.is_array(),
            'o' => value.is_object(),
            _ => false,
        };
        assert!(is_of_kind, "`{field}` is not `{kind}` but {value} in {answer:#}");
    }
}

const ITEM: &[(&str, char)] = &[
    ("ID", 't'),
    ("Name", 't'),
    ("Version", 't'),
    ("Description", 't'),
    ("Author", 't'),
    ("Endpoints", 'l'),
    ("Permissions", 'l'),
    ("Dependencies", 'l'),
    ("Compatibility", 'o'),
    ("metadata.id", 't'),
    ("metadata.name", 't'),
    ("metadata.version", 't'),
    ("metadata.description", 't'),
    ("metadata.author", 't'),
    ("metadata.endpoints", 'l'),
    ("metadata.permissions", 'l'),
    ("metadata.dependencies", 'l'),
    ("metadata.configuration", 'o'),
    ("metadata.security.network_access", 'f'),
    ("metadata.security.filesystem_access", 'f'),
    ("metadata.security.sandboxed", 'f'),
    ("metadata.health.enabled", 'f'),
    ("metadata.health.interval_seconds", 'n'),
    ("status.id", 't'),
    ("status.status", 't'),
    ("status.health", 't'),
    ("status.uptime", 'n'),
    ("status.last_updated", 'n'),
    ("status.request_count", 'n'),
    ("status.error_count", 'n'),
    ("source", 't'),
    ("loaded_at", 'n'),
    ("file_path", 't'),
    ("enabled", 'f'),
];

#[tokio::test]
async fn an_older_client_loads_shows_and_removes_a_plugin() {
    let host = TestHost::start().await;
    let client = OlderClient(&host);
    for path in ["", "/"] {
        assert_eq!(client.get(path).await["plugins"], json!({}), "an empty collection is not null");
    }
    let library = plugins::built("hello").await;
    let loaded = client.post("/load", json!({ "source": library, "version": "latest", "config": {} })).await;
    reads(
        &loaded,
        &[("message", 't'), ("source", 't'), ("version", 't'), ("id", 't'), ("generation", 'n'), ("job", 't')],
    );
    host.call("hello/hello").await.expect(200);
    host.anonymous().get("/api/plugin-endpoints/hello/").await.expect(404);

    for path in ["", "/"] {
        let list = client.get(path).await;
        assert_eq!(list["count"], 1);
        let item = &list["plugins"]["hello"];
        reads(item, ITEM);
        reads(&item["Endpoints"][0], &[("path", 't'), ("method", 't'), ("handler", 't'), ("description", 't')]);
        assert_eq!((&item["ID"], &item["status"]["status"]), (&json!("hello"), &json!("enabled")));
    }
    let one = client.get("/hello").await;
    reads(&one, ITEM);
    reads(&one, &[("plugin.metadata", 'o'), ("plugin.status", 'o'), ("plugin.routes", 'l')]);
    let status = client.get("/hello/status").await;
    reads(
        &status,
        &[
            ("plugin_id", 't'),
            ("status.state", 't'),
            ("status.health", 't'),
            ("status.last_check", 'n'),
            ("status.errors", 'l'),
            ("status.metrics", 'o'),
            ("status.uptime", 't'),
            ("status.request_count", 'n'),
        ],
    );
    let uptime = status["status"]["uptime"].as_str().unwrap();
    assert!(uptime.ends_with('s') && uptime.starts_with(|c: char| c.is_ascii_digit()), "{uptime}");
    assert_eq!(status["status"]["state"], "loaded");

    for path in ["/hello/reload", "/hello/disable", "/hello/enable", "/hello/restart"] {
        reads(&client.post(path, json!({})).await, &[("message", 't')]);
    }
    let health = client.get("/health/summary").await;
    reads(&health["plugins"][0], &[("id", 't'), ("health", 't')]);
    for field in ["total_plugins", "healthy", "unhealthy", "unknown"] {
        reads(&health["health_summary"], &[(field, 'n'), ("overall_health", 't')]);
    }
    let metrics = client.get("/system/metrics").await;
    for field in [
        "total_plugins",
        "healthy_plugins",
        "unhealthy_plugins",
        "unknown_plugins",
        "total_routes",
        "total_requests",
        "total_errors",
        "build_cache_size",
        "manager_uptime",
    ] {
        reads(&metrics["metrics"], &[(field, 'n')]);
    }
    let cache = client.get("/cache/info").await;
    reads(&cache, &[("hit_rate", 'n'), ("num_entries", 'n'), ("total_size", 't')]);
    assert_eq!(client.get("/available").await, json!([]));

    reads(&ok(host.delete("/api/plugins/hello").await), &[("message", 't')]);
    assert_eq!(client.get("").await["count"], 0);
    let gone = host.get("/api/plugins/hello").await.expect(404).json();
    reads(&gone, &[("error", 't'), ("details", 't')]);
}

#[tokio::test]
async fn an_older_client_installs_from_repositories_folders_and_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    let mirror = format!("https://github.com/={}", server.url());
    let host = TestHost::with(&["--mirror", &mirror]).await;
    let client = OlderClient(&host);

    let repository = server.repository("acme/hello");
    plugins::copy(plugins::built("hello").await.parent().unwrap(), &repository.folder);
    repository.commit(&[("README.md", "hello")]);
    repository.git(&["tag", "v1.0.0"]);
    let asked = json!({ "repoUrl": "https://github.com/acme/hello", "autoUpdate": true, "updateInterval": "1h" });
    let installed = client.post("/github/install", asked.clone()).await;
    reads(
        &installed,
        &[("message", 't'), ("repoUrl", 't'), ("type", 't'), ("autoUpdate", 'f'), ("updateInterval", 't')],
    );
    assert_eq!((&installed["type"], &installed["updateInterval"]), (&json!("github"), &json!("1h")));
    let force = json!({ "repoUrl": asked["repoUrl"], "force": true });
    reads(&client.post("/github/update", force).await, &[("message", 't'), ("repoUrl", 't')]);
    reads(&client.post("/hello/update", json!({})).await, &[("message", 't')]);

    let library = plugins::as_version(&host, "hello", "from-folder", "1.0.0").await;
    let manifest = library.parent().unwrap().join("plugin.yaml");
    let body = json!({ "pluginPath": library, "manifestPath": manifest });
    reads(&client.post("/local/load", body).await, &[("message", 't'), ("id", 't')]);
    let list = client.get("/local/list").await;
    assert_eq!((&list["count"], list["plugins"]["from-folder"].is_object()), (&json!(1), true));
    let looked = client.get(&format!("/local/build?pluginPath={}", library.display())).await;
    assert_eq!((&looked["valid"], &looked["way"]), (&json!(true), &json!("library")));
    reads(&client.post("/local/unload", json!({ "pluginId": "from-folder" })).await, &[("message", 't')]);

    let validated = client.post("/validate", json!({ "source": library })).await;
    reads(&validated, &[("valid", 'f'), ("message", 't'), ("errors", 'l'), ("metadata.id", 't')]);
    let files = plugins::files(library.parent().unwrap());
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let uploaded = ok(upload(&host, &archive(&files)).await);
    reads(&uploaded, &[("upload_id", 't'), ("validation.valid", 'f'), ("metadata.id", 't')]);
    let id = uploaded["upload_id"].as_str().unwrap();
    let installed = ok(install(&host, id).await);
    reads(&installed, &[("message", 't'), ("upload_id", 't'), ("id", 't')]);
    assert_eq!(installed["upload_id"], id);
}

#[tokio::test]
async fn an_older_client_reads_the_configuration_and_sends_it_back() {
    let host = TestHost::start().await;
    let path = "/api/plugins/system/configuration";
    let mut whole = host.get(path).await.expect(200).json();
    reads(&whole, &[("cache_enabled", 'f'), ("cache_max_size", 't'), ("security_enabled", 'f')]);
    let same = host.request("PUT", path).json(&whole).send().await.expect(200).json();
    assert_eq!((&same["message"], &same["warnings"]), (&json!("no setting was changed"), &Value::Null));
    whole["cache_max_size"] = "1GB".into();
    whole["cache_enabled"] = false.into();
    whole["max_plugins"] = 7.into();
    let changed = host.request("PUT", path).json(&whole).send().await.expect(200).json();
    assert_eq!((&changed["cache_max_size"], &changed["cache_enabled"]), (&json!("1GB"), &json!(false)));
    assert_eq!(
        changed["warnings"],
        json!(["ignored the unknown setting `max_plugins`; `plugin-host config show` lists all keys"])
    );
    assert_eq!(host.get("/api/plugins/cache/info").await.json()["max_bytes"], 1_000_000_000u64);
}
