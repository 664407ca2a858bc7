//! Problems of a plugins.yaml and their locations.

use std::fmt;

use crate::manifest;

/// One problem of a plugins.yaml.
///
/// Displays as ``plugins.yaml:12: `plugins[1].goal` must be …``. Every part is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSetProblem(manifest::Problem);

impl PluginSetProblem {
    /// The line, counted from 1; 0 for the whole file, or one without lines.
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The field, such as `plugins[1].goal`; empty for problems of the text itself.
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// The problem prefixed with the name of the file.
    pub fn in_file(&self, file: &str) -> String {
        self.0.in_file(file)
    }
}

impl From<manifest::Problem> for PluginSetProblem {
    fn from(problem: manifest::Problem) -> PluginSetProblem {
        PluginSetProblem(problem)
    }
}

impl fmt::Display for PluginSetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_file("plugins.yaml"))
    }
}
