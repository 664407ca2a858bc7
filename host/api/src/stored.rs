//! The data that plugins have stored in their key-value stores.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/:id/kv`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredKeys {
    /// The keys, in the order of their bytes.
    pub keys: Vec<StoredKey>,
    /// Value of `after` for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A key in the key-value store of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredKey {
    /// The key.
    pub key: String,
    /// The size of its value in bytes.
    pub bytes: u64,
    /// The version of its value, which increases with each change.
    pub version: u64,
}

/// Response of `GET /api/plugins/:id/kv/:key`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredValue {
    /// The key and the size of its value.
    #[serde(flatten)]
    pub stored: StoredKey,
    /// The value, if it is UTF-8 text; otherwise null.
    pub text: Option<String>,
    /// The value in base64, if it is not UTF-8 text; otherwise null.
    pub base64: Option<String>,
}
