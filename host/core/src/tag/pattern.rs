//! The pattern of a plugin's release tags.

use std::fmt;
use std::str::FromStr;

/// The place of the version in a pattern.
const PLACE: &str = "{version}";

/// The pattern of a plugin's release tags: the text of a tag with `{version}` in place of the version, such as
/// `hello-v{version}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagPattern(Box<str>);

/// The reason why a text is not a pattern of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not a pattern of tags; hint: write a tag with `{{version}}` once in place of the version, such as \
     `hello-v{{version}}`"
)]
pub struct TagPatternError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl TagPattern {
    /// The part of a tag in place of the version; `None` if the tag does not match.
    pub(super) fn version_in<'t>(&self, tag: &'t str) -> Option<&'t str> {
        let (before, after) = self.0.split_once(PLACE)?;
        tag.strip_prefix(before)?.strip_suffix(after)
    }
}

impl FromStr for TagPattern {
    type Err = TagPatternError;

    fn from_str(text: &str) -> Result<TagPattern, TagPatternError> {
        let is_part = |part: &str| part.bytes().all(|c| c.is_ascii_alphanumeric() || b"._/-+".contains(&c));
        match text.split_once(PLACE) {
            Some((before, after)) if text.len() <= 200 && is_part(before) && is_part(after) => {
                Ok(TagPattern(text.into()))
            }
            _ => Err(TagPatternError { found: crate::shown(text, 80) }),
        }
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_place_for_the_version() {
        for text in ["{version}", "v{version}", "plugins/a/v{version}-release"] {
            assert_eq!(text.parse::<TagPattern>().map(|pattern| pattern.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "v*", "v1.0.0", "{version}{version}", "a b{version}", "a#{version}", "a&{version}"] {
            let error = text.parse::<TagPattern>().unwrap_err().to_string();
            assert!(error.contains("such as `hello-v{version}`"), "{text}: {error}");
        }
        let pattern: TagPattern = "a-{version}-b".parse().unwrap();
        assert_eq!(pattern.version_in("a-1.0.0-b"), Some("1.0.0"));
        assert_eq!(pattern.version_in("a-b"), None);
    }
}
