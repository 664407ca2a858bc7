//! What lies on disk is damaged, lost or held by another: it is noticed, told with what to do, and costs nobody else
//! anything.

use std::path::{Path, PathBuf};
use std::process::Output;

use host_state::{read_record, write_desired};
use serde_json::{Value, json};

use crate::host::{Options, TestHost, eventually, program};
use crate::plugins::{built, copy};

/// A host with a bystander and with `hooks` in two versions, of which the second serves and is configured.
struct Scene {
    host: TestHost,
    /// The library of `hooks` and its plugin.yaml.
    folder: PathBuf,
}

impl Scene {
    async fn new() -> Scene {
        let options = TestHost::options().flags(&["--cargo", "/bin/false"]);
        let folder = options.sources().join("hooks");
        copy(built("hooks").await.parent().unwrap(), &folder);
        let scene = Scene { host: options.start().await, folder };
        scene.host.load("hello").await;
        for version in ["1.0.0", "2.0.0"] {
            scene.write(version);
            scene.host.try_load_with(&scene.library(), json!({ "greeting": version })).await.expect(200);
        }
        scene
    }

    fn library(&self) -> PathBuf {
        self.folder.join("library.so")
    }

    fn write(&self, version: &str) {
        let path = self.folder.join("plugin.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some(("version", _)) => format!("version: {version}\n"),
            _ => format!("{line}\n"),
        });
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    }

    /// Ends the host in order, so that all is in the one file; gives how another one is started on what it has left.
    fn stop(self) -> (Options, PathBuf) {
        let options = self.host.again();
        self.host.stop();
        let folder = options.plugin_dir();
        (options, folder)
    }
}

/// The file of an artifact that the list names.
async fn library_of(host: &TestHost, id: &str) -> PathBuf {
    let digest = host.plugin(id).await["file_path"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    host.plugin_dir().join("artifacts").join(digest).join("library.so")
}

/// Flips a bit in the middle of a file.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// Flips a bit in the newest revision of a plugin, as its record has it.
fn damage_revision(folder: &Path, id: &str) {
    let record = std::fs::read(folder.join(format!("records/{id}.json"))).unwrap();
    let document = write_desired(&read_record(&record).unwrap().1).into_bytes();
    let mut bytes = std::fs::read(folder.join("state.db")).unwrap();
    let places: Vec<_> =
        bytes.windows(document.len()).enumerate().filter(|(_, found)| *found == document).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "a document of {} bytes lies on one page", document.len());
    for at in places {
        bytes[at + document.len() / 2] ^= 1;
    }
    std::fs::write(folder.join("state.db"), bytes).unwrap();
}

fn rescan(folder: &Path, words: &[&str]) -> Output {
    let mut command = program();
    command.arg("rescan").arg("--plugin-dir").arg(folder).args(words).current_dir(folder.parent().unwrap());
    command.output().unwrap()
}

fn rescanned(folder: &Path) -> Value {
    let output = rescan(folder, &["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A host that must not start; gives what it says.
async fn refused(options: &Options) -> String {
    let output = options.clone().run_to_its_end().await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// The second version serves with its configuration, and the first is kept.
async fn assert_all_is_there(host: &TestHost) {
    host.call("hello/hello").await.expect(200);
    assert_eq!(host.call("hooks/settings").await.expect(200).json()["greeting"], "2.0.0");
    let hooks = host.plugin("hooks").await;
    assert_eq!((&hooks["Version"], &hooks["kept"][0]["version"]), (&json!("2.0.0"), &json!("1.0.0")));
}

#[tokio::test]
async fn a_damaged_revision_is_restored_from_its_record() {
    let scene = Scene::new().await;
    let before = scene.host.plugin("hooks").await["revision"].as_u64().unwrap();
    let (options, folder) = scene.stop();
    damage_revision(&folder, "hooks");
    let host = options.start().await;
    assert_all_is_there(&host).await;
    assert!(host.plugin("hooks").await["revision"].as_u64().unwrap() > before);
    host.logged(&format!("revision {before} was damaged on disk and restored from its record")).await;
    let host = host.restart().await;
    assert_all_is_there(&host).await;
    assert!(!host.log().contains("damaged"), "{}", host.log());
}

#[tokio::test]
async fn a_damaged_revision_without_a_record_costs_that_plugin_only() {
    let (options, folder) = Scene::new().await.stop();
    damage_revision(&folder, "hooks");
    std::fs::write(folder.join("records/hooks.json"), "{").unwrap();
    let found = rescanned(&folder);
    assert_eq!((&found["made_anew"], &found["lost_plugins"][0]["id"]), (&json!(false), &json!("hooks")));
    assert_eq!(
        (&found["damaged_records"][0]["id"], &found["plugins"][0]["done"]),
        (&json!("hooks"), &json!("nothing"))
    );
    assert!(found["lost_plugins"][0]["source"].as_str().unwrap().ends_with("hooks/library.so"), "{found}");

    let host = options.start().await;
    host.call("hello/hello").await.expect(200);
    let hooks = host.plugin("hooks").await;
    assert_eq!((&hooks["phase"], &hooks["last_error"]["code"]), (&json!("failed"), &json!("state_damaged")));
    host.logged("run `plugin-host rescan`, or load the plugin again").await;
    let answer = host.post("/api/plugins/hooks/enable").await.expect(500);
    assert_eq!(answer.code(), "state_damaged");
    assert!(answer.json()["fix"].as_str().unwrap().contains("rescan"));
    assert_eq!(host.plugin("hooks").await["phase"], "failed", "it is shown until it is there again");
    host.try_load(&built("hooks").await).await.expect(200);
    host.call("hooks/settings").await.expect(200);
    let host = host.restart().await;
    host.call("hooks/settings").await.expect(200);
}

#[tokio::test]
async fn a_damaged_or_lost_state_is_rebuilt_from_the_records() {
    let scene = Scene::new().await;
    let library = library_of(&scene.host, "hooks").await;
    scene.host.load("counter").await;
    scene.host.post("/api/plugins/counter/disable").await.expect(200);
    let (options, folder) = scene.stop();
    let whole = std::fs::read(folder.join("state.db")).unwrap();
    let in_pages = |fill: u8| {
        let mut bytes = whole.clone();
        bytes[4096..].fill(fill);
        bytes
    };
    let states: [(&str, Option<Vec<u8>>, &str); 4] = [
        ("damaged", Some(in_pages(0x55)), "is damaged and was not changed"),
        ("another file", Some(b"remember the milk\n".repeat(1000)), "is damaged and was not changed"),
        ("lost", None, "the folder holds records of `counter`, `hello`, `hooks`"),
        ("empty", Some(vec![]), "the folder holds records of `counter`, `hello`, `hooks`"),
    ];
    for (what, bytes, reason) in states {
        let state = folder.join("state.db");
        std::fs::remove_file(&state).unwrap();
        if let Some(bytes) = &bytes {
            std::fs::write(&state, bytes).unwrap();
        }
        let said = refused(&options).await;
        assert!(said.contains(reason) && said.contains("`plugin-host rescan`"), "{what}: {said}");
        if what == "damaged" {
            assert_eq!(std::fs::read(&state).unwrap(), *bytes.as_ref().unwrap(), "it is left as it is");
        }

        let found = rescanned(&folder);
        assert_eq!(found["made_anew"], what != "empty", "{what}: {found}");
        for plugin in found["plugins"].as_array().unwrap() {
            assert_eq!((&plugin["done"], &plugin["current"]["artifact_is"]), (&json!("restored"), &json!("whole")));
        }
        if let Some(aside) = found["moved_aside"].as_str() {
            assert_eq!(std::fs::read(aside).unwrap(), *bytes.as_ref().unwrap(), "nothing is deleted");
        }
        let host = options.clone().start().await;
        assert_all_is_there(&host).await;
        assert_eq!(host.plugin("counter").await["goal"], "disabled");
        assert!(
            !host.log().contains("install ran"),
            "a plugin that is brought back is not installed anew: {}",
            host.log()
        );
        host.post("/api/plugins/hooks/rollback").await.expect(200);
        host.post("/api/plugins/hooks/rollback").await.expect(200);
        assert_eq!(library_of(&host, "hooks").await, library);
        host.stop();
    }
    // What is whole is left alone.
    let before = std::fs::read(folder.join("state.db")).unwrap();
    let found = rescanned(&folder);
    assert!(found["plugins"].as_array().unwrap().iter().all(|plugin| plugin["done"] == "nothing"), "{found}");
    assert_eq!(std::fs::read(folder.join("state.db")).unwrap(), before);
}

#[tokio::test]
async fn a_state_that_is_older_than_a_record_counts_until_a_rescan() {
    let scene = Scene::new().await;
    let (options, folder) = (scene.host.again(), scene.host.plugin_dir());
    scene.host.stop();
    let older = std::fs::read(folder.join("state.db")).unwrap();
    let host = options.clone().start().await;
    host.post("/api/plugins/hooks/rollback").await.expect(200);
    host.load("counter").await;
    host.stop();
    std::fs::write(folder.join("state.db"), older).unwrap();

    let host = options.clone().start().await;
    assert_all_is_there(&host).await;
    assert_eq!(host.get("/api/plugins/counter").await.status, 404);
    for id in ["hooks", "counter"] {
        host.logged(&format!("of plugin `{id}`, but its record file has revision")).await;
    }
    host.stop();
    let found = rescanned(&folder);
    let done = |n: usize| (found["plugins"][n]["id"].clone(), found["plugins"][n]["done"].clone());
    assert_eq!(done(0), (json!("counter"), json!("restored")));
    assert_eq!(done(1), (json!("hello"), json!("nothing")));
    assert_eq!(done(2), (json!("hooks"), json!("restored")));
    let host = options.start().await;
    assert_eq!(host.plugin("hooks").await["Version"], "1.0.0");
    host.call("counter/count").await.expect(200);
    assert!(!host.log().contains("but its record file has revision"), "{}", host.log());
}

#[tokio::test]
async fn a_rescan_reports_recovered_and_lost_data() {
    let scene = Scene::new().await;
    let (artifact, host) = (library_of(&scene.host, "hooks").await, &scene.host);
    let refused = rescan(&host.plugin_dir(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is in use by a running host"), "{}", text(&refused.stderr));
    let counter = built("counter").await;
    host.try_load(&counter).await.expect(200);
    host.delete("/api/plugins/counter").await.expect(200);

    let (_options, folder) = scene.stop();
    damage(&artifact);
    std::fs::rename(folder.join("state.db"), folder.join("lost")).unwrap();
    let said = text(&rescan(&folder, &[]).stdout);
    for part in [
        "the state database was rebuilt from the records: it was missing",
        "restored: the state database was rebuilt",
        "damaged",
        "`hooks` will be built again from",
        "unreferenced artifacts:",
        &format!("counter 1.0.0 from {}", counter.display()),
        "lost with the previous state database: revisions, jobs, events, tokens, users, the audit log, the plugins' key-value store",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let nowhere = rescan(&folder.join("nowhere"), &[]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(!folder.join("nowhere").exists());
}

#[tokio::test]
async fn keys_of_plugins_can_be_recovered_from_a_state_moved_aside() {
    let host = TestHost::with(&["--cargo", "/bin/false"]).await;
    host.load("services").await;
    let (options, folder) = (host.again(), host.plugin_dir());
    host.stop();
    // Another program's mark, and all else as it was.
    let mut bytes = std::fs::read(folder.join("state.db")).unwrap();
    bytes[68..72].copy_from_slice(b"none");
    std::fs::write(folder.join("state.db"), bytes).unwrap();
    assert!(refused(&options).await.contains("is a database of another program"));
    let found = rescanned(&folder);
    assert_eq!((&found["made_anew"], &found["readable_keys"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn a_damaged_artifact_is_built_again_where_its_source_is_there() {
    let scene = Scene::new().await;
    let artifact = library_of(&scene.host, "hooks").await;
    let good = std::fs::read(&artifact).unwrap();
    let source = scene.library();
    let (options, _) = scene.stop();
    damage(&artifact);
    let host = options.start().await;
    assert_all_is_there(&host).await;
    host.logged("is damaged: `library.so` has digest").await;
    assert_eq!(std::fs::read(&artifact).unwrap(), good);

    let (options, away) = (host.again(), source.with_extension("away"));
    host.stop();
    damage(&artifact);
    std::fs::rename(&source, &away).unwrap();
    let host = options.start().await;
    host.call("hello/hello").await.expect(200);
    let hooks = host.plugin("hooks").await;
    assert_eq!((&hooks["phase"], &hooks["last_error"]["code"]), (&json!("failed"), &json!("store_corrupt")));
    assert_eq!(host.call("hooks/settings").await.expect(503).code(), "plugin_not_serving");
    // It is tried again by itself.
    std::fs::rename(&away, &source).unwrap();
    eventually("it serves again", async || host.call("hooks/settings").await.status == 200).await;
    assert_all_is_there(&host).await;
}

#[tokio::test]
async fn a_rollback_to_a_damaged_artifact_is_refused_and_the_running_version_stays() {
    let scene = Scene::new().await;
    let digest = scene.host.plugin("hooks").await["kept"][0].clone();
    let digest = digest["artifact"].as_str().unwrap_or_else(|| panic!("{digest}")).trim_start_matches("sha256:");
    let kept = scene.host.plugin_dir().join("artifacts").join(digest);
    damage(&kept.join("library.so"));
    let answer = scene.host.post("/api/plugins/hooks/rollback").await.expect(422);
    assert_eq!(answer.code(), "store_corrupt");
    assert_all_is_there(&scene.host).await;
    std::fs::remove_dir_all(&kept).unwrap();
    assert_eq!(scene.host.post("/api/plugins/hooks/rollback").await.expect(409).code(), "run_no_artifact");
    assert_all_is_there(&scene.host).await;
}

#[tokio::test]
async fn a_folder_that_another_process_has_locked_is_left_alone() {
    let (options, folder) = Scene::new().await.stop();
    let lock = std::fs::File::open(folder.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let said = refused(&options).await;
    assert!(said.contains("is in use by another host") && said.contains("give this one its own folder"), "{said}");
    assert_eq!(rescan(&folder, &[]).status.code(), Some(1));
    drop(lock);
    // What stands in the file means nothing.
    std::fs::write(folder.join("lock"), "12345 is here").unwrap();
    assert_all_is_there(&options.start().await).await;
}

#[tokio::test]
async fn garbage_beside_the_state_is_rewritten_or_refused() {
    let (options, folder) = Scene::new().await.stop();
    for garbage in ["", "{", "{\"revision\": 99}", "\u{0}\u{0}"] {
        std::fs::write(folder.join("records/hooks.json"), garbage).unwrap();
        let host = options.clone().start().await;
        assert_all_is_there(&host).await;
        host.logged("the record file of plugin `hooks` was damaged and is rewritten").await;
        host.stop();
        read_record(&std::fs::read(folder.join("records/hooks.json")).unwrap()).unwrap();
    }
    let key = std::fs::read(folder.join("seal.key")).unwrap();
    std::fs::write(folder.join("seal.key"), "garbage").unwrap();
    let said = refused(&options).await;
    assert!(said.contains("is not a valid encryption key") && said.contains("restore a backup"), "{said}");
    std::fs::write(folder.join("seal.key"), key).unwrap();
    assert_all_is_there(&options.start().await).await;
}
