//! The records: one file per plugin with its desired state, for recovery if the database is lost.

use std::fs;
use std::io;

use host_core::PluginId;

use crate::error::IoContext as _;
use crate::{Error, Store, atomic};

impl Store {
    /// Writes the record of a plugin atomically.
    pub fn put_record(&self, plugin: &PluginId, bytes: &[u8]) -> Result<(), Error> {
        let path = self.0.layout.record(plugin);
        atomic::write(&path, bytes, 0o600).context("write", &path)
    }

    /// Removes the record of a plugin, if it exists.
    pub fn remove_record(&self, plugin: &PluginId) -> Result<(), Error> {
        let path = self.0.layout.record(plugin);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.context("remove", &path),
        }
    }

    /// Returns all readable records, by plugin. Other files are ignored.
    pub fn records(&self) -> Result<Vec<(PluginId, Vec<u8>)>, Error> {
        let folder = self.0.layout.records();
        let mut records = vec![];
        for entry in fs::read_dir(&folder).context("list", &folder)? {
            let name = entry.context("list", &folder)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<PluginId>().ok());
            if let Some(id) = id {
                let path = self.0.layout.record(&id);
                match fs::read(&path) {
                    Ok(bytes) => records.push((id, bytes)),
                    // One unreadable record must not affect the others.
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(path = %path.display(), error, "the record of a plugin cannot be read");
                    }
                }
            }
        }
        records.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::tests::store;

    #[test]
    fn a_record_is_replaced_found_and_removed() {
        let test = store();
        let id = |text: &str| text.parse::<host_core::PluginId>().unwrap();
        test.store.put_record(&id("bbb"), b"1").unwrap();
        test.store.put_record(&id("aaa"), b"2").unwrap();
        test.store.put_record(&id("bbb"), b"3").unwrap();
        let folder = test.store.plugin_dir().join("records");
        crate::atomic::write(&folder.join("x.json"), b"", 0o600).unwrap();
        std::fs::create_dir(folder.join("ccc.json")).unwrap();
        assert_eq!(test.store.records().unwrap(), [(id("aaa"), b"2".to_vec()), (id("bbb"), b"3".to_vec())]);
        test.store.remove_record(&id("aaa")).unwrap();
        test.store.remove_record(&id("aaa")).unwrap();
        assert_eq!(test.store.records().unwrap(), [(id("bbb"), b"3".to_vec())]);
    }
}
