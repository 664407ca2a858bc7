//! Views of the plugins, and the numbers of their generations.

use host_core::PluginId;

use crate::plugins::PluginView;
use crate::state::Host;

impl Host {
    /// All installed plugins, ordered by id.
    pub fn plugins(&self) -> Vec<PluginView> {
        let mut all: Vec<_> = self.0.plugins.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.iter().map(|plugin| plugin.view()).collect()
    }

    /// The plugin with that id.
    pub fn plugin(&self, id: &str) -> Option<PluginView> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.view())
    }

    /// Removes all that is in memory of a plugin that has nothing on disk.
    pub(crate) fn forget(&self, id: &PluginId) {
        if let Some((_, plugin)) = self.0.plugins.remove(id) {
            plugin.log.end();
        }
        self.0.metrics.forget(id.as_str());
        self.0.services.metrics().forget(id);
    }

    /// The number of the next generation of `id`.
    pub(crate) fn next_number(&self, id: &PluginId) -> u64 {
        let mut number = self.0.numbers.entry(id.clone()).or_insert(0);
        *number += 1;
        *number
    }

    /// Returns whether this process unmaps ended generations.
    ///
    /// # Errors
    /// The reason why it does not, in one sentence.
    pub fn unloading(&self) -> Result<(), String> {
        self.0.unloading.get_or_init(|| host_load::unloading(&self.0.store)).clone()
    }
}
