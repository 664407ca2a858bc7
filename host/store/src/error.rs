//! Errors of the store.

use std::io;
use std::path::{Path, PathBuf};

use host_core::{Digest, Size, TreePath};

/// The reason why the store failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    /// Another host uses the folder.
    #[error(
        "plugin folder `{}` is in use by another host; hint: stop that host, or give this one its own folder with `--plugin-dir`",
        path.display()
    )]
    Locked { path: PathBuf },
    /// Deleting the build cache would delete installed plugins.
    #[error(
        "plugin folder `{}` is inside the build cache `{}`, which can be deleted while no build runs; \
         hint: use separate folders",
        plugin_dir.display(), cache_dir.display()
    )]
    Overlap { plugin_dir: PathBuf, cache_dir: PathBuf },
    /// The file system reported an error.
    #[error("failed to {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The disk is full.
    #[error(
        "failed to {action} `{}`: the disk is full; hint: free some space and retry; nothing was changed",
        path.display()
    )]
    Full { action: &'static str, path: PathBuf, source: io::Error },
    /// The system provided no random bytes for a name.
    #[error("failed to get random bytes: {reason}")]
    Random { reason: String },
    /// A file's content could not be read from its source.
    #[error("failed to read the content of `{path}`")]
    Content {
        /// The file inside the tree.
        path: TreePath,
        source: io::Error,
    },
    /// The tree has too many files.
    #[error("the source has more than {max_files} files; `{path}` exceeds the limit")]
    TooManyFiles {
        /// The first file over the limit.
        path: TreePath,
        max_files: usize,
    },
    /// A file of the tree is too large.
    #[error("file `{path}` is larger than {}", Size::new(*max_bytes))]
    FileTooLarge {
        /// The file inside the tree.
        path: TreePath,
        max_bytes: u64,
    },
    /// The files of the tree are too large in total.
    #[error("the source is larger than {}; `{path}` exceeds the limit", Size::new(*max_bytes))]
    TreeTooLarge {
        /// The file that exceeds the limit.
        path: TreePath,
        max_bytes: u64,
    },
    /// Two files have names that some file systems treat as equal.
    #[error(
        "the source has two files `{path}`; hint: rename one of them (upper and lower case and Unicode forms are treated as equal)"
    )]
    Duplicate {
        /// The second file.
        path: TreePath,
    },
    /// A name is used for a file and for a folder.
    #[error("`{path}` is both a file and a folder")]
    FileAndFolder { path: String },
    /// The tree has no files.
    #[error(
        "the source contains no files; hint: name the folder or archive that contains plugin.yaml; files that \
         .gitignore excludes do not count; `git submodule update --init` fills the folder of a git submodule"
    )]
    EmptyTree,
    /// The tree has no such file.
    #[error("tree {} has no file `{path}`", tree.short())]
    NoSuchFile {
        tree: Digest,
        /// The requested file.
        path: TreePath,
    },
    /// The root has no plugin.yaml.
    #[error("no `plugin.yaml` at the root of the source, which holds {found}; hint: {hint}")]
    NoManifest {
        /// The first few names at the root.
        found: String,
        /// The folders with a manifest, or what to do.
        hint: String,
    },
    /// The root has two manifests.
    #[error("both `plugin.yaml` and `plugin.yml` are at the root of the source; hint: remove one of them")]
    TwoManifests,
    /// The library to store is a link, a folder or a device.
    #[error("library `{}` is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    /// The library is too large.
    #[error("library `{}` is larger than {}; hint: strip its debug information", path.display(), Size::new(*max_bytes))]
    LibraryTooLarge { path: PathBuf, max_bytes: u64 },
    /// The file of the encryption key is invalid.
    #[error(
        "`{}` is not a valid encryption key: {reason}; hint: restore a backup; if the file is moved away, a new key is created, and values \
         encrypted with the old key must be set again",
        path.display()
    )]
    SealKey { path: PathBuf, reason: String },
    /// The file with settings that were changed at run time is damaged.
    #[error("`{}` is damaged: {reason}; hint: restore a backup, or remove it and change the settings again", path.display())]
    CorruptSettings { path: PathBuf, reason: String },
    /// Stored files are damaged.
    #[error("`{}` is damaged: {reason}; hint: remove that folder and install the plugin again", path.display())]
    Corrupt {
        /// The damaged file or folder.
        path: PathBuf,
        reason: String,
    },
}

impl Error {
    /// Returns whether the error is about the source of a plugin, and not about the folders of the host.
    pub fn is_about_source(&self) -> bool {
        match self {
            Error::TooManyFiles { .. }
            | Error::FileTooLarge { .. }
            | Error::TreeTooLarge { .. }
            | Error::Duplicate { .. }
            | Error::FileAndFolder { .. }
            | Error::EmptyTree
            | Error::NoSuchFile { .. }
            | Error::NoManifest { .. }
            | Error::TwoManifests
            | Error::NotAFile { .. }
            | Error::LibraryTooLarge { .. } => true,
            Error::Locked { .. }
            | Error::Overlap { .. }
            | Error::Io { .. }
            | Error::Full { .. }
            | Error::Random { .. }
            | Error::Content { .. }
            | Error::SealKey { .. }
            | Error::CorruptSettings { .. }
            | Error::Corrupt { .. } => false,
        }
    }

    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Locked { .. } => "store_locked",
            Error::Overlap { .. } => "store_overlap",
            Error::Io { .. } => "store_io",
            Error::Full { .. } => "store_full",
            Error::Random { .. } => "store_random",
            Error::Content { .. } => "store_content",
            Error::TooManyFiles { .. } => "store_too_many_files",
            Error::FileTooLarge { .. } => "store_file_too_large",
            Error::TreeTooLarge { .. } => "store_tree_too_large",
            Error::Duplicate { .. } => "store_duplicate",
            Error::FileAndFolder { .. } => "store_file_and_folder",
            Error::EmptyTree => "store_empty_tree",
            Error::NoSuchFile { .. } => "store_no_such_file",
            Error::NoManifest { .. } => "store_no_manifest",
            Error::TwoManifests => "store_two_manifests",
            Error::NotAFile { .. } => "store_not_a_file",
            Error::LibraryTooLarge { .. } => "store_library_too_large",
            Error::SealKey { .. } => "store_seal_key",
            Error::CorruptSettings { .. } => "store_settings",
            Error::Corrupt { .. } => "store_corrupt",
        }
    }
}

/// Returns whether an error means that the disk or the user's quota is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Adds the action and the path to an I/O error.
pub(crate) trait IoContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error> {
        let path = || path.to_owned();
        self.map_err(|source| {
            if is_full(&source) {
                Error::Full { action, path: path(), source }
            } else {
                Error::Io { action, path: path(), source }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_distinguished_from_other_failures() {
        let code = |kind: io::ErrorKind| {
            let failed: io::Result<()> = Err(kind.into());
            failed.context("write", Path::new("/x")).unwrap_err().code()
        };
        assert_eq!([code(io::ErrorKind::StorageFull), code(io::ErrorKind::QuotaExceeded)], ["store_full"; 2]);
        assert_eq!(code(io::ErrorKind::PermissionDenied), "store_io");
    }
}
