//! Whose turn it is: operations on one plugin run one after the other.

use std::sync::Arc;

use host_core::PluginId;
use tokio::sync::OwnedMutexGuard;

use crate::error::Error;
use crate::host::Host;
use crate::log_lines::now_unix_ms;
use crate::plugin::{Installed, LastError, Phase, Plugin};

/// A plugin, held against other operations.
pub(super) struct Held {
    pub(super) plugin: Arc<Plugin>,
    _turn: OwnedMutexGuard<()>,
}

impl Held {
    /// Waits for the turn on an installed plugin.
    pub(super) async fn installed_plugin(host: &Host, id: &str) -> Result<Held, Error> {
        loop {
            let plugin = host.0.plugins.get(id).map(|entry| entry.value().clone());
            let Some(plugin) = plugin else { return Err(Error::UnknownPlugin { id: id.to_owned() }) };
            let turn = plugin.serial.clone().lock_owned().await;
            // It may have been unloaded, and even loaded again, while this waited.
            if is_current(host, &plugin) {
                return Ok(Held { plugin, _turn: turn });
            }
        }
    }

    /// The same, and adds the plugin where it is not there.
    pub(super) async fn plugin(host: &Host, id: &PluginId) -> Held {
        loop {
            let plugin = host.0.plugins.entry(id.clone()).or_insert_with(|| Arc::new(Plugin::new(id.clone()))).clone();
            let turn = plugin.serial.clone().lock_owned().await;
            if is_current(host, &plugin) {
                return Held { plugin, _turn: turn };
            }
        }
    }

    /// What is installed.
    pub(super) fn installed(&self) -> Result<Installed, Error> {
        let installed = self.plugin.state().installed.clone();
        installed.ok_or_else(|| Error::UnknownPlugin { id: self.plugin.id.to_string() })
    }

    /// Notes a failure with the plugin. One whose first load failed is not installed, so it is taken away again.
    pub(super) fn noted<T>(&self, host: &Host, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.plugin.log.push("error", None, &error.chain());
            let mut state = self.plugin.state();
            state.last_error =
                Some(LastError { code: error.code(), message: error.chain(), at_unix_ms: now_unix_ms() });
            let never_installed = state.installed.is_none();
            drop(state);
            if never_installed {
                host.0.plugins.remove(&self.plugin.id);
                host.0.metrics.forget(self.plugin.id.as_str());
                host.0.services.metrics().forget(&self.plugin.id);
            }
        }
        result
    }
}

fn is_current(host: &Host, plugin: &Arc<Plugin>) -> bool {
    host.0.plugins.get(&plugin.id).is_some_and(|entry| Arc::ptr_eq(entry.value(), plugin))
}

/// Shows what an operation does with a plugin, for as long as it lives.
pub(super) struct Working(Arc<Plugin>);

impl Plugin {
    pub(super) fn working(self: &Arc<Self>, phase: Phase) -> Working {
        self.state().working = Some(phase);
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.state().working = None;
    }
}
