//! The last installed version of each plugin, so that `install` and `upgrade` hooks run once and not at each start.

use std::sync::Arc;

use host_core::PluginId;

use crate::{Error, State};

impl State {
    /// The version of a plugin whose `install` or `upgrade` hook has run.
    pub async fn installed_version(&self, plugin: &PluginId) -> Result<Option<String>, Error> {
        let row = sqlx::query_scalar("SELECT version FROM installed WHERE plugin = $1").bind(plugin.as_str());
        let failed = |error| Error::sql("read which version is installed", Arc::new(error));
        row.fetch_optional(self.readers()).await.map_err(failed)
    }

    /// Records that `version` is installed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the version is recorded or not.
    pub async fn note_installed(&self, plugin: &PluginId, version: &str) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO installed (plugin, version) VALUES ($1, $2)
            ON CONFLICT (plugin) DO UPDATE SET version = excluded.version";
        let (plugin, version) = (plugin.clone(), version.to_owned());
        let change = self.change(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(SQL).bind(plugin.as_str()).bind(version).execute(connection).await;
                row.map(drop).map_err(|error| Error::sql("store which version is installed", Arc::new(error)))
            })
        });
        change.await
    }

    /// Records that a plugin is no longer installed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the removal is recorded or not.
    pub async fn note_removed(&self, plugin: &PluginId) -> Result<(), Error> {
        let plugin = plugin.clone();
        let change = self.change(move |connection| {
            Box::pin(async move {
                let row = sqlx::query("DELETE FROM installed WHERE plugin = $1").bind(plugin.as_str());
                let done = row.execute(connection).await;
                done.map(drop).map_err(|error| Error::sql("store that a plugin was unloaded", Arc::new(error)))
            })
        });
        change.await
    }
}
