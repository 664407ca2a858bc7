//! What becomes of replaced generations: what the host says of them, and what the system says of the host.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Answer;
use crate::host::{PATIENCE, TestHost, endpoint, eventually};

/// A host with one plugin whose generations come and go.
pub(crate) struct Scene {
    pub(crate) host: TestHost,
    pub(crate) id: &'static str,
    /// Of the host before it had a plugin.
    threads: Vec<String>,
}

impl Scene {
    /// A host on which the plugin `id` of `tests/plugins` serves.
    pub(crate) async fn of(id: &'static str) -> Scene {
        Scene::with(id, &[]).await
    }

    /// The same with flags.
    pub(crate) async fn with(id: &'static str, flags: &[&str]) -> Scene {
        let host = TestHost::with(flags).await;
        let threads = threads(&host);
        host.load(id).await;
        Scene { host, id, threads }
    }

    /// Calls an endpoint of the plugin with a body; it must answer well.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let path = endpoint(&format!("{}/{path}", self.id));
        let answer = self.host.anonymous().request("POST", &path).body(body.as_bytes()).send().await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
        answer
    }

    /// Calls an endpoint whose answer begins with the number of the thread that it ran on, eight times at once, until
    /// more than one of the host's workers has answered. Gives all answers.
    pub(crate) async fn call_on_workers(&self, method: &str, path: &str, body: &str) -> Vec<String> {
        let n_wanted = std::thread::available_parallelism().unwrap().get().min(2);
        let request = self.host.anonymous().request(method, &endpoint(&format!("{}/{path}", self.id)));
        let request = request.body(body.as_bytes());
        let (mut answers, mut workers) = (Vec::new(), BTreeSet::new());
        eventually("several workers have run the plugin", async || {
            let calls: Vec<_> = (0..8).map(|_| tokio::spawn(request.clone().send())).collect();
            for call in calls {
                let answer = call.await.unwrap().expect(200).text();
                workers.insert(answer.split(' ').next().unwrap().to_owned());
                answers.push(answer);
            }
            workers.len() >= n_wanted
        })
        .await;
        answers
    }

    /// Replaces the generation that serves by another one of the same library.
    pub(crate) async fn reload(&self) {
        self.host.post(&format!("/api/plugins/{}/reload", self.id)).await.expect(200);
    }

    /// What the host says of a generation.
    pub(crate) async fn generation(&self, number: u64) -> Value {
        let plugin = self.host.plugin(self.id).await;
        let all = plugin["generations"].as_array().unwrap();
        all.iter().find(|generation| generation["number"] == number).unwrap_or(&Value::Null).clone()
    }

    /// Waits until `is_so` of what the host says of a generation, and gives that.
    pub(crate) async fn generation_where(&self, number: u64, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.generation(number).await;
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < until, "generation {number} of `{}` is never {what}: {seen}", self.id);
            ticks.tick().await;
        }
    }

    /// Waits until the host says that a generation is unmapped, and looks whether it is.
    pub(crate) async fn unmapped(&self, number: u64) {
        let seen = self.generation_where(number, "unmapped", |seen| seen["phase"] == "unmapped").await;
        assert_eq!((&seen["held_by"], &seen["mapped_bytes"]), (&json!([]), &json!(0)), "{seen}");
        assert!(seen["unmapped_after_ms"].is_number(), "{seen}");
        assert_eq!(self.mappings(number), 0);
    }

    /// Waits until the host keeps a generation for exactly these reasons, and looks whether it does.
    pub(crate) async fn kept(&self, number: u64, held_by: &[&str]) {
        self.kept_where(number, &format!("kept by {held_by:?}"), |found| *found == json!(held_by)).await;
    }

    /// The same for reasons that a test cannot know by the letter.
    pub(crate) async fn kept_where(&self, number: u64, what: &str, is_expected: impl Fn(&Value) -> bool) {
        let is_so = |seen: &Value| {
            assert_ne!(seen["phase"], "unmapped", "generation {number} should be {what}: {seen}");
            seen["phase"] == "kept" && is_expected(&seen["held_by"])
        };
        let seen = self.generation_where(number, what, is_so).await;
        assert!(seen["mapped_bytes"].as_u64().unwrap() > 0, "{seen}");
        assert!(self.mappings(number) > 0);
    }

    /// How often a generation's library, or a part of it, is in the memory of the host's process.
    pub(crate) fn mappings(&self, number: u64) -> usize {
        mappings(&self.host, &format!("{}#{number}", self.id))
    }

    /// Waits until a generation is not in the host's memory, without asking the host: its workers may sleep.
    pub(crate) async fn unmapped_unasked(&self, number: u64) {
        eventually("the library is not mapped", async || self.mappings(number) == 0).await;
    }

    /// Removes the plugin and waits until nothing of it is left in the process.
    pub(crate) async fn gone(self) {
        self.host.delete(&format!("/api/plugins/{}", self.id)).await.expect(200);
        let last = format!("memfd:plugin:{}#", self.id);
        eventually("no library of the plugin is mapped", async || !maps(&self.host).contains(&last)).await;
        eventually("the threads of the plugin have ended", async || threads(&self.host) == self.threads).await;
        assert_eq!(self.host.metric("plugin_host_generations_kept").await, 0.0);
    }
}

fn maps(host: &TestHost) -> String {
    std::fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap()
}

/// How many mappings of a host's process are of the library `<plugin>#<generation>`.
pub(crate) fn mappings(host: &TestHost, library: &str) -> usize {
    // After the name stands ` (deleted)`: so generation 1 is not taken for generation 10.
    maps(host).matches(&format!("memfd:plugin:{library} ")).count()
}

/// The libraries of plugins that are in the memory of a host's process, as `<plugin>#<generation>`.
pub(crate) fn mapped_libraries(host: &TestHost) -> BTreeSet<String> {
    let maps = maps(host);
    let names = maps.lines().filter_map(|line| line.split_once("memfd:plugin:")?.1.split(' ').next());
    names.map(str::to_owned).collect()
}

/// The names of a host's threads in order, without those whose number follows the load: its workers, and the
/// connections to the state database.
pub(crate) fn threads(host: &TestHost) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", host.pid())).unwrap();
    // A thread may end between the two reads.
    let name = |task: PathBuf| std::fs::read_to_string(task.join("comm")).ok();
    let names = tasks.filter_map(|task| name(task.unwrap().path())).map(|name| name.trim_end().to_owned());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("worker-") && !name.starts_with("sqlx-")).collect();
    names.sort();
    names
}

/// Lists the open files and sockets of a host, by the names that the system gives them. The files of the database are
/// left out, because the number of its connections follows the load.
pub(crate) fn open_files(host: &TestHost) -> Vec<String> {
    let all = std::fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap();
    // A file may be closed between the two reads.
    let names = all.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.contains("/state.db")).collect()
}

/// Waits until a host has at most as many files open as it had before.
pub(crate) async fn no_file_stays_open(host: &TestHost, before: &[String]) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let until = Instant::now() + PATIENCE;
    loop {
        let now = open_files(host);
        if now.len() <= before.len() {
            return;
        }
        assert!(Instant::now() < until, "more files stay open: {now:#?}\nbefore: {before:#?}");
        ticks.tick().await;
    }
}
