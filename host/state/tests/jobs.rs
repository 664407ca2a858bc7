//! Jobs on disk: over restarts, bounded, and looked through when some of them are damaged.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::path::Path;

use host_core::job::JobState;
use host_state::{Error, FILE_NAME, JobCursor, JobFilter, JobLog, JobRecord, State};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// How many ended jobs these tests keep.
const KEEP: u64 = 3;

fn record(n: u64, state: JobState) -> JobRecord {
    JobRecord {
        id: format!("job_{n:04}"),
        operation: "load".to_owned(),
        plugin: None,
        subject: "/srv/hello".to_owned(),
        actor: "operator".to_owned(),
        reason: None,
        on_conflict: "queue".to_owned(),
        timeout_ms: None,
        state,
        attempt: 1,
        retry_of: None,
        created_unix_ms: 1_000 + n,
        started_unix_ms: None,
        ended_unix_ms: None,
        step: "queue".to_owned(),
        steps: "[]".to_owned(),
        n_lines: 0,
        request: Some("{}".to_owned()),
        outcome: None,
    }
}

fn full(n: u64) -> JobRecord {
    JobRecord {
        plugin: Some("hello".to_owned()),
        reason: Some("because".to_owned()),
        timeout_ms: Some(60_000),
        attempt: 2,
        retry_of: Some("job_0000".to_owned()),
        started_unix_ms: Some(0),
        ended_unix_ms: Some(2_000),
        n_lines: 12,
        request: None,
        outcome: Some(r#"{"done":{}}"#.to_owned()),
        ..record(n, JobState::Done)
    }
}

async fn put(state: &State, record: &JobRecord) {
    let log = record.state.is_ended().then(|| JobLog { first_line: 7, text: format!("{} ended\n", record.id) });
    state.put_job(record.clone(), log, KEEP).await.unwrap();
}

async fn ids(state: &State, filter: &JobFilter, limit: usize, before: Option<&JobCursor>) -> (Vec<String>, bool) {
    let found = state.jobs(filter, limit, before).await.unwrap();
    (found.jobs.into_iter().map(|job| job.id).collect(), found.more)
}

async fn damage(folder: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_job_is_read_as_written_and_updated_with_its_progress() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.job("job_0001").await.unwrap(), None);
    let queued = record(1, JobState::Queued);
    put(&state, &queued).await;
    assert_eq!(state.job(&queued.id).await.unwrap().as_ref(), Some(&queued));
    assert_eq!(state.job_log(&queued.id).await.unwrap(), None);
    put(&state, &full(1)).await;
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.job(&queued.id).await.unwrap(), Some(full(1)));
    let log = JobLog { first_line: 7, text: "job_0001 ended\n".to_owned() };
    assert_eq!(state.job_log(&queued.id).await.unwrap(), Some(log));
}

#[tokio::test]
async fn jobs_that_have_not_ended_are_found_after_a_restart_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    for (n, word) in [(4, JobState::Running), (1, JobState::Queued), (2, JobState::Failed), (3, JobState::Cancelled)] {
        put(&state, &record(n, word)).await;
    }
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    let unfinished = state.unfinished_jobs().await.unwrap();
    assert_eq!(unfinished.jobs, [record(1, JobState::Queued), record(4, JobState::Running)]);
    assert_eq!(unfinished.damaged, Vec::<String>::new());
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    for n in 1..=3 {
        put(&state, &record(n, JobState::Queued)).await;
    }
    // Of the same moment as the one before.
    put(&state, &JobRecord { created_unix_ms: 1_003, ..full(4) }).await;
    put(&state, &JobRecord { operation: "reload".to_owned(), ..record(5, JobState::Failed) }).await;

    let all = JobFilter::default();
    let (page, more) = ids(&state, &all, 2, None).await;
    assert_eq!((page, more), (vec!["job_0005".to_owned(), "job_0004".to_owned()], true));
    let cursor = JobCursor { created_unix_ms: 1_003, id: "job_0004".to_owned() };
    let (page, more) = ids(&state, &all, 3, Some(&cursor)).await;
    assert_eq!((page.concat(), more), ("job_0003job_0002job_0001".to_owned(), false));
    for (filter, expected) in [
        (JobFilter { plugin: Some("hello".to_owned()), ..all.clone() }, "job_0004"),
        (JobFilter { state: Some(JobState::Failed), ..all.clone() }, "job_0005"),
        (JobFilter { operation: Some("reload".to_owned()), ..all.clone() }, "job_0005"),
        (JobFilter { state: Some(JobState::Done), operation: Some("reload".to_owned()), ..all.clone() }, ""),
    ] {
        assert_eq!(
            ids(&state, &filter, 9, None).await,
            (Vec::from_iter((!expected.is_empty()).then(|| expected.to_owned())), false),
            "{filter:?}"
        );
        let taken = |n: JobRecord| filter.takes(n.plugin.as_deref(), n.state, &n.operation);
        assert_eq!(taken(full(4)), expected == "job_0004", "the same without a database: {filter:?}");
    }
}

#[tokio::test]
async fn the_newest_ended_jobs_are_kept_and_others_are_deleted_with_their_logs() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    put(&state, &record(1, JobState::Running)).await;
    for n in 2..=8 {
        put(&state, &record(n, JobState::Failed)).await;
    }
    let (kept, more) = ids(&state, &JobFilter::default(), 100, None).await;
    assert_eq!((kept, more), (["job_0008", "job_0007", "job_0006", "job_0001"].map(str::to_owned).to_vec(), false));
    assert_eq!(state.job_log("job_0005").await.unwrap(), None);
    assert!(state.job_log("job_0006").await.unwrap().is_some());
}

#[tokio::test]
async fn damaged_records_are_named_and_do_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    for n in 1..=3 {
        put(&state, &record(n, JobState::Running)).await;
    }
    put(&state, &record(4, JobState::Failed)).await;
    state.close().await;
    for (column, value) in [
        ("subject", "'/srv/hellp'"),
        ("state", "'runnjng'"),
        ("attempt", "2"),
        ("reason", "''"),
        ("timeout_ms", "0"),
        ("request", "NULL"),
        ("n_lines", "'many'"),
    ] {
        damage(folder.path(), &format!("CREATE TABLE before AS SELECT {column} AS v FROM jobs WHERE id = 'job_0002'"))
            .await;
        damage(folder.path(), &format!("UPDATE jobs SET {column} = {value} WHERE id = 'job_0002'")).await;
        let state = State::open(folder.path()).await.unwrap();
        assert_eq!(state.job("job_0002").await.unwrap_err().code(), "job_damaged", "{column}");
        let all = state.jobs(&JobFilter::default(), 9, None).await.unwrap();
        assert_eq!((all.jobs.len(), all.damaged), (3, vec!["job_0002".to_owned()]), "{column}");
        let unfinished = state.unfinished_jobs().await.unwrap();
        assert_eq!((unfinished.jobs.len(), unfinished.damaged.len()), (2, 1), "{column}");
        state.close().await;
        damage(
            folder.path(),
            &format!("UPDATE jobs SET {column} = (SELECT v FROM before) WHERE id = 'job_0002'; DROP TABLE before"),
        )
        .await;
    }
    damage(folder.path(), "UPDATE job_logs SET text = 'job_0004 endet\n'").await;
    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.job("job_0002").await.unwrap(), Some(record(2, JobState::Running)));
    assert!(matches!(state.job_log("job_0004").await, Err(Error::DamagedJob { id }) if id == "job_0004"));
}
