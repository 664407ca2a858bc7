//! The files of a commit, object by object, into a tree.

use git2::{Oid, Repository};
use host_core::TreePath;
use host_store::{TreeLimits, TreeWriter};

use super::session::Session;
use crate::Error;
use crate::left_out::{LeftOut, Reason};
use crate::policy::{Verdict, judge};

const KIND: i32 = 0o170_000;
const FOLDER: i32 = 0o040_000;
const FILE: i32 = 0o100_000;
const SYMLINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// Adds the files of a commit, and returns the files that are left out. Nothing is written but what [`TreeWriter`] writes.
pub(crate) fn commit(
    session: &Session,
    repository: &Repository,
    commit: Oid,
    writer: &mut TreeWriter,
    limits: TreeLimits,
) -> Result<LeftOut, Error> {
    let git = |source| session.git_error("read the files", source);
    let objects = repository.odb().map_err(git)?;
    let root = repository.find_commit(commit).map_err(git)?.tree_id();
    let mut folders = vec![(root, String::new())];
    let mut left_out = LeftOut::default();
    let mut n_folders = 0;
    while let Some((id, prefix)) = folders.pop() {
        // A few objects can represent an endless number of folders, because one object may be used as many folders.
        n_folders += 1;
        if n_folders > limits.max_files {
            return Err(Error::TooManyFolders { max_folders: limits.max_files });
        }
        let folder = repository.find_tree(id).map_err(git)?;
        for entry in &folder {
            session.check()?;
            let Ok(name) = entry.name() else {
                return Err(Error::NotText {
                    shown: format!("{prefix}{}", String::from_utf8_lossy(entry.name_bytes())),
                });
            };
            let shown = format!("{prefix}{name}");
            let path: TreePath = shown.parse()?;
            match judge(&path) {
                Verdict::Keep => {}
                // git itself never makes such an entry.
                Verdict::Drop(Reason::GitData, _) | Verdict::Refuse => {
                    return Err(Error::ForbiddenName { path: shown });
                }
                Verdict::Drop(reason, name) => {
                    left_out.add(reason, name);
                    continue;
                }
            }
            let read = |max_bytes: u64| {
                // The header is read first: a small object may claim to unpack to more than there is memory.
                let (bytes, _) = objects.read_header(entry.id()).map_err(git)?;
                if bytes as u64 > max_bytes {
                    return Err(Error::Store(host_store::Error::FileTooLarge { path: path.clone(), max_bytes }));
                }
                objects.read(entry.id()).map_err(git)
            };
            match entry.filemode_raw() & KIND {
                FOLDER => folders.push((entry.id(), format!("{shown}/"))),
                FILE => {
                    let content = read(limits.max_file_bytes)?;
                    writer.add(path.clone(), entry.filemode_raw() & 0o111 != 0, content.data())?;
                }
                SYMLINK => {
                    let target = read(4096)?;
                    return Err(Error::Symlink {
                        path: shown,
                        target: String::from_utf8_lossy(target.data()).escape_debug().to_string(),
                    });
                }
                SUBMODULE => return Err(Error::Submodule { path: shown }),
                _ => return Err(Error::GitMode { path: shown, mode: entry.filemode_raw() }),
            }
        }
    }
    Ok(left_out)
}
