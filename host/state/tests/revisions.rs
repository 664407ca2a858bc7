//! What was asked for: over restarts, in time, and when bytes on the disk change.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use host_core::job::JobState;
use host_core::manifest::Placement;
use host_core::{Desired, Digest, Goal, Pick, PluginId, Source, Trust};
use host_state::{Change, FILE_NAME, JobRecord, State};

fn id(text: &str) -> PluginId {
    text.parse().unwrap()
}

fn desired(plugin: &str, goal: Goal) -> Desired {
    Desired {
        id: id(plugin),
        goal,
        current: Pick {
            version: "1.0.0".parse().unwrap(),
            source: Source::Folder("/srv/a".into()),
            trust: Trust::Http,
            commit: None,
            reference: None,
            tag: None,
            artifact: Digest::compute(plugin.as_bytes()),
            loaded_unix_ms: 1,
        },
        rollback_versions: vec![],
        configuration: serde_json::Map::new(),
        placement: Placement::Inline,
        grants: Default::default(),
        update: Default::default(),
        blocked: Default::default(),
        quarantine: None,
    }
}

fn change(plugin: &str, goal: Option<Goal>, at_unix_ms: u64) -> Change {
    Change {
        plugin: id(plugin),
        desired: goal.map(|goal| desired(plugin, goal)),
        expected: None,
        actor: "operator".to_owned(),
        operation: "load".to_owned(),
        reason: Some("because".to_owned()),
        at_unix_ms,
    }
}

async fn goals(state: &State) -> String {
    let newest = state.newest().await.unwrap();
    assert_eq!(newest.damaged, []);
    let one = |revision: host_state::Revision| {
        format!("{}@{}: {}", revision.plugin, revision.number, revision.desired.unwrap().goal.as_str())
    };
    newest.revisions.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn the_newest_revision_of_each_plugin_counts_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let run = Some(Goal::Running);
    let numbers = state.commit(vec![change("aaa", run, 10), change("bbb", run, 10), change("ccc", run, 10)]).await;
    assert_eq!(numbers.unwrap(), [1, 2, 3]);
    state.commit(vec![change("aaa", Some(Goal::Disabled), 20)]).await.unwrap();
    state.commit(vec![change("bbb", None, 30)]).await.unwrap();
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(goals(&state).await, "aaa@4: disabled, ccc@3: running");
    assert_eq!(state.newest().await.unwrap().gone, [(id("bbb"), 5)]);
    let then = state.newest_at(25).await.unwrap().revisions;
    assert_eq!(then.iter().map(|revision| revision.number).collect::<Vec<_>>(), [4, 2, 3]);
    let all = state.revisions(None, None, 10).await.unwrap();
    assert_eq!(all.iter().map(|revision| revision.number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    let of_one = state.revisions(Some(&id("aaa")), Some(4), 10).await.unwrap();
    assert_eq!(of_one[0], state.revision(1).await.unwrap().unwrap());
    assert_eq!((of_one.len(), of_one[0].reason.as_deref()), (1, Some("because")));
    assert_eq!(state.revision(6).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_of_something_older_is_refused_with_all_that_came_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let with = |plugin, expected| Change { expected: Some(expected), ..change(plugin, Some(Goal::Running), 1) };
    state.commit(vec![with("aaa", 0)]).await.unwrap();
    let error = state.commit(vec![change("bbb", Some(Goal::Running), 1), with("aaa", 0)]).await.unwrap_err();
    assert_eq!(error.code(), "state_stale");
    assert_eq!(error.to_string(), "`aaa` now has revision 1, not 0; hint: read it again");
    assert_eq!(goals(&state).await, "aaa@1: running");
    state.commit(vec![with("aaa", 1)]).await.unwrap();

    // What is gone is as if it had never been.
    state.commit(vec![change("aaa", None, 2)]).await.unwrap();
    assert_eq!(state.commit(vec![with("aaa", 3)]).await.unwrap_err().code(), "state_stale");
    state.commit(vec![with("aaa", 0)]).await.unwrap();
}

#[tokio::test]
async fn a_rebuilt_state_reuses_no_revision_number() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let both = vec![change("aaa", Some(Goal::Running), 1), change("bbb", Some(Goal::Running), 1)];
    assert_eq!(state.commit_above(7, both).await.unwrap(), [8, 9]);
    assert_eq!(state.commit_above(7, vec![change("aaa", None, 1)]).await.unwrap(), [10]);
}

#[tokio::test]
async fn a_change_is_made_with_the_note_of_its_job_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let job = |step: &str| JobRecord {
        id: "job_1".to_owned(),
        operation: "load".to_owned(),
        plugin: Some("aaa".to_owned()),
        subject: "/srv/a".to_owned(),
        actor: "operator".to_owned(),
        reason: None,
        on_conflict: "queue".to_owned(),
        timeout_ms: None,
        state: JobState::Running,
        attempt: 1,
        retry_of: None,
        created_unix_ms: 1,
        started_unix_ms: None,
        ended_unix_ms: None,
        step: step.to_owned(),
        steps: "[]".to_owned(),
        n_lines: 0,
        request: None,
        outcome: None,
    };
    state.put_job(job("build"), None, 9).await.unwrap();
    let with = |expected| Change { expected: Some(expected), ..change("aaa", Some(Goal::Running), 1) };
    assert_eq!(state.commit_for(with(4), job("committed")).await.unwrap_err().code(), "state_stale");
    assert_eq!(state.job("job_1").await.unwrap().unwrap().step, "build");
    assert_eq!(state.commit_for(with(0), job("committed")).await.unwrap(), 1);
    assert_eq!(state.job("job_1").await.unwrap().unwrap().step, "committed");
}

#[tokio::test]
async fn a_flipped_bit_is_detected_and_affects_no_other_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let state = State::open(folder.path()).await.unwrap();
    let run = Some(Goal::Running);
    state.commit(vec![change("ccc", run, 10), change("aaa", run, 10), change("bbb", run, 10)]).await.unwrap();
    state.close().await;

    let whole = std::fs::read(&path).unwrap();
    // The digest of `aaa`'s artifact is in its document and nowhere else.
    let digest = Digest::compute(b"aaa").hex();
    let at = whole.windows(64).position(|bytes| bytes == digest.as_bytes()).unwrap();
    for bit in [0, 1, 7] {
        let mut damaged = whole.clone();
        damaged[at + 5] ^= 1 << bit;
        #[expect(clippy::disallowed_methods, reason = "the test damages the file as a disk would")]
        std::fs::write(&path, damaged).unwrap();
        let state = State::open(folder.path()).await.unwrap();
        let newest = state.newest().await.unwrap();
        assert_eq!(newest.revisions.len(), 2, "{bit}");
        let damage = &newest.damaged[0];
        assert_eq!((damage.plugin.as_str(), damage.number), ("aaa", 2), "{bit}");
        assert_eq!(state.revision(2).await.unwrap_err().code(), "state_damaged");
        for limit in [2, 10] {
            let readable = state.revisions(None, None, limit).await.unwrap();
            let numbers: Vec<_> = readable.iter().map(|revision| revision.number).collect();
            assert_eq!(numbers, [3, 1], "the one before the damaged one is found");
        }
        state.close().await;
    }
}

#[tokio::test]
async fn a_damaged_revision_blocks_nothing_even_if_its_plugin_id_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let state = State::open(folder.path()).await.unwrap();
    let run = Some(Goal::Running);
    state.commit(vec![change("plugin-one", run, 10), change("bbb", run, 10)]).await.unwrap();
    state.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    // Where the row begins with its name, not where the index does.
    let row = [b"plugin-one".as_slice(), &[10]].concat();
    let at = bytes.windows(row.len()).position(|found| found == row).unwrap();
    bytes[at] ^= 1;
    #[expect(clippy::disallowed_methods, reason = "the test damages the file as a disk would")]
    std::fs::write(&path, bytes).unwrap();

    let state = State::open(folder.path()).await.unwrap();
    let damaged = state.newest().await.unwrap().damaged;
    assert_eq!((damaged[0].plugin.as_str(), damaged[0].number), ("qlugin-one", 1));
    let again = Change { expected: Some(0), ..change("plugin-one", run, 20) };
    assert_eq!(state.commit(vec![again]).await.unwrap(), [3]);
    assert_eq!(goals(&state).await, "bbb@2: running, plugin-one@3: running");
    assert_eq!(state.revision(1).await.unwrap_err().code(), "state_damaged", "it stays what it is");
}
