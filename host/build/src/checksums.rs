//! Compares a tree with the list of files in its plugin.yaml.

use host_core::manifest::Checksums;
use host_store::Tree;

use crate::Error;

/// Checks that every listed file exists unchanged and, for a complete list, that there are no other files.
pub(crate) fn check(tree: &Tree, checksums: &Checksums) -> Result<(), Error> {
    let problems = checksum_differences(tree, checksums);
    if problems.is_empty() { Ok(()) } else { Err(Error::TreeChecksum { problems }) }
}

/// Returns the differences between a tree and its checksums, one sentence each, ordered by path.
pub fn checksum_differences(tree: &Tree, checksums: &Checksums) -> Vec<String> {
    let mut problems = Vec::new();
    let files = tree.files();
    for (path, expected) in &checksums.files {
        match files.iter().find(|file| file.path == *path) {
            None => problems.push((path, format!("`{path}` is missing"))),
            Some(file) if file.digest != *expected => {
                problems.push((path, format!("`{path}` is `{}`, expected `{expected}`", file.digest)));
            }
            Some(_) => {}
        }
    }
    if checksums.complete {
        for file in files {
            // The list cannot contain the digest of its own file.
            let is_manifest = matches!(file.path.as_str(), "plugin.yaml" | "plugin.yml");
            if !is_manifest && !checksums.files.contains_key(&file.path) {
                problems.push((&file.path, format!("`{}` is not in the list", file.path)));
            }
        }
    }
    problems.sort();
    problems.into_iter().map(|(_, problem)| problem).collect()
}
