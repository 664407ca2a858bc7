//! The revision of a repository.

use std::fmt;
use std::str::FromStr;

use super::SourceError;
use crate::shown_address;

/// A revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// The newest release tag (no pre-release), or the default branch if there is none.
    Latest,
    /// A tag, a branch, a full commit id or the version of a tag; 1 to 200 of `A-Z a-z 0-9 . _ / -`, no `..`, not
    /// starting with `-`.
    Named(String),
}

impl FromStr for Revision {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Revision, SourceError> {
        if text.is_empty() || text == "latest" {
            return Ok(Revision::Latest);
        }
        if text.contains('@') {
            return Err(SourceError::TwoRevisions);
        }
        let good = text.len() <= 200
            && !text.starts_with(['-', '/', '.'])
            && !text.ends_with(['/', '.'])
            && !text.contains("..")
            && !text.contains("//")
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '+'));
        if good {
            Ok(Revision::Named(text.to_owned()))
        } else {
            Err(SourceError::Revision { found: shown_address(text) })
        }
    }
}

impl Revision {
    /// Returns whether the text has the form of a full commit id. A branch or tag may have such a name, too.
    pub fn is_commit(&self) -> bool {
        let Revision::Named(name) = self else { return false };
        name.len() == 40 && name.bytes().all(|c| c.is_ascii_hexdigit())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Latest => f.write_str("latest"),
            Revision::Named(name) => f.write_str(name),
        }
    }
}
