//! Pointers of Git LFS: small texts that a repository contains instead of large files. `git::lfs_download` downloads
//! the files.

use host_core::{Digest, GitUrl, shown_list};
use host_store::Tree;
use url::Url;

use crate::access::access_for;
use crate::{Config, Error};

const MAX_POINTER_BYTES: u64 = 1 << 10;
const MAX_NAMES: usize = 5;
/// The first line of every pointer.
const START: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The remedy that works for every source.
pub(crate) const HINT: &str = "run `git lfs pull` in a clone and load it as a folder, or `plugin-host pack` it";

/// The content of a pointer: the digest and size of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

impl Pointer {
    /// Reads a pointer of version 1 without extensions.
    pub(crate) fn parse(text: &[u8]) -> Option<Pointer> {
        let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split('\n');
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        value("version").filter(|version| *version == "https://git-lfs.github.com/spec/v1")?;
        let digest = value("oid")?.strip_prefix("sha256:")?.parse().ok()?;
        let bytes = value("size").filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        lines.next().is_none().then_some(Pointer { digest, bytes })
    }
}

/// Returns whether a file with this content is a pointer. Includes pointers of unknown versions.
pub(crate) fn is_pointer(text: &[u8]) -> bool {
    (text.len() as u64) < MAX_POINTER_BYTES && text.starts_with(START)
}

/// Returns a warning that names the files of a tree that are pointers. [`refuse_pointers`] refuses pointers in the
/// plugin's folder, so in the end the warning is about files of other folders.
pub(crate) fn warnings(tree: &Tree) -> Vec<String> {
    let paths = pointers_of(tree);
    let text = || format!("pointers of Git LFS instead of the files themselves: {paths}; hint: {HINT}");
    if paths.is_empty() { vec![] } else { vec![text()] }
}

/// Refuses the files of a plugin if some of them are pointers, which would become a part of the plugin.
///
/// # Errors
/// [`Error::LfsPointers`].
pub(crate) fn refuse_pointers(tree: &Tree, hint: impl FnOnce() -> String) -> Result<(), Error> {
    let paths = pointers_of(tree);
    if paths.is_empty() { Ok(()) } else { Err(Error::LfsPointers { paths, hint: hint() }) }
}

/// Returns the remedy for a repository.
pub(crate) fn hint_for_repository(config: &Config, asked: &GitUrl) -> String {
    let (mirror, asked) = (config.mirrored(asked), asked.to_string());
    let url = Url::parse(mirror.as_deref().unwrap_or(&asked)).ok();
    let Some(url) = url.filter(|url| url.scheme() == "https") else {
        return format!("the host downloads files in Git LFS only over https, and this mirror has none; {HINT}");
    };
    let prefix = match (mirror.as_deref(), access_for(&config.git, url.as_str())) {
        // The operator configured the mirror; its address is not shown to clients.
        (Some(base), _) if base != asked => "<host of the mirror>".to_owned(),
        (_, Some(access)) => access.prefix.to_string(),
        (_, None) => url.authority().to_owned(),
    };
    format!("set `lfs = true` in `[git.\"{prefix}\"]` of host.toml, and the host downloads the files; or {HINT}")
}

/// Returns the paths of the pointers, or an empty text.
fn pointers_of(tree: &Tree) -> String {
    let has_room = |bytes: u64| (START.len() as u64..MAX_POINTER_BYTES).contains(&bytes);
    let is_pointer = |path| tree.read(path, MAX_POINTER_BYTES).is_ok_and(|text| is_pointer(&text));
    let pointers = tree.files().iter().filter(|file| has_room(file.bytes) && is_pointer(&file.path));
    shown_list(pointers.map(|file| &file.path), MAX_NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_has_exactly_its_three_lines() {
        let hex = "4d".repeat(32);
        let version = "version https://git-lfs.github.com/spec/v1";
        let valid = format!("{version}\noid sha256:{hex}\nsize 12345\n");
        let digest = hex.parse().unwrap();
        assert_eq!(Pointer::parse(valid.as_bytes()), Some(Pointer { digest, bytes: 12345 }));
        for text in [
            valid.trim_end().to_owned(),
            format!("{valid}x y\n"),
            valid.replace("v1", "v2"),
            valid.replace("sha256", "sha512"),
            valid.replace("4d4d\n", "4d\n"),
            valid.replace("12345", "+12345"),
            valid.replace("12345", "99999999999999999999"),
            format!("{version}\next-0-case sha256:{hex}\noid sha256:{hex}\nsize 1\n"),
        ] {
            assert!(is_pointer(text.as_bytes()), "{text}");
            assert_eq!(Pointer::parse(text.as_bytes()), None, "{text}");
        }
        assert!(!is_pointer(format!("{valid}{}", "x".repeat(1024)).as_bytes()));
        assert!(!is_pointer(b"version 1"));
    }
}
