//! A folder or a prebuilt library on this machine becomes a tree.

mod ignore;
mod walk;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use host_core::TreePath;
use host_core::manifest::{Endpoint, Manifest, Mode as ManifestMode};
use host_store::{Store, Tree};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use crate::open::open_file;
use crate::policy::{Verdict, judge};
use crate::{Error, Fetched, lfs_pointers};

const OPEN_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OPEN_FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Copies a folder, which is absolute and without links. A single top-level folder stays in the paths if `keeps_top`.
pub(crate) fn folder(store: &Store, path: &Path, keeps_top: bool, cancelled: &AtomicBool) -> Result<Fetched, Error> {
    let root = match openat(CWD, path, OPEN_FOLDER, Mode::empty()) {
        Ok(root) => root,
        Err(rustix::io::Errno::NOTDIR) => return Err(Error::not_a_folder(path)),
        Err(error) => return Err(io_error("open", path, error)),
    };
    let (tree, left_out) = walk::copy(store, path, &root, keeps_top, cancelled)?;
    let warnings = [left_out.warnings(), lfs_pointers::warnings(&tree)].concat();
    Ok(Fetched { notes: left_out.notes(), ..Fetched::from_tree(tree, warnings) })
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
                let mut manifest = manifest.take(Manifest::MAX_BYTES as u64 + 1);
                manifest.read_to_end(&mut text).map_err(|source| Error::of_path("read", &path, source))?;
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
            Err(rustix::io::Errno::LOOP) => return Err(Error::not_a_file(&folder.join(path.as_str()))),
            Err(error) => return Err(failed(error)),
        };
    }
    match FileType::from_raw_mode(fstat(at.as_fd()).map_err(failed)?.st_mode) {
        FileType::RegularFile => Ok(Some(File::from(at))),
        _ => Err(Error::not_a_file(&folder.join(path.as_str()))),
    }
}

fn io_error(action: &'static str, path: &Path, error: rustix::io::Errno) -> Error {
    Error::of_path(action, path, error)
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
