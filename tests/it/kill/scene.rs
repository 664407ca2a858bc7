//! A host with a bystander and a victim, killed where a test says, and what the next host makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::host::{Options, PATIENCE, TestHost, endpoint, eventually};
use crate::plugins::{built, copy, files, paths};

/// How long a host that has answered may take to pass a point.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// The plugin that is changed. It has every hook.
pub(crate) const VICTIM: &str = "hooks";

/// What is asked for while the host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A plugin that was not there.
    Load,
    /// A newer version of one that serves.
    Upgrade,
    Rollback,
    /// A configuration that needs a new generation.
    Configure,
    /// One that the serving generation takes over.
    ConfigureLive,
    /// An earlier revision is asked for again.
    Restore,
    Restart,
    Stop,
    Start,
    Disable,
    Enable,
    Unload,
}

/// A plugin from outside; `None` when none is installed.
pub(crate) type Seen = Option<Plugin>;

/// What is asked for, which must be what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) version: String,
    pub(crate) goal: String,
    pub(crate) configuration: Value,
}

/// What came of a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The operation was not taken on: all is as before.
    Before,
    /// Its job went on and did it.
    Done,
}

pub(crate) struct Scene {
    /// `None` only while one is started.
    host: Option<TestHost>,
    /// The library and the plugin.yaml of the victim, which is written anew for each load.
    folder: PathBuf,
    fail: PathBuf,
    n_written: u32,
    /// The one that `Restore` asks for.
    revision: u64,
    pub(crate) ready: Vec<Duration>,
    pub(crate) table: BTreeMap<String, Vec<Outcome>>,
}

impl Scene {
    /// A host with the bystander.
    pub(crate) async fn new() -> Scene {
        let library = built(VICTIM).await;
        let options = TestHost::options();
        let (folder, fail) = (options.sources().join("victim"), options.sources().join("fail"));
        copy(library.parent().unwrap(), &folder);
        // Nothing is built here, and a warm-up would only take time.
        let options = options.flags(&["--cargo", "/bin/false"]).variable("PLUGIN_HOST_FAIL", fail.to_str().unwrap());
        let host = options.start().await;
        host.load("hello").await;
        Scene { host: Some(host), folder, fail, n_written: 0, revision: 0, ready: vec![], table: BTreeMap::new() }
    }

    pub(crate) fn host(&self) -> &TestHost {
        self.host.as_ref().unwrap()
    }

    /// Asks, kills the host when it passes `point` for the `nth` time, starts another and looks at what there is.
    /// `None` when the point is not passed so often.
    pub(crate) async fn kill_at(&mut self, ask: Ask, point: &str, nth: u32) -> Option<Outcome> {
        self.prepare(ask).await;
        let (before, last_job) = (seen(self.host(), VICTIM).await, self.newest_job().await);
        self.arm(point, nth);
        let answer = self.request(ask).try_send().await;
        let is_answered = answer.is_some();
        // Each point is passed at least once; only whether it is passed again is unknown.
        if is_answered && !self.dies_within(if nth == 1 { PATIENCE } else { AFTERWARDS }).await {
            self.disarm();
            answer.unwrap().expect(200);
            return None;
        }
        self.next().await;
        let outcome = self.judge(ask, &before, &last_job).await;
        assert!(!is_answered || outcome == Outcome::Done, "{ask:?} at {point}: it was answered");
        self.table.entry(format!("{ask:?} {point}")).or_default().push(outcome);
        Some(outcome)
    }

    /// Kills a host that starts when it passes `point`, with a job that the one before has left.
    pub(crate) async fn kill_at_start(&mut self, ask: Ask, left_at: &str, point: &str) -> Outcome {
        self.prepare(ask).await;
        let (before, last_job) = (seen(self.host(), VICTIM).await, self.newest_job().await);
        self.arm(left_at, 1);
        assert!(self.request(ask).try_send().await.is_none(), "{left_at} is not passed");
        let options = self.host.take().unwrap().killed();
        assert_no_process_of(&options.plugin_dir()).await;
        self.arm(point, 1);
        let options = options.start_until_killed().await;
        self.start(options).await;
        let outcome = self.judge(ask, &before, &last_job).await;
        self.table.entry(format!("start {point}")).or_default().push(outcome);
        outcome
    }

    /// The state of the operation's job, and whether the plugin is where that says.
    async fn judge(&mut self, ask: Ask, before: &Seen, last_job: &Value) -> Outcome {
        self.settled().await;
        let now = seen(self.host(), VICTIM).await;
        let job = self.newest_job().await;
        let outcome = match job["state"].as_str() {
            _ if job["id"] == last_job["id"] => Outcome::Before,
            Some("done") => Outcome::Done,
            // Each of them can be done, whatever was done of it before.
            _ => panic!("{job}"),
        };
        match outcome {
            Outcome::Before => assert_eq!(now, *before, "{ask:?}"),
            Outcome::Done => assert_eq!(now, self.after(ask), "{ask:?}: {job}"),
        }
        outcome
    }

    /// Waits until no job is under way, and looks for what must not be left.
    pub(crate) async fn settled(&self) {
        let host = self.host();
        host.call("hello/hello").await.expect(200);
        eventually("all jobs have ended", async || {
            let jobs = host.get("/api/jobs").await.expect(200).json();
            jobs["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .all(|job| !matches!(job["state"].as_str(), Some("queued" | "running")))
        })
        .await;
        assert_clean(host).await;
    }

    /// Waits for the end of the host that kills itself, and starts another.
    async fn next(&mut self) {
        let options = self.host.take().unwrap().killed();
        self.start(options).await;
    }

    async fn start(&mut self, options: Options) {
        self.disarm();
        assert_no_process_of(&options.plugin_dir()).await;
        let started = Instant::now();
        self.host = Some(options.start().await);
        self.ready.push(started.elapsed());
    }

    async fn dies_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if self.host.as_mut().unwrap().has_ended() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    fn arm(&mut self, point: &str, nth: u32) {
        // Another text each time, so that the count begins anew; there at once, so that no half of it is read.
        self.n_written += 1;
        let part = self.fail.with_extension("part");
        std::fs::write(&part, format!("{point}=kill:{nth} {}", self.n_written)).unwrap();
        std::fs::rename(part, &self.fail).unwrap();
    }

    fn disarm(&self) {
        let _ = std::fs::remove_file(&self.fail);
    }

    async fn newest_job(&self) -> Value {
        self.host().get("/api/jobs?limit=1").await.expect(200).json()["jobs"][0].clone()
    }

    // === the victim ===

    /// Brings the victim to where an operation begins.
    async fn prepare(&mut self, ask: Ask) {
        match ask {
            Ask::Load => {
                if seen(self.host(), VICTIM).await.is_some() {
                    self.request(Ask::Unload).send().await.expect(200);
                }
                self.write("1.0.0");
            }
            Ask::Upgrade => {
                self.load("1.0.0").await;
                self.write("2.0.0");
            }
            Ask::Rollback => {
                self.load("1.0.0").await;
                self.load("2.0.0").await;
            }
            Ask::Restore => {
                self.load("1.0.0").await;
                let plugin = self.host().get(&format!("/api/plugins/{VICTIM}")).await.expect(200).json();
                self.revision = plugin["revision"].as_u64().unwrap();
                self.load("2.0.0").await;
            }
            Ask::Enable => {
                self.load("1.0.0").await;
                self.request(Ask::Disable).send().await.expect(200);
            }
            Ask::Start => {
                self.load("1.0.0").await;
                self.request(Ask::Stop).send().await.expect(200);
            }
            Ask::Restart | Ask::Stop | Ask::Configure | Ask::ConfigureLive | Ask::Disable | Ask::Unload => {
                self.load("1.0.0").await
            }
        }
    }

    async fn load(&mut self, version: &str) {
        self.write(version);
        self.request(Ask::Load).send().await.expect(200);
    }

    /// Writes a plugin.yaml that was not there before, so that its tree and its artifact are new to the store.
    fn write(&mut self, version: &str) {
        self.n_written += 1;
        let path = self.folder.join("plugin.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some(("version", _)) => format!("version: {version}\n"),
            Some(("description", _)) => format!("description: Has every hook, {} times over\n", self.n_written),
            _ => format!("{line}\n"),
        });
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    }

    fn request(&self, ask: Ask) -> Request {
        let host = self.host();
        let of_victim = |method: &str, rest: &str| host.request(method, &format!("/api/plugins/{VICTIM}{rest}"));
        let live = json!({ "greeting": "changed", "live": true });
        match ask {
            Ask::Load | Ask::Upgrade => {
                let body = json!({ "source": self.folder.join("library.so"), "config": { "greeting": "loaded" } });
                host.request("POST", "/api/plugins/load").json(&body)
            }
            Ask::Rollback => of_victim("POST", "/rollback").json(&json!({})),
            Ask::Configure => of_victim("PUT", "/config").json(&json!({ "greeting": "changed" })),
            Ask::ConfigureLive => of_victim("PUT", "/config").json(&live),
            Ask::Restore => of_victim("POST", &format!("/revisions/{}/restore", self.revision)),
            Ask::Restart => of_victim("POST", "/restart"),
            Ask::Stop => of_victim("POST", "/stop"),
            Ask::Start => of_victim("POST", "/start"),
            Ask::Disable => of_victim("POST", "/disable"),
            Ask::Enable => of_victim("POST", "/enable"),
            Ask::Unload => of_victim("DELETE", ""),
        }
    }

    fn after(&self, ask: Ask) -> Seen {
        let plugin = |version: &str, goal: &str, configuration: Value| {
            Some(Plugin { version: version.to_owned(), goal: goal.to_owned(), configuration })
        };
        let loaded = json!({ "greeting": "loaded" });
        match ask {
            Ask::Load | Ask::Enable | Ask::Rollback | Ask::Restore | Ask::Restart | Ask::Start => {
                plugin("1.0.0", "running", loaded)
            }
            Ask::Stop => plugin("1.0.0", "stopped", loaded),
            Ask::Upgrade => plugin("2.0.0", "running", loaded),
            Ask::Configure => plugin("1.0.0", "running", json!({ "greeting": "changed" })),
            Ask::ConfigureLive => plugin("1.0.0", "running", json!({ "greeting": "changed", "live": true })),
            Ask::Disable => plugin("1.0.0", "disabled", loaded),
            Ask::Unload => None,
        }
    }
}

/// A plugin as all that can be seen of it agrees: the list, the routes, what serves.
pub(crate) async fn seen(client: &Client, id: &str) -> Seen {
    let answer = client.get(&format!("/api/plugins/{id}")).await;
    let path = match id {
        "counter" => "counter/count",
        "other-versions" => "other-versions/version",
        _ => "hooks/settings",
    };
    let called = client.anonymous().get(&endpoint(path)).await;
    if answer.status == 404 {
        assert_eq!(called.expect(404).code(), "plugin_unknown");
        return None;
    }
    let plugin = answer.expect(200).json();
    let (version, goal) = (plugin["Version"].as_str().unwrap().to_owned(), plugin["goal"].as_str().unwrap().to_owned());
    let serving: Vec<_> = plugin["generations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|generation| generation["phase"] == "running")
        .collect();
    match &*goal {
        "running" => {
            assert_eq!(serving.len(), 1, "{plugin}");
            assert_eq!((&serving[0]["version"], &serving[0]["number"]), (&json!(version), &plugin["generation"]));
            assert_eq!(plugin["phase"], "running", "{plugin}");
            called.expect(200);
        }
        _ => {
            assert!(serving.is_empty(), "{plugin}");
            called.expect(503);
        }
    }
    let configuration = client.get(&format!("/api/plugins/{id}/config")).await.expect(200).json();
    Some(Plugin { version, goal, configuration: configuration["set"].clone() })
}

/// Nothing of what a host did is left half done.
pub(crate) async fn assert_nothing_is_left(host: &TestHost) {
    eventually("the host has no children", async || host.children().is_empty()).await;
    let folder = host.plugin_dir();
    let tmp = folder.join("tmp");
    eventually("nothing is being made", async || std::fs::read_dir(&tmp).unwrap().count() == 0).await;
    let unfinished: Vec<_> = paths(&folder).into_iter().filter(|path| path.contains(".unfinished-")).collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

/// The same, and each record says what the state database says.
pub(crate) async fn assert_clean(host: &TestHost) {
    assert_nothing_is_left(host).await;
    let records = files(&host.plugin_dir().join("records"));
    let list = host.get("/api/plugins").await.expect(200).json();
    let plugins = list["plugins"].as_object().unwrap();
    let mut n_records = 0;
    for (name, bytes) in &records {
        let plugin = &plugins[name.strip_suffix(".json").unwrap()];
        let (revision, desired) = host_state::read_record(bytes).unwrap();
        assert_eq!(
            (json!(revision), desired.goal.as_str()),
            (plugin["revision"].clone(), plugin["goal"].as_str().unwrap())
        );
        assert_eq!(plugin["Version"], desired.current.version.to_string());
        n_records += 1;
    }
    assert_eq!(n_records, plugins.len());
}

/// Whatever a host has started works below its plugin folder, and ends with it.
pub(crate) async fn assert_no_process_of(plugin_dir: &Path) {
    let place = plugin_dir.to_str().unwrap().to_owned();
    eventually("what the host started has ended", async || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        !lines.any(|line| String::from_utf8_lossy(&line).contains(&place))
    })
    .await;
}
