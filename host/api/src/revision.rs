//! The history of desired states.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/revisions` and `GET /api/plugins/:id/revisions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    /// The revisions, newest first.
    pub revisions: Vec<Revision>,
    /// Value of `before` for the next page; null on the last page.
    pub next: Option<u64>,
}

/// A revision: one change of a plugin's desired state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Number of the revision, counted across all plugins.
    pub number: u64,
    /// The plugin's id.
    pub plugin: String,
    /// Time of the change.
    pub at_unix_ms: u64,
    /// The caller that requested the change, such as `operator`, `host` or `command line`.
    pub actor: String,
    /// The operation, such as `load` or `disable`.
    pub operation: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// The goal: `installed`, `running`, `stopped`, `disabled` or `absent`; null if the plugin was removed.
    pub goal: Option<String>,
    /// The desired version; null if the plugin was removed.
    pub version: Option<String>,
    /// Differences from the plugin's previous revision.
    pub changes: Vec<RevisionChange>,
    /// The complete desired state with secrets masked, if a single revision was requested; null if the plugin was
    /// removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Map<String, Value>>,
}

/// A difference between two revisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionChange {
    /// JSON pointer into the desired state.
    pub pointer: String,
    /// The old value; absent if there was none. Null is a value.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// The new value; absent if there is none. Null is a value.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// Response of `GET /api/plugins/:id/revisions/:n/diff`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDiff {
    /// The plugin's id.
    pub plugin: String,
    /// The earlier revision; null if the later one is the plugin's first revision.
    pub from: Option<u64>,
    /// The later revision.
    pub to: u64,
    /// Differences of the later revision from the earlier one.
    pub changes: Vec<RevisionChange>,
}

/// Response of `GET /api/plugins?at=`: the desired state at that time. The actual state may have differed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastPlugins {
    /// The requested time.
    pub at_unix_ms: u64,
    /// Number of plugins.
    pub count: usize,
    /// The plugins, by id.
    pub plugins: BTreeMap<String, PastPlugin>,
    /// Plugins whose desired state at that time cannot be read because it is damaged on disk.
    pub damaged: Vec<String>,
}

/// Response of `GET /api/plugins/:id?at=`: the desired state of a plugin at that time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastPlugin {
    /// The plugin's id.
    pub id: String,
    /// The goal: `installed`, `running`, `stopped`, `disabled` or `absent`.
    pub goal: String,
    /// The version.
    pub version: String,
    /// The source.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The artifact's digest.
    pub artifact: String,
    /// The operator configuration, with secrets masked.
    pub configuration: Map<String, Value>,
    /// The revision that set this state.
    pub revision: u64,
    /// Time of that revision.
    pub since_unix_ms: u64,
}

/// Reads null as a value instead of as an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_and_absent_values_are_distinguished() {
        for change in [json!({"pointer": "/a", "before": null}), json!({"pointer": "/a", "after": 1})] {
            let read: RevisionChange = serde_json::from_value(change.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), change);
        }
    }
}
