//! The key-value stores of plugins, as an operator sees them.

use host_core::PluginId;
use host_state::{Entry, Page, StoredData};

use crate::model::Error;
use crate::state::Host;

impl Host {
    /// The number and size of the keys that a plugin has stored.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn stored_data(&self, id: &PluginId) -> Result<StoredData, Error> {
        Ok(self.0.services.kv().stored_data(id).await?)
    }

    /// At most `limit` stored keys of a plugin that start with `prefix` and sort after `after`.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn stored_keys(
        &self,
        id: &PluginId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        Ok(self.0.services.kv().list(id, prefix, after, limit).await?)
    }

    /// The value that a plugin has stored under a key.
    ///
    /// # Errors
    /// The key is invalid, or the stored value is damaged.
    pub async fn stored_value(&self, id: &PluginId, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.0.services.kv().get(id, key).await?)
    }

    /// Deletes a stored key of a plugin. Returns whether it existed.
    ///
    /// # Errors
    /// The key is invalid, or the database could not be written.
    pub async fn delete_stored(&self, id: &PluginId, key: &str) -> Result<bool, Error> {
        Ok(self.0.services.kv().delete(id, key, None).await?)
    }
}
