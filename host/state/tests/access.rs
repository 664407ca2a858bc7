//! Tokens and users, as they are kept.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use host_core::access::Rights;
use host_core::{Digest, Role};
use host_state::{AccountChange, Accounts, FILE_NAME, State, TokenRecord, UserRecord};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

fn rights() -> Rights {
    Rights {
        role: Some(Role::Viewer),
        grants: [("hello".parse().unwrap(), Role::Operator)].into(),
        permissions: ["orders.read".parse().unwrap()].into(),
        scopes: ["cats".parse().unwrap(), "dogs".parse().unwrap()].into(),
    }
}

fn token(id: &str, login: Option<&str>) -> TokenRecord {
    TokenRecord {
        id: id.to_owned(),
        name: "ci".to_owned(),
        secret: Digest::compute(id.as_bytes()),
        login: login.map(|login| login.parse().unwrap()),
        rights: rights(),
        created_by: "operator".to_owned(),
        created_unix_ms: 1_000,
        expires_unix_ms: Some(2_000),
        last_used_unix_ms: None,
        revoked_unix_ms: None,
    }
}

fn user(name: &str) -> UserRecord {
    UserRecord {
        name: name.parse().unwrap(),
        password: "argon2id,…".to_owned(),
        rights: Rights::default(),
        disabled: false,
        created_unix_ms: 1,
        changed_unix_ms: 2,
    }
}

async fn open(folder: &TempDir) -> State {
    State::open(folder.path()).await.unwrap()
}

async fn run(folder: &TempDir, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn accounts_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder).await;
    let (first, second) = (token("00000001", None), token("00000002", None));
    for change in [
        AccountChange::PutToken(first.clone()),
        AccountChange::PutToken(second.clone()),
        AccountChange::PutUser(user("zoe")),
        AccountChange::Used(vec![("00000001".to_owned(), 1_500), ("gone".to_owned(), 1)]),
        AccountChange::PutToken(TokenRecord { revoked_unix_ms: Some(1_700), ..second.clone() }),
    ] {
        state.change_account(change).await.unwrap();
    }
    state.close().await;
    let state = open(&folder).await;
    let first = TokenRecord { last_used_unix_ms: Some(1_500), ..first };
    let second = TokenRecord { revoked_unix_ms: Some(1_700), ..second };
    let expected = Accounts { tokens: vec![first, second], users: vec![user("zoe")], damaged: vec![] };
    assert_eq!(state.accounts().await.unwrap(), expected);
    state.change_account(AccountChange::RemoveTokens(vec!["00000001".to_owned()])).await.unwrap();
    assert_eq!(state.accounts().await.unwrap().tokens.len(), 1);
    state.close().await;
}

#[tokio::test]
async fn the_sessions_of_a_user_end_with_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder).await;
    for change in [AccountChange::PutUser(user("zoe")), AccountChange::RemoveUser("zoe".parse().unwrap())] {
        for (id, login) in [("00000001", Some("zoe")), ("00000002", Some("max")), ("00000003", None)] {
            state.change_account(AccountChange::PutToken(token(id, login))).await.unwrap();
        }
        state.change_account(change).await.unwrap();
        let left = state.accounts().await.unwrap().tokens;
        assert_eq!(left.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["00000002", "00000003"]);
    }
    assert_eq!(state.accounts().await.unwrap().users, []);
    state.close().await;
}

#[tokio::test]
async fn a_record_with_tampered_rights_is_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder).await;
    state.change_account(AccountChange::PutToken(token("00000001", None))).await.unwrap();
    state.change_account(AccountChange::PutUser(user("zoe"))).await.unwrap();
    state.close().await;
    for sql in [
        "UPDATE tokens SET rights = replace(rights, 'viewer', 'admin')",
        "UPDATE tokens SET expires_unix_ms = NULL",
        "UPDATE tokens SET secret = replace(secret, substr(secret, 1, 1), 'z')",
        "UPDATE users SET rights = '{\"role\":\"admin\",\"grants\":{},\"permissions\":[],\"scopes\":[]}'",
        "UPDATE users SET disabled = 1",
    ] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join(FILE_NAME), copy.path().join(FILE_NAME)).unwrap();
        run(&copy, sql).await;
        let state = open(&copy).await;
        let accounts = state.accounts().await.unwrap();
        let damaged = if sql.contains("users") { "zoe" } else { "00000001" };
        assert_eq!(
            (accounts.tokens.len() + accounts.users.len(), accounts.damaged),
            (1, vec![damaged.to_owned()]),
            "{sql}"
        );
        state.close().await;
    }
}
