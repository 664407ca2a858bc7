//! What was asked for, when and by whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `GET /api/plugins/revisions` and `/api/plugins/:id/revisions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    /// The newest first.
    pub revisions: Vec<Revision>,
    /// What to pass as `before` to have the next ones; null when there are none.
    pub next: Option<u64>,
}

/// One change of what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Counts up over all plugins.
    pub number: u64,
    /// The plugin.
    pub plugin: String,
    /// When.
    pub at_unix_ms: u64,
    /// Who asked: `operator`, `host`, `command line`.
    pub actor: String,
    /// For what: `load`, `disable`, …
    pub operation: String,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// `installed`, `running`, `stopped`, `disabled` or `absent`; null when the plugin was gone.
    pub goal: Option<String>,
    /// The version that was asked for; null when the plugin was gone.
    pub version: Option<String>,
    /// What is different from the plugin's revision before.
    pub changes: Vec<Change>,
    /// All that was asked for, with secrets masked, where one revision was asked for; null when the plugin was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Map<String, Value>>,
}

/// One difference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Where, as a JSON pointer into what is asked for.
    pub pointer: String,
    /// What was there; absent when there was nothing, which null is not.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// What is there from then on; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// `GET /api/plugins/:id/revisions/:n/diff`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDiff {
    /// The plugin.
    pub plugin: String,
    /// The earlier revision; null when the later one is the plugin's first.
    pub from: Option<u64>,
    /// The later revision.
    pub to: u64,
    /// What is different in the later one.
    pub changes: Vec<Change>,
}

/// `GET /api/plugins?at=`: what was asked for at that moment, which need not have been true.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedPlugins {
    /// The moment.
    pub at_unix_ms: u64,
    /// How many there were.
    pub count: usize,
    /// By id.
    pub plugins: BTreeMap<String, AskedPlugin>,
    /// The plugins of which it is not known, because that is damaged on disk.
    pub damaged: Vec<String>,
}

/// `GET /api/plugins/:id?at=`: what was asked for of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedPlugin {
    /// The id.
    pub id: String,
    /// `installed`, `running`, `stopped`, `disabled` or `absent`.
    pub goal: String,
    /// The version.
    pub version: String,
    /// Where it came from.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The artifact's digest.
    pub artifact: String,
    /// What the operator had set, with secrets masked.
    pub configuration: Map<String, Value>,
    /// The revision with which that was asked for.
    pub revision: u64,
    /// When.
    pub since_unix_ms: u64,
}

/// Null is a value, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_is_told_from_nothing() {
        for change in [json!({"pointer": "/a", "before": null}), json!({"pointer": "/a", "after": 1})] {
            let read: Change = serde_json::from_value(change.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), change);
        }
    }
}
