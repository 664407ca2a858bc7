//! A folder or a prebuilt library on this machine becomes a tree.

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use host_core::TreePath;
use host_core::manifest::{Endpoint, Manifest, Mode as ManifestMode};
use host_store::{Store, Tree, TreeWriter};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use crate::left_out::LeftOut;
use crate::open::open_file;
use crate::policy::{Verdict, judge};
use crate::{Error, Fetched};

const OPEN_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OPEN_FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Copies a folder, which is absolute and without links.
///
/// Each folder is opened from its parent and never by its path, so that a name replaced by a link in the meantime leads
/// nowhere. Git data, cargo target folders and build configuration are skipped.
pub(crate) fn folder(store: &Store, path: &Path, cancelled: &AtomicBool) -> Result<Fetched, Error> {
    let root = match openat(CWD, path, OPEN_FOLDER, Mode::empty()) {
        Ok(root) => root,
        Err(rustix::io::Errno::NOTDIR) => return Err(Error::NotAFolder { path: path.to_owned() }),
        Err(error) => return Err(io_error("open", path, error)),
    };
    let mut walk = Walk {
        writer: store.new_tree()?,
        path,
        cancelled,
        left_out: LeftOut::default(),
        n_folders: 0,
        max_folders: store.limits().max_files,
    };
    walk.folder(&root, "")?;
    let warnings = walk.left_out.warnings();
    Ok(Fetched::from_tree(walk.writer.finish()?, warnings))
}

/// Copies a library, its manifest and the schemas named in it. `folder` is absolute and without links.
pub(crate) fn library(store: &Store, folder: &Path, name: &OsStr) -> Result<Tree, Error> {
    let path = folder.join(name);
    let tree_path: TreePath = text(name.to_str(), || path.display().to_string())?.parse()?;
    let library = open_file(&path)?;
    let mut writer = store.new_tree()?;
    let mut has_manifest = false;
    let mut schemas = BTreeSet::new();
    for name in ["plugin.yaml", "plugin.yml"] {
        match open_file(&folder.join(name)) {
            Ok(manifest) => {
                let mut text = Vec::new();
                let (failed, most) =
                    (|source| Error::Io { action: "read", path: path.clone(), source }, Manifest::MAX_BYTES);
                let mut manifest = manifest.take(most as u64 + 1);
                manifest.read_to_end(&mut text).map_err(failed)?;
                // Problems of the manifest are reported by the check; here it is copied unchanged.
                let checked = Manifest::check(&text, ManifestMode::Permissive).ok();
                if let Some(Manifest { configuration_schema, endpoints, .. }) = checked.map(|checked| checked.manifest)
                {
                    schemas.extend(endpoints.iter().filter_map(Endpoint::body_schema).cloned());
                    schemas.extend(configuration_schema);
                }
                writer.add(name.parse()?, false, Cursor::new(text).chain(manifest.into_inner()))?;
                has_manifest = true;
            }
            Err(Error::NothingThere { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if !has_manifest {
        return Err(Error::NoManifestBeside { library: path });
    }
    let is_other = |schema: &TreePath| *schema != tree_path && !matches!(schema.as_str(), "plugin.yaml" | "plugin.yml");
    for schema in schemas.into_iter().filter(|schema| is_other(schema) && matches!(judge(schema), Verdict::Keep)) {
        if let Some(file) = beside(folder, &schema)? {
            writer.add(schema, false, file)?;
        }
    }
    writer.add(tree_path, true, library)?;
    Ok(writer.finish()?)
}

/// A regular file below a folder, found without following a link; `None` when nothing is there.
fn beside(folder: &Path, path: &TreePath) -> Result<Option<File>, Error> {
    let failed = |error| io_error("open", &folder.join(path.as_str()), error);
    let mut at = openat(CWD, folder, OPEN_FOLDER, Mode::empty()).map_err(failed)?;
    let (folders, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    let steps = folders.split('/').filter(|part| !part.is_empty()).map(|part| (part, OPEN_FOLDER));
    for (part, how) in steps.chain([(name, OPEN_FILE)]) {
        at = match openat(&at, part, how, Mode::empty()) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(Error::NotAFile { path: folder.join(path.as_str()) }),
            Err(error) => return Err(failed(error)),
        };
    }
    match FileType::from_raw_mode(fstat(at.as_fd()).map_err(failed)?.st_mode) {
        FileType::RegularFile => Ok(Some(File::from(at))),
        _ => Err(Error::NotAFile { path: folder.join(path.as_str()) }),
    }
}

struct Walk<'a> {
    writer: TreeWriter,
    path: &'a Path,
    cancelled: &'a AtomicBool,
    left_out: LeftOut,
    n_folders: usize,
    max_folders: usize,
}

impl Walk<'_> {
    /// Depth is bounded, because a path of a tree has few parts.
    fn folder(&mut self, folder: &OwnedFd, prefix: &str) -> Result<(), Error> {
        self.n_folders += 1;
        if self.n_folders > self.max_folders {
            return Err(Error::TooManyFolders { max_folders: self.max_folders });
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(|error| self.error("list", prefix, error))? {
            let entry = entry.map_err(|error| self.error("list", prefix, error))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort();
        let holds_a_crate = names.iter().any(|name| name.as_bytes() == b"Cargo.toml");
        for name in &names {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let is_build_output = holds_a_crate && name.as_bytes() == b"target";
            if name.as_bytes() != b".git" && !is_build_output {
                self.entry(folder, name, prefix)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, folder: &OwnedFd, name: &CStr, prefix: &str) -> Result<(), Error> {
        let name_text = text(name.to_str().ok(), || format!("{prefix}{}", name.to_string_lossy()))?;
        let shown = format!("{prefix}{name_text}");
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.error("look at", &shown, e))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Symlink {
            let target = readlinkat(folder, name, Vec::new()).map_err(|e| self.error("read the link", &shown, e))?;
            return Err(Error::Symlink { path: shown, target: target.to_string_lossy().into_owned() });
        }
        let path: TreePath = shown.parse()?;
        match judge(&path) {
            Verdict::Keep => {}
            Verdict::Drop(reason, name) => {
                self.left_out.add(reason, name);
                return Ok(());
            }
            Verdict::Refuse => return Err(Error::ForbiddenName { path: shown }),
        }
        match kind {
            FileType::Directory => {
                let inner =
                    openat(folder, name, OPEN_FOLDER, Mode::empty()).map_err(|e| self.error("open", &shown, e))?;
                self.folder(&inner, &format!("{shown}/"))
            }
            FileType::RegularFile => {
                let file = openat(folder, name, OPEN_FILE, Mode::empty()).map_err(|e| self.error("open", &shown, e))?;
                let stat = fstat(file.as_fd()).map_err(|e| self.error("look at", &shown, e))?;
                // Between the look and the opening the name may have become something else.
                let kind = FileType::from_raw_mode(stat.st_mode);
                if kind != FileType::RegularFile {
                    return Err(Error::Special { path: shown, kind: kind_name(kind) });
                }
                self.writer.add(path, stat.st_mode & 0o111 != 0, File::from(file))?;
                Ok(())
            }
            kind => Err(Error::Special { path: shown, kind: kind_name(kind) }),
        }
    }

    fn error(&self, action: &'static str, inside: &str, error: rustix::io::Errno) -> Error {
        io_error(action, &self.path.join(inside), error)
    }
}

fn io_error(action: &'static str, path: &Path, error: rustix::io::Errno) -> Error {
    Error::Io { action, path: path.to_owned(), source: error.into() }
}

fn text(name: Option<&str>, shown: impl FnOnce() -> String) -> Result<&str, Error> {
    name.ok_or_else(|| Error::NotText { shown: shown() })
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Directory => "folder",
        FileType::Symlink => "symbolic link",
        _ => "special file",
    }
}
