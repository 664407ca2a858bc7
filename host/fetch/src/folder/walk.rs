//! The walk through a folder.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use host_core::TreePath;
use host_store::{Store, Tree, TreeWriter};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, ResolveFlags, fstat, openat, openat2, readlinkat, statat};

use super::ignore::{self, IgnoreRules, is_ignored};
use super::{OPEN_FILE, OPEN_FOLDER, io_error, kind_name, text};
use crate::Error;
use crate::left_out::{LeftOut, Reason};
use crate::policy::{Verdict, judge};

/// Folders that other programs make beside the sources and that are never part of a plugin. docs/authoring.md has the
/// list, so they need no warning.
const MADE_BY_PROGRAMS: [&[u8]; 7] = [b".git", b".hg", b".svn", b"node_modules", b".venv", b"__pycache__", b".direnv"];
/// Files that only the folder of a host has. They are secrets, and a host that runs in the folder of a plugin must not
/// copy its own data.
const HOST_SECRETS: [&[u8]; 2] = [b"operator.token", b"seal.key"];
/// The file that marks a cache, such as the build cache of a host: <https://bford.info/cachedir/>.
const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";
/// The number of files of a `.cargo` folder that are looked at.
const MAX_NAMED: usize = 100;
/// Files at the root that a `.gitignore` cannot exclude: without them there is no plugin, or a different plugin.
const ALWAYS: [&str; 4] = ["plugin.yaml", "plugin.yml", "Cargo.toml", "Cargo.lock"];

/// Copies a folder. `path` is absolute and without links.
///
/// Each folder is opened from its parent and never by its path, so a name that is replaced by a link in the meantime is
/// not followed.
pub(super) fn copy(
    store: &Store,
    path: &Path,
    root: &OwnedFd,
    keeps_top: bool,
    cancelled: &AtomicBool,
) -> Result<(Tree, LeftOut), Error> {
    let max_files = store.limits().max_files;
    let walk = |copy: Option<TreeWriter>, not_copied: Vec<String>| {
        let (rules, left_out) = (vec![], LeftOut::default());
        let (n_files, n_folders) = (0, 0);
        let mut walk = Walk { copy, path, root, cancelled, rules, left_out, not_copied, n_files, n_folders, max_files };
        walk.folder(root, "")?;
        Ok::<_, Error>(walk)
    };
    // The files are counted first, so that a folder with too many of them is refused before the first one is copied.
    let Walk { not_copied, .. } = walk(None, vec![])?;
    let Walk { copy, left_out, .. } = walk(Some(store.new_tree()?), not_copied)?;
    let finish = if keeps_top { TreeWriter::finish_with_top } else { TreeWriter::finish };
    let tree = copy.map(finish).transpose()?.ok_or(host_store::Error::EmptyTree)?;
    Ok((tree, left_out))
}

struct Walk<'a> {
    /// The copy; `None` while the files are only counted.
    copy: Option<TreeWriter>,
    path: &'a Path,
    root: &'a OwnedFd,
    cancelled: &'a AtomicBool,
    /// The rules of the `.gitignore` files in the current folder and the folders above it.
    rules: Vec<IgnoreRules>,
    left_out: LeftOut,
    /// Folders of hosts and caches, each with a `/` at its end. The list is complete before the first link is followed.
    not_copied: Vec<String>,
    n_files: usize,
    n_folders: usize,
    max_files: usize,
}

impl Walk<'_> {
    /// Copies a folder. The depth of the recursion is bounded, because a path of a tree has few parts.
    fn folder(&mut self, folder: &OwnedFd, prefix: &str) -> Result<(), Error> {
        self.n_folders += 1;
        if self.n_folders > self.max_files {
            return Err(Error::TooManyFolders { max_folders: self.max_files });
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(|error| self.error("list", prefix, error))? {
            let entry = entry.map_err(|error| self.error("list", prefix, error))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort();
        if let Some(reason) = not_a_source(&names).filter(|_| !prefix.is_empty()) {
            self.left_out.add(reason, prefix.trim_end_matches('/'));
            self.not_copied.push(prefix.to_owned());
            return Ok(());
        }
        let n_rules = self.rules.len();
        if names.iter().any(|name| name.as_bytes() == b".gitignore") {
            self.rules.extend(read_rules(folder, prefix));
        }
        let holds_a_crate = names.iter().any(|name| name.as_bytes() == b"Cargo.toml");
        for name in &names {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let is_build_output = holds_a_crate && name.as_bytes() == b"target";
            if !is_build_output && !MADE_BY_PROGRAMS.contains(&name.as_bytes()) {
                self.entry(folder, name, prefix)?;
            }
        }
        self.rules.truncate(n_rules);
        Ok(())
    }

    fn entry(&mut self, folder: &OwnedFd, name: &CStr, prefix: &str) -> Result<(), Error> {
        let name_text = text(name.to_str().ok(), || format!("{prefix}{}", name.to_string_lossy()))?;
        let shown = format!("{prefix}{name_text}");
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.error("look at", &shown, e))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if self.is_ignored(&shown, kind == FileType::Directory) {
            self.left_out.add(Reason::Ignored, &shown);
            return Ok(());
        }
        let path: TreePath = shown.parse()?;
        match judge(&path) {
            Verdict::Keep => {}
            Verdict::Drop(Reason::BuildConfiguration, _) if kind == FileType::Directory => {
                self.name_build_configuration(folder, name, &shown);
                return Ok(());
            }
            Verdict::Drop(reason, name) => {
                self.left_out.add(reason, name);
                return Ok(());
            }
            Verdict::Refuse => return Err(Error::ForbiddenName { path: shown }),
        }
        match kind {
            FileType::RegularFile if self.copy.is_none() => self.count(path),
            FileType::Symlink if self.copy.is_none() => Ok(()),
            FileType::Symlink => self.link(folder, name, path),
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
                self.add(path, stat.st_mode & 0o111 != 0, File::from(file))
            }
            kind => Err(Error::Special { path: shown, kind: kind_name(kind) }),
        }
    }

    /// Names the files of a `.cargo` folder, except files that a `.gitignore` excludes: `plugin-host new` makes such a
    /// file in every plugin.
    fn name_build_configuration(&mut self, folder: &OwnedFd, name: &CStr, shown: &str) {
        let inner = openat(folder, name, OPEN_FOLDER, Mode::empty());
        let Ok(files) = inner.and_then(|inner| Dir::read_from(&inner)) else { return };
        for file in files.filter_map(Result::ok).take(MAX_NAMED) {
            let file_name = file.file_name().to_string_lossy();
            let path = format!("{shown}/{file_name}");
            if !matches!(&*file_name, "." | "..") && !self.is_ignored(&path, file.file_type() == FileType::Directory) {
                self.left_out.add(Reason::BuildConfiguration, &path.escape_debug().to_string());
            }
        }
    }

    /// Adds the file that a link leads to, if it is a file of this folder that the tree may have.
    fn link(&mut self, folder: &OwnedFd, name: &CStr, path: TreePath) -> Result<(), Error> {
        match self.linked_file(path.as_str()) {
            Some((file, executable)) => self.add(path, executable, file),
            None => {
                let target = readlinkat(folder, name, Vec::new()).unwrap_or_default();
                self.left_out.add_link(path.as_str(), &target.to_string_lossy());
                Ok(())
            }
        }
    }

    fn add(&mut self, path: TreePath, executable: bool, file: File) -> Result<(), Error> {
        if let Some(copy) = &mut self.copy {
            copy.add(path, executable, file)?;
        }
        Ok(())
    }

    fn count(&mut self, path: TreePath) -> Result<(), Error> {
        self.n_files += 1;
        if self.n_files <= self.max_files {
            return Ok(());
        }
        Err(host_store::Error::TooManyFiles { path, max_files: self.max_files }.into())
    }

    /// Opens the file behind a link without leaving the root, whatever is replaced in the meantime.
    fn linked_file(&self, link: &str) -> Option<(File, bool)> {
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = OPEN_FILE.difference(rustix::fs::OFlags::NOFOLLOW);
        let file = openat2(self.root, link, flags, Mode::empty(), inside).ok()?;
        let stat = fstat(file.as_fd()).ok()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        // A link must not bring in what is left out under its own name.
        let place = readlinkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new()).ok()?;
        let place = Path::new(place.to_str().ok()?).strip_prefix(self.path).ok()?.to_str()?;
        let is_made = |part: &str| MADE_BY_PROGRAMS.contains(&part.as_bytes());
        let path: TreePath = place.parse().ok()?;
        let is_not_copied = self.not_copied.iter().any(|folder| path.as_str().starts_with(folder));
        let is_left_out = judge(&path) != Verdict::Keep || path.parts().any(is_made) || is_not_copied;
        (!is_left_out).then(|| (File::from(file), stat.st_mode & 0o111 != 0))
    }

    fn is_ignored(&self, path: &str, is_folder: bool) -> bool {
        let is_library = !path.contains('/') && path.ends_with(".so");
        !ALWAYS.contains(&path) && !is_library && is_ignored(&self.rules, path, is_folder)
    }

    fn error(&self, action: &'static str, inside: &str, error: rustix::io::Errno) -> Error {
        io_error(action, &self.path.join(inside), error)
    }
}

/// The reason why a folder with these files is not part of a source.
fn not_a_source(names: &[CString]) -> Option<Reason> {
    let holds = |wanted: &[u8]| names.iter().any(|name| name.as_bytes() == wanted);
    if HOST_SECRETS.into_iter().any(holds) {
        return Some(Reason::HostData);
    }
    holds(CACHE_TAG).then_some(Reason::Cache)
}

/// The rules of the `.gitignore` of a folder; none if it is not a readable text file.
fn read_rules(folder: &OwnedFd, prefix: &str) -> Option<IgnoreRules> {
    let file = openat(folder, ".gitignore", OPEN_FILE, Mode::empty()).ok()?;
    let stat = fstat(file.as_fd()).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut text = Vec::new();
    File::from(file).take(ignore::MAX_BYTES).read_to_end(&mut text).ok()?;
    Some(IgnoreRules::parse(prefix, &String::from_utf8_lossy(&text)))
}
