//! Operations as jobs: listed, followed, ended early, limited in time, asked for again, and remembered.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use host_core::job::JobState;
use host_state::State;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use crate::client::{Answer, Client};
use crate::host::{TestHost, eventually, program};
use crate::plugins::{any_turn_to_build, build_cache, built, copy, source};

/// Makes a copy of `hello` whose build goes on until it is killed, and starts a process of its own.
pub(crate) async fn endless_build(host: &TestHost) -> EndlessBuild {
    // The SDK is compiled then, so that the script is soon reached.
    built("hello").await;
    let turn = any_turn_to_build().await;
    let folder = host.sources().join("endless");
    copy(&source("hello"), &folder);
    let processes = host.sources().join("endless.processes");
    let script = format!(
        r#"fn main() {{
            let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
            let ids = format!("{{}} {{}}", std::process::id(), child.id());
            std::fs::write("{0}.part", ids).unwrap();
            std::fs::rename("{0}.part", "{0}").unwrap();
            child.wait().unwrap();
        }}"#,
        processes.display()
    );
    std::fs::write(folder.join("build.rs"), script).unwrap();
    EndlessBuild { folder, processes, _turn: turn }
}

pub(crate) struct EndlessBuild {
    pub(crate) folder: PathBuf,
    /// Written by the build: its own id and that of the process that it has started.
    processes: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl EndlessBuild {
    /// Waits until it runs.
    pub(crate) async fn processes(&self) -> Vec<u32> {
        eventually("the build script runs", async || self.processes.exists()).await;
        let ids = std::fs::read_to_string(&self.processes).unwrap();
        ids.split(' ').map(|id| id.parse().unwrap()).collect()
    }
}

/// Asks for a load without waiting for it; gives the job.
pub(crate) async fn begin_load(host: &TestHost, source: &Path, query: &str) -> Value {
    let body = json!({ "source": source, "replace": true });
    let request = host.request("POST", &format!("/api/plugins/load{query}")).header("prefer", "respond-async");
    request.json(&body).send().await.expect(202).json()
}

fn place(job: &Value) -> String {
    format!("/api/jobs/{}", job["id"].as_str().unwrap())
}

async fn listed(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/api/jobs{query}")).await.expect(200).json()["jobs"].as_array().unwrap().clone()
}

pub(crate) fn runs(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// What a build leaves in the build cache while it runs.
/// The folder that a build works in, which is where its build script runs: other tests build beside it.
fn work_folder(processes: &[u32]) -> PathBuf {
    let all = build_cache().join("work");
    let inside = std::fs::read_link(format!("/proc/{}/cwd", processes[0])).unwrap();
    let name = inside.strip_prefix(&all).unwrap().components().next().unwrap();
    all.join(name)
}

#[tokio::test]
async fn a_cancelled_build_leaves_no_process_and_no_file_and_what_served_serves() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let build = endless_build(&host).await;
    let job = begin_load(&host, &build.folder, "?reason=a%20new%20day").await;
    let processes = build.processes().await;
    assert!(processes.iter().all(|id| runs(*id)), "{processes:?}");
    let work_folder = work_folder(&processes);
    let running = host.get(&place(&job)).await.expect(200).json();
    assert_eq!(
        (&running["state"], &running["step"], &running["plugin"]),
        (&json!("running"), &json!("build"), &json!("hello"))
    );
    assert_eq!((&running["actor"], &running["reason"]), (&json!("operator"), &json!("a new day")));
    assert_eq!(
        running["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect::<Vec<_>>(),
        ["fetch", "check"]
    );
    assert_eq!(host.metric(r#"plugin_host_jobs{state="running"}"#).await, 1.0);

    // A later change waits for its turn, and can be ended before it comes.
    let reload = host.request("POST", "/api/plugins/hello/reload").header("prefer", "respond-async").send().await;
    let queued = reload.expect(202).json();
    assert_eq!(listed(&host, "?state=queued").await.len(), 1);
    let ended = host.delete(&place(&queued)).await.expect(200).json();
    assert_eq!(
        (&ended["state"], &ended["step"], &ended["started_unix_ms"]),
        (&json!("cancelled"), &json!("queue"), &Value::Null)
    );

    let cancelled = host.post(&format!("{}/cancel", place(&job))).await.expect(200).json();
    assert_eq!((&cancelled["state"], &cancelled["problem"]["code"]), (&json!("cancelled"), &json!("job_cancelled")));
    assert_eq!(cancelled["problem"]["status"], 409);
    eventually("the build's processes have ended", async || !processes.iter().any(|id| runs(*id))).await;
    eventually("the host has no children", async || host.children().is_empty()).await;
    eventually("the work folder is gone", async || !work_folder.exists()).await;
    assert_eq!(std::fs::read_dir(host.plugin_dir().join("tmp")).unwrap().count(), 0);

    let hello = host.plugin("hello").await;
    assert_eq!(
        (&hello["generation"], &hello["phase"], &hello["last_error"]),
        (&json!(1), &json!("running"), &Value::Null)
    );
    host.call("hello/hello").await.expect(200);
    assert_eq!(host.delete(&place(&job)).await.expect(409).code(), "job_ended");
    assert_eq!(host.metric(r#"plugin_host_operations_total{operation="load",outcome="cancelled"}"#).await, 1.0);
    // The turn is free again.
    host.post("/api/plugins/hello/disable").await.expect(200);
}

#[tokio::test]
async fn a_cancelled_first_load_installs_nothing_and_its_client_is_informed() {
    let host = TestHost::start().await;
    let build = endless_build(&host).await;
    let body = json!({ "source": build.folder });
    let waiting = host.request("POST", "/api/plugins/load?on_conflict=reject").json(&body);
    let (answer, ()) = tokio::join!(waiting.send(), async {
        build.processes().await;
        let job = listed(&host, "?state=running&operation=load").await.remove(0);
        assert_eq!(job["on_conflict"], "reject");
        let plugin = host.plugin("hello").await;
        assert_eq!(
            (&plugin["phase"], &plugin["metadata"]["version"], &plugin["source"]),
            (&json!("building"), &json!("1.0.0"), &json!(build.folder))
        );
        let now = &plugin["operation"];
        assert_eq!(
            (&now["job"], &now["operation"], &now["started_at"]),
            (&job["id"], &json!("load"), &job["started_unix_ms"])
        );
        assert_eq!(plugin["metadata"]["name"], "Hello");
        for words in [&["list"][..], &["show", "hello"]] {
            let shown = host.command(words).await;
            let text = String::from_utf8_lossy(&shown.stdout).into_owned();
            let parts = ["hello", "1.0.0", "building", build.folder.file_name().unwrap().to_str().unwrap()];
            assert!(shown.status.success() && parts.iter().all(|part| text.contains(part)), "{words:?}: {shown:?}");
        }
        host.delete(&place(&job)).await.expect(200);
    });
    assert_eq!(answer.expect(409).code(), "job_cancelled");
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);

    std::fs::remove_file(&build.processes).unwrap();
    let timed = host.request("POST", "/api/plugins/load?timeout_seconds=5").json(&body).send().await.expect(504);
    assert_eq!(timed.code(), "job_timed_out");
    let job = listed(&host, "?state=timed_out").await.remove(0);
    assert_eq!((&job["timeout_seconds"], &job["problem"]["status"]), (&json!(5.0), &json!(504)));
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
}

#[tokio::test]
async fn a_generation_that_was_started_is_stopped_in_order_before_its_load_is_cut_off() {
    let host = TestHost::start().await;
    let folder = host.sources().join("patient");
    copy(&source("hello"), &folder);
    let [asked, go] = ["asked", "go"].map(|name| host.sources().join(name));
    let code = format!(
        r#"use plugin_sdk::prelude::*;
        struct Patient(Context);
        #[plugin]
        impl Patient {{
            #[start]
            fn start(context: Context) -> Result<Self> {{ Ok(Patient(context)) }}
            #[get("/hello")]
            fn hello(&self) -> &'static str {{ "hello" }}
            #[health]
            fn health(&self) -> Result<()> {{
                std::fs::write({asked:?}, "").unwrap();
                while !std::path::Path::new({go:?}).exists() {{
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }}
                Ok(())
            }}
            #[stop]
            fn stop(&self) -> Result<()> {{ self.0.log(Level::Warn, "stops in order"); Ok(()) }}
        }}
        export!(Patient);"#
    );
    std::fs::write(folder.join("src/lib.rs"), code).unwrap();
    let yaml = "id: patient\nname: Patient\nversion: 1.0.0\ndescription: Waits\nauthor: Plugin Host\n\
        endpoints: [{path: /hello, method: GET, handler: hello}]\nhealth: {timeout_seconds: 60, interval_seconds: 60}\n";
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    built("hello").await;
    let turn = any_turn_to_build().await;
    let job = begin_load(&host, &folder, "").await;
    eventually("the health hook is asked", async || asked.exists()).await;
    drop(turn);
    assert_eq!(host.get(&place(&job)).await.json()["step"], "probe");

    let cancel = host.request("DELETE", &place(&job));
    let (cancelled, ()) = tokio::join!(cancel.send(), async {
        host.logged("is being cancelled").await;
        // Nothing is cut off under a plugin that has started.
        let waiting = host.get(&place(&job)).await.json();
        assert_eq!(waiting["state"], "running");
        std::fs::write(&go, "").unwrap();
    });
    assert_eq!(cancelled.expect(200).json()["state"], "cancelled");
    host.logged("stops in order").await;
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
    host.call("patient/hello").await.expect(404);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_and_stay_over_a_restart() {
    let host = TestHost::start().await;
    let hello = built("hello").await;
    host.try_load(&hello).await.expect(200);
    host.post("/api/plugins/hello/reload").await.expect(200);
    host.post("/api/plugins/hello/disable").await.expect(200);
    assert_eq!(host.post("/api/plugins/hello/reload").await.expect(409).code(), "run_disabled");
    host.post("/api/plugins/nobody/enable").await.expect(404);
    // What can be no id makes no job.
    assert_eq!(host.post("/api/plugins/No!body/enable").await.expect(404).code(), "run_unknown_plugin");

    let seen = listed(&host, "").await;
    let words: Vec<_> =
        seen.iter().map(|job| format!("{} {}", job["operation"], job["state"]).replace('"', "")).collect();
    assert_eq!(words, ["enable failed", "reload failed", "disable done", "reload done", "load done"]);
    let page = host.get("/api/jobs?limit=2").await.expect(200).json();
    assert_eq!(page["jobs"].as_array().unwrap()[..], seen[..2]);
    let next =
        host.get(&format!("/api/jobs?limit=3&cursor={}", page["next"].as_str().unwrap())).await.expect(200).json();
    assert_eq!((&next["jobs"].as_array().unwrap()[..], &next["next"]), (&seen[2..], &Value::Null));
    for (query, n_jobs) in
        [("?plugin=hello", 4), ("?state=failed", 2), ("?operation=reload&state=done", 1), ("?plugin=nobody", 1)]
    {
        assert_eq!(listed(&host, query).await.len(), n_jobs, "{query}");
    }
    for query in ["?state=gone", "?limit=0", "?limit=201", "?limit=x", "?cursor=x", "?plugin=", "?operation="] {
        assert_eq!(host.get(&format!("/api/jobs{query}")).await.expect(400).code(), "query_does_not_fit", "{query}");
    }

    let log = host.get(&format!("{}/log", place(&seen[4]))).await.expect(200).text();
    assert!(log.contains("fetching ") && log.contains("the prebuilt library is used unchanged"), "{log}");
    let host = host.restart().await;
    assert_eq!(listed(&host, "").await, seen, "remembered as they were seen");
    assert_eq!(host.get(&place(&seen[1])).await.expect(200).json(), seen[1]);
    assert_eq!(host.get(&format!("{}/log", place(&seen[4]))).await.expect(200).text(), log);
    assert_eq!(host.get("/api/jobs/job_0").await.expect(404).code(), "job_unknown");
}

#[tokio::test]
async fn a_failed_job_can_be_retried_after_the_fix() {
    let host = TestHost::start().await;
    let library = built("hello").await;
    let folder = host.sources().join("later");
    std::fs::create_dir(&folder).unwrap();
    let missing = begin_load(&host, &folder, "").await;
    let failed = host.get(&format!("{}/log?follow=true", place(&missing))).await.expect(200);
    assert!(failed.text().contains("fetching "), "{}", failed.text());
    let failed = host.get(&place(&missing)).await.expect(200).json();
    assert_eq!((&failed["state"], &failed["retry_of"]), (&json!("failed"), &Value::Null));
    let problem = &failed["problem"];

    // The same document, whether the client waited, asks later, or asks again.
    let again = host.post(&format!("{}/retry", place(&missing))).await.expect(422).json();
    for field in ["code", "status", "detail", "fix", "errors"] {
        assert_eq!(again[field], problem[field], "{field}");
    }
    for file in ["library.so", "plugin.yaml"] {
        std::fs::copy(library.with_file_name(file), folder.join(file)).unwrap();
    }
    let retry = host.post(&format!("{}/retry?reason=it%20is%20there%20now", place(&missing))).await.expect(200).json();
    assert_eq!((&retry["id"], &retry["generation"]), (&json!("hello"), &json!(1)));
    let job = host.get(&format!("/api/jobs/{}", retry["job"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(
        (&job["state"], &job["retry_of"], &job["reason"]),
        (&json!("done"), &missing["id"], &json!("it is there now"))
    );

    let not_again = |answer: Answer| assert_eq!(answer.expect(409).code(), "job_not_retryable");
    not_again(host.post(&format!("{}/retry", place(&job))).await);
    assert_eq!(host.post("/api/jobs/job_0/retry").await.expect(404).code(), "job_unknown");
    for (query, code) in [("?on_conflict=fight", "query_does_not_fit"), ("?timeout_seconds=-1", "query_does_not_fit")] {
        assert_eq!(host.post(&format!("{}/retry{query}", place(&missing))).await.expect(400).code(), code);
    }
}

#[tokio::test]
async fn a_log_is_followed_as_events_and_gone_on_with_after_the_last_that_arrived() {
    let host = TestHost::start().await;
    let build = endless_build(&host).await;
    let job = begin_load(&host, &build.folder, "").await;
    build.processes().await;
    let path = format!("{}/log", place(&job));
    let events = |last: Option<u64>| {
        let request = host.request("GET", &path).header("accept", "text/event-stream");
        match last {
            Some(last) => request.header("last-event-id", &last.to_string()),
            None => request,
        }
    };
    let mut live = events(None).open().await;
    let head = live.head(false).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let mut first = String::new();
    while !first.contains("\n\n") {
        first += &String::from_utf8(live.chunk().await.unwrap()).unwrap();
    }
    assert!(first.starts_with("id: 0\ndata: fetching "), "{first}");

    let ((), followed) = tokio::join!(
        async {
            host.delete(&place(&job)).await.expect(200);
        },
        events(Some(0)).send()
    );
    let rest = first.clone() + &String::from_utf8(live.rest().await).unwrap();
    assert!(live.is_whole());
    let end = "event: end\ndata: {\"state\":\"cancelled\"}\n\n";
    assert!(rest.ends_with(end), "{rest}");
    let (_, after_first) = rest.split_once("\n\n").unwrap();
    assert!(after_first.starts_with("id: 1\n"), "{rest}");
    assert_eq!(followed.text(), after_first, "the same without the first");

    // The same when it has ended: all, what is behind an event, and nothing but the end.
    assert_eq!(events(None).send().await.expect(200).text(), rest);
    assert_eq!(events(Some(0)).send().await.expect(200).text(), after_first);
    let n_lines = host.get(&place(&job)).await.json()["lines"].as_u64().unwrap();
    assert_eq!(events(Some(n_lines - 1)).send().await.expect(200).text(), end);
    assert_eq!(events(Some(n_lines + 100)).send().await.expect(200).text(), rest, "the log has begun anew");
    let nonsense = host.request("GET", &path).header("accept", "text/event-stream").header("last-event-id", "x");
    assert_eq!(nonsense.send().await.expect(400).code(), "last_event_id");
    let text = host.get(&format!("{path}?from=1")).await.expect(200);
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(text.text().lines().count() as u64, n_lines - 1);
}

#[tokio::test]
async fn accepted_jobs_resume_after_a_kill_and_after_a_shutdown() {
    for is_killed in [true, false] {
        let host = TestHost::start().await;
        let build = endless_build(&host).await;
        let job = begin_load(&host, &build.folder, "?reason=because&timeout_seconds=600").await;
        let processes = build.processes().await;
        let reload = host.request("POST", "/api/plugins/hello/reload").header("prefer", "respond-async").send().await;
        let queued = reload.expect(202).json();
        let folder = if is_killed { host.kill() } else { host.stop_and_keep() };
        let state = State::open(&folder.path().join("plugins")).await.unwrap();
        let left = state.unfinished_jobs().await.unwrap();
        assert_eq!(left.damaged, Vec::<String>::new());
        let words: Vec<_> = left.jobs.iter().map(|job| (job.id.as_str(), job.state, job.attempt)).collect();
        let (job, queued) = (job["id"].as_str().unwrap(), queued["id"].as_str().unwrap());
        assert_eq!(words, [(job, JobState::Running, 1), (queued, JobState::Queued, 1)], "killed: {is_killed}");
        assert_eq!((left.jobs[0].reason.as_deref(), left.jobs[0].timeout_ms), (Some("because"), Some(600_000)));
        let request = left.jobs[0].request.as_ref().unwrap();
        assert!(!request.contains("load") && !request.contains("endless"), "what was asked is not sealed: {request}");
        let log = state.job_log(job).await.unwrap();
        assert_eq!(log.is_some_and(|log| log.text.contains("fetching ")), !is_killed);
        state.close().await;
        eventually("the build has ended with its host", async || !processes.iter().any(|id| runs(*id))).await;
    }
}

#[tokio::test]
async fn jobs_on_the_command_line() {
    let host = TestHost::start().await;
    let build = endless_build(&host).await;
    let mut command = program();
    command.args(["load", build.folder.to_str().unwrap(), "--url", &format!("http://{}", host.address)]);
    command.arg("--plugin-dir").arg(host.plugin_dir()).current_dir(host.sources());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let processes = build.processes().await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let id = listed(&host, "").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("SIGINT: job `{id}` continues on the host")), "{said}");
    assert!(said.contains(&format!("`plugin-host job cancel {id}` to cancel it")), "{said}");
    assert!(processes.iter().all(|id| runs(*id)), "it goes on");

    let run = async |words: &[&str], code: i32| {
        let output = host.command(words).await;
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{words:?}: {out}\n{err}");
        (out, err)
    };
    let (list, _) = run(&["jobs", "--plugin", "hello", "--state", "running"], 0).await;
    assert!(list.lines().count() == 2 && list.contains(&id) && list.contains("build"), "{list}");
    let (log, _) = run(&["job", &id, "--log"], 0).await;
    assert!(log.starts_with("fetching "), "{log}");
    let words = ["job", &id, "--follow"];
    let (followed, ()) = tokio::join!(host.command(&words), async {
        let (cancelled, _) = run(&["job", "cancel", &id], 0).await;
        assert_eq!(cancelled, format!("job {id} is cancelled; the version that was running keeps running\n"));
    });
    assert_eq!(followed.status.code(), Some(1));
    assert!(String::from_utf8(followed.stderr).unwrap().contains("the job was cancelled"));
    let (sheet, _) = run(&["job", &id], 0).await;
    assert!(sheet.contains("cancelled") && sheet.contains("caller"), "{sheet}");
    let (_, refused) = run(&["job", "cancel", &id], 1).await;
    assert!(refused.contains("has already ended (cancelled)"), "{refused}");

    std::fs::remove_file(build.folder.join("build.rs")).unwrap();
    let (retried, _) = run(&["job", "retry", &id], 0).await;
    assert!(retried.contains("hello 1.0.0"), "{retried}");
    let (shown, _) = run(&["jobs", "--json", "--limit", "1"], 0).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["jobs"][0]["state"], &shown["jobs"][0]["retry_of"]), (&json!("done"), &json!(id)));
    run(&["job", "job_0"], 1).await;
}
