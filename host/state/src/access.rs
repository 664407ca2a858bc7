//! Tokens, users and what they may do. Of a secret only its digest is kept, of a password what compares it.

mod row;

use host_core::Digest;
use host_core::access::{Name, Rights};
use sqlx::sqlite::SqliteConnection;

use crate::{Error, State};

/// A token, or a user's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// 8 hex digits: a part of the token, and no secret.
    pub id: String,
    /// What it is called; `login:<user>` for a session.
    pub name: String,
    /// The digest of its secret.
    pub secret: Digest,
    /// The user whose session it is.
    pub login: Option<Name>,
    /// What it may do.
    pub rights: Rights,
    /// Who made it.
    pub created_by: String,
    /// When, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// From when on it is not valid.
    pub expires_unix_ms: Option<u64>,
    /// When it was used last, at most a minute late.
    pub last_used_unix_ms: Option<u64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<u64>,
}

/// Somebody with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Their name.
    pub name: Name,
    /// How the password is compared, as a text of whoever compares.
    pub password: String,
    /// What their sessions may do.
    pub rights: Rights,
    /// Whether they may not log in.
    pub disabled: bool,
    /// When they were added, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// When they were changed last.
    pub changed_unix_ms: u64,
}

/// All tokens and users that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The tokens, oldest first.
    pub tokens: Vec<TokenRecord>,
    /// The users, by name.
    pub users: Vec<UserRecord>,
    /// The ids and names of those whose rows are not what was written. They are valid no more.
    pub damaged: Vec<String>,
}

/// One change of tokens and users.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Adds a token, or writes it anew.
    PutToken(TokenRecord),
    /// Notes when tokens were used last; those that are gone or damaged stay so.
    Used(Vec<(String, u64)>),
    /// Takes tokens away.
    RemoveTokens(Vec<String>),
    /// Adds a user, or writes them anew; their sessions end.
    PutUser(UserRecord),
    /// Takes a user away; their sessions end.
    RemoveUser(Name),
}

impl State {
    /// All tokens and users. Damaged ones are no error, but listed.
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

    /// Makes a change, and returns once it is on disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Sql`], [`Error::Closed`]; nothing is changed then.
    ///
    /// # Cancel safety
    /// When the future is dropped, the change is made wholly or not at all.
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
