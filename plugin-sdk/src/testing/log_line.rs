//! A line that the plugin logged.

use crate::Level;

/// A line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The level.
    pub level: Level,
    /// The module path; empty for [`Context::log`](crate::Context::log).
    pub target: String,
    /// The message.
    pub message: String,
    /// The fields; `spans` is the last, if spans were open.
    pub fields: Vec<(String, String)>,
    /// The id of the request that was being handled.
    pub request_id: Option<String>,
}

impl LogLine {
    /// The field `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
