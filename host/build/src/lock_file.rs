//! Checks whether cargo kept the versions of a plugin's Cargo.lock.

use std::collections::BTreeSet;

use serde::Deserialize;

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// The changes made by cargo, as `-name version` and `+name version`; empty if it kept the file.
///
/// A Cargo.lock created without the SDK, or with another one, does not match the SDK of the host. cargo then adds and
/// replaces the necessary versions, in the copy that it builds, and keeps the others.
pub(crate) fn changes(before: &str, after: &str) -> Vec<String> {
    let packages = |text| -> BTreeSet<Package> {
        toml::from_str::<LockFile>(text).map(|file| file.package.into_iter().collect()).unwrap_or_default()
    };
    let (before, after) = (packages(before), packages(after));
    let list = |sign: char, packages: &mut dyn Iterator<Item = &Package>| -> Vec<String> {
        packages.map(|package| format!("{sign}{} {}", package.name, package.version)).collect()
    };
    let mut changes = list('-', &mut before.difference(&after));
    changes.extend(list('+', &mut after.difference(&before)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_built_with_counts() {
        let one = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        let two = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.1\"\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let unused = format!("{one}[[patch.unused]]\nname = \"plugin-sdk\"\nversion = \"0.1.0\"\n");
        assert!(changes(one, one).is_empty());
        assert!(changes(one, &unused).is_empty());
        assert_eq!(changes(one, two), ["-a 1.0.0", "+a 1.0.1", "+b 2.0.0"]);
        assert_eq!(changes("not a lock file [", one), ["+a 1.0.0"]);
    }
}
