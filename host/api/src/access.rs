//! Tokens, users, and what they may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rights {
    /// `viewer`, `operator` or `admin`, everywhere; null for none.
    #[serde(default)]
    pub role: Option<String>,
    /// A role for single plugins.
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// Words that endpoints ask for as `permissions`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Words that endpoints ask for as `scopes`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// The body of `POST /login`.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// What a login gives.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// To be sent as `Authorization: Bearer <token>`. Told once.
    pub token: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_unix_ms: u64,
    /// Who logged in.
    pub user: LoginUser,
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginUser {
    /// The name.
    pub username: String,
    /// Their role.
    pub role: Option<String>,
    /// As in [`Me`].
    pub permissions: Vec<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user, or what the token is called.
    pub username: String,
    /// What they are called in revisions, jobs and the audit log.
    pub actor: String,
    /// Their role.
    pub role: Option<String>,
    /// A role for single plugins.
    pub grants: BTreeMap<String, String>,
    /// What the role lets them do with the host, `read`, `write` and `admin`, and the words that endpoints ask for.
    pub permissions: Vec<String>,
    /// Words that endpoints ask for as `scopes`.
    pub scopes: Vec<String>,
    /// When the token expires; null for never.
    pub expires_unix_ms: Option<u64>,
}

/// The body of `POST /api/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// What it may do.
    #[serde(default)]
    pub role: Option<String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub permissions: Vec<String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long it is valid; for ever when absent.
    #[serde(default)]
    pub expires_seconds: Option<u64>,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id: a part of the token, and no secret.
    pub id: String,
    /// What it is called; `login:<user>` for a session.
    pub name: String,
    /// What it may do.
    #[serde(flatten)]
    pub rights: Rights,
    /// The user whose session it is.
    pub user: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_unix_ms: u64,
    /// When it expires; null for never.
    pub expires_unix_ms: Option<u64>,
    /// When it was used last; null for never.
    pub last_used_unix_ms: Option<u64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<u64>,
    /// `valid`, `expired` or `revoked`.
    pub state: String,
}

/// The answer of `POST /api/tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// The whole token. Told once; the host keeps a digest only.
    pub token: String,
    /// What it is.
    #[serde(flatten)]
    pub made: Token,
}

/// The answer of `GET /api/tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// All, oldest first; those that were revoked or have expired for 30 days.
    pub tokens: Vec<Token>,
}

/// The body of `POST /api/users`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// What they may do.
    #[serde(default)]
    pub role: Option<String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub grants: BTreeMap<String, String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub permissions: Vec<String>,
    /// As in [`Rights`].
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// The body of `PATCH /api/users/{name}`: what is absent stays.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// A new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A role, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// All grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<BTreeMap<String, String>>,
    /// All permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// All scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Whether they may not log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A user, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The name.
    pub username: String,
    /// What they may do.
    #[serde(flatten)]
    pub rights: Rights,
    /// Whether they may not log in.
    pub disabled: bool,
    /// When they were added.
    pub created_unix_ms: u64,
    /// When they were changed last.
    pub changed_unix_ms: u64,
    /// How many sessions they have.
    pub sessions: usize,
}

/// The answer of `GET /api/users`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// All, by name.
    pub users: Vec<User>,
}
