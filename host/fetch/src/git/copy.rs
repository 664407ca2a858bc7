//! Copies the files of a commit from the object database into a tree, without a checkout.

use std::path::Path;

use git2::{Odb, Oid, Repository, Tree};
use host_core::TreePath;
use host_store::{TreeLimits, TreeWriter};

use super::lfs_download::{self, InLfs};
use super::session::Session;
use crate::Error;
use crate::left_out::{LeftOut, Reason};
use crate::links;
use crate::policy::{Verdict, judge};

const KIND: i32 = 0o170_000;
const FOLDER: i32 = 0o040_000;
const FILE: i32 = 0o100_000;
const SYMLINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// Adds the files of a commit, downloads its files in Git LFS if the operator allows it, and returns the files that are
/// left out. Only [`TreeWriter`] writes files.
pub(crate) fn commit(
    session: &Session,
    repository: &Repository,
    commit: Oid,
    writer: &mut TreeWriter,
    limits: TreeLimits,
) -> Result<LeftOut, Error> {
    let git = |source| session.git_error("read the files", source);
    let objects = repository.odb().map_err(git)?;
    let root = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(git)?;
    let mut folders = vec![(root.id(), String::new())];
    let mut left_out = LeftOut::default();
    let has_lfs = session.lfs().is_some();
    let mut in_lfs = vec![];
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
            let mut add = |id: Oid, mode: i32| {
                // The header is read first: a small object may claim to unpack to more than there is memory.
                let (bytes, _) = objects.read_header(id).map_err(git)?;
                let max_bytes = limits.max_file_bytes;
                if bytes as u64 > max_bytes {
                    return Err(Error::Store(host_store::Error::FileTooLarge { path: path.clone(), max_bytes }));
                }
                let content = objects.read(id).map_err(git)?;
                let is_executable = mode & 0o111 != 0;
                if has_lfs && crate::lfs_pointers::is_pointer(content.data()) {
                    in_lfs.push(InLfs::new(session, path.clone(), is_executable, content.data(), max_bytes)?);
                } else {
                    writer.add(path.clone(), is_executable, content.data())?;
                }
                Ok(())
            };
            match entry.filemode_raw() & KIND {
                FOLDER => folders.push((entry.id(), format!("{shown}/"))),
                FILE => add(entry.id(), entry.filemode_raw())?,
                SYMLINK => {
                    let (target, file) = resolve_link(&objects, &root, &shown, entry.id());
                    match file {
                        Some((id, mode)) => add(id, mode)?,
                        None => left_out.add_link(&shown, &target),
                    }
                }
                SUBMODULE => return Err(Error::Submodule { path: shown }),
                _ => return Err(Error::GitMode { path: shown, mode: entry.filemode_raw() }),
            }
        }
    }
    lfs_download::download(session, &in_lfs, writer)?;
    Ok(left_out)
}

/// Returns the target of a symbolic link as it is written, and the id and mode of the file at the end of the chain of
/// links; `None` if the chain does not end at a file of the commit, or the file may not be part of a source.
fn resolve_link(objects: &Odb<'_>, root: &Tree<'_>, link: &str, id: Oid) -> (String, Option<(Oid, i32)>) {
    let target_of = |id: Oid| {
        let (bytes, _) = objects.read_header(id).ok()?;
        let is_short = bytes as u64 <= links::MAX_TARGET_BYTES;
        is_short.then(|| objects.read(id).ok()).flatten().map(|text| String::from_utf8_lossy(text.data()).into_owned())
    };
    let said = target_of(id).unwrap_or_default();
    let (mut place, mut target) = (link.to_owned(), said.clone());
    for _ in 0..links::MAX_LINKS {
        let Some(next) = links::resolve(&place, &target) else { break };
        let is_kept = next.parse().is_ok_and(|path: TreePath| judge(&path) == Verdict::Keep);
        let Some(entry) = root.get_path(Path::new(&next)).ok().filter(|_| is_kept) else { break };
        match entry.filemode_raw() & KIND {
            FILE => return (said, Some((entry.id(), entry.filemode_raw()))),
            SYMLINK => match target_of(entry.id()) {
                Some(text) => (place, target) = (next, text),
                None => break,
            },
            _ => break,
        }
    }
    (said, None)
}
