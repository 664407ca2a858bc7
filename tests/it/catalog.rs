//! What can be installed: indexes, a look at sources, folders and files, the list and its filters.

use serde_json::{Value, json};

use crate::git_server::{GitServer, Repository};
use crate::host::TestHost;
use crate::plugins;
use crate::uploads::upload;
use crate::zip_builder::archive;

const HELLO: &str = "https://github.com/acme/hello";

/// Commits a version of a built plugin, so that nothing is compiled, and gives the commit.
async fn release(repository: &Repository, version: &str) -> String {
    plugins::copy(plugins::built("hello").await.parent().unwrap(), &repository.folder);
    let yaml = std::fs::read_to_string(repository.folder.join("plugin.yaml")).unwrap();
    let commit = repository.commit(&[("plugin.yaml", &yaml.replace("version: 1.0.0", &format!("version: {version}")))]);
    repository.git(&["tag", &format!("v{version}")]);
    commit
}

#[tokio::test]
async fn an_index_lists_what_can_be_installed_and_binds_what_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    let hello = server.repository("acme/hello");
    let first = release(&hello, "1.0.0").await;
    let index = server.repository("acme/index");
    let entry = |versions: Value| json!({ "id": "hello", "repository": HELLO, "tags": ["demo"], "versions": versions });
    let text = |plugins: Value| json!({ "version": 1, "name": "Acme", "plugins": plugins }).to_string();
    let listed = json!([
        entry(json!([{ "version": "1.0.0", "commit": first }, { "version": "1.1.0", "commit": "0".repeat(40) }])),
        { "id": "broken", "repository": "file:///etc", "versions": [] },
    ]);
    index.commit(&[("plugins.json", &text(listed))]);
    let second = folder.path().join("second.yaml");
    std::fs::write(
        &second,
        "version: 1\nplugins:\n- {id: hello, repository: https://github.com/evil/hello, versions: [{version: 9.0.0}]}",
    )
    .unwrap();
    let mirror = format!("https://github.com/={}", server.url());
    let absent = folder.path().join("absent");
    let places = [HELLO.replace("hello", "index"), second.display().to_string(), absent.display().to_string()];
    let mut flags = vec!["--mirror", &mirror];
    places.iter().for_each(|place| flags.extend(["--index", place]));
    let host = TestHost::with(&flags).await;

    let all = host.get("/api/plugins/available").await.expect(200).json();
    assert_eq!(all.as_array().unwrap().len(), 1, "of two with one id the first index counts: {all}");
    assert_eq!((&all[0]["id"], &all[0]["latest_version"]), (&json!("hello"), &json!("1.1.0")));
    assert_eq!((&all[0]["installed"], &all[0]["source"]), (&json!(false), &json!("index:hello")));
    let indexes = host.get("/api/plugins/indexes").await.expect(200).json()["indexes"].clone();
    assert_eq!(indexes[0]["refused"][0]["pointer"], "plugins[1].repository", "{indexes}");
    assert!(indexes[1]["refused"][0]["message"].as_str().unwrap().contains("has precedence over"), "{indexes}");
    assert_eq!(indexes[2]["error_code"], "fetch_nothing_there", "{indexes}");

    // What the index lists is what is installed, or nothing is.
    let load = async |source: &str| host.post_json("/api/plugins/load", &json!({ "source": source })).await;
    assert_eq!(load("index:hello@9.0.0").await.expect(404).code(), "index_not_listed");
    assert_eq!(load("index:nothing").await.expect(404).code(), "index_not_listed");
    release(&hello, "1.1.0").await;
    assert_eq!(load("index:hello").await.expect(422).code(), "index_other_content");
    let loaded = load("index:hello@1.0.0").await.expect(200).json();
    assert_eq!((&loaded["id"], &loaded["source"]), (&json!("hello"), &json!(format!("{HELLO}@v1.0.0"))));
    let all = host.get("/api/plugins/available?installed=true").await.expect(200).json();
    assert_eq!((&all[0]["installed_version"], &all[0]["newer_version"]), (&json!("1.0.0"), &json!("1.1.0")));

    // A digest binds as a commit does. An index that turns bad counts as it was.
    let validated =
        host.post_json("/api/plugins/validate", &json!({ "source": "index:hello@1.0.0" })).await.expect(200);
    let digest = validated.json()["digest"].clone();
    let versions = json!([{ "version": "1.0.0", "digest": digest }, { "version": "1.1.0", "digest": digest }]);
    index.commit(&[("plugins.json", &text(json!([entry(versions)])))]);
    let refreshed = async || host.get("/api/plugins/available?refresh=true").await.expect(200).json();
    crate::host::eventually("the index is read again", async || {
        refreshed().await[0]["versions"][0]["digest"] == digest
    })
    .await;
    assert_eq!(load("index:hello@1.1.0").await.expect(422).code(), "index_other_content");
    load("index:hello@1.0.0").await.expect(200);
    index.commit(&[("plugins.json", "{")]);
    crate::host::eventually("the index is refused", async || {
        refreshed().await;
        host.get("/api/plugins/indexes").await.json()["indexes"][0]["error_code"] == "index_refused"
    })
    .await;
    assert_eq!(refreshed().await[0]["id"], "hello");
    let output = host.command(&["available"]).await;
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(out.contains("hello  1.1.0") && err.contains("failed to read index"), "{out}\n{err}");
}

#[tokio::test]
async fn a_source_is_looked_at_and_nothing_is_installed() {
    let host = TestHost::start().await;
    let validate = async |body: Value| host.post_json("/api/plugins/validate", &body).await;
    let good = validate(json!({ "source": plugins::source("hello") })).await.expect(200).json();
    assert_eq!((&good["valid"], &good["metadata"]["id"]), (&json!(true), &json!("hello")));
    assert_eq!((&good["errors"], &good["problems"]), (&json!([]), &json!([])));
    let bad = validate(json!({ "source": plugins::source("bad-manifest") })).await.expect(200).json();
    assert_eq!((&bad["valid"], bad["metadata"].is_null()), (&json!(false), true));
    let problems = bad["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["pointer"] == "id"), "{bad}");
    let messages: Vec<_> = problems.iter().map(|problem| problem["message"].clone()).collect();
    assert_eq!(bad["errors"], Value::Array(messages), "older clients read the messages");
    for name in ["no-manifest", "not-a-cdylib", "checksum-mismatch"] {
        let answer = validate(json!({ "source": plugins::source(name) })).await.expect(200).json();
        assert!(!answer["errors"].as_array().unwrap().is_empty(), "{name}: {answer}");
    }
    // What can't be fetched is not judged.
    assert_eq!(validate(json!({ "source": "/etc" })).await.expect(403).code(), "fetch_outside_roots");
    assert_eq!(validate(json!({ "upload_id": "upload_1" })).await.expect(404).code(), "run_unknown_upload");
    assert_eq!(validate(json!({})).await.expect(400).code(), "body_does_not_fit");
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
    assert_eq!(host.get("/api/jobs").await.json()["jobs"], json!([]));

    let text = |password: &str| {
        format!(
            "id: hello\nname: H\nversion: 1.0.0\ndescription: d\nauthor: a\nendpoints: [{{path: /hello, method: GET, handler: hello}}]\nconfiguration: {{password: {password}}}\n"
        )
    };
    let library = std::fs::read(plugins::built("hello").await).unwrap();
    let uploaded =
        upload(&host, &archive(&[("plugin.yaml", text("\"geheim\"").as_bytes()), ("library.so", &library)])).await;
    let uploaded = uploaded.expect(200);
    assert!(!uploaded.text().contains("geheim") && uploaded.text().contains("********"), "{}", uploaded.text());
    let id = uploaded.json()["upload_id"].clone();
    assert_eq!(validate(json!({ "upload_id": id })).await.expect(200).json()["valid"], true);

    let output = host.command(&["validate", &plugins::source("bad-manifest").display().to_string()]).await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn validation_names_what_prevents_a_start_and_the_remedy_of_an_error() {
    let host = TestHost::start().await;
    let folder = host.sources().join("hello");
    plugins::copy(&plugins::source("hello"), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let more = "dependencies: [{id: nowhere, version: '^2'}]\nconfiguration_schema: schema.json\n\
                configuration: {limit: ten}\n";
    std::fs::write(folder.join("plugin.yaml"), yaml + more).unwrap();
    std::fs::write(folder.join("schema.json"), r#"{"properties": {"limit": {"type": "integer"}}}"#).unwrap();
    let source = folder.display().to_string();
    let report = host.post_json("/api/plugins/validate", &json!({ "source": source })).await.expect(200).json();
    let warnings = report["warnings"].to_string();
    assert_eq!(report["valid"], true, "{report}");
    assert!(warnings.contains("cannot be started now: `hello` needs `nowhere` ^2, which is not installed"), "{report}");
    assert!(warnings.contains("cannot be started with its own defaults: ") && warnings.contains("/limit"), "{report}");
    assert!(!warnings.contains("hint: "), "{report}");

    let deep = host.sources().join("deep");
    plugins::copy(&plugins::source("hello"), &deep.join("b/hello"));
    std::fs::write(deep.join("README.md"), "two folders down").unwrap();
    let refused = host.command(&["validate", &deep.display().to_string()]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("fix: there is one in `b/hello/`"), "{said}");
}

#[tokio::test]
async fn folders_and_files_are_loaded_looked_at_and_unloaded() {
    let host = TestHost::start().await;
    let library = plugins::as_version(&host, "hello", "from-folder", "1.0.0").await;
    let load = async |body: Value| host.post_json("/api/plugins/local/load", &body).await;
    let elsewhere = json!({ "pluginPath": library, "manifestPath": "/etc/passwd" });
    assert_eq!(load(elsewhere).await.expect(422).code(), "local_manifest");
    assert_eq!(load(json!({ "pluginPath": "https://github.com/a/b" })).await.expect(400).code(), "local_path");
    assert_eq!(load(json!({ "pluginPath": "/etc" })).await.expect(403).code(), "fetch_outside_roots");
    load(json!({ "pluginPath": library })).await.expect(200);
    assert_eq!(host.get("/api/plugins/local/list").await.json()["plugins"]["from-folder"]["ID"], "from-folder");
    assert_eq!(host.get("/api/plugins/local/build").await.expect(400).code(), "query_does_not_fit");
    let build = async |name: &str| {
        let folder = host.sources().join(name);
        plugins::copy(&plugins::source(name), &folder);
        host.get(&format!("/api/plugins/local/build?pluginPath={}", folder.display())).await.expect(200).json()
    };
    let built = build("hello").await;
    assert_eq!((&built["valid"], &built["message"]), (&json!(true), &json!("plugin hello 1.0.0 was built")), "{built}");
    assert!(built["artifact"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{built}");
    let broken = build("does-not-compile").await;
    assert_eq!((&broken["valid"], &broken["artifact"]), (&json!(false), &json!(null)), "{broken}");
    assert!(!broken["log"].as_array().unwrap().is_empty() && !broken["errors"].as_array().unwrap().is_empty());
    let audit = host.get("/api/audit?action=local_build").await.json();
    let outcomes: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(outcomes, ["asked", "failed", "asked", "done", "asked", "done"]);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1, "nothing was installed");
    let unload = async |id: &str| host.post_json("/api/plugins/local/unload", &json!({ "pluginId": id })).await;
    assert_eq!(unload("nothing").await.expect(404).code(), "run_unknown_plugin");
    unload("from-folder").await.expect(200);
    assert_eq!(host.get("/api/plugins/local/list").await.json()["count"], 0);
}

#[tokio::test]
async fn the_list_is_filtered_and_comes_in_pages() {
    let host = TestHost::start().await;
    for id in ["aaa", "bbb", "ccc"] {
        let library = plugins::as_version(&host, "hello", id, "1.0.0").await;
        let yaml = library.with_file_name("plugin.yaml");
        let text = std::fs::read_to_string(&yaml).unwrap() + if id == "bbb" { "labels: {tier: gold}\n" } else { "" };
        std::fs::write(yaml, text).unwrap();
        host.try_load(&library).await.expect(200);
    }
    host.post("/api/plugins/ccc/disable").await.expect(200);
    let ids = async |query: &str| {
        let list = host.get(&format!("/api/plugins{query}")).await.expect(200).json();
        let ids: Vec<_> = list["plugins"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(list["count"], ids.len());
        (ids.join(" "), list["next"].as_str().unwrap_or_default().to_owned())
    };
    let only = |text: &str| (text.to_owned(), String::new());
    assert_eq!(ids("/?selector=tier%3Dgold").await, only("bbb"));
    assert_eq!(ids("?selector=!tier&enabled=true").await, only("aaa"));
    assert_eq!(ids("?state=disabled").await, only("ccc"));
    assert_eq!(ids("?limit=2").await, ("aaa bbb".to_owned(), "bbb".to_owned()));
    assert_eq!(ids("?limit=2&cursor=bbb").await, only("ccc"));
    for query in ["?limit=0", "?limit=x", "?state=asleep", "?selector=a=b=c"] {
        assert_eq!(host.get(&format!("/api/plugins{query}")).await.expect(400).code(), "query_does_not_fit", "{query}");
    }
}

#[tokio::test]
async fn versions_that_are_blocked_at_once_are_all_blocked() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    release(&server.repository("acme/hello"), "1.0.0").await;
    let host = TestHost::with(&["--mirror", &format!("https://github.com/={}", server.url())]).await;
    host.post_json("/api/plugins/load", &json!({ "source": HELLO })).await.expect(200);
    let mut blocks = tokio::task::JoinSet::new();
    for minor in 1..=8 {
        blocks.spawn(host.request("PUT", &format!("/api/plugins/hello/blocked/1.{minor}.0")).send());
    }
    blocks.join_all().await.into_iter().for_each(|answer| drop(answer.expect(200)));
    let blocked = host.plugin("hello").await["update"]["blocked"].clone();
    assert_eq!(blocked.as_array().unwrap().len(), 8, "{blocked}");
    host.delete("/api/plugins/hello/blocked/1.3.0").await.expect(200);
    assert_eq!(host.plugin("hello").await["update"]["blocked"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn the_isolation_report_is_measured() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let told = host.get("/api/system/isolation").await.expect(200).json();
    assert_eq!((&told["mode"], &told["in_process"], &told["isolated"]), (&json!("in-process"), &json!(1), &json!(0)));
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let filtered = status.lines().any(|line| line.starts_with("Seccomp:") && !line.ends_with('0'));
    let layers = told["layers"].as_array().unwrap();
    let seccomp = layers.iter().find(|layer| layer["name"] == "seccomp").unwrap();
    assert_eq!(seccomp["active"], filtered, "{told}");
}
