//! Tokens and users with their rights. Only digests of tokens and hashes of passwords are stored.

mod row;

use host_core::Digest;
use host_core::access::{Name, Rights};
use sqlx::sqlite::SqliteConnection;

use crate::{Error, State};

/// A token, or a user's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// 8 hex digits: a part of the token that is not secret.
    pub id: String,
    /// The name; `login:<user>` for a session.
    pub name: String,
    /// The digest of its secret.
    pub secret: Digest,
    /// The user of a session.
    pub login: Option<Name>,
    /// The rights.
    pub rights: Rights,
    /// The actor who created it.
    pub created_by: String,
    /// The time of creation, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The time of expiry.
    pub expires_unix_ms: Option<u64>,
    /// The time of the last use, at most a minute late.
    pub last_used_unix_ms: Option<u64>,
    /// The time of the revocation.
    pub revoked_unix_ms: Option<u64>,
}

/// A user, who logs in with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The name of the user.
    pub name: Name,
    /// The password hash (PHC string).
    pub password: String,
    /// The rights of the user's sessions.
    pub rights: Rights,
    /// Whether logins are disabled.
    pub disabled: bool,
    /// The time of creation, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The time of the last change.
    pub changed_unix_ms: u64,
}

/// All tokens and users that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The tokens, oldest first.
    pub tokens: Vec<TokenRecord>,
    /// The users, by name.
    pub users: Vec<UserRecord>,
    /// The ids and names with damaged rows. They are not valid.
    pub damaged: Vec<String>,
}

/// One change of tokens and users.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Adds or replaces a token.
    PutToken(TokenRecord),
    /// Records when tokens were last used; deleted or damaged tokens are skipped.
    Used(Vec<(String, u64)>),
    /// Removes tokens.
    RemoveTokens(Vec<String>),
    /// Adds or replaces a user, whose sessions end.
    PutUser(UserRecord),
    /// Removes a user, whose sessions end.
    RemoveUser(Name),
}

impl State {
    /// Reads all tokens and users. Damaged ones are listed and are not an error.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Closed`].
    pub async fn accounts(&self) -> Result<Accounts, Error> {
        let tokens = format!("SELECT {} FROM tokens ORDER BY created_unix_ms, id", row::TOKEN);
        let tokens = sqlx::query(&tokens).fetch_all(self.readers()).await.map_err(reading)?;
        let users = format!("SELECT {} FROM users ORDER BY name", row::USER);
        let users = sqlx::query(&users).fetch_all(self.readers()).await.map_err(reading)?;
        let mut accounts = Accounts::default();
        for row in &tokens {
            match row::token(row) {
                Some(token) => accounts.tokens.push(token),
                None => accounts.damaged.push(row::key(row, "id")),
            }
        }
        for row in &users {
            match row::user(row) {
                Some(user) => accounts.users.push(user),
                None => accounts.damaged.push(row::key(row, "name")),
            }
        }
        Ok(accounts)
    }

    /// Makes a change and returns when it is on disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Sql`], [`Error::Closed`]; nothing is changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, the change is made completely or not at all.
    pub async fn change_account(&self, change: AccountChange) -> Result<(), Error> {
        self.change(move |connection| Box::pin(async move { make(connection, change).await.map_err(writing) })).await
    }
}

async fn make(connection: &mut SqliteConnection, change: AccountChange) -> Result<(), sqlx::Error> {
    match change {
        AccountChange::PutToken(token) => row::put_token(connection, token).await,
        AccountChange::Used(used) => {
            let sql = format!("SELECT {} FROM tokens WHERE id = $1", row::TOKEN);
            for (id, at_unix_ms) in used {
                let row = sqlx::query(&sql).bind(id).fetch_optional(&mut *connection).await?;
                if let Some(token) = row.as_ref().and_then(row::token) {
                    let token = TokenRecord { last_used_unix_ms: Some(at_unix_ms), ..token };
                    row::put_token(connection, token).await?;
                }
            }
            Ok(())
        }
        AccountChange::RemoveTokens(ids) => {
            for id in ids {
                sqlx::query("DELETE FROM tokens WHERE id = $1").bind(id).execute(&mut *connection).await?;
            }
            Ok(())
        }
        AccountChange::PutUser(user) => {
            end_sessions(connection, &user.name).await?;
            row::put_user(connection, user).await
        }
        AccountChange::RemoveUser(name) => {
            end_sessions(connection, &name).await?;
            sqlx::query("DELETE FROM users WHERE name = $1").bind(name.as_str()).execute(connection).await.map(drop)
        }
    }
}

async fn end_sessions(connection: &mut SqliteConnection, user: &Name) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM tokens WHERE login = $1").bind(user.as_str()).execute(connection).await.map(drop)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read tokens and users", error)
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("write tokens and users", error)
}
