//! Tokens and users as rows, with checksums.

use std::collections::BTreeMap;

use host_core::access::Rights;
use host_core::{Digest, DigestWriter};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{TokenRecord, UserRecord};

/// All columns, in the order in which they are bound.
pub(super) const TOKEN: &str = "id, name, secret, login, rights, created_by, created_unix_ms, expires_unix_ms,
    last_used_unix_ms, revoked_unix_ms, checksum";
pub(super) const USER: &str = "name, password, rights, disabled, created_unix_ms, changed_unix_ms, checksum";

/// Rights in their stored form.
#[derive(Serialize, Deserialize)]
struct Document {
    role: Option<String>,
    grants: BTreeMap<String, String>,
    permissions: Vec<String>,
    scopes: Vec<String>,
}

pub(super) async fn put_token(connection: &mut SqliteConnection, token: TokenRecord) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO tokens ({TOKEN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, secret = excluded.secret, login = excluded.login,
         rights = excluded.rights, created_by = excluded.created_by, created_unix_ms = excluded.created_unix_ms,
         expires_unix_ms = excluded.expires_unix_ms, last_used_unix_ms = excluded.last_used_unix_ms,
         revoked_unix_ms = excluded.revoked_unix_ms, checksum = excluded.checksum"
    );
    let rights = write(&token.rights);
    let checksum = token_checksum(&token, &rights);
    let written = sqlx::query(&sql)
        .bind(token.id)
        .bind(token.name)
        .bind(token.secret.hex())
        .bind(token.login.map(|login| login.to_string()).unwrap_or_default())
        .bind(rights)
        .bind(token.created_by)
        .bind(signed(token.created_unix_ms))
        .bind(token.expires_unix_ms.map(signed))
        .bind(token.last_used_unix_ms.map(signed))
        .bind(token.revoked_unix_ms.map(signed))
        .bind(checksum)
        .execute(connection)
        .await;
    written.map(drop)
}

pub(super) async fn put_user(connection: &mut SqliteConnection, user: UserRecord) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO users ({USER}) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO UPDATE SET password = excluded.password, rights = excluded.rights,
         disabled = excluded.disabled, created_unix_ms = excluded.created_unix_ms,
         changed_unix_ms = excluded.changed_unix_ms, checksum = excluded.checksum"
    );
    let rights = write(&user.rights);
    let checksum = user_checksum(&user, &rights);
    let written = sqlx::query(&sql)
        .bind(user.name.to_string())
        .bind(user.password)
        .bind(rights)
        .bind(i64::from(user.disabled))
        .bind(signed(user.created_unix_ms))
        .bind(signed(user.changed_unix_ms))
        .bind(checksum)
        .execute(connection)
        .await;
    written.map(drop)
}

/// Reads a token from a row; `None` if it is damaged.
pub(super) fn token(row: &SqliteRow) -> Option<TokenRecord> {
    let text = |column: &str| row.try_get::<String, _>(column).ok();
    let optional = |column: &str| Some(row.try_get::<Option<i64>, _>(column).ok()?.map(i64::unsigned_abs));
    let (login, rights) = (text("login")?, text("rights")?);
    let token = TokenRecord {
        id: text("id")?,
        name: text("name")?,
        secret: text("secret")?.parse().ok()?,
        login: if login.is_empty() { None } else { Some(login.parse().ok()?) },
        rights: read(&rights)?,
        created_by: text("created_by")?,
        created_unix_ms: row.try_get::<i64, _>("created_unix_ms").ok()?.unsigned_abs(),
        expires_unix_ms: optional("expires_unix_ms")?,
        last_used_unix_ms: optional("last_used_unix_ms")?,
        revoked_unix_ms: optional("revoked_unix_ms")?,
    };
    (text("checksum")? == token_checksum(&token, &rights)).then_some(token)
}

/// Reads a user from a row; `None` if it is damaged.
pub(super) fn user(row: &SqliteRow) -> Option<UserRecord> {
    let text = |column: &str| row.try_get::<String, _>(column).ok();
    let number = |column: &str| Some(row.try_get::<i64, _>(column).ok()?.unsigned_abs());
    let rights = text("rights")?;
    let user = UserRecord {
        name: text("name")?.parse().ok()?,
        password: text("password")?,
        rights: read(&rights)?,
        disabled: number("disabled")? != 0,
        created_unix_ms: number("created_unix_ms")?,
        changed_unix_ms: number("changed_unix_ms")?,
    };
    (text("checksum")? == user_checksum(&user, &rights)).then_some(user)
}

/// The name of a damaged row for the operator; the name may be damaged itself.
pub(super) fn key(row: &SqliteRow, column: &str) -> String {
    let key = row.try_get::<String, _>(column).unwrap_or_default();
    host_core::shown(&key, 64)
}

fn write(rights: &Rights) -> String {
    let document = Document {
        role: rights.role.map(|role| role.to_string()),
        grants: rights.grants.iter().map(|(plugin, role)| (plugin.to_string(), role.to_string())).collect(),
        permissions: rights.permissions.iter().map(ToString::to_string).collect(),
        scopes: rights.scopes.iter().map(ToString::to_string).collect(),
    };
    serde_json::to_string(&document).expect("texts and lists of them serialize")
}

fn read(text: &str) -> Option<Rights> {
    let document: Document = serde_json::from_str(text).ok()?;
    let grants = document.grants.iter().map(|(plugin, role)| Some((plugin.parse().ok()?, role.parse().ok()?)));
    Some(Rights {
        role: document.role.map(|role| role.parse()).transpose().ok()?,
        grants: grants.collect::<Option<_>>()?,
        permissions: document.permissions.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?,
        scopes: document.scopes.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?,
    })
}

fn token_checksum(token: &TokenRecord, written: &str) -> String {
    // All fields by name, so that a new field cannot be forgotten here.
    let TokenRecord {
        id,
        name,
        secret,
        login,
        rights: _,
        created_by,
        created_unix_ms,
        expires_unix_ms,
        last_used_unix_ms,
        revoked_unix_ms,
    } = token;
    let mut writer = DigestWriter::new();
    let login = login.as_ref().map(ToString::to_string).unwrap_or_default();
    for text in [id, name, &secret.hex(), &login, written, created_by] {
        writer.field(text.as_bytes());
    }
    writer.field(&created_unix_ms.to_le_bytes());
    for number in [expires_unix_ms, last_used_unix_ms, revoked_unix_ms] {
        // A missing value differs from zero.
        writer.field(&[u8::from(number.is_some())]).field(&number.unwrap_or_default().to_le_bytes());
    }
    hex(writer.finish())
}

fn user_checksum(user: &UserRecord, written: &str) -> String {
    let UserRecord { name, password, rights: _, disabled, created_unix_ms, changed_unix_ms } = user;
    let mut writer = DigestWriter::new();
    for text in [name.as_str(), password, written] {
        writer.field(text.as_bytes());
    }
    writer.field(&[u8::from(*disabled)]);
    writer.field(&created_unix_ms.to_le_bytes()).field(&changed_unix_ms.to_le_bytes());
    hex(writer.finish())
}

fn hex(digest: Digest) -> String {
    let mut hex = digest.hex();
    hex.truncate(32);
    hex
}

/// SQL numbers are signed; the counts here never reach the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
