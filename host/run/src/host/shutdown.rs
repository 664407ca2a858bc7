//! The shutdown of a host.

use std::time::Duration;

use host_core::event::EventKind;

use crate::state::Host;

impl Host {
    /// Ends jobs, including builds. Generations continue to serve.
    pub fn begin_shutdown(&self) {
        if !self.is_stopping() {
            self.0.events.publish(None, None, EventKind::HostStopping);
        }
        self.0.stopping.cancel();
    }

    /// Ends jobs, including builds, and then every generation: drained for at most `grace`, and stopped.
    pub async fn shutdown(&self, grace: Duration) {
        self.begin_shutdown();
        for serving in self.0.roster.all() {
            if let Some(generation) = self.0.roster.remove(&serving.id) {
                self.retire(generation, grace);
            }
        }
        self.0.tasks.close();
        if tokio::time::timeout(grace + self.config().stop_timeout, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end within the grace period");
        }
        self.write_ended_jobs().await;
        self.0.events.close().await;
        self.0.state.close().await;
    }
}
