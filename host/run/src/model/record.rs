//! An operation as JSON, so that a host that resumes its job knows the request.
//!
//! [`Record`] mirrors [`Operation`]; the compiler reports a difference. A field that is added later needs
//! `#[serde(default)]`, so that the records of earlier hosts can still be read.

mod target;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_core::tag::TagPattern;
use host_core::update::{UpdateError, UpdateInterval, UpdateRule};
use host_core::{Digest, Revision, Source, Trust};
use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{LoadOptions, Operation, SettingsChange, Target};

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
    SetUpdateRule {
        id: String,
        #[serde(with = "rule")]
        rule: UpdateRule,
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
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rule_if_any")]
    update: Option<UpdateRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digest_if_any")]
    tree: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Trust", rename_all = "snake_case")]
enum TrustRecord {
    CommandLine,
    Http,
}

/// A source, tagged with its kind, because its text alone can be ambiguous.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceRecord {
    Git(String),
    Folder(PathRecord),
    Archive(PathRecord),
    Library(PathRecord),
    Upload(String),
    Inside(InsideRecord),
}

/// A plugin in a folder of another source.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InsideRecord {
    place: Box<SourceRecord>,
    path: String,
}

/// A path as text, or as bytes if it is not UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathRecord {
    Text(String),
    Bytes(Vec<u8>),
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

/// A branch, tag or commit as text.
mod revision {
    use super::*;

    pub(super) fn serialize<S: Serializer>(to: &Option<Revision>, serializer: S) -> Result<S::Ok, S::Error> {
        to.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Revision>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// A new pattern of release tags; an empty text removes the pattern.
mod tags {
    use super::*;

    pub(super) fn serialize<S: Serializer>(tags: &Option<Option<TagPattern>>, to: S) -> Result<S::Ok, S::Error> {
        tags.as_ref().map(|tags| tags.as_ref().map(ToString::to_string).unwrap_or_default()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<TagPattern>>, D::Error> {
        let text = String::deserialize(from)?;
        let tags = if text.is_empty() { None } else { Some(text.parse().map_err(D::Error::custom)?) };
        Ok(Some(tags))
    }
}

/// An update rule as an object.
mod rule {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Parts {
        policy: String,
        automatic: bool,
        interval_seconds: u64,
    }

    pub(super) fn serialize<S: Serializer>(rule: &UpdateRule, serializer: S) -> Result<S::Ok, S::Error> {
        let interval_seconds = rule.interval().duration().as_secs();
        let parts = Parts { policy: rule.policy().as_str().to_owned(), automatic: rule.automatic(), interval_seconds };
        parts.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UpdateRule, D::Error> {
        let parts = Parts::deserialize(deserializer)?;
        let read = || -> Result<UpdateRule, UpdateError> {
            let interval = UpdateInterval::new(Duration::from_secs(parts.interval_seconds))?;
            UpdateRule::new(parts.policy.parse()?, parts.automatic, interval)
        };
        read().map_err(D::Error::custom)
    }
}

/// An optional update rule.
mod rule_if_any {
    use super::*;

    pub(super) fn serialize<S: Serializer>(rule: &Option<UpdateRule>, serializer: S) -> Result<S::Ok, S::Error> {
        match rule {
            Some(rule) => super::rule::serialize(rule, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UpdateRule>, D::Error> {
        super::rule::deserialize(deserializer).map(Some)
    }
}

/// Versions as texts.
mod versions {
    use super::*;

    pub(super) fn serialize<S: Serializer>(versions: &BTreeSet<Version>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(versions.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Version>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// Optional versions.
mod versions_if_any {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        versions: &Option<BTreeSet<Version>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match versions {
            Some(versions) => super::versions::serialize(versions, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<BTreeSet<Version>>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?;
        let versions = |texts: Vec<String>| texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect();
        texts.map(versions).transpose()
    }
}

/// A version as text.
mod version {
    use super::*;

    pub(super) fn serialize<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(version)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A digest as text.
mod digest {
    use super::*;

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An optional digest.
mod digest_if_any {
    use super::*;

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        digest.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        super::digest::deserialize(deserializer).map(Some)
    }
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

/// An optional plugin id as text.
pub(super) mod plugin_id {
    use host_core::PluginId;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(id: &Option<PluginId>, serializer: S) -> Result<S::Ok, S::Error> {
        id.as_ref().map(PluginId::as_str).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PluginId>, D::Error> {
        let id = Option::<String>::deserialize(deserializer)?;
        id.map(|id| id.parse().map_err(D::Error::custom)).transpose()
    }
}

// === impl SourceRecord ===

impl SourceRecord {
    fn of(source: &Source) -> SourceRecord {
        match source {
            Source::Git { .. } => SourceRecord::Git(source.to_string()),
            Source::Folder(path) => SourceRecord::Folder(PathRecord::from_path(path)),
            Source::Archive(path) => SourceRecord::Archive(PathRecord::from_path(path)),
            Source::Library(path) => SourceRecord::Library(PathRecord::from_path(path)),
            Source::Upload(id) => SourceRecord::Upload(id.clone()),
            Source::Inside { place, path } => {
                SourceRecord::Inside(InsideRecord { place: Box::new(SourceRecord::of(place)), path: path.to_string() })
            }
        }
    }

    fn serialize<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&SourceRecord::of(source), serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
        let record = <SourceRecord as Deserialize>::deserialize(deserializer)?;
        record.source().map_err(D::Error::custom)
    }

    fn source(self) -> Result<Source, String> {
        Ok(match self {
            SourceRecord::Git(text) => match text.parse() {
                Ok(source @ Source::Git { .. }) => source,
                Ok(_) => return Err("not a git address".to_owned()),
                Err(error) => return Err(error.to_string()),
            },
            SourceRecord::Inside(InsideRecord { place, path }) => {
                let path = path.parse().map_err(|error: host_core::PathError| error.to_string())?;
                place.source()?.inside(path).map_err(|error| error.to_string())?
            }
            SourceRecord::Folder(path) => Source::Folder(path.into()),
            SourceRecord::Archive(path) => Source::Archive(path.into()),
            SourceRecord::Library(path) => Source::Library(path.into()),
            SourceRecord::Upload(id) => Source::Upload(id),
        })
    }
}

impl PathRecord {
    fn from_path(path: &Path) -> PathRecord {
        match path.to_str() {
            Some(text) => PathRecord::Text(text.to_owned()),
            None => PathRecord::Bytes(path.as_os_str().as_bytes().to_owned()),
        }
    }
}

impl From<PathRecord> for PathBuf {
    fn from(record: PathRecord) -> PathBuf {
        match record {
            PathRecord::Text(text) => text.into(),
            PathRecord::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_core::Goal;
    use serde_json::json;

    use super::*;
    use crate::model::PresentState;
    use crate::model::TargetPick;
    use crate::model::TargetState;

    fn settings() -> Configuration {
        json!({ "greeting": "Hé\u{0}\"", "n": [1, 2.5, null] }).as_object().cloned().unwrap()
    }

    fn load(source: Source, trust: Trust) -> Operation {
        Operation::Load { source, trust, options: options() }
    }

    fn options() -> LoadOptions {
        LoadOptions { configuration: Some(settings()), ..LoadOptions::default() }
    }

    /// At least one operation of each kind.
    fn all() -> Vec<Operation> {
        let id = || "hello".to_owned();
        vec![
            load("https://github.com/acme/hello@v1.2.0".parse().unwrap(), Trust::Http),
            load("https://github.com/acme/hello".parse().unwrap(), Trust::CommandLine),
            load(Source::Folder("/srv/a.zip".into()), Trust::Http),
            load(Source::Folder("/srv/a:b".into()), Trust::Http),
            load(Source::Archive("a.zip".into()), Trust::Http),
            load(Source::Library(OsString::from_vec(b"/srv/\xff.so".to_vec()).into()), Trust::Http),
            load(Source::Upload("upload_1".to_owned()), Trust::Http),
            load("https://github.com/acme/hello@v1#path=plugins/a&tags=a-v{version}".parse().unwrap(), Trust::Http),
            load(Source::Folder("/srv/a".into()).inside("b".parse().unwrap()).unwrap(), Trust::Http),
            Operation::Install { upload: "upload_1".to_owned(), options: LoadOptions::default() },
            Operation::Load {
                source: "https://github.com/acme/hello".parse().unwrap(),
                trust: Trust::Http,
                options: LoadOptions {
                    update: Some(UpdateRule::new("minor".parse().unwrap(), true, UpdateInterval::default()).unwrap()),
                    ..LoadOptions::default()
                },
            },
            Operation::Reload { id: id() },
            Operation::Restart { id: id() },
            Operation::Enable { id: id() },
            Operation::Start { id: id() },
            Operation::Stop { id: id() },
            Operation::Disable { id: id(), cascade: true },
            Operation::Unload { id: id(), keep_data: true, cascade: false },
            Operation::Configure { id: id(), change: SettingsChange::Replace(settings()), expected: Some(7) },
            Operation::Configure { id: id(), change: SettingsChange::Merge(settings()), expected: None },
            Operation::Rollback { id: id(), to: Some("1.0.0".to_owned()), because: None },
            Operation::Restore { id: id(), revision: 3 },
            Operation::Update { id: id(), to: Some("v2".parse().unwrap()), automatic: false },
            Operation::Update { id: id(), to: None, automatic: true },
            Operation::SetUpdateRule {
                id: id(),
                rule: UpdateRule::new("patch".parse().unwrap(), true, UpdateInterval::default()).unwrap(),
                blocked: Some(BTreeSet::from(["1.2.3".parse().unwrap()])),
                tags: Some(Some("a-{version}".parse().unwrap())),
            },
            Operation::SetUpdateRule { id: id(), rule: UpdateRule::default(), blocked: None, tags: Some(None) },
            Operation::SetUpdateRule { id: id(), rule: UpdateRule::default(), blocked: None, tags: None },
            Operation::BlockVersion { id: id(), version: "1.2.3".parse().unwrap(), blocked: true },
            Operation::Apply { plan: Digest::of(b"x"), targets: targets(), atomic: true },
            Operation::Batch {
                operations: vec![
                    load("https://github.com/acme/hello".parse().unwrap(), Trust::Http),
                    Operation::Unload { id: id(), keep_data: true, cascade: false },
                ],
                atomic: false,
            },
        ]
    }

    fn targets() -> Vec<Target> {
        let id = |text: &str| text.parse().unwrap();
        let pick = TargetPick {
            source: "https://github.com/acme/hello".parse().unwrap(),
            trust: Trust::Http,
            commit: Some("c1".to_owned()),
            reference: None,
            tree: Some(Digest::of(b"t")),
            artifact: None,
        };
        let there = PresentState {
            pick: Some(pick),
            goal: Goal::Stopped,
            configuration: Some(settings()),
            update: Some(UpdateRule::default()),
            blocked: Some(BTreeSet::new()),
        };
        let rests = PresentState { pick: None, goal: Goal::Running, configuration: None, update: None, blocked: None };
        vec![
            Target { id: id("hello"), revision: 3, state: TargetState::Present(Box::new(there)) },
            Target { id: id("rests"), revision: 4, state: TargetState::Present(Box::new(rests)) },
            Target { id: id("gone"), revision: 5, state: TargetState::Absent },
        ]
    }

    #[test]
    fn a_stored_operation_equals_the_submitted_one() {
        for operation in all() {
            let text = write(&operation);
            assert_eq!(format!("{:?}", read(&text).unwrap()), format!("{operation:?}"), "{text}");
        }
    }

    #[test]
    fn the_test_list_has_every_operation() {
        // The error lists all variants: "unknown variant `x`, expected one of `load`, …".
        let known = read(r#"{"operation":"x"}"#).unwrap_err().to_string();
        let known = known.split('`').skip(3).step_by(2).collect::<std::collections::BTreeSet<_>>();
        let all = all();
        assert_eq!(all.iter().map(Operation::name).collect::<std::collections::BTreeSet<_>>(), known);
    }

    #[test]
    fn the_stored_form_of_operations_does_not_change() {
        let texts = all().iter().map(|operation| write(operation) + "\n").collect::<String>();
        expect![[r#"
            {"operation":"load","source":{"git":"https://github.com/acme/hello@v1.2.0"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"command_line","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"folder":"/srv/a.zip"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"folder":"/srv/a:b"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"archive":"a.zip"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"library":[47,115,114,118,47,255,46,115,111]},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"upload":"upload_1"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"inside":{"place":{"git":"https://github.com/acme/hello@v1#tags=a-v{version}"},"path":"plugins/a"}},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"load","source":{"inside":{"place":{"folder":"/srv/a"},"path":"b"}},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}}
            {"operation":"install","upload":"upload_1","options":{"configuration":null,"start":true,"if_changed":false}}
            {"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"http","options":{"configuration":null,"start":true,"if_changed":false,"update":{"policy":"minor","automatic":true,"interval_seconds":3600}}}
            {"operation":"reload","id":"hello"}
            {"operation":"restart","id":"hello"}
            {"operation":"enable","id":"hello"}
            {"operation":"start","id":"hello"}
            {"operation":"stop","id":"hello"}
            {"operation":"disable","id":"hello","cascade":true}
            {"operation":"unload","id":"hello","keep_data":true,"cascade":false}
            {"operation":"configure","id":"hello","change":{"replace":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}},"expected":7}
            {"operation":"configure","id":"hello","change":{"merge":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}},"expected":null}
            {"operation":"rollback","id":"hello","to":"1.0.0","because":null}
            {"operation":"restore","id":"hello","revision":3}
            {"operation":"update","id":"hello","to":"v2","automatic":false}
            {"operation":"update","id":"hello","to":null,"automatic":true}
            {"operation":"set_update_rule","id":"hello","rule":{"policy":"patch","automatic":true,"interval_seconds":3600},"blocked":["1.2.3"],"tags":"a-{version}"}
            {"operation":"set_update_rule","id":"hello","rule":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":null,"tags":""}
            {"operation":"set_update_rule","id":"hello","rule":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":null}
            {"operation":"block_version","id":"hello","version":"1.2.3","blocked":true}
            {"operation":"apply","plan":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","targets":[{"id":"hello","revision":3,"there":{"pick":{"source":{"git":"https://github.com/acme/hello"},"trust":"http","commit":"c1","tree":"sha256:e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8","artifact":null},"goal":"stopped","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"update":{"policy":"minor","automatic":false,"interval_seconds":3600},"blocked":[]}},{"id":"rests","revision":4,"there":{"pick":null,"goal":"running","configuration":null,"update":null,"blocked":null}},{"id":"gone","revision":5,"there":null}],"atomic":true}
            {"operation":"batch","operations":[{"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"http","options":{"configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]},"start":true,"if_changed":false}},{"operation":"unload","id":"hello","keep_data":true,"cascade":false}],"atomic":false}
        "#]].assert_eq(&texts);
    }

    #[test]
    fn invalid_operations_are_refused() {
        for text in [
            "",
            "{}",
            r#"{"operation":"explode","id":"hello"}"#,
            r#"{"operation":"reload"}"#,
            r#"{"operation":"reload","id":"hello","force":true}"#,
            r#"{"operation":"reload","id":"hello"} and more"#,
            r#"{"operation":"load","source":{"git":"/srv"},"trust":"http","configuration":{}}"#,
            r#"{"operation":"load","source":{"git":"http://x/a/b"},"trust":"http","configuration":{}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
