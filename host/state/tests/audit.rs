//! The audit log: what is written can't be changed, taken out, put in or cut off unseen.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use expect_test::{Expect, expect};
use host_core::audit::{AuditRecord, Outcome};
use host_state::{AuditFilter, AuditHead, FILE_NAME, HeadCheck, State};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

fn entry(object: &str) -> AuditRecord {
    AuditRecord {
        at_unix_ms: 1_000,
        actor: "operator".to_owned(),
        action: "plugin_reload".to_owned(),
        object: object.to_owned(),
        outcome: Outcome::Asked,
        times: 1,
        ..AuditRecord::default()
    }
}

/// A log of `n` entries.
async fn log(n: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    for number in 1..=n {
        assert_eq!(state.append_audit(vec![entry(&format!("p{number}"))], 1_000).await.unwrap(), [number as u64]);
    }
    state.close().await;
    folder
}

async fn run(folder: &TempDir, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What is found after somebody did this to a log of five entries.
async fn check(sql: &str, expected: Expect) {
    let folder = log(5).await;
    run(&folder, sql).await;
    let state = State::open(folder.path()).await.unwrap();
    let report = state.verify_audit(None).await.unwrap();
    let said = match &report.broken {
        Some(broken) => format!("{}: {}", broken.seq, broken.reason),
        None => "whole".to_owned(),
    };
    assert_eq!(report.is_whole(), report.broken.is_none());
    expected.assert_eq(&format!("{said}; {} before", report.entries));
    state.close().await;
}

#[tokio::test]
async fn the_first_entry_that_is_not_what_was_written_is_named() {
    check("SELECT 1", expect!["whole; 5 before"]).await;
    check(
        "UPDATE audit SET object = 'p9' WHERE seq = 3",
        expect!["3: the entry was changed: its hash does not match; 2 before"],
    )
    .await;
    check(
        "UPDATE audit SET at_unix_ms = at_unix_ms + 1 WHERE seq = 1",
        expect!["1: the entry was changed: its hash does not match; 0 before"],
    )
    .await;
    check(
        "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE seq = 2",
        expect!["2: the entry was changed: its hash does not match; 1 before"],
    )
    .await;
    check(
        "UPDATE audit SET hash = '00' || substr(hash, 3) WHERE seq = 4",
        expect!["4: the entry was changed: its hash does not match; 3 before"],
    )
    .await;
    check("UPDATE audit SET outcome = 'fine' WHERE seq = 4", expect!["4: the entry is unreadable; 3 before"]).await;
    check("DELETE FROM audit WHERE seq = 2", expect!["2: the entry is missing; 1 before"]).await;
    check("DELETE FROM audit WHERE seq = 1", expect!["1: the entry is missing; 0 before"]).await;
    check(
        "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99",
        expect!["2: the entry was changed: its hash does not match; 1 before"],
    )
    .await;
    check("UPDATE audit SET seq = seq - 10", expect!["1: found entry -9, which is out of order; 0 before"]).await;
    check("UPDATE audit SET seq = seq + 1000 WHERE seq = 5", expect!["5: the entry is missing; 4 before"]).await;
    check("INSERT INTO audit SELECT 6, at_unix_ms, actor, token, address, action, object, digest, outcome, status, code, job, request, of_seq, times, previous, hash FROM audit WHERE seq = 5", expect!["6: the entry was changed: its hash does not match; 5 before"]).await;
    check(
        "INSERT INTO audit_anchor VALUES (1, 2, 'ab', 'cd')",
        expect!["2: the record of the last deleted entry is damaged; 0 before"],
    )
    .await;
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_whole_but_for_who_noted_its_end() {
    let folder = log(5).await;
    let state = State::open(folder.path()).await.unwrap();
    let head = state.verify_audit(None).await.unwrap().head;
    assert_eq!(head.seq, 5);
    let noted = async |state: &State, head: &AuditHead| state.verify_audit(Some(head)).await.unwrap();
    assert_eq!(noted(&state, &head).await.head_check, Some(HeadCheck::Found));
    let other = AuditHead { hash: "0".repeat(64), ..head.clone() };
    let report = noted(&state, &other).await;
    assert_eq!((report.head_check, report.is_whole()), (Some(HeadCheck::Differs), false));
    state.close().await;

    run(&folder, "DELETE FROM audit WHERE seq > 3").await;
    let state = State::open(folder.path()).await.unwrap();
    assert!(state.verify_audit(None).await.unwrap().is_whole(), "nothing within the log tells of its end");
    let report = noted(&state, &head).await;
    assert_eq!((report.head_check, report.is_whole()), (Some(HeadCheck::Missing), false));
    // Whoever goes on then makes other entries with the same numbers.
    state.append_audit(vec![entry("a"), entry("b")], 1_000).await.unwrap();
    let report = noted(&state, &head).await;
    assert_eq!((report.head_check, report.is_whole()), (Some(HeadCheck::Differs), false));
    state.close().await;
}

#[tokio::test]
async fn the_writer_of_a_log_notices_a_missing_or_replaced_end() {
    let folder = log(3).await;
    let state = State::open(folder.path()).await.unwrap();
    state.append_audit(vec![entry("a"), entry("b")], 1_000).await.unwrap();
    assert!(state.verify_audit(None).await.unwrap().is_whole());
    // Others have cut off its end, and gone on.
    run(&folder, "DELETE FROM audit WHERE seq > 4").await;
    let other = State::open(folder.path()).await.unwrap();
    other.append_audit(vec![entry("c"), entry("d")], 1_000).await.unwrap();
    assert!(other.verify_audit(None).await.unwrap().is_whole());
    for _ in 0..2 {
        let broken = state.verify_audit(None).await.unwrap().broken.unwrap();
        assert_eq!((broken.seq, broken.reason.as_str()), (5, "the entry that this host wrote is missing"));
        state.append_audit(vec![entry("e")], 1_000).await.unwrap();
    }
    other.close().await;
    state.close().await;
}

#[tokio::test]
async fn the_oldest_go_and_the_rest_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    state.append_audit((1..=10).map(|n| entry(&format!("p{n}"))).collect(), 10).await.unwrap();
    let early = state.verify_audit(None).await.unwrap().head;
    assert_eq!(state.verify_audit(None).await.unwrap().first, Some(1));
    state.append_audit(vec![entry("p11")], 10).await.unwrap();
    let report = state.verify_audit(Some(&early)).await.unwrap();
    assert_eq!((report.first, report.entries, report.is_whole()), (Some(3), 9, true));
    assert_eq!(report.head_check, Some(HeadCheck::Found));
    for n in 12..=40 {
        state.append_audit(vec![entry(&format!("p{n}"))], 10).await.unwrap();
    }
    let report = state.verify_audit(Some(&early)).await.unwrap();
    assert_eq!((report.head.seq, report.is_whole(), report.head_check), (40, true, Some(HeadCheck::Deleted)));
    state.close().await;

    run(&folder, "DELETE FROM audit WHERE seq <= (SELECT MIN(seq) FROM audit)").await;
    let state = State::open(folder.path()).await.unwrap();
    let broken = state.verify_audit(None).await.unwrap().broken.unwrap();
    assert_eq!((broken.seq, broken.reason.as_str()), (report.first.unwrap(), "the entry is missing"));
    state.close().await;
    // A log of which nothing is left goes on where it was.
    run(&folder, "DELETE FROM audit WHERE seq > 0").await;
    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.append_audit(vec![entry("x")], 10).await.unwrap(), [report.first.unwrap()]);
    state.close().await;
}

#[tokio::test]
async fn entries_are_found_by_what_they_say_and_hold_nothing_that_steers_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let other =
        AuditRecord { actor: "ci".to_owned(), action: "plugin_load".to_owned(), ..entry("a\u{1b}[31m\n\u{202e}b") };
    state.append_audit(vec![entry("p1"), other, entry("p3"), entry("p1")], 1_000).await.unwrap();
    let seqs = async |filter: AuditFilter, limit| {
        let found = state.audit(&filter, limit).await.unwrap();
        found.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let none = AuditFilter::default();
    let of = |text: &str| Some(text.to_owned());
    assert_eq!(seqs(none.clone(), 2).await, [3, 4], "the newest, oldest first");
    assert_eq!(seqs(AuditFilter { after: Some(0), ..none.clone() }, 2).await, [1, 2]);
    assert_eq!(seqs(AuditFilter { after: Some(2), ..none.clone() }, 9).await, [3, 4]);
    assert_eq!(seqs(AuditFilter { actor: of("ci"), ..none.clone() }, 9).await, [2]);
    assert_eq!(seqs(AuditFilter { action: of("plugin_load"), ..none.clone() }, 9).await, [2]);
    assert_eq!(seqs(AuditFilter { object: of("p1"), actor: of("operator"), ..none.clone() }, 9).await, [1, 4]);
    let found = state.audit(&AuditFilter { actor: of("ci"), ..none }, 1).await.unwrap();
    assert_eq!(found[0].entry.object, "a\\u{1b}[31m\\u{a}\\u{202e}b");
    assert!(state.append_audit(vec![], 0).await.unwrap().is_empty(), "nothing lets nothing go");
    assert_eq!(state.verify_audit(None).await.unwrap().entries, 4);
    state.close().await;
    assert_eq!(state.append_audit(vec![entry("x")], 10).await.unwrap_err().code(), "state_closed");
}
