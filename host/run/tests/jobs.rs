//! Jobs across several host processes, with operations that need no build.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::time::Duration;

use host_build::Builder;
use host_core::Source;
use host_run::{Config, Host, Initiator, JobFilter, JobRecord, JobState, OnConflict, Operation, Trust};
use host_state::{FILE_NAME, JobLog, Sealer, State};
use host_store::Store;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

fn store(folder: &TempDir) -> Store {
    let config = host_store::Config {
        plugin_dir: folder.path().join("plugins"),
        cache_dir: folder.path().join("cache"),
        limits: Default::default(),
    };
    Store::open(config).unwrap()
}

/// Starts a host on the data of a folder.
async fn host(folder: &TempDir) -> Host {
    let store = store(folder);
    let environment = std::env::vars().filter(|(name, _)| name == "PATH" || name.starts_with("RUSTUP")).collect();
    let builder = Builder::new(store.clone(), host_build::Config { environment, ..Default::default() }).await.unwrap();
    let state = State::open(store.plugin_dir()).await.unwrap();
    Host::new(Config::new(semver::Version::new(0, 1, 0)), store, state, builder).unwrap()
}

async fn end(host: Host) {
    host.shutdown(Duration::from_secs(5)).await;
}

/// A load of a folder that does not exist.
fn nowhere() -> Operation {
    let source = Source::Folder("/nowhere".into());
    Operation::Load { source, trust: Trust::CommandLine, options: Default::default() }
}

/// The record that a killed host leaves of such a load.
fn left(n: u64, attempt: u64) -> JobRecord {
    JobRecord {
        id: format!("job_{n:016}"),
        operation: "load".to_owned(),
        plugin: None,
        subject: "/nowhere".to_owned(),
        actor: "operator".to_owned(),
        reason: Some("because".to_owned()),
        on_conflict: "replace".to_owned(),
        timeout_ms: Some(60_000),
        state: JobState::Running,
        attempt,
        retry_of: None,
        created_unix_ms: 1_000 + n,
        started_unix_ms: Some(2_000),
        ended_unix_ms: None,
        step: "build".to_owned(),
        steps: "[]".to_owned(),
        n_lines: 1,
        request: Some(
            r#"{"operation":"load","source":{"folder":"/nowhere"},"trust":"command_line","options":{"configuration":null,"start":true,"if_changed":false}}"#
                .to_owned(),
        ),
        outcome: None,
    }
}

/// Stores jobs with sealed requests, as a host does.
async fn leave(folder: &TempDir, records: &[JobRecord]) {
    let store = store(folder);
    let sealer = Sealer::new(store.seal_key().unwrap());
    let state = State::open(store.plugin_dir()).await.unwrap();
    for record in records {
        let seal = |request: &String| sealer.seal(&format!("request of {}", record.id), request.as_bytes()).unwrap();
        let record = JobRecord { request: record.request.as_ref().map(seal), ..record.clone() };
        let log = JobLog { first_line: 3, text: "fetching /nowhere\n".to_owned() };
        state.put_job(record, Some(log), 100).await.unwrap();
    }
    state.close().await;
}

#[tokio::test]
async fn an_accepted_job_and_its_end_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let first = host(&folder).await;
    let initiator = Initiator { reason: Some("because".to_owned()), ..Initiator::new("operator") };
    let job = first.submit(nowhere(), initiator).await.unwrap();
    assert_eq!(job.wait().await.unwrap_err().code(), "fetch_nothing_there");
    let seen = job.view();
    assert_eq!(seen.state, JobState::Failed);
    end(first).await;

    let second = host(&folder).await;
    assert_eq!(second.job(job.id()).await.unwrap(), seen);
    assert!(second.unfinished_jobs().await.unwrap().is_empty());
    let again = second.retry(job.id(), Initiator::new("operator")).await.unwrap();
    assert_eq!(again.wait().await.unwrap_err().code(), "fetch_nothing_there");
    assert_eq!(again.view().retry_of.as_deref(), Some(job.id()));
    end(second).await;
}

#[tokio::test]
async fn an_unfinished_job_is_resumed_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    leave(&folder, &[left(1, 1)]).await;
    let next = host(&folder).await;
    let mut unfinished = next.unfinished_jobs().await.unwrap();
    let (record, operation, initiator) = unfinished.remove(0);
    assert_eq!((&record.id, format!("{operation:?}")), (&left(1, 1).id, format!("{:?}", nowhere())));
    assert_eq!((initiator.on_conflict, initiator.timeout), (OnConflict::Replace, Some(Duration::from_secs(60))));

    let job = next.resume(record.clone()).await.unwrap();
    assert_eq!((job.id(), job.view().attempt), (&*record.id, 2));
    assert!(job.wait().await.is_err());
    let lines = next.job_lines(&record.id, 0).await.unwrap();
    let lines: Vec<_> = lines.iter().map(|line| format!("{} {}", line.number, line.message)).collect();
    let expected =
        ["3 fetching /nowhere", "4 the host stopped during attempt 1; this is attempt 2", "5 fetching /nowhere"];
    assert_eq!(lines, expected);
    assert!(next.unfinished_jobs().await.unwrap().is_empty());
    end(next).await;
}

#[tokio::test]
async fn a_job_that_cannot_be_resumed_ends_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let strange = JobRecord { request: Some(r#"{"operation":"explode"}"#.to_owned()), ..left(2, 1) };
    leave(&folder, &[left(1, 3), strange, left(3, 1), left(4, 2)]).await;
    let path = folder.path().join("plugins").join(FILE_NAME);
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    let damage = format!("UPDATE jobs SET subject = '/elsewhere' WHERE id = '{}'", left(3, 1).id);
    sqlx::raw_sql(&damage).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let next = host(&folder).await;
    let unfinished = next.unfinished_jobs().await.unwrap();
    assert_eq!(unfinished.iter().map(|(record, ..)| record.id.clone()).collect::<Vec<_>>(), [left(4, 2).id]);
    for (n, code) in [(1, "job_interrupted"), (2, "job_unreadable"), (3, "job_unreadable")] {
        let view = next.job(&left(n, 0).id).await.unwrap();
        assert_eq!((view.state, view.result.unwrap().unwrap_err().code.as_str()), (JobState::Failed, code), "{n}");
    }
    assert_eq!(next.retry(&left(2, 1).id, Initiator::new("operator")).await.err().unwrap().code(), "job_unreadable");
    assert_eq!(next.retry(&left(3, 1).id, Initiator::new("operator")).await.err().unwrap().code(), "job_not_retryable");

    // A job that was not resumed can still be cancelled.
    let cancelled = next.cancel_job(&left(4, 2).id).await.unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(next.cancel_job(&left(4, 2).id).await.unwrap_err().code(), "job_ended");
    let all = next.jobs(&JobFilter::default(), 10, None).await.unwrap();
    assert_eq!((all.jobs.len(), all.next), (4, None));
    end(next).await;
}

#[tokio::test]
async fn a_stopping_host_refuses_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder).await;
    host.begin_shutdown();
    let refused = host.submit(nowhere(), Initiator::new("operator")).await.err().unwrap();
    assert_eq!(refused.code(), "run_shutting_down");
    assert_eq!(host.jobs(&JobFilter::default(), 10, None).await.unwrap().jobs, []);
    end(host).await;
}
