//! The files of a source that are not in its tree, as warnings.

use std::collections::{BTreeMap, BTreeSet};

/// The number of names in one warning.
const MAX_NAMES: usize = 5;

/// The reason why a file or folder is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It would change how cargo builds, which a plugin must not decide.
    BuildConfiguration,
    /// macOS or Windows writes it into folders that a user opens.
    DesktopData,
    /// The data of git.
    GitData,
    /// The folder of a host, with its tokens and keys.
    HostData,
    /// A `.gitignore` excludes it.
    Ignored,
    /// A link that leads to a folder, out of the source or nowhere.
    Link,
    /// A folder that its owner marks as a cache.
    Cache,
}

impl Reason {
    /// The reason for some files, or for `one`.
    fn text(self, one: bool) -> &'static str {
        match self {
            Reason::BuildConfiguration => "a plugin does not configure the build",
            Reason::DesktopData => "macOS and Windows write such files for their own use",
            Reason::GitData => "the data of git is not part of a plugin",
            Reason::HostData => "the data of a host, with its tokens and keys, is not part of a plugin",
            Reason::Cache if one => "a CACHEDIR.TAG marks it as a cache",
            Reason::Cache => "a CACHEDIR.TAG marks them as caches",
            Reason::Ignored if one => "a `.gitignore` excludes it",
            Reason::Ignored => "a `.gitignore` excludes them",
            Reason::Link => {
                "a link is followed only to a file of the source; replace it with the file if the plugin needs it"
            }
        }
    }
}

/// The files and folders that were left out.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(BTreeMap<Reason, BTreeSet<String>>);

impl LeftOut {
    /// Adds a file or folder.
    pub(crate) fn add(&mut self, reason: Reason, path: &str) {
        let names = self.0.entry(reason).or_default();
        if !names.contains(path) {
            names.insert(path.to_owned());
        }
    }

    /// Adds a link with its target.
    pub(crate) fn add_link(&mut self, path: &str, target: &str) {
        let target: String = target.chars().take(200).flat_map(char::escape_debug).collect();
        self.add(Reason::Link, &format!("{path} -> {target}"));
    }

    /// One warning for each reason, which names the files.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.texts(|reason| reason != Reason::Ignored)
    }

    /// The files that the author excludes.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.texts(|reason| reason == Reason::Ignored)
    }

    fn texts(&self, is_wanted: impl Fn(Reason) -> bool) -> Vec<String> {
        let text = |(reason, names): (&Reason, &BTreeSet<String>)| {
            let shown = host_core::shown_list(names, MAX_NAMES);
            format!("left out of the source: {shown}, because {}", reason.text(names.len() == 1))
        };
        self.0.iter().filter(|(reason, _)| is_wanted(**reason)).map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_a_few_files_and_counts_the_rest() {
        let mut left_out = LeftOut::default();
        assert_eq!(left_out.warnings(), Vec::<String>::new());
        for name in ["c", "a", "b", "d", "e", "f", "g", "a"] {
            left_out.add(Reason::DesktopData, name);
        }
        left_out.add(Reason::GitData, ".git");
        let [desktop, git] = &left_out.warnings()[..] else { panic!("{left_out:?}") };
        assert!(desktop.contains("`a`, `b`, `c`, `d`, `e`, 2 more, because macOS"), "{desktop}");
        assert!(git.contains("`.git`"), "{git}");
        left_out.add(Reason::Ignored, "src/generated.rs");
        let note = "left out of the source: `src/generated.rs`, because a `.gitignore` excludes it";
        assert_eq!(left_out.notes(), [note]);
        left_out.add(Reason::Ignored, "a");
        assert!(left_out.notes()[0].ends_with("excludes them"), "{:?}", left_out.notes());
    }
}
