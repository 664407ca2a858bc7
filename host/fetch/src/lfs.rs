//! Pointers of Git LFS, which stand in a repository in place of large files.

use host_store::Tree;

const MAX_POINTER_BYTES: u64 = 1 << 10;
const MAX_NAMES: usize = 5;
/// The first line of every pointer.
const START: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A warning that names the files of a tree that are pointers.
pub(crate) fn warnings(tree: &Tree) -> Vec<String> {
    let has_room = |bytes: u64| (START.len() as u64..MAX_POINTER_BYTES).contains(&bytes);
    let is_pointer = |path| tree.read(path, MAX_POINTER_BYTES).is_ok_and(|text| text.starts_with(START));
    let pointers = tree.files().iter().filter(|file| has_room(file.bytes) && is_pointer(&file.path));
    let pointers: Vec<_> = pointers.map(|file| format!("`{}`", file.path)).collect();
    if pointers.is_empty() {
        return vec![];
    }
    let mut shown = pointers.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if pointers.len() > MAX_NAMES {
        shown = format!("{shown}, {} more", pointers.len() - MAX_NAMES);
    }
    vec![format!(
        "pointers of Git LFS instead of the files themselves, which the host does not fetch: {shown}; \
         hint: run `git lfs pull` in a clone and load it as a folder, or `plugin-host pack` it"
    )]
}
