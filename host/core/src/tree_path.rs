//! Paths of files inside a plugin's source tree.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// A relative path inside a tree, with `/` between its parts: the only kind of path created from untrusted input. It
/// never points outside, has a unique spelling, and is safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// The reason why a path is not allowed in a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?} {rule}")]
pub struct PathError {
    /// The path, cut to 200 characters.
    pub path: String,
    /// The violated rule.
    pub rule: &'static str,
}

impl PathError {
    /// The remedy for a file with this path.
    pub fn remedy(&self) -> &'static str {
        match &*self.path {
            path if path.contains('\\') => {
                "pack the files again with a tool that separates folders by `/`, such as `plugin-host pack`"
            }
            path if path.contains(':') => "rename the file; some file systems cannot store a `:` in a name",
            _ => "rename the file",
        }
    }
}

impl TreePath {
    /// The maximum number of bytes in one part of a path.
    pub const MAX_PART_BYTES: usize = 200;
    /// The maximum number of parts.
    pub const MAX_DEPTH: usize = 32;

    /// Reads the path of a folder as people type it: `./plugins/hello/` is `plugins/hello`.
    ///
    /// # Errors
    /// The path is not allowed in a tree.
    pub fn of_folder(text: &str) -> Result<TreePath, PathError> {
        let plain = text.strip_prefix("./").unwrap_or(text);
        let plain = plain.strip_suffix('/').unwrap_or(plain);
        if matches!(text, "" | "." | "./" | "/") {
            return Err(PathError { path: text.to_owned(), rule: "is the root of the source; leave the path out" });
        }
        // An error shows the text as it was typed.
        plain.parse().map_err(|error| PathError { path: text.chars().take(200).collect(), ..error })
    }

    /// The path as text, parts separated by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, outermost first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Normalizes a path so that paths are equal if some file system would treat them as the same file (Unicode NFC,
    /// lower case).
    pub fn folded(&self) -> String {
        self.0.nfc().flat_map(char::to_lowercase).nfc().collect()
    }

    /// The path without its first part; `None` if it has only one.
    pub fn without_top(&self) -> Option<TreePath> {
        self.0.split_once('/').map(|(_, rest)| TreePath(rest.to_owned()))
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<TreePath, PathError> {
        let refuse = |rule| Err(PathError { path: text.chars().take(200).collect(), rule });
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.starts_with('/') {
            return refuse("is absolute");
        }
        if text.chars().any(|c| c.is_control() || is_format(c)) {
            return refuse("contains a control or invisible character");
        }
        if text.contains(['\\', ':']) {
            return refuse("contains a backslash or colon");
        }
        let mut depth = 0;
        for part in text.split('/') {
            depth += 1;
            match part {
                "" => return refuse("has an empty part (`//`)"),
                "." | ".." => return refuse("leads outside"),
                _ if part.len() > TreePath::MAX_PART_BYTES => return refuse("has a part of more than 200 bytes"),
                _ if part.ends_with(['.', ' ']) => return refuse("has a part that ends with a dot or space"),
                _ => {}
            }
        }
        if depth > TreePath::MAX_DEPTH {
            return refuse("has more than 32 levels of folders");
        }
        Ok(TreePath(text.to_owned()))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Unicode format characters (general category Cf): zero-width and bidirectional marks, which disguise a name. The
/// ranges are those of Unicode 16 below the supplementary planes, and the tag characters.
fn is_format(c: char) -> bool {
    matches!(c as u32,
        0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2 | 0x180E | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB | 0xE0000..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_folder_is_read_as_people_type_it() {
        for text in ["a/b", "./a/b", "a/b/", "./a/b/"] {
            assert_eq!(TreePath::of_folder(text).unwrap().as_str(), "a/b", "{text}");
        }
        for text in ["", ".", "./", "/", "/a", "a//", "././a", "../a", "a/./b"] {
            let refused = TreePath::of_folder(text).unwrap_err();
            assert_eq!(refused.path, text);
            assert_eq!(
                refused.rule.starts_with("is the root of the source"),
                text.len() <= 2 && text != "/a",
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_never_leads_outside_of_the_tree() {
        for good in ["a", "src/lib.rs", ".github/x", "ümlaut/ß.rs", "a b/c"] {
            assert_eq!(good.parse::<TreePath>().map(|p| p.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "c:x",
            "a\0b",
            "a\nb",
            "a/b.",
            "a /b",
            "\u{202e}txt",
            "a\u{200c}b",
        ] {
            assert!(bad.parse::<TreePath>().is_err(), "{bad:?}");
        }
        assert!("a/".repeat(31).trim_end_matches('/').parse::<TreePath>().is_ok());
        assert!(format!("{}z", "a/".repeat(32)).parse::<TreePath>().is_err());
        assert!("x".repeat(201).parse::<TreePath>().is_err());
    }

    #[test]
    fn names_that_some_file_systems_treat_as_equal_have_the_same_folded_form() {
        let fold = |text: &str| text.parse::<TreePath>().unwrap().folded();
        assert_eq!(fold("Readme.MD"), fold("README.md"));
        assert_eq!(fold("e\u{301}"), fold("\u{e9}"));
        assert_ne!(fold("a"), fold("b"));
    }
}
