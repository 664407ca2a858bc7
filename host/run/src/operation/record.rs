//! An operation as JSON, for the state: what was asked must be known to the host that takes it up.
//!
//! [`Record`] repeats [`Operation`]; the compiler says when one has what the other has not. A field that is added later
//! needs `#[serde(default)]`, so that what an earlier host has written can still be read.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use host_core::Source;
use host_fetch::Trust;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Operation;

type Settings = serde_json::Map<String, serde_json::Value>;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Operation", tag = "operation", rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    Load {
        #[serde(with = "SourceRecord")]
        source: Source,
        #[serde(with = "TrustRecord")]
        trust: Trust,
        configuration: Settings,
    },
    Install {
        upload: String,
        configuration: Settings,
    },
    Reload {
        id: String,
    },
    Enable {
        id: String,
    },
    Disable {
        id: String,
    },
    Unload {
        id: String,
        keep_data: bool,
    },
    Configure {
        id: String,
        configuration: Settings,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Trust", rename_all = "snake_case")]
enum TrustRecord {
    CommandLine,
    Http,
}

/// A source, each kind by its name: what is typed does not always tell them apart.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceRecord {
    Git(String),
    Folder(PathRecord),
    Archive(PathRecord),
    Library(PathRecord),
    Upload(String),
}

/// A path as a text, or as its bytes when it is none.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathRecord {
    Text(String),
    Bytes(Vec<u8>),
}

/// An operation as a text.
pub(crate) fn write(operation: &Operation) -> String {
    let mut text = vec![];
    Record::serialize(operation, &mut serde_json::Serializer::new(&mut text)).expect("texts and JSON serialize");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// The operation of a text that [`write`] made.
pub(crate) fn read(text: &str) -> Result<Operation, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let operation = Record::deserialize(&mut reader)?;
    reader.end().map(|()| operation)
}

/// A plugin's id as a text.
pub(super) mod plugin_id {
    use host_core::PluginId;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(id: &PluginId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(id.as_str())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PluginId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

// === impl SourceRecord ===

impl SourceRecord {
    fn serialize<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
        let record = match source {
            Source::Git { .. } => SourceRecord::Git(source.to_string()),
            Source::Folder(path) => SourceRecord::Folder(PathRecord::of(path)),
            Source::Archive(path) => SourceRecord::Archive(PathRecord::of(path)),
            Source::Library(path) => SourceRecord::Library(PathRecord::of(path)),
            Source::Upload(id) => SourceRecord::Upload(id.clone()),
        };
        Serialize::serialize(&record, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
        Ok(match Deserialize::deserialize(deserializer)? {
            SourceRecord::Git(text) => match text.parse() {
                Ok(source @ Source::Git { .. }) => source,
                Ok(_) => return Err(D::Error::custom("it is no git address")),
                Err(error) => return Err(D::Error::custom(error)),
            },
            SourceRecord::Folder(path) => Source::Folder(path.into()),
            SourceRecord::Archive(path) => Source::Archive(path.into()),
            SourceRecord::Library(path) => Source::Library(path.into()),
            SourceRecord::Upload(id) => Source::Upload(id),
        })
    }
}

impl PathRecord {
    fn of(path: &Path) -> PathRecord {
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
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        json!({ "greeting": "Hé\u{0}\"", "n": [1, 2.5, null] }).as_object().cloned().unwrap()
    }

    fn load(source: Source, trust: Trust) -> Operation {
        Operation::Load { source, trust, configuration: settings() }
    }

    /// One of each at least.
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
            Operation::Install { upload: "upload_1".to_owned(), configuration: settings() },
            Operation::Reload { id: id() },
            Operation::Enable { id: id() },
            Operation::Disable { id: id() },
            Operation::Unload { id: id(), keep_data: true },
            Operation::Configure { id: id(), configuration: settings() },
        ]
    }

    #[test]
    fn every_operation_is_read_as_it_was_written() {
        for operation in all() {
            let text = write(&operation);
            assert_eq!(format!("{:?}", read(&text).unwrap()), format!("{operation:?}"), "{text}");
        }
    }

    #[test]
    fn every_operation_is_tried_above() {
        // The error lists all that there are: "unknown variant `x`, expected one of `load`, …".
        let known = read(r#"{"operation":"x"}"#).unwrap_err().to_string();
        let known = known.split('`').skip(3).step_by(2).collect::<std::collections::BTreeSet<_>>();
        let all = all();
        assert_eq!(all.iter().map(Operation::name).collect::<std::collections::BTreeSet<_>>(), known);
    }

    #[test]
    fn what_is_written_stays_what_it_is() {
        let texts = all().iter().map(|operation| write(operation) + "\n").collect::<String>();
        expect![[r#"
            {"operation":"load","source":{"git":"https://github.com/acme/hello@v1.2.0"},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"git":"https://github.com/acme/hello"},"trust":"command_line","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"folder":"/srv/a.zip"},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"folder":"/srv/a:b"},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"archive":"a.zip"},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"library":[47,115,114,118,47,255,46,115,111]},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"load","source":{"upload":"upload_1"},"trust":"http","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"install","upload":"upload_1","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
            {"operation":"reload","id":"hello"}
            {"operation":"enable","id":"hello"}
            {"operation":"disable","id":"hello"}
            {"operation":"unload","id":"hello","keep_data":true}
            {"operation":"configure","id":"hello","configuration":{"greeting":"Hé\u0000\"","n":[1,2.5,null]}}
        "#]].assert_eq(&texts);
    }

    #[test]
    fn what_is_not_an_operation_is_not_guessed() {
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
