//! The encryption key of secrets in the state database. It is stored beside the database and not in it, so that a copy
//! of the database alone reveals no secret.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::error::IoContext as _;
use crate::{Error, Store, atomic};

const MODE: u32 = 0o600;
/// The maximum number of bytes read; longer than a key, so that a file that is too long is recognised.
const MAX_READ: u64 = 1024;

impl Store {
    /// Returns the key of this plugin folder. The first call creates it: 64 hex digits in a file that only its owner
    /// can read.
    ///
    /// # Errors
    /// [`Error::SealKey`] if the file is invalid. It is not changed: with another key, all encrypted values would be
    /// lost.
    pub fn seal_key(&self) -> Result<[u8; 32], Error> {
        let path = self.0.layout.seal_key();
        match fs::symlink_metadata(&path) {
            Ok(_) => read(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
            Err(source) => Err(Error::Io { action: "look at", path, source }),
        }
    }
}

fn make(path: &Path) -> Result<[u8; 32], Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Error::Random { reason: error.to_string() })?;
    let mut text = host_core::hex(&key);
    text.push('\n');
    match atomic::write_new(path, text.as_bytes(), MODE) {
        Ok(()) => Ok(key),
        // Another process has created the key in the meantime, and may use it already.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error).context("write", path),
    }
}

fn read(path: &Path) -> Result<[u8; 32], Error> {
    let refused = |reason: &str| Error::SealKey { path: path.to_owned(), reason: reason.to_owned() };
    // Not followed: a link could lead to a file that others write.
    let metadata = fs::symlink_metadata(path).context("look at", path)?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users had access to the key file; its mode is set to 0600");
        fs::set_permissions(path, Permissions::from_mode(MODE)).context("set the mode of", path)?;
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_READ).read_to_end(&mut text)).context("read", path)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    if digits.len() != 64 {
        return Err(refused(&format!("it has {} characters and not 64", digits.len())));
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).ok_or_else(|| refused("it holds more than hex digits"));
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{TestStore, config, store};

    #[test]
    fn a_key_is_made_once_and_stays() {
        let TestStore { store, folder } = store();
        let key = store.seal_key().unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(store.seal_key().unwrap(), key);
        let path = store.plugin_dir().join("seal.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        drop(store);
        let store = Store::open(config(folder.path())).unwrap();
        assert_eq!(store.seal_key().unwrap(), key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_invalid_key_file_is_refused_and_not_changed() {
        let test = store();
        let path = test.store.plugin_dir().join("seal.key");
        let hex = "ab".repeat(32);
        for (text, expected) in [
            (String::new(), "has 0 characters"),
            (hex[..62].to_owned(), "has 62 characters"),
            (format!("{hex}00\n"), "has 66 characters"),
            (format!("{hex}\n\n"), "has 65 characters"),
            (hex.replacen('a', "g", 1), "more than hex digits"),
            ("x".repeat(5000), "has 1024 characters"),
        ] {
            atomic::write(&path, text.as_bytes(), MODE).unwrap();
            let error = test.store.seal_key().unwrap_err();
            assert_eq!(error.code(), "store_seal_key");
            assert!(error.to_string().contains(expected) && !error.to_string().contains("abab"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text.as_bytes());
        }
        atomic::write(&path, hex.as_bytes(), MODE).unwrap();
        assert_eq!(test.store.seal_key().unwrap(), [0xab; 32]);
        let elsewhere = test.folder.path().join("key");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert_eq!(test.store.seal_key().unwrap_err().code(), "store_seal_key");
    }
}
