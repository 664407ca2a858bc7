//! Permissions, scopes, and the names of tokens and users.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// Names that are reserved for other principals in revisions, jobs and the audit log.
const RESERVED: &[&str] = &["anonymous", "host", "operator", "rescan", "unknown"];

/// A permission or scope: 1 to 100 visible ASCII characters, none of them `"`, `\` or `,`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(Box<str>);

/// The error for a text that is not a permission or scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a permission or scope must have 1 to 100 visible ASCII characters other than `\"`, `\\` and `,`")]
pub struct WordError;

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Word, WordError> {
        let is_word = (1..=100).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'"' | b'\\' | b','));
        is_word.then(|| Word(text.into())).ok_or(WordError)
    }
}

/// Allows lookups by `str` in a set of words.
impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a token or user: 1 to 64 of `A-Z a-z 0-9 . _ @ + -`, starting with a letter or digit, and not reserved
/// for the host. Names with a `:`, such as `plugin:cats` and `login:zoe`, are created by the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// The error for a text that is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum NameError {
    /// The length or a character is not allowed.
    #[error(
        "a name must have 1 to 64 characters, start with a letter or digit and contain only letters, digits, `.`, `_`, \
         `@`, `+` and `-`"
    )]
    Form,
    /// The name is reserved.
    #[error("the name `{found}` is reserved for the host")]
    Reserved { found: String },
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        let is_name = (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"._@+-".contains(&c));
        if !is_name {
            return Err(NameError::Form);
        }
        if RESERVED.contains(&text.to_ascii_lowercase().as_str()) {
            Err(NameError::Reserved { found: text.to_owned() })
        } else {
            Ok(Name(text.into()))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_names_are_refused() {
        for name in ["a", "ci", "Zoe.Smith+x@example.org", "7up", &"x".repeat(64)] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
        for name in ["", "-a", "login:zoe", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(name.parse::<Name>(), Err(NameError::Form), "{name}");
        }
        assert_eq!("Operator".parse::<Name>(), Err(NameError::Reserved { found: "Operator".to_owned() }));
    }

    #[test]
    fn invalid_words_are_refused() {
        for word in ["orders.read", "https://example.org/scope", "a:b/*", &"x".repeat(100)] {
            assert_eq!(word.parse::<Word>().unwrap().as_str(), word);
        }
        for word in ["", "a b", "a,b", "\"", "\\", "é", "a\n", &"x".repeat(101)] {
            assert_eq!(word.parse::<Word>(), Err(WordError), "{word}");
        }
    }
}
