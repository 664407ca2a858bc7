//! Following the log of a plugin.

use std::sync::Arc;

use host_call::{LogLine, MinLevel};

use crate::metrics::ActiveGauge;
use crate::plugins::Plugin;
use crate::state::Host;

/// A stream of the log of a plugin.
pub struct LogStream {
    host: Host,
    plugin: Arc<Plugin>,
    /// The number of the next line.
    from: u64,
    /// Whether the reader has seen the lines before.
    has_seen: bool,
    level: MinLevel,
    _there: ActiveGauge,
}

/// An item of a [`LogStream`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPart {
    /// The numbers of the first and the last line that the reader missed, because they are no longer stored.
    pub missed: Option<(u64, u64)>,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
}

impl Host {
    /// Waits for log lines of a plugin numbered `from` and higher; `None` if the plugin is not installed. A new plugin
    /// starts its numbers at 0. Cancel safe.
    pub async fn new_plugin_lines(&self, id: &str, from: u64) -> Option<Vec<LogLine>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        plugin.log.reached(from).await;
        Some(plugin.lines(from))
    }

    /// Follows the log of a plugin: first the stored lines (with `last`, only the lines after that number), then the
    /// new lines. Returns `None` if the plugin is not installed.
    pub fn follow_plugin_log(&self, id: &str, last: Option<u64>, level: MinLevel) -> Option<LogStream> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        // A log with fewer lines than `last` is a new log, after a restart of the host or the plugin, so all of its
        // lines are passed on.
        let last = last.filter(|last| *last < plugin.log.n_lines());
        let from = last.map_or(0, |last| last + 1);
        let there = ActiveGauge::new(&self.front_metrics().log_streams);
        let host = self.clone();
        Some(LogStream { host, plugin, from, has_seen: last.is_some(), level, _there: there })
    }
}

impl LogStream {
    /// Waits for the next item; `None` when the plugin is unloaded or the host stops. Cancel safe.
    pub async fn next(&mut self) -> Option<LogPart> {
        loop {
            tokio::select! {
                () = self.plugin.log.reached(self.from) => {}
                () = self.plugin.log.ended() => return None,
                () = self.host.0.stopping.cancelled() => return None,
            }
            let all = self.plugin.lines(self.from);
            let (Some(first), Some(last)) = (all.first(), all.last()) else { continue };
            let first = first.number;
            let last = last.number;
            let missed = (self.has_seen && first > self.from).then(|| (self.from, first - 1));
            self.from = last + 1;
            self.has_seen = true;
            let lines: Vec<_> = all.into_iter().filter(|line| self.level.takes(line)).collect();
            if missed.is_some() || !lines.is_empty() {
                return Some(LogPart { missed, lines });
            }
        }
    }
}
