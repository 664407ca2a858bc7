//! Which files are opened, and that those which are refused are left as they are.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may end by a panic and writes the files it needs"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use host_state::{Condition, Error, FILE_NAME, Limits, State};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

async fn refused(folder: &Path) -> Error {
    let path = folder.join(FILE_NAME);
    let before = fs::read(&path).unwrap();
    let error = State::open(folder).await.unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), before, "a refused file was changed");
    assert!(error.to_string().contains(FILE_NAME), "{error}");
    error
}

async fn run(folder: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.join(FILE_NAME)).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A state with some pages, closed.
async fn filled(folder: &Path) {
    let state = State::open(folder).await.unwrap();
    for n in 0..100 {
        let put = state.kv(Limits::default());
        put.put(&"one".parse().unwrap(), &n.to_string(), vec![n; 2000], Condition::Always).await.unwrap();
    }
    state.close().await;
}

#[tokio::test]
async fn the_files_are_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    fs::set_permissions(folder.path().join(FILE_NAME), fs::Permissions::from_mode(0o644)).unwrap();
    let state = State::open(folder.path()).await.unwrap();
    state.kv(Limits::default()).put(&"one".parse().unwrap(), "a", vec![], Condition::Always).await.unwrap();
    let mut found = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        found += 1;
    }
    assert_eq!(found, 3, "the database, its log and the index of the log");
}

#[tokio::test]
async fn files_that_are_not_databases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), "remember the milk\n".repeat(100)).unwrap();
    assert_eq!(refused(folder.path()).await.code(), "state_corrupt");
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    let good = fs::read(&path).unwrap();
    for damage in [|bytes: &mut Vec<u8>| bytes.truncate(50_000), |bytes: &mut Vec<u8>| bytes[8192..60_000].fill(0x55)] {
        let mut bytes = good.clone();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert_eq!(refused(folder.path()).await.code(), "state_corrupt");
    }
    fs::write(&path, good).unwrap();
    State::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    run(folder.path(), "INSERT INTO migrations VALUES (9000, 'later')").await;
    let error = refused(folder.path()).await;
    assert_eq!(error.code(), "state_newer");
    assert!(error.to_string().contains("schema 9000, but this host supports schemas up to "), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "CREATE TABLE kv (mine TEXT)").await;
    assert_eq!(refused(folder.path()).await.code(), "state_foreign");
}

#[tokio::test]
async fn a_link_or_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    symlink("/etc/hostname", &path).unwrap();
    assert_eq!(State::open(folder.path()).await.unwrap_err().code(), "state_not_a_file");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(State::open(folder.path()).await.unwrap_err().code(), "state_not_a_file");
    assert_eq!(State::open(&folder.path().join("none")).await.unwrap_err().code(), "state_io");
}

#[tokio::test]
async fn an_empty_file_is_what_a_host_leaves_that_ended_before_its_first_commit() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), "").unwrap();
    State::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_host_that_changes_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    let before = fs::read(&path).unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let log = fs::metadata(folder.path().join(format!("{FILE_NAME}-wal"))).map_or(0, |log| log.len());
    assert_eq!(log, 0, "nothing waits to be written");
    state.close().await;
    assert_eq!(fs::read(&path).unwrap(), before);
}
