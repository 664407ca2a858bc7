//! Records of requests with an `Idempotency-Key`.
#![allow(clippy::unwrap_used, reason = "a test that cannot do what it set out to do has failed")]

use host_core::job::JobState;
use host_state::{IdempotentRequestRecord, JobRecord, State};

fn record(key: &str, at: u64) -> IdempotentRequestRecord {
    let (key, request) = (key.to_owned(), "asked".to_owned());
    IdempotentRequestRecord { key, request, created_unix_ms: at, job: None, response: None }
}

fn job(id: &str) -> JobRecord {
    JobRecord {
        id: id.to_owned(),
        operation: "load".to_owned(),
        plugin: None,
        subject: "x".to_owned(),
        actor: "operator".to_owned(),
        reason: None,
        on_conflict: "queue".to_owned(),
        timeout_ms: None,
        state: JobState::Queued,
        attempt: 1,
        retry_of: None,
        created_unix_ms: 5,
        started_unix_ms: None,
        ended_unix_ms: None,
        step: String::new(),
        steps: "[]".to_owned(),
        n_lines: 0,
        request: None,
        outcome: None,
    }
}

#[tokio::test]
async fn a_record_keeps_the_first_job_and_the_response_of_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.idempotent_request("a").await.unwrap(), None);
    state.put_idempotent_request(record("a", 10), 0, 100).await.unwrap();
    state.put_job_of(job("job_1"), "a".to_owned()).await.unwrap();
    state.put_job_of(job("job_2"), "a".to_owned()).await.unwrap();
    state.put_job_of(job("job_3"), "nobody".to_owned()).await.unwrap();
    state.forget_idempotent_request("a").await.unwrap();
    let kept = state.idempotent_request("a").await.unwrap().unwrap();
    assert_eq!(kept.job.as_deref(), Some("job_1"));
    assert!(state.job("job_3").await.unwrap().is_some());
    state
        .put_idempotent_request(IdempotentRequestRecord { response: Some("yes".to_owned()), ..kept }, 0, 100)
        .await
        .unwrap();
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.idempotent_request("a").await.unwrap().unwrap().response.as_deref(), Some("yes"));
    state.put_idempotent_request(record("b", 20), 0, 100).await.unwrap();
    state.forget_idempotent_request("b").await.unwrap();
    assert_eq!(state.idempotent_request("b").await.unwrap(), None);
    state.close().await;
}

#[tokio::test]
async fn the_oldest_records_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    for at in 1..=5 {
        state.put_idempotent_request(record(&at.to_string(), at), 2, 3).await.unwrap();
    }
    let mut left = vec![];
    for at in 1..=5 {
        left.extend(state.idempotent_request(&at.to_string()).await.unwrap().map(|record| record.created_unix_ms));
    }
    assert_eq!(left, [3, 4, 5]);
    state.close().await;
}
