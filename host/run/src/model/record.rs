//! An operation as JSON, so that a host that resumes its job knows the request.
//!
//! [`Record`] mirrors [`Operation`]; the compiler reports a difference. A field that is added later needs
//! `#[serde(default)]`, so that the records of earlier hosts can still be read.

mod source;
mod target;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;

use host_core::tag::TagPattern;
use host_core::update::UpdatePolicy;
use host_core::{Digest, Revision, Source, Trust};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{LoadOptions, Operation, SettingsChange, Target};
use source::{SourceRecord, TrustRecord};
use values::{digest, digest_if_any, policy, policy_if_any, revision, tags, version, versions_if_any};

type Configuration = serde_json::Map<String, serde_json::Value>;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Operation", tag = "operation", rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    Load {
        #[serde(with = "SourceRecord")]
        source: Source,
        #[serde(with = "TrustRecord")]
        trust: Trust,
        #[serde(with = "OptionsRecord")]
        options: LoadOptions,
    },
    Install {
        upload: String,
        #[serde(with = "OptionsRecord")]
        options: LoadOptions,
    },
    Reload {
        id: String,
    },
    Restart {
        id: String,
    },
    Enable {
        id: String,
    },
    Start {
        id: String,
    },
    Stop {
        id: String,
    },
    Disable {
        id: String,
        cascade: bool,
    },
    Unload {
        id: String,
        keep_data: bool,
        cascade: bool,
    },
    Configure {
        id: String,
        #[serde(with = "ChangeRecord")]
        change: SettingsChange,
        expected: Option<u64>,
    },
    Rollback {
        id: String,
        to: Option<String>,
        because: Option<String>,
    },
    Restore {
        id: String,
        revision: u64,
    },
    Update {
        id: String,
        #[serde(with = "revision")]
        to: Option<Revision>,
        automatic: bool,
    },
    // The aliases are the names that earlier hosts stored.
    #[serde(alias = "set_update_rule")]
    SetUpdatePolicy {
        id: String,
        #[serde(alias = "rule", with = "policy")]
        policy: UpdatePolicy,
        #[serde(with = "versions_if_any")]
        blocked: Option<BTreeSet<Version>>,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "tags")]
        tags: Option<Option<TagPattern>>,
    },
    BlockVersion {
        id: String,
        #[serde(with = "version")]
        version: Version,
        blocked: bool,
    },
    Apply {
        #[serde(with = "digest")]
        plan: Digest,
        #[serde(with = "target")]
        targets: Vec<Target>,
        atomic: bool,
    },
    Batch {
        #[serde(with = "operations")]
        operations: Vec<Operation>,
        atomic: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SettingsChange", rename_all = "snake_case")]
enum ChangeRecord {
    Replace(Configuration),
    Merge(Configuration),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LoadOptions", deny_unknown_fields)]
struct OptionsRecord {
    configuration: Option<Configuration>,
    start: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replace: bool,
    if_changed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "policy_if_any")]
    update: Option<UpdatePolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digest_if_any")]
    tree: Option<Digest>,
}

/// Writes an operation as JSON.
pub(crate) fn write(operation: &Operation) -> String {
    let mut text = vec![];
    Record::serialize(operation, &mut serde_json::Serializer::new(&mut text)).expect("texts and JSON serialize");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Reads an operation that [`write()`] wrote.
pub(crate) fn read(text: &str) -> Result<Operation, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let operation = Record::deserialize(&mut reader)?;
    reader.end().map(|()| operation)
}

/// A list of operations.
mod operations {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "Record")] Operation);

    pub(super) fn serialize<S: Serializer>(operations: &[Operation], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(operations.iter().cloned().map(One))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Operation>, D::Error> {
        let all = Vec::<One>::deserialize(deserializer)?;
        Ok(all.into_iter().map(|One(operation)| operation).collect())
    }
}
