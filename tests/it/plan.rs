//! A plugins.yaml: planned, applied and exported.

mod batch;
mod command_line;
mod interrupted;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::git_server::{Behaviour, GitServer};
use crate::host::TestHost;
use crate::plugins::{any_turn_to_build, built, copy, source};

const PLAN: &str = "/api/plugins/plan";
const SECRET: &str = "correct horse battery staple";

/// A built copy of a plugin under another id, with more lines in its plugin.yaml.
async fn placed(host: &TestHost, plugin: &str, id: &str, more: &str) -> PathBuf {
    let folder = host.sources().join(id);
    copy(built(plugin).await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let yaml = yaml.replace(&format!("id: {plugin}"), &format!("id: {id}"));
    std::fs::write(folder.join("plugin.yaml"), format!("{yaml}\n{more}\n")).unwrap();
    folder.join("library.so")
}

async fn plan(host: &TestHost, file: &str) -> Answer {
    let request = host.request("POST", PLAN).header("content-type", "application/yaml");
    request.body(file.as_bytes()).send().await
}

async fn apply(host: &TestHost, plan: &Value, atomic: bool) -> Answer {
    host.post_json("/api/plugins/apply", &json!({ "plan": plan["plan"], "atomic": atomic })).await
}

/// What a plan does with each plugin, a word each.
fn actions(plan: &Value) -> Vec<String> {
    let plugins = plan["plugins"].as_array().unwrap().iter();
    plugins.map(|one| format!("{} {}", one["action"].as_str().unwrap(), one["id"].as_str().unwrap())).collect()
}

/// What became of each part, of a receipt or a problem.
fn states(answer: &Value) -> Vec<String> {
    let parts = answer["parts"].as_array().unwrap().iter();
    parts.map(|part| format!("{} {}", part["state"].as_str().unwrap(), part["subject"].as_str().unwrap())).collect()
}

/// What is asked for of a plugin, as far as a file says it.
async fn asked(host: &TestHost, id: &str) -> Value {
    let plugin = host.plugin(id).await;
    let set = host.get(&format!("/api/plugins/{id}/config")).await.expect(200).json()["set"].clone();
    let mut asked = json!({ "set": set });
    for key in ["goal", "source", "commit", "file_path", "update", "kept"] {
        asked[key] = plugin[key].clone();
    }
    asked
}

#[tokio::test]
async fn an_exported_file_reproduces_the_host() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.try_load_with(&built("counter").await, json!({ "step": 5, "unknown": ["a: b", null, {"deep": 1.5}] }))
        .await
        .expect(200);
    host.post("/api/plugins/counter/stop").await.expect(200);
    let settings = json!({ "database": { "port": 1, "password": SECRET }, "token": SECRET, "servers": [{"name": "a", "key": SECRET}] });
    host.try_load_with(&built("settings").await, settings).await.expect(200);
    host.load("slow").await;
    host.post("/api/plugins/slow/disable").await.expect(200);

    let exported = host.get("/api/plugins/export").await.expect(200);
    assert_eq!(exported.header("content-type"), Some("application/yaml"));
    let file = exported.text();
    assert!(!file.contains(SECRET), "{file}");
    for pointer in ["/database/password", "/token", "/servers"] {
        assert!(file.contains(&format!("# `{pointer}` is a secret and is not included")), "{file}");
    }
    // Here it changes nothing: the secrets stay.
    let same = plan(&host, &file).await.expect(200).json();
    assert_eq!(same["changing"], 0, "{same}");
    let done = apply(&host, &same, true).await.expect(200).json();
    assert_eq!((&done["message"], &done["parts"]), (&json!("nothing to do"), &Value::Null));

    let other = TestHost::start().await;
    let planned = plan(&other, &file).await.expect(200).json();
    assert_eq!(actions(&planned), ["install counter", "install hello", "install settings", "install slow"]);
    assert_eq!(other.get("/api/plugins").await.json()["count"], 0, "nothing was changed");
    let applied = apply(&other, &planned, true).await.expect(200).json();
    assert_eq!(applied["message"], "4 of 4 operations are done");
    assert_eq!(states(&applied), ["done counter", "done hello", "done settings", "done slow"]);
    assert_eq!(applied["parts"][1]["result"]["generation"], 1);
    for id in ["hello", "counter", "slow"] {
        assert_eq!(asked(&other, id).await, asked(&host, id).await);
    }
    let mut expected = asked(&host, "settings").await;
    expected["set"] = json!({ "database": { "port": 1 } });
    assert_eq!(asked(&other, "settings").await, expected);
    other.call("hello/hello").await.expect(200);
    other.call("counter/count").await.expect(503);
    assert_eq!(plan(&other, &file).await.expect(200).json()["changing"], 0);
    let other = other.restart().await;
    assert_eq!(plan(&other, &file).await.expect(200).json()["changing"], 0);
}

#[tokio::test]
async fn a_plan_lists_the_changes_and_is_valid_until_the_host_changes() {
    let host = TestHost::start().await;
    let hello = placed(&host, "hello", "hello", "").await;
    host.try_load(&hello).await.expect(200);
    host.load("settings").await;
    host.request("PATCH", "/api/plugins/settings/config").json(&json!({ "token": SECRET })).send().await.expect(200);
    placed(&host, "hello", "hello", "permissions: [kv.read]").await;
    let settings = built("settings").await;
    let file = json!({
        "version": 1,
        "plugins": [
            { "source": settings, "id": "settings", "configuration": { "database": { "port": 2 }, "token": "other secret" } },
            { "source": hello, "goal": "disabled", "update": { "policy": "patch" }, "blocked": ["1.1.0"] }
        ]
    });
    let planned = host.post_json(PLAN, &file).await.expect(200);
    assert!(!planned.text().contains("other secret") && !planned.text().contains(SECRET), "{}", planned.text());
    let planned = planned.json();
    assert_eq!(actions(&planned), ["change hello", "change settings"]);
    let at = json!({ "version": "1.0.0", "source": hello, "commit": null });
    assert_eq!(
        planned["plugins"][0],
        json!({
            "id": "hello", "entry": 1, "action": "change", "before": at, "after": at, "fetched": true, "build": "library",
            "configuration": [], "goal": { "before": "running", "after": "disabled" },
            "update": {
                "before": { "policy": "minor", "automatic": false, "interval_seconds": 3600, "blocked": [] },
                "after": { "policy": "patch", "automatic": false, "interval_seconds": 3600, "blocked": ["1.1.0"] }
            },
            "new_permissions": ["kv.read"], "dependants": [], "warnings": []
        })
    );
    let changes = json!([
        { "pointer": "/database", "after": { "port": 2 } },
        { "pointer": "/token", "before": "********", "after": "********" }
    ]);
    assert_eq!(planned["plugins"][1]["configuration"], changes);
    let again = host.post_json(PLAN, &file).await.expect(200).json();
    assert_eq!(again["plan"], planned["plan"], "the same plan has the same name");

    host.post("/api/plugins/settings/stop").await.expect(200);
    let refused = apply(&host, &planned, true).await.expect(412);
    assert_eq!(refused.code(), "plan_stale");
    assert!(refused.text().contains("`settings` is at revision"), "{}", refused.text());
    for unknown in ["sha256:00", &format!("sha256:{}", "0".repeat(64)), "x\u{7}"] {
        let refused = host.post_json("/api/plugins/apply", &json!({ "plan": unknown })).await.expect(404);
        assert_eq!(refused.code(), "plan_unknown");
    }
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    let applied = apply(&host, &planned, true).await.expect(200).json();
    assert_eq!(states(&applied), ["done hello", "done settings"]);
    let job = host.get(&format!("/api/jobs/{}", applied["job"].as_str().unwrap())).await.expect(200).json();
    let steps: Vec<_> = job["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert!(steps.contains(&"hello: build") && steps.contains(&"settings: start"), "{steps:?}");
    assert_eq!((&job["operation"], &job["plugin"]), (&json!("apply"), &Value::Null));
    assert_eq!(asked(&host, "hello").await["goal"], "disabled");
    host.call("hello/hello").await.expect(503);
    let in_use = host.call("settings/settings").await.expect(200).json();
    assert_eq!((&in_use["token"], &in_use["database"]["port"]), (&json!("other secret"), &json!(2)));
    assert_eq!(apply(&host, &planned, true).await.expect(412).code(), "plan_stale", "done is done");
    assert_eq!(host.post_json(PLAN, &file).await.expect(200).json()["changing"], 0);
}

#[tokio::test]
async fn when_one_fails_the_others_are_as_they_were_unless_that_is_not_wanted() {
    let host = TestHost::start().await;
    let aaa = placed(&host, "counter", "aaa", "").await;
    host.try_load_with(&aaa, json!({ "step": 2 })).await.expect(200);
    host.load("settings").await;
    let (bbb, settings) = (placed(&host, "hello", "bbb", "").await, built("settings").await);
    let before = (asked(&host, "aaa").await, asked(&host, "settings").await);
    let file = json!({
        "version": 1,
        "plugins": [
            { "source": aaa, "configuration": { "step": 7 }, "goal": "stopped" },
            { "source": bbb },
            // No schema can say this; the plugin does.
            { "source": settings, "configuration": { "database": { "host": "nowhere" } } }
        ]
    });
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    // What only goes out of service does so last.
    assert_eq!(actions(&planned), ["install bbb", "change settings", "change aaa"]);
    let refused = apply(&host, &planned, true).await.expect(422);
    assert_eq!(refused.code(), "run_configuration_refused");
    let problem = refused.json();
    assert_eq!(states(&problem), ["undone bbb", "failed settings", "skipped aaa"]);
    assert!(problem["detail"].as_str().unwrap().contains("part 2 of 3"), "{problem}");
    assert_eq!(problem["parts"][1]["problem"]["code"], "run_configuration_refused");
    host.get("/api/plugins/bbb").await.expect(404);
    assert_eq!((asked(&host, "aaa").await, asked(&host, "settings").await), before);
    assert_eq!(host.plugin("settings").await["generation"], 1);

    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    let done = apply(&host, &planned, false).await.expect(200).json();
    assert_eq!(done["message"], "2 of 3 operations are done");
    assert_eq!(states(&done), ["done bbb", "failed settings", "done aaa"]);
    host.call("bbb/hello").await.expect(200);
    host.call("aaa/count").await.expect(503);
    assert_eq!(asked(&host, "aaa").await["set"], json!({ "step": 7 }));
    assert_eq!(asked(&host, "settings").await, before.1);
}

#[tokio::test]
async fn versions_that_only_go_with_each_other_come_together_and_go_back_together() {
    let host = TestHost::start().await;
    let make = async |id: &str, version: &str, more: &str| {
        let library = placed(&host, "hello", id, more).await;
        let yaml = library.with_file_name("plugin.yaml");
        let text = std::fs::read_to_string(&yaml).unwrap();
        std::fs::write(&yaml, text.replace("version: 1.0.0", &format!("version: {version}"))).unwrap();
        library
    };
    let store = make("store", "1.0.0", "").await;
    let shop = make("shop", "1.0.0", "dependencies: [{id: store, version: ^1}]").await;
    let entries = json!([{ "source": shop }, { "source": store }]);
    let file = json!({ "version": 1, "plugins": entries });
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    assert_eq!(actions(&planned), ["install store", "install shop"]);
    apply(&host, &planned, true).await.expect(200);

    make("store", "2.0.0", "").await;
    make("shop", "2.0.0", "dependencies: [{id: store, version: ^2}]").await;
    let refused = host.try_load(&store).await.expect(409);
    assert_eq!(refused.code(), "dependency_dependants", "alone it does not fit");
    let settings = built("settings").await;
    let failing = json!({ "source": settings, "configuration": { "database": { "host": "nowhere" } } });
    let file_that_fails = json!({ "version": 1, "plugins": [entries[0], entries[1], failing] });
    let planned = host.post_json(PLAN, &file_that_fails).await.expect(200).json();
    let of_store = planned["plugins"].as_array().unwrap().iter().find(|one| one["id"] == "store").unwrap();
    assert_eq!(of_store["dependants"], json!(["shop"]));
    let before = (asked(&host, "store").await, asked(&host, "shop").await);
    let problem = apply(&host, &planned, true).await.expect(422).json();
    let states = states(&problem);
    assert!(states.contains(&"failed settings".to_owned()), "{states:?}");
    assert_eq!((asked(&host, "store").await, asked(&host, "shop").await), before);
    assert_eq!(host.plugin("store").await["Version"], "1.0.0");

    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    apply(&host, &planned, true).await.expect(200);
    assert_eq!(host.plugin("shop").await["Version"], "2.0.0");
    host.call("shop/hello").await.expect(200);
}

#[tokio::test]
async fn dependants_of_a_failed_part_are_skipped_and_a_new_folder_disturbs_nothing() {
    let host = TestHost::start().await;
    let (store, hello) = (placed(&host, "settings", "store", "").await, placed(&host, "hello", "hello", "").await);
    let shop = placed(&host, "hello", "shop", "dependencies: [store]").await;
    host.try_load(&hello).await.expect(200);
    let elsewhere = host.sources().join("elsewhere");
    copy(hello.parent().unwrap(), &elsewhere);
    let file = json!({
        "version": 1,
        "plugins": [
            { "source": store, "configuration": { "database": { "host": "nowhere" } } },
            { "source": shop },
            { "source": elsewhere }
        ]
    });
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    assert_eq!(actions(&planned), ["change hello", "install store", "install shop"]);
    let done = apply(&host, &planned, false).await.expect(200).json();
    assert_eq!(states(&done), ["done hello", "failed store", "failed shop"]);
    assert_eq!(done["parts"][2]["problem"]["code"], "dependency_missing");
    let hello = host.plugin("hello").await;
    assert_eq!((&hello["source"], &hello["generation"]), (&json!(elsewhere), &json!(1)));
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1);
}

#[tokio::test]
async fn prune_unloads_unlisted_plugins_and_keeps_their_data() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("counter").await;
    let old = placed(&host, "hello", "old-one", "").await;
    host.try_load(&old).await.expect(200);
    let new = placed(&host, "hello", "new-one", "conflicts: [old-one]").await;
    let hello = built("hello").await;
    let file = |prune| json!({ "version": 1, "prune": prune, "plugins": [{ "source": new }, { "source": hello }] });
    let refused = host.post_json(PLAN, &file(false)).await.expect(422);
    assert_eq!(refused.code(), "plan_refused");
    assert!(refused.text().contains("`new-one` conflicts with `old-one`"), "{}", refused.text());
    let planned = host.post_json(PLAN, &file(true)).await.expect(200).json();
    assert_eq!(actions(&planned), ["unload old-one", "nothing hello", "install new-one", "unload counter"]);
    let applied = apply(&host, &planned, true).await.expect(200).json();
    assert_eq!(states(&applied), ["done old-one", "done new-one", "done counter"]);
    assert_eq!(applied["parts"][0]["result"]["message"], "plugin old-one is unloaded");
    let list = host.get("/api/plugins").await.json();
    assert_eq!((&list["count"], list["plugins"]["hello"]["generation"].as_u64()), (&json!(2), Some(1)));
    let nothing = json!({ "version": 1, "prune": true, "plugins": [] });
    let planned = host.post_json(PLAN, &nothing).await.expect(200).json();
    apply(&host, &planned, true).await.expect(200);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
}

#[tokio::test]
async fn an_unloaded_plugin_returns_if_a_later_part_fails() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let old = placed(&host, "counter", "old-one", "").await;
    host.try_load_with(&old, json!({ "step": 3 })).await.expect(200);
    let before = (asked(&host, "old-one").await, asked(&host, "hello").await);
    let new = placed(&host, "settings", "new-one", "conflicts: [old-one]").await;
    let file = json!({
        "version": 1, "prune": true,
        "plugins": [{ "source": new, "configuration": { "database": { "host": "nowhere" } } }]
    });
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    assert_eq!(actions(&planned), ["unload old-one", "install new-one", "unload hello"]);
    let problem = apply(&host, &planned, true).await.expect(422).json();
    assert_eq!(states(&problem), ["undone old-one", "failed new-one", "skipped hello"]);
    assert_eq!((asked(&host, "old-one").await, asked(&host, "hello").await), before);
    let count = host.anonymous().post("/api/plugin-endpoints/old-one/count").await.expect(200).json();
    assert_eq!(count["count"], 3);
    host.get("/api/plugins/new-one").await.expect(404);
}

#[tokio::test]
async fn locks_are_kept_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    let mirror = format!("https://github.com/={}", server.url());
    let repository = server.repository("acme/hello");
    let commit = |version: &str| {
        copy(&source("hello"), &repository.folder);
        let yaml = std::fs::read_to_string(repository.folder.join("plugin.yaml")).unwrap();
        let commit =
            repository.commit(&[("plugin.yaml", &yaml.replace("version: 1.0.0", &format!("version: {version}")))]);
        repository.git(&["tag", &format!("v{version}")]);
        commit
    };
    let (first, second) = (commit("1.0.0"), commit("1.1.0"));
    let host = TestHost::with(&["--mirror", &mirror]).await;
    let _turn = any_turn_to_build().await;
    let entry = |more: Value| {
        let mut entry = json!({ "source": "https://github.com/acme/hello", "id": "hello" });
        entry.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        json!({ "version": 1, "plugins": [entry] })
    };
    let locked = entry(json!({ "commit": first }));
    let planned = host.post_json(PLAN, &locked).await.expect(200).json();
    assert_eq!(
        (&planned["plugins"][0]["after"]["commit"], &planned["plugins"][0]["fetched"]),
        (&json!(first), &json!(true))
    );
    apply(&host, &planned, true).await.expect(200);
    assert_eq!(
        (&host.plugin("hello").await["commit"], &host.plugin("hello").await["Version"]),
        (&json!(first), &json!("1.0.0"))
    );

    // What is locked and installed is not asked for again.
    server.behave(Behaviour::Status(500));
    let planned = host.post_json(PLAN, &locked).await.expect(200).json();
    assert_eq!((&planned["changing"], &planned["plugins"][0]["fetched"]), (&json!(0), &json!(false)));
    let refused = host.post_json(PLAN, &entry(json!({}))).await.expect(422);
    assert!(
        refused.json()["errors"][0]["pointer"] == "plugins[0]" && refused.text().contains("500"),
        "{}",
        refused.text()
    );
    server.behave(Behaviour::Serve);

    let planned = host.post_json(PLAN, &entry(json!({}))).await.expect(200).json();
    let shown = &planned["plugins"][0];
    assert_eq!((&shown["before"]["commit"], &shown["after"]["commit"]), (&json!(first), &json!(second)));
    assert_eq!((&shown["action"], &shown["build"]), (&json!("change"), &json!("build")));

    // Only a build can tell, and then nothing has changed.
    let wrong = format!("sha256:{}", "0".repeat(64));
    let planned = host.post_json(PLAN, &entry(json!({ "artifact": wrong }))).await.expect(200).json();
    let refused = apply(&host, &planned, true).await.expect(422);
    assert_eq!(refused.code(), "plan_other_artifact");
    assert_eq!(host.plugin("hello").await["commit"], json!(first));
    host.call("hello/hello").await.expect(200);
    // What is known beforehand is refused beforehand.
    let refused = host.post_json(PLAN, &entry(json!({ "artifact": wrong, "commit": second }))).await.expect(422);
    assert!(refused.text().contains("`hello` is locked to artifact 000000000000"), "{}", refused.text());
    let other = json!({ "version": 1, "plugins": [{ "source": "https://github.com/acme/hello", "id": "other" }] });
    let refused = host.post_json(PLAN, &other).await.expect(422);
    assert!(refused.text().contains("the source contains plugin `hello`, not `other`"), "{}", refused.text());
}

#[tokio::test]
async fn a_file_with_mistakes_is_refused_with_all_of_them() {
    let host = TestHost::start().await;
    let text = "version: 1\nprun: true\nplugins:\n  - source: http://github.com/a/b\n  - id: ab\n    goal: fast\n";
    let refused = plan(&host, text).await.expect(422);
    assert_eq!(refused.code(), "plan_file_refused");
    let errors: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(
        json!(errors),
        json!(["prun", "plugins[0].source", "plugins[1].id", "plugins[1].source", "plugins[1].goal"])
    );
    assert!(refused.text().contains("plugins.yaml:4: "), "{}", refused.text());

    let hello = built("hello").await;
    let file = json!({
        "version": 1,
        "plugins": [
            { "source": "/etc" },
            { "source": host.sources().join("gone") },
            { "source": built("settings").await, "configuration": { "database": { "port": 0, "hots": 1 } } },
            { "source": hello, "id": "other" },
            { "source": hello }
        ]
    });
    let refused = host.post_json(PLAN, &file).await.expect(422);
    assert_eq!(refused.code(), "plan_refused");
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    for pointer in ["plugins[0]", "plugins[1]", "plugins[2].configuration/database/port", "plugins[3]"] {
        assert!(pointers.contains(&json!(pointer)), "{pointer}: {pointers:?}");
    }
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);

    let request = host.request("POST", PLAN).header("content-type", "text/plain").body(b"version: 1");
    assert_eq!(request.send().await.expect(415).code(), "body_type");
    let request = host
        .request("POST", PLAN)
        .header("content-type", "text/yaml; charset=utf-8")
        .body(b"version: 1\nplugins: []\n");
    assert_eq!(request.send().await.expect(200).json()["plugins"], json!([]));
    let large = host.request("POST", PLAN).header("content-type", "text/yaml").body(&vec![b'#'; 2 << 20]);
    assert_eq!(large.send().await.expect(413).code(), "body_too_large");
    for path in ["plan", "apply", "batch"] {
        host.anonymous().post(&format!("/api/plugins/{path}")).await.expect(401);
    }
    host.anonymous().get("/api/plugins/export").await.expect(401);
}
