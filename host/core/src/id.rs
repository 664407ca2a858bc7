//! The ids of plugins, and the words that are reserved for the management API.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Ids that would shadow a management route or look like one.
const RESERVED: &[&str] = &[
    "api",
    "apply",
    "available",
    "batch",
    "cache",
    "configuration",
    "events",
    "export",
    "github",
    "graph",
    "health",
    "indexes",
    "install",
    "jobs",
    "load",
    "local",
    "metrics",
    "plan",
    "plugins",
    "revisions",
    "system",
    "tokens",
    "upload",
    "validate",
];

/// The name of a plugin: 3 to 50 of `A-Z a-z 0-9 _ -`, and not a reserved word. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginId(Arc<str>);

/// The reason why a text is not a plugin id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum IdError {
    /// Too short or too long.
    #[error("a plugin id must have 3 to 50 characters, found {found}")]
    Length {
        /// The number of characters found.
        found: usize,
    },
    /// A character outside the alphabet.
    #[error("a plugin id must contain only A-Z, a-z, 0-9, `_` and `-`, found {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
    /// The id is a path segment of the management API.
    #[error("`{found}` is reserved for the management API; choose another id")]
    Reserved { found: String },
}

impl PluginId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<PluginId, IdError> {
        if let Some(found) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')) {
            return Err(IdError::Character { found });
        }
        if !(3..=50).contains(&text.len()) {
            return Err(IdError::Length { found: text.len() });
        }
        if RESERVED.contains(&text.to_ascii_lowercase().as_str()) {
            return Err(IdError::Reserved { found: text.to_owned() });
        }
        Ok(PluginId(text.into()))
    }
}

impl std::borrow::Borrow<str> for PluginId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_3_to_50_characters_of_a_small_alphabet_and_are_not_reserved() {
        for good in ["abc", "my-plugin", "A_1", &"x".repeat(50)] {
            assert_eq!(good.parse::<PluginId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "ab", "a/b", "..", "a b", "é-plugin", "a%2fb", "system", "API", "Upload", &"x".repeat(51)] {
            assert!(bad.parse::<PluginId>().is_err(), "{bad}");
        }
    }
}
