//! Sources and their trust as JSON.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use host_core::{Source, Trust};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Trust", rename_all = "snake_case")]
pub(super) enum TrustRecord {
    CommandLine,
    Http,
}

/// A source, tagged with its kind, because its text alone can be ambiguous.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceRecord {
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
pub(super) struct InsideRecord {
    place: Box<SourceRecord>,
    path: String,
}

/// A path as text, or as bytes if it is not UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum PathRecord {
    Text(String),
    Bytes(Vec<u8>),
}

// === impl SourceRecord ===

impl SourceRecord {
    fn new(source: &Source) -> SourceRecord {
        match source {
            Source::Git { .. } => SourceRecord::Git(source.to_string()),
            Source::Folder(path) => SourceRecord::Folder(PathRecord::from_path(path)),
            Source::Archive(path) => SourceRecord::Archive(PathRecord::from_path(path)),
            Source::Library(path) => SourceRecord::Library(PathRecord::from_path(path)),
            Source::Upload(id) => SourceRecord::Upload(id.clone()),
            Source::Inside { place, path } => {
                SourceRecord::Inside(InsideRecord { place: Box::new(SourceRecord::new(place)), path: path.to_string() })
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&SourceRecord::new(source), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
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
