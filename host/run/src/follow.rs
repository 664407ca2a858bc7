//! Following what a plugin says.

use crate::host::Host;
use crate::log_lines::LogLine;

impl Host {
    /// Waits for log lines of a plugin numbered `from` and later; `None` when no such plugin is there. Numbers begin anew
    /// with a plugin that was not there before. Cancel safe.
    pub async fn new_plugin_lines(&self, id: &str, from: u64) -> Option<Vec<LogLine>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        plugin.log.reached(from).await;
        Some(plugin.lines(from))
    }
}
