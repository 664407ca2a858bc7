//! The file with settings that were changed at run time.

use std::io::ErrorKind;
use std::path::Path;

use host_core::Digest;
use host_file::ReadError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::IoContext as _;
use crate::layout::SETTINGS;
use crate::{Error, Store, atomic};

/// Maximum size of the file. Lists of sources and secrets are its largest values.
const MAX_BYTES: u64 = 4 << 20;

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    settings: Map<String, Value>,
    /// The checksum of the settings, so that a flipped bit is detected.
    checksum: String,
}

impl Store {
    /// Writes the settings changed at run time, atomically.
    pub fn put_settings(&self, settings: &Map<String, Value>) -> Result<(), Error> {
        let path = self.plugin_dir().join(SETTINGS);
        let kept = Kept { settings: settings.clone(), checksum: checksum(settings) };
        let text = serde_json::to_vec_pretty(&kept).expect("JSON has a JSON form");
        atomic::write(&path, &text, 0o600).context("write", &path)
    }
}

/// Reads the settings that were changed at run time; empty without a file. Does not need an open store, because the
/// settings determine how the store is opened.
///
/// # Errors
/// [`Error::CorruptSettings`] if it is damaged.
pub fn changed_settings(plugin_dir: &Path) -> Result<Map<String, Value>, Error> {
    let path = plugin_dir.join(SETTINGS);
    let text = match host_file::read(&path, MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(Map::new()),
        // The folder is a file, which is reported when the store is opened.
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotADirectory => return Ok(Map::new()),
        Err(ReadError::Io(source)) => return Err(Error::Io { action: "read", path, source }),
        Err(error) => return Err(Error::CorruptSettings { path, reason: error.to_string() }),
    };
    let corrupt = |reason: String| Error::CorruptSettings { path: path.clone(), reason };
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
    if kept.checksum == checksum(&kept.settings) {
        Ok(kept.settings)
    } else {
        Err(corrupt("its checksum does not match".to_owned()))
    }
}

fn checksum(settings: &Map<String, Value>) -> String {
    let mut hex = Digest::compute(Value::Object(settings.clone()).to_string().as_bytes()).hex();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::tests::store;

    #[test]
    fn settings_are_kept_whole_or_refused() {
        let test = store();
        let folder = test.store.plugin_dir();
        assert_eq!(changed_settings(folder).unwrap(), Map::new());
        let settings: Map<_, _> =
            [("a".to_owned(), Value::from(1)), ("b".to_owned(), Value::from("x"))].into_iter().collect();
        test.store.put_settings(&settings).unwrap();
        assert_eq!(changed_settings(folder).unwrap(), settings);
        let path = folder.join(SETTINGS);
        let text = fs::read_to_string(&path).unwrap();
        for damaged in [text.replace("\"a\": 1", "\"a\": 2"), text.replace('}', ""), String::new()] {
            atomic::write(&path, damaged.as_bytes(), 0o600).unwrap();
            assert_eq!(changed_settings(folder).unwrap_err().code(), "store_settings");
        }
    }
}
