//! Newer versions of plugins that come from repositories: seen, taken, held back, blocked.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Answer;
use crate::git_server::{GitServer, Repository};
use crate::host::{TestHost, eventually};
use crate::plugins;

const HELLO: &str = "https://github.com/acme/hello";

/// A git server that stands in for `https://github.com/`, and a host that asks it.
struct Scene {
    host: TestHost,
    server: GitServer,
    _folder: TempDir,
}

impl Scene {
    async fn start() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let server = GitServer::start(folder.path());
        let mirror = format!("https://github.com/={}", server.url());
        let host = TestHost::with(&["--mirror", &mirror]).await;
        Scene { host, server, _folder: folder }
    }

    /// A repository with the release 1.0.0 of the plugin `id`.
    fn repository(&self, id: &str) -> Repository {
        let repository = self.server.repository(&format!("acme/{id}"));
        release(&repository, id, "1.0.0");
        repository
    }

    /// Asks for something that builds.
    async fn post(&self, path: &str, body: Value) -> Answer {
        let _turn = plugins::any_turn_to_build().await;
        self.host.post_json(&format!("/api/plugins/{path}"), &body).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.host.request("PUT", &format!("/api/plugins/{path}")).json(&body).send().await
    }

    async fn report(&self, id: &str) -> Value {
        self.host.get(&format!("/api/plugins/{id}/updates?check=true")).await.expect(200).json()["report"].clone()
    }
}

/// Commits a version of the plugin `hello` under that id, and tags it.
fn release(repository: &Repository, id: &str, version: &str) {
    plugins::copy(&plugins::source("hello"), &repository.folder);
    let yaml = std::fs::read_to_string(repository.folder.join("plugin.yaml")).unwrap();
    let yaml =
        yaml.replace("version: 1.0.0", &format!("version: {version}")).replace("id: hello", &format!("id: {id}"));
    let cargo = std::fs::read_to_string(repository.folder.join("Cargo.toml")).unwrap();
    let cargo = cargo.replace("version = \"1.0.0\"", &format!("version = \"{version}\""));
    repository.commit(&[("plugin.yaml", &yaml), ("Cargo.toml", &cargo)]);
    repository.git(&["tag", &format!("v{version}")]);
}

/// Commits a version of the plugin `hello` in `plugins/hello` and tags it.
fn release_in_folder(repository: &Repository, version: &str) {
    plugins::copy(&plugins::source("hello"), &repository.folder.join("plugins/hello"));
    let yaml = std::fs::read_to_string(repository.folder.join("plugins/hello/plugin.yaml")).unwrap();
    let yaml = yaml.replace("version: 1.0.0", &format!("version: {version}"));
    repository.commit(&[("plugins/hello/plugin.yaml", &yaml), ("README.md", "many plugins")]);
    repository.git(&["tag", &format!("hello-v{version}")]);
}

#[tokio::test]
async fn a_plugin_in_a_folder_of_a_repository_follows_its_own_tags() {
    let scene = Scene::start().await;
    let (host, repository) = (&scene.host, scene.server.repository("acme/many"));
    release_in_folder(&repository, "1.0.0");
    let source = "https://github.com/acme/many#path=plugins/hello";
    let asked = json!({ "source": "https://github.com/acme/many", "path": "plugins/hello" });
    let loaded = scene.post("load", asked).await.expect(200).json();
    assert_eq!((&loaded["source"], &loaded["tag"]), (&json!(source), &json!("hello-v1.0.0")));

    release_in_folder(&repository, "1.1.0");
    // The release of another plugin in the same repository.
    repository.git(&["tag", "other-v9.0.0"]);
    let report = scene.report("hello").await;
    assert_eq!((&report["allowed"]["version"], &report["newest"]["version"]), (&json!("1.1.0"), &json!("1.1.0")));
    let updated = scene.post("hello/update", json!({})).await.expect(200).json();
    assert_eq!((&updated["version"], &updated["source"]), (&json!("1.1.0"), &json!(source)), "{updated}");
    assert_eq!(host.plugin("hello").await["source"], source);
    host.call("hello/hello").await.expect(200);
    let back = scene.post("hello/update", json!({ "version": "1.0.0" })).await.expect(200).json();
    assert_eq!((&back["version"], &back["tag"]), (&json!("1.0.0"), &json!("hello-v1.0.0")), "{back}");
}

#[tokio::test]
async fn newer_versions_are_reported_and_installed_by_the_update_policy() {
    let scene = Scene::start().await;
    let (host, repository) = (&scene.host, scene.repository("hello"));
    scene.post("load", json!({ "source": HELLO })).await.expect(200);
    let known = host.get("/api/plugins/hello/updates").await.expect(200).json();
    assert_eq!(
        (&known["source"], &known["update_policy"]["policy"], &known["report"]),
        (&json!(HELLO), &json!("minor"), &Value::Null)
    );
    let report = scene.report("hello").await;
    assert_eq!((&report["newest"], &report["error"]), (&Value::Null, &Value::Null));

    for version in ["1.0.1", "1.1.0", "2.0.0"] {
        release(&repository, "hello", version);
    }
    let report = scene.report("hello").await;
    assert_eq!((&report["allowed"]["version"], &report["newest"]["version"]), (&json!("1.1.0"), &json!("2.0.0")));
    assert_eq!(
        report["held_back"][0],
        json!({ "version": "2.0.0", "reason": "policy", "message": "the policy is `minor`" })
    );
    assert_eq!(host.plugin("hello").await["update_available"]["version"], "2.0.0");
    let run = async |words: &[&str], code: i32| {
        let output = host.command(words).await;
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(code), "{words:?}: {out}\n{err}");
        out
    };
    assert!(run(&["list"], 0).await.contains("hello  1.0.0    2.0.0   running"));
    let updates = run(&["updates", "--check"], 0).await;
    assert!(updates.contains("hello  1.0.0      1.1.0    2.0.0   minor, manual"), "{updates}");

    // A version that is known to be bad is held back, whatever the policy.
    run(&["block", "hello", "v1.1.0"], 0).await;
    let sheet = run(&["updates", "hello", "--check"], 0).await;
    assert!(sheet.contains("allowed    1.0.1") && sheet.contains("1.1.0 is not installed: it is blocked"), "{sheet}");
    run(&["update-policy", "hello", "patch", "--interval", "24h"], 0).await;
    let rule = host.plugin("hello").await["update"].clone();
    let expected = json!({ "policy": "patch", "automatic": false, "interval_seconds": 86_400, "blocked": ["1.1.0"] });
    assert_eq!(rule, expected, "what is blocked stays");
    host.delete("/api/plugins/hello/blocked/1.1.0").await.expect(200);
    assert_eq!(scene.report("hello").await["allowed"]["version"], "1.0.1");
    assert_eq!(scene.put("hello/blocked/1.1", json!({})).await.expect(400).code(), "update_version");
    let refused = scene.put("hello/update-policy", json!({ "policy": "newest" })).await.expect(400);
    assert_eq!(refused.code(), "update_policy");

    let updated = scene.post("hello/update", json!({})).await.expect(200).json();
    assert_eq!((&updated["version"], &updated["generation"]), (&json!("1.0.1"), &json!(2)));
    assert_eq!(
        host.plugin("hello").await["update_available"],
        Value::Null,
        "nothing is known of what is newer than this"
    );
    let again = scene.post("hello/update", json!({})).await.expect(200).json();
    assert_eq!(
        (&again["generation"], &again["reason"]),
        (&json!(2), &json!("there is no newer version that the update policy allows"))
    );

    // Under `manual` only who asks gets it; who is pinned is told nothing.
    run(&["update-policy", "hello", "manual"], 0).await;
    assert_eq!(scene.report("hello").await["allowed"], Value::Null);
    run(&["pin", "hello"], 0).await;
    assert_eq!(scene.report("hello").await["newest"], Value::Null);
    run(&["unpin", "hello"], 0).await;
    assert_eq!(host.plugin("hello").await["update"]["interval_seconds"], 86_400);

    // A version that is named is taken in any case, with or without the `v` of its tag, older ones too.
    let turn = plugins::any_turn_to_build().await;
    let named = run(&["update", "hello", "--version", "2.0.0", "--reason", "at last"], 0).await;
    drop(turn);
    assert!(named.contains("hello 2.0.0") && named.contains("3, previously 2"), "{named}");
    let back = scene.post("hello/update", json!({ "version": "1.0.0" })).await.expect(200).json();
    assert_eq!((&back["version"], &back["source"]), (&json!("1.0.0"), &json!(format!("{HELLO}@v1.0.0"))));
    assert_eq!(back["warnings"][0], "this is a downgrade: version 1.0.0 replaces the newer version 2.0.0");
    assert_eq!(scene.post("hello/update", json!({ "version": "9.9.9" })).await.expect(422).code(), "fetch_no_revision");
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_plugin_is_updated_by_itself_within_its_policy_and_a_bad_version_is_blocked() {
    let scene = Scene::start().await;
    let (host, repository) = (&scene.host, scene.repository("hello"));
    scene.post("load", json!({ "source": HELLO })).await.expect(200);
    release(&repository, "hello", "1.0.1");
    release(&repository, "hello", "1.1.0");
    let library = std::fs::read_to_string(repository.folder.join("src/lib.rs")).unwrap();
    repository.write(&[("src/lib.rs", "this does not compile")]);
    release_as_it_is(&repository, "1.0.2");
    repository.write(&[("src/lib.rs", &library)]);

    // What the host builds by itself is built while no other host of this run builds.
    let turn = plugins::any_turn_to_build().await;
    let rule = json!({ "policy": "patch", "automatic": true, "interval_seconds": 60 });
    scene.put("hello/update-policy", rule).await.expect(200);
    eventually("the bad version is blocked", || async {
        host.plugin("hello").await["update"]["blocked"] == json!(["1.0.2"])
    })
    .await;
    host.call("hello/hello").await.expect(200);
    eventually("the best that is left is taken", || async { host.plugin("hello").await["Version"] == "1.0.1" }).await;
    drop(turn);
    host.call("hello/hello").await.expect(200);
    let plugin = host.plugin("hello").await;
    assert_eq!((&plugin["generation"], &plugin["source"]), (&json!(2), &json!(HELLO)));
    assert_eq!(plugin["kept"][0]["version"], "1.0.0");
    let jobs = host.get("/api/jobs?operation=update").await.json()["jobs"].clone();
    let told: Vec<_> = jobs.as_array().unwrap().iter().map(|job| (&job["actor"], &job["problem"]["code"])).collect();
    assert!(told.contains(&(&json!("host"), &json!("build_failed"))), "{jobs}");
    let revisions = host.get("/api/plugins/hello/revisions").await.json()["revisions"].to_string();
    assert!(revisions.contains("the update to 1.0.2 failed: failed to build the plugin"), "{revisions}");
}

/// Tags what lies in the folder, with that version in its plugin.yaml.
fn release_as_it_is(repository: &Repository, version: &str) {
    let yaml = std::fs::read_to_string(repository.folder.join("plugin.yaml")).unwrap();
    let line =
        |line: &str| if line.starts_with("version: ") { format!("version: {version}\n") } else { format!("{line}\n") };
    repository.commit(&[("plugin.yaml", &yaml.lines().map(line).collect::<String>())]);
    repository.git(&["tag", &format!("v{version}")]);
}

#[tokio::test]
async fn older_clients_install_and_update_by_repository() {
    let scene = Scene::start().await;
    let (host, repository) = (&scene.host, scene.repository("hello"));
    scene.repository("other");
    let body = json!({ "repoUrl": "github.com/acme/hello.git", "autoUpdate": true, "updateInterval": "24h" });
    let installed = scene.post("github/install", body).await.expect(200).json();
    assert_eq!((&installed["repoUrl"], &installed["type"]), (&json!(HELLO), &json!("github")));
    assert_eq!((&installed["autoUpdate"], &installed["updateInterval"]), (&json!(true), &json!("24h")));
    assert!(installed["message"].as_str().unwrap().contains("hello 1.0.0 serves"), "{installed}");
    let rule = host.plugin("hello").await["update"].clone();
    assert_eq!(rule, json!({ "policy": "minor", "automatic": true, "interval_seconds": 86_400, "blocked": [] }));
    assert_eq!(host.plugin("hello").await["revision"], 1, "it is one change");
    scene.post("github/install", json!({ "repoUrl": "https://github.com/acme/other" })).await.expect(200);

    let body = json!({ "repoUrl": "https://GitHub.com/Acme/Hello" });
    let nothing = scene.post("github/update", body.clone()).await.expect(200).json();
    assert_eq!(nothing["message"], "updated 0 of 1 plugins from https://github.com/Acme/Hello");
    assert_eq!(
        (&nothing["plugins"][0]["updated"], host.plugin("hello").await["generation"].clone()),
        (&json!(false), json!(1))
    );
    let forced = json!({ "repoUrl": HELLO, "force": true });
    let rebuilt = scene.post("github/update", forced).await.expect(200).json();
    assert_eq!(rebuilt["plugins"][0]["updated"], false, "the same commit gives the same library");
    assert_eq!(host.plugin("hello").await["generation"], 2, "it was fetched and built all the same");

    release(&repository, "hello", "1.1.0");
    let updated = scene.post("github/update", body).await.expect(200).json();
    let plugin = &updated["plugins"][0];
    assert_eq!((&plugin["id"], &plugin["updated"]), (&json!("hello"), &json!(true)));
    assert_eq!((&plugin["from"], &plugin["to"]), (&json!("1.0.0"), &json!("1.1.0")));
    assert_eq!(
        (&updated["plugins"].as_array().unwrap().len(), host.plugin("other").await["generation"].clone()),
        (&1, json!(1))
    );

    let nowhere = scene.post("github/update", json!({ "repoUrl": "https://github.com/acme/nothing" })).await;
    assert_eq!(nowhere.expect(404).code(), "update_unknown_repository");
    assert_eq!(scene.post("github/install", json!({ "repoUrl": "acme/hello" })).await.expect(400).code(), "source_url");
    scene.post("github/install", json!({})).await.expect(400);
}

#[tokio::test]
async fn a_reload_stays_at_the_version_that_an_update_installed() {
    let scene = Scene::start().await;
    let (host, repository) = (&scene.host, scene.repository("hello"));
    let at = |tag: &str| json!(format!("{HELLO}@{tag}"));
    scene.post("load", json!({ "source": HELLO, "version": "v1.0.0" })).await.expect(200);
    release(&repository, "hello", "1.1.0");
    let updated = scene.post("hello/update", json!({})).await.expect(200).json();
    assert_eq!((&updated["version"], &updated["source"]), (&json!("1.1.0"), &at("v1.1.0")));
    let reloaded = scene.post("hello/reload", json!({})).await.expect(200).json();
    assert_eq!((&reloaded["version"], &reloaded["warnings"]), (&json!("1.1.0"), &json!([])));
    release(&repository, "hello", "1.2.0");
    assert_eq!(scene.report("hello").await["allowed"]["version"], "1.2.0", "updates are still found");

    // A load by name goes back, and says so.
    let back = scene.post("load", json!({ "source": HELLO, "version": "1.0.0" })).await.expect(200).json();
    let warning = "this is a downgrade: version 1.0.0 replaces the newer version 1.1.0";
    assert_eq!((&back["version"], &back["warnings"]), (&json!("1.0.0"), &json!([warning])));
    host.request("PUT", "/api/plugins/hello/blocked/1.1.0").send().await.expect(200);
    let refused = scene.post("load", json!({ "source": HELLO, "version": "1.1.0" })).await.expect(409);
    assert_eq!(refused.code(), "run_version_blocked");
    assert!(refused.text().contains("plugin-host unblock hello 1.1.0"), "{}", refused.text());
    // The installed version may be blocked, too: that is meant for updates, and nothing changes.
    host.request("PUT", "/api/plugins/hello/blocked/1.0.0").send().await.expect(200);
    scene.post("hello/reload", json!({})).await.expect(200);

    // A source without a version follows the newest release, unless the plugin is pinned.
    scene.post("load", json!({ "source": HELLO })).await.expect(200);
    let pin = json!({ "policy": "pinned" });
    scene.put("hello/update-policy", pin).await.expect(200);
    release(&repository, "hello", "1.3.0");
    let pinned = scene.post("hello/reload", json!({})).await.expect(200).json();
    assert_eq!(
        (&pinned["version"], &pinned["tag"], &pinned["source"]),
        (&json!("1.2.0"), &json!("v1.2.0"), &json!(HELLO))
    );
    scene.put("hello/update-policy", json!({ "policy": "minor" })).await.expect(200);
    scene.put("hello/blocked/1.3.0", json!({})).await.expect(200);
    assert_eq!(scene.post("hello/reload", json!({})).await.expect(409).code(), "run_version_blocked");
    host.delete("/api/plugins/hello/blocked/1.3.0").await.expect(200);
    assert_eq!(scene.post("hello/reload", json!({})).await.expect(200).json()["version"], "1.3.0");
}
