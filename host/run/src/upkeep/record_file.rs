//! The record files beside the database. The database is authoritative.

use host_core::{Desired, PluginId};
use host_state::write_record;

use crate::state::Host;

impl Host {
    /// Writes or removes the record file of a plugin.
    pub(crate) async fn keep_record(&self, id: PluginId, revision: u64, desired: Option<Desired>) {
        let host = self.clone();
        let kept = tokio::task::spawn_blocking(move || match desired {
            Some(desired) => host.0.store.put_record(&id, &write_record(revision, &desired)),
            None => host.0.store.remove_record(&id),
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!("failed to write the record file of the plugin: {error}; it is written at the next start");
        }
    }
}
