//! The plug is pulled: a host that is killed at any instant leaves what the next one rolls forward or back, and nothing
//! else.
//!
//! `KILL_ROUNDS=20 cargo test --package host-cli --test it --features failpoints kill` tries each instant twenty times.

pub(crate) mod scene;
mod storm;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::host::{TestHost, eventually};
use crate::jobs::{begin_load, endless_build, runs};
use crate::plugins::{files, repository};
use scene::{Ask, Outcome, Scene, assert_clean};

/// On the way from a source to a generation that serves.
const ON_THE_WAY: &[&str] = &[
    "job.accepted",
    "job.started",
    "store.tree_written",
    "store.tree_placed",
    "store.tree_indexed",
    "run.fetched",
    "run.checked",
    "store.artifact_written",
    "store.artifact_placed",
    "run.built",
    "run.tried",
    "run.opened",
    "run.started",
    "run.hook_ran",
    "run.probed",
    "run.noted_installed",
    "run.prepared",
];
/// What was asked for is written, and from then on true.
const COMMITS: &[&str] = &["run.committed", "run.recorded"];
const SWAPS: &[&str] = &["run.swapped", "job.ending", "job.ended"];
const RETIRES: &[&str] = &["run.retiring"];
const RESTS: &[&str] = &["run.taken_out"];
const REMOVES: &[&str] = &["run.drained", "run.data_removed", "run.removed"];
const STARTS: &[&str] =
    &["boot.read", "boot.mended", "boot.records_synced", "boot.plugins_read", "boot.begun", "boot.resumed"];
/// Passed again and again: each time is another instant.
const OFTEN: &[&str] = &["state.written", "state.committed", "store.file_written", "store.file_placed"];

/// How often each instant is tried.
fn rounds() -> u32 {
    std::env::var("KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// Returns whether the host under test has these instants at all.
fn is_armed() -> bool {
    if !cfg!(feature = "failpoints") {
        eprintln!("left out: the host is built without the feature `failpoints`");
    }
    cfg!(feature = "failpoints")
}

/// Kills a host at each point during an operation.
async fn kill_during(ask: Ask, points: &[&[&str]]) {
    if !is_armed() {
        return;
    }
    let mut scene = Scene::new().await;
    for point in points.iter().copied().flatten() {
        for _ in 0..rounds() {
            let outcome = scene.kill_at(ask, point, 1).await;
            assert!(outcome.is_some(), "{ask:?} does not pass {point}");
        }
    }
    tell(&scene);
}

/// The same for points that are passed several times.
async fn kill_often(ask: Ask, points: &[&str]) {
    if !is_armed() {
        return;
    }
    let mut scene = Scene::new().await;
    for point in points {
        for _ in 0..rounds() {
            let mut nth = 1;
            while scene.kill_at(ask, point, nth).await.is_some() {
                nth += 1;
            }
            assert!(nth > 1, "{ask:?} does not pass {point}");
        }
    }
    tell(&scene);
}

/// What came of it, and how long the next hosts took until they were ready.
fn tell(scene: &Scene) {
    let mut text = String::new();
    for (instant, outcomes) in &scene.table {
        let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let (before, done) = (count(Outcome::Before), count(Outcome::Done));
        let _ = writeln!(text, "{instant:<36} {before:>3} as before {done:>3} done");
    }
    let mut ready = scene.ready.clone();
    ready.sort();
    let ms = |at: usize| ready.get(at).map_or(0, Duration::as_millis);
    let (middle, last) = (ms(ready.len() / 2), ms(ready.len().saturating_sub(1)));
    eprintln!("{text}{} hosts were ready after {middle} ms (median), {last} ms (longest)", ready.len());
}

#[tokio::test]
async fn killed_during_a_load() {
    kill_during(Ask::Load, &[ON_THE_WAY, COMMITS, SWAPS]).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_load() {
    kill_often(Ask::Load, OFTEN).await;
}

#[tokio::test]
async fn killed_during_an_upgrade() {
    kill_during(Ask::Upgrade, &[&["run.hook_ran", "run.noted_installed", "run.prepared"], COMMITS, SWAPS, RETIRES])
        .await;
}

#[tokio::test]
async fn killed_during_a_rollback() {
    kill_during(Ask::Rollback, &[&["run.opened", "run.prepared"], COMMITS, SWAPS, RETIRES]).await;
}

#[tokio::test]
async fn killed_while_an_earlier_revision_is_restored() {
    kill_during(Ask::Restore, &[&["run.opened", "run.prepared"], COMMITS, SWAPS, RETIRES]).await;
}

#[tokio::test]
async fn killed_while_a_plugin_is_stopped_started_or_restarted() {
    kill_during(Ask::Stop, &[&["job.accepted", "job.started", "run.prepared"], COMMITS, RESTS, &["job.ended"]]).await;
    kill_during(Ask::Start, &[&["run.started", "run.prepared"], COMMITS, SWAPS]).await;
    // Nothing else is asked for than before.
    kill_during(Ask::Restart, &[&["run.opened", "run.started", "run.probed"], SWAPS, RETIRES]).await;
}

#[tokio::test]
async fn killed_during_a_change_of_configuration() {
    kill_during(Ask::Configure, &[&["run.started", "run.prepared"], COMMITS, SWAPS, RETIRES]).await;
    kill_during(Ask::ConfigureLive, &[&["run.prepared"], COMMITS, &["job.ending", "job.ended"]]).await;
}

#[tokio::test]
async fn killed_while_a_plugin_is_disabled_or_enabled() {
    kill_during(Ask::Disable, &[&["job.accepted", "job.started", "run.prepared"], COMMITS, RESTS, &["job.ended"]])
        .await;
    kill_during(Ask::Enable, &[&["run.started", "run.prepared"], COMMITS, SWAPS]).await;
}

#[tokio::test]
async fn killed_during_an_unload() {
    kill_during(Ask::Unload, &[&["run.prepared"], COMMITS, REMOVES, &["job.ending", "job.ended"]]).await;
    kill_often(Ask::Unload, COMMITS).await;
}

#[tokio::test]
async fn killed_at_any_write_to_the_state() {
    kill_often(Ask::Rollback, &["state.committed"]).await;
    kill_often(Ask::Unload, &["state.written"]).await;
}

#[tokio::test]
async fn killed_while_it_starts() {
    if !is_armed() {
        return;
    }
    let mut scene = Scene::new().await;
    for point in STARTS.iter().chain(&["state.written", "state.committed"]) {
        for _ in 0..rounds() {
            // One job that begins anew, one whose change was made, and one that ends with nothing there.
            for (ask, left_at) in
                [(Ask::Upgrade, "run.started"), (Ask::Rollback, "run.committed"), (Ask::Unload, "run.recorded")]
            {
                assert_eq!(scene.kill_at_start(ask, left_at, point).await, Outcome::Done, "{ask:?} at {point}");
            }
        }
    }
    tell(&scene);
}

#[tokio::test]
async fn a_build_ends_with_its_host_and_restarts_with_the_next() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let build = endless_build(&host).await;
    let job = begin_load(&host, &build.folder, "").await;
    let processes = build.processes().await;
    let options = host.pull_plug();
    eventually("cargo and all it started have ended", async || !processes.iter().any(|id| runs(*id))).await;

    std::fs::remove_file(build.folder.join("build.rs")).unwrap();
    let host = options.start().await;
    host.call("hello/hello").await.expect(200);
    let place = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    eventually("the job has ended", async || host.get(&place).await.json()["state"] == "done").await;
    assert_eq!(host.get(&place).await.json()["attempt"], 2);
    assert_clean(&host).await;
}

#[test]
fn every_instant_that_has_a_name_is_tried() {
    let all = [ON_THE_WAY, COMMITS, SWAPS, RETIRES, RESTS, REMOVES, STARTS, OFTEN];
    let tried: BTreeSet<_> = all.into_iter().flatten().map(|point| point.to_string()).collect();
    let mut named = BTreeSet::new();
    for (path, bytes) in files(&repository().join("host")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if path.ends_with(".rs") && !path.starts_with("fail/") {
            let points = text.split("host_fail::point(\"").skip(1);
            named.extend(points.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    assert_eq!(tried, named);
}
