//! What was answered is there after `kill -9`, seen with a process that is killed while it writes.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::path::Path;
use std::time::Duration;

use host_core::PluginId;
use host_process::Command;
use host_state::{Condition, FILE_NAME, Kv, Limits, State};
use tokio::sync::mpsc;

/// Writers at once, so that a kill meets commits that several changes share.
const WRITERS: u64 = 8;

fn plugin() -> PluginId {
    "one".parse().unwrap()
}

fn value(n: u64) -> Vec<u8> {
    n.to_le_bytes().repeat(usize::try_from(n % 200).unwrap() + 1)
}

/// The program that is killed: this test, started by the one below with a folder to write to. It writes numbers and
/// says each one after it was answered.
#[tokio::test(flavor = "multi_thread")]
async fn writer() {
    let Some(folder) = std::env::var_os("KILL_TEST_FOLDER") else { return };
    let first = std::env::var_os("KILL_TEST_FIRST").unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let kv = State::open(Path::new(&folder)).await.unwrap().kv(Limits::default());
    let mut writers = tokio::task::JoinSet::new();
    for offset in 0..WRITERS {
        let kv: Kv = kv.clone();
        writers.spawn(async move {
            for n in (first + offset..).step_by(usize::try_from(WRITERS).unwrap()) {
                kv.put(&plugin(), &n.to_string(), value(n), Condition::Absent).await.unwrap();
                println!("\nput {n}");
            }
        });
    }
    writers.join_next().await;
}

#[tokio::test]
async fn acknowledged_changes_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered: Vec<u64> = Vec::new();
    for round in 0..8_u64 {
        let program = std::env::current_exe().unwrap();
        let command = Command::new(program, folder.path(), Duration::from_secs(120))
            .env("KILL_TEST_FOLDER", folder.path())
            .env("KILL_TEST_FIRST", (round * 1_000_000).to_string())
            .args(["--exact", "writer", "--nocapture"]);
        let (line, mut lines) = mpsc::unbounded_channel();
        let run = command.run(move |found| {
            let _ = line.send(found.text);
        });
        // Dropping the run kills the process group; no two rounds are cut at the same place.
        let enough = answered.len() + 50 + 37 * usize::try_from(round).unwrap();
        tokio::select! {
            exit = run => panic!("the writer ended by itself: {exit:?}"),
            () = async {
                while answered.len() < enough {
                    let line = lines.recv().await.expect("the writer says what it put");
                    answered.extend(line.strip_prefix("put ").and_then(|n| n.parse::<u64>().ok()));
                }
            } => {}
        }
        while let Ok(line) = lines.try_recv() {
            answered.extend(line.strip_prefix("put ").and_then(|n| n.parse::<u64>().ok()));
        }
        let state = State::open(folder.path()).await.expect("the killed file opens");
        let kv = state.kv(Limits::default());
        for n in &answered {
            let entry = kv.get(&plugin(), &n.to_string()).await.unwrap();
            assert_eq!(entry.expect("it was answered").value, value(*n), "{n} in round {round}");
        }
        // What was not answered may be there, but then it is whole and counted.
        let stored = kv.stored_data(&plugin()).await.unwrap();
        let (mut keys, mut bytes, mut after) = (0, 0, String::new());
        loop {
            let page = kv.list(&plugin(), "", Some(&after), 1000).await.unwrap();
            keys += page.keys.len() as u64;
            bytes += page.keys.iter().map(|listed| listed.key.len() as u64 + listed.bytes).sum::<u64>();
            match page.keys.last() {
                Some(last) if page.more => after = last.key.clone(),
                _ => break,
            }
        }
        assert_eq!((stored.keys, stored.bytes), (keys, bytes));
        assert!(keys >= answered.len() as u64);
        state.close().await;
    }
    assert!(folder.path().join(FILE_NAME).is_file());
}
