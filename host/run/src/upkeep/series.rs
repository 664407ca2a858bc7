//! The series of requests of all plugins, sampled by a timer.

use std::time::Duration;

use host_call::now_unix_ms;

use crate::plugins::{STEP, SeriesPoint};
use crate::state::Host;

impl Host {
    /// The length of a step of a series.
    pub const SERIES_STEP: Duration = STEP;

    /// The requests of a plugin in the last 15 minutes, in steps of ten seconds, oldest first; steps without requests
    /// are left out. `None` if the plugin is not installed.
    pub fn series(&self, id: &str) -> Option<Vec<SeriesPoint>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.state().series(now_unix_ms()))
    }

    /// Starts the timer that ends the steps.
    pub(crate) fn begin_series(&self) {
        let host = self.clone();
        self.0.tasks.spawn(async move {
            let mut steps = tokio::time::interval(STEP);
            loop {
                tokio::select! {
                    _ = steps.tick() => {}
                    () = host.0.stopping.cancelled() => return,
                }
                let now = now_unix_ms();
                let plugins: Vec<_> = host.0.plugins.iter().map(|entry| entry.value().clone()).collect();
                plugins.iter().for_each(|plugin| plugin.state().sample(now));
            }
        });
    }
}
