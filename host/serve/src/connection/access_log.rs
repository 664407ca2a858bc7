//! The access log: one line per request, with the target `access`.
//!
//! The level is debug for plugin calls and read requests, and info for changes. The duration ends with the head of
//! the response.

use std::time::Instant;

use host_call::Trace;
use http::{Method, StatusCode, Version};
use tracing::Level;

use crate::wire::request_id::RequestId;

/// Maximum number of characters of a path.
const MAX_PATH_CHARS: usize = 500;

/// Returns the start time of a request if its line will be logged.
pub(crate) fn begin(level: Level) -> Option<Instant> {
    let is_wanted = match level {
        Level::INFO => tracing::enabled!(target: "access", Level::INFO),
        _ => tracing::enabled!(target: "access", Level::DEBUG),
    };
    is_wanted.then(Instant::now)
}

/// The fields of a line.
pub(crate) struct AccessLogLine<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) begun: Instant,
    /// The called plugin, and the generation that responded.
    pub(crate) plugin: Option<(&'a str, u64)>,
    /// The action of a management request.
    pub(crate) action: Option<&'static str>,
    pub(crate) request_id: &'a RequestId,
    pub(crate) trace: Trace,
    pub(crate) peer: &'a str,
}

impl AccessLogLine<'_> {
    /// Writes the line. Control characters are escaped; the query is left out because it may contain secrets.
    pub(crate) fn write(&self, level: Level) {
        let method = self.method.as_str();
        let path = escaped(self.path);
        let version = self.version;
        let status = self.status.as_u16();
        let duration_ms = self.begun.elapsed().as_secs_f64() * 1e3;
        let (plugin, generation) = self.plugin.unzip();
        let request_id = self.request_id;
        let trace_id = self.trace.id();
        let peer = self.peer;
        let action = self.action;
        // The level is part of an event's static metadata, so each level needs its own call site.
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    target: "access", Level::$level, method, path, ?version, status, duration_ms, plugin.id = plugin, generation,
                    action, %request_id, %trace_id, peer, "{method} {path}: {status}"
                )
            };
        }
        match level {
            Level::INFO => emit!(INFO),
            _ => emit!(DEBUG),
        }
    }
}

/// Escapes characters in a path that would change the log line or the terminal it is shown in.
pub(crate) fn escaped(path: &str) -> String {
    let mut shown = String::with_capacity(path.len());
    for c in path.chars().take(MAX_PATH_CHARS) {
        if c.is_ascii_graphic() { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    if path.chars().nth(MAX_PATH_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_path_is_one_line_of_bounded_length() {
        assert_eq!(escaped("/api/plugins"), "/api/plugins");
        assert_eq!(escaped("/a\r\nGET /b\u{1b}[31m\u{202e}x\u{85}"), "/a\\r\\nGET /b\\u{1b}[31m\\u{202e}x\\u{85}");
        assert_eq!(escaped(&"x".repeat(600)).chars().count(), 501);
        assert_eq!(escaped("/ä b"), "/\\u{e4} b");
    }
}
