//! Problems of a plugin.yaml and their locations.

use std::fmt;

use crate::shown;

/// One problem of a plugin.yaml.
///
/// Displays as ``plugin.yaml:12: `endpoints[1].path` must start with `/`, found `hello` ``. Every part is safe to
/// print: control and direction characters of the file are shown as escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; 0 is the whole file.
    pub line: usize,
    /// The field, such as `endpoints[1].path`; empty for problems of the text itself.
    pub field: String,
    /// The violated rule.
    pub rule: String,
    /// The text found, cut to 80 characters; may be empty.
    pub found: String,
}

impl Problem {
    /// A problem of the text itself.
    pub(super) fn text(line: usize, rule: impl Into<String>) -> Problem {
        Problem { line, field: String::new(), rule: rule.into(), found: String::new() }
    }

    /// The problem with another file name.
    pub(crate) fn in_file(&self, file: &str) -> String {
        let line = if self.line == 0 { String::new() } else { format!("{}:", self.line) };
        let field = if self.field.is_empty() { String::new() } else { format!("`{}` ", self.field) };
        let found = if self.found.is_empty() { String::new() } else { format!(", found `{}`", self.found) };
        format!("{file}:{line} {field}{}{found}", self.rule)
    }

    /// The rule and the text found, without the field.
    pub(crate) fn without_field(&self) -> String {
        let found = if self.found.is_empty() { String::new() } else { format!(", found `{}`", self.found) };
        format!("{}{found}", self.rule)
    }

    /// A problem reported by the YAML parser.
    pub(super) fn from_yaml(error: &serde_yaml::Error) -> Problem {
        let message = error.to_string();
        let line = error.location().map_or(0, |at| at.line());
        if message.contains("as u128") || message.contains("as i128") {
            return Problem::text(line, "has a number that is too large; write it in quotes");
        }
        let message = message.split(" at line ").next().unwrap_or_default();
        Problem::text(line, format!("is not valid YAML: {}", shown(message, 80)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_file("plugin.yaml"))
    }
}
