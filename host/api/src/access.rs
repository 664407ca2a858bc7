//! Tokens, users and their rights.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Rights of a token or user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rights {
    /// Role for the whole host: `viewer`, `operator` or `admin`; null for no role.
    #[serde(default)]
    pub role: Option<String>,
    /// Roles for single plugins, by plugin id.
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// Permissions that plugin endpoints can require.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Scopes that plugin endpoints can require.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Request body of `POST /login`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// Response of `POST /login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The session token, sent as `Authorization: Bearer <token>`. It is returned only once.
    pub token: String,
    /// Expiry of the session, in milliseconds since 1970.
    pub expires_unix_ms: u64,
    /// The user who logged in.
    pub user: LoginUser,
}

/// Request body of `POST /api/session`: a name and a password, or a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The user name; with `password`.
    #[serde(default)]
    pub username: Option<String>,
    /// The password; with `username`.
    #[serde(default)]
    pub password: Option<String>,
    /// A token of this host; without `username` and `password`.
    #[serde(default)]
    pub token: Option<String>,
}

/// Response of `GET /api/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrowserSession {
    /// The caller; null if nobody is signed in.
    pub caller: Option<Me>,
}

/// The user who logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginUser {
    /// The user name.
    pub username: String,
    /// The user's role.
    pub role: Option<String>,
    /// The permissions, as in [`Me`].
    pub permissions: Vec<String>,
}

/// The caller and its rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user name, or the name of the token.
    pub username: String,
    /// The caller's name in revisions, jobs and the audit log.
    pub actor: String,
    /// The role for the whole host.
    pub role: Option<String>,
    /// Roles for single plugins, by plugin id.
    pub grants: BTreeMap<String, String>,
    /// The host permissions of the role (`read`, `write`, `admin`) and the permissions that plugin endpoints can
    /// require.
    pub permissions: Vec<String>,
    /// Scopes that plugin endpoints can require.
    pub scopes: Vec<String>,
    /// Expiry of the token; null if it does not expire.
    pub expires_unix_ms: Option<u64>,
}

/// Request body of `POST /api/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The token's name.
    pub name: String,
    /// The role for the whole host, as in [`Rights`].
    #[serde(default)]
    pub role: Option<String>,
    /// Roles for single plugins, as in [`Rights`].
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// Permissions, as in [`Rights`].
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Scopes, as in [`Rights`].
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Lifetime in seconds; without it the token does not expire.
    #[serde(default)]
    pub expires_seconds: Option<u64>,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// The token's id. It is part of the token and not secret.
    pub id: String,
    /// The token's name; `login:<user>` for a session.
    pub name: String,
    /// The token's rights.
    #[serde(flatten)]
    pub rights: Rights,
    /// The user, if the token is a session.
    pub user: Option<String>,
    /// The caller that created the token.
    pub created_by: String,
    /// Creation time.
    pub created_unix_ms: u64,
    /// Expiry; null if the token does not expire.
    pub expires_unix_ms: Option<u64>,
    /// Time of the last use; null if the token was never used.
    pub last_used_unix_ms: Option<u64>,
    /// Time of the revocation; null if the token was not revoked.
    pub revoked_unix_ms: Option<u64>,
    /// `valid`, `expired` or `revoked`.
    pub state: String,
}

/// Response of `POST /api/tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The whole token. It is returned only once; the host stores a digest.
    pub token: String,
    /// The token without its secret.
    #[serde(flatten)]
    pub made: Token,
    /// Grants for plugins that are not installed. They apply when these plugins are installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Response of `GET /api/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// All tokens, oldest first. Revoked and expired tokens are listed for 30 days.
    pub tokens: Vec<Token>,
}

/// Request body of `POST /api/users`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The role for the whole host, as in [`Rights`].
    #[serde(default)]
    pub role: Option<String>,
    /// Roles for single plugins, as in [`Rights`].
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// Permissions, as in [`Rights`].
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Scopes, as in [`Rights`].
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Request body of `PATCH /api/users/{name}`. Absent fields are left unchanged.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The new role, or `none` to remove it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub role: Option<String>,
    /// The complete new grants.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub grants: Option<BTreeMap<String, String>>,
    /// The complete new permissions.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub permissions: Option<Vec<String>>,
    /// The complete new scopes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
    /// Blocks or allows logins of this user.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false)]
    pub disabled: Option<bool>,
}

/// Reads a value that may be absent, but not null: a caller that writes null expects that the right is removed.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let advice =
        "null has no meaning here; leave the field out to keep it, or remove rights by `\"none\"`, `{}` or `[]`";
    Option::<T>::deserialize(deserializer)?.map(Some).ok_or_else(|| serde::de::Error::custom(advice))
}

/// A user, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The user name.
    pub username: String,
    /// The user's rights.
    #[serde(flatten)]
    pub rights: Rights,
    /// True if the user cannot log in.
    pub disabled: bool,
    /// Creation time.
    pub created_unix_ms: u64,
    /// Time of the last change.
    pub changed_unix_ms: u64,
    /// Number of active sessions.
    pub sessions: usize,
    /// After a change: grants for plugins that are not installed, which apply when these are installed; missing rights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Response of `GET /api/users`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// All users, by name.
    pub users: Vec<User>,
}
