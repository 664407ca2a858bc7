//! Removes a plugin's own outputs from a target folder, so that it contains only shareable ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Removes the outputs of these packages (package name, crate name) in all profiles. A file that cannot be removed only
/// takes space, and a package that uses its name for a dependency is compiled again.
pub(crate) fn remove(target: &Path, packages: &BTreeSet<(String, String)>) {
    for profile in ["release", "debug"] {
        let profile = target.join(profile);
        for folder in ["", "deps", ".fingerprint", "build"] {
            for entry in fs::read_dir(profile.join(folder)).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                if !packages.iter().any(|(package, library)| is_of(name, package) || is_of(name, library)) {
                    continue;
                }
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let _ = if is_dir && folder.is_empty() {
                    // A package may be called `deps`, as cargo's own folder.
                    Ok(())
                } else if is_dir {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
            }
        }
    }
}

/// Returns whether a file is `name`, `libname` or `name-<hash>`, with any extension.
fn is_of(file: &str, name: &str) -> bool {
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let is = |stem: &str| {
        let Some(rest) = stem.strip_prefix(name) else { return false };
        let is_hash = |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        rest.is_empty() || rest.strip_prefix('-').is_some_and(is_hash)
    };
    !name.is_empty() && (is(stem) || stem.strip_prefix("lib").is_some_and(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_package_are_taken() {
        for file in ["plug", "libplug.so", "plug.d", "plug-882abcee27335d21", "libplug-882abcee27335d21.rlib"] {
            assert!(is_of(file, "plug"), "{file}");
        }
        for file in ["plugin", "plug-extra-882abcee27335d21", "plug_in.d", "libplug-extra.so", "xplug.d", ".cargo-lock"]
        {
            assert!(!is_of(file, "plug") && !is_of(file, ""), "{file}");
        }
    }
}
