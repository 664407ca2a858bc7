//! Uploaded archives: assigns each an id, which expires, for its tree.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use host_core::Digest;
use serde::{Deserialize, Serialize};

use crate::error::IoContext as _;
use crate::{Error, Store, Tree, atomic};

const PREFIX: &str = "upload_";

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(with = "crate::digest_text")]
    tree: Digest,
    /// Empty for uploads of an older host.
    #[serde(default)]
    warnings: Vec<String>,
}

/// An uploaded archive.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The files of the archive.
    pub tree: Tree,
    /// Warnings that name the files of the archive that are not in the tree, with the reasons.
    pub warnings: Vec<String>,
}

impl Store {
    /// Assigns an id to `tree` and the warnings about its archive: `upload_` and 32 random hex digits.
    pub fn put_upload(&self, tree: &Tree, warnings: &[String]) -> Result<String, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Random { reason: error.to_string() })?;
        let id = format!("{PREFIX}{:032x}", u128::from_be_bytes(random));
        let path = self.0.layout.upload(&id);
        let stored = Stored { tree: tree.digest(), warnings: warnings.to_vec() };
        let text = serde_json::to_vec(&stored).expect("strings and numbers always have a JSON form");
        atomic::write(&path, &text, 0o600).context("write", &path)?;
        Ok(id)
    }

    /// Returns an upload; `None` if it does not exist or has expired.
    pub fn upload(&self, id: &str) -> Result<Option<Upload>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let Some(Stored { tree, warnings }) = self.stored_upload(id)? else { return Ok(None) };
        Ok(self.tree(&tree)?.map(|tree| Upload { tree, warnings }))
    }

    /// Deletes older uploads and returns their number. Their trees are removed by [`Store::remove_unused`].
    pub fn sweep_uploads(&self, older_than: Duration) -> Result<usize, Error> {
        let now = SystemTime::now();
        let mut n_swept = 0;
        for id in self.upload_ids()? {
            let path = self.0.layout.upload(&id);
            let made = fs::metadata(&path).and_then(|metadata| metadata.modified()).context("look at", &path)?;
            // After the clock was set back, an upload may be in the future; it is kept.
            if now.duration_since(made).is_ok_and(|age| age >= older_than) {
                fs::remove_file(&path).context("remove", &path)?;
                n_swept += 1;
            }
        }
        Ok(n_swept)
    }

    pub(crate) fn upload_ids(&self) -> Result<Vec<String>, Error> {
        let folder = self.0.layout.uploads();
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).context("list", &folder)? {
            let name = entry.context("list", &folder)?.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")).filter(|id| is_id(id)) {
                ids.push(id.to_owned());
            }
        }
        Ok(ids)
    }

    pub(crate) fn upload_digest(&self, id: &str) -> Result<Option<Digest>, Error> {
        Ok(self.stored_upload(id)?.map(|stored| stored.tree))
    }

    fn stored_upload(&self, id: &str) -> Result<Option<Stored>, Error> {
        let path = self.0.layout.upload(id);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(stored) => Ok(Some(stored)),
                Err(error) => Err(Error::Corrupt { path, reason: error.to_string() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { action: "read", path, source }),
        }
    }
}

/// Returns whether a text is an upload id, and thus safe as a file name.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default().as_bytes();
    digits.len() == 32 && digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::store;

    #[test]
    fn an_upload_is_found_by_its_id_until_it_expires() {
        let test = store();
        let mut writer = test.store.new_tree().unwrap();
        writer.add("plugin.yaml".parse().unwrap(), false, &b"id: a"[..]).unwrap();
        let tree = writer.finish().unwrap();
        let id = test.store.put_upload(&tree, &["a warning".to_owned()]).unwrap();
        assert_ne!(id, test.store.put_upload(&tree, &[]).unwrap());
        let found = test.store.upload(&id).unwrap().unwrap();
        assert_eq!((found.tree.digest(), found.warnings), (tree.digest(), vec!["a warning".to_owned()]));

        assert_eq!(test.store.sweep_uploads(Duration::from_secs(3600)).unwrap(), 0);
        assert_eq!(test.store.sweep_uploads(Duration::ZERO).unwrap(), 2);
        assert!(test.store.upload(&id).unwrap().is_none());
    }

    #[test]
    fn an_invalid_upload_id_never_becomes_a_path() {
        let test = store();
        for id in ["", "upload_", "upload_../../../../../../etc/passwd", &format!("upload_{}", "G".repeat(32)), "a\0b"]
        {
            assert!(test.store.upload(id).unwrap().is_none(), "{id:?}");
        }
    }
}
