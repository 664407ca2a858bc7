//! The runtime context of a started plugin.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use plugin_sdk_abi::HostHandle;
use serde_json::Value;

use crate::Result;
use crate::handle::Handle;
use crate::turns::Turns;

/// Functions of the logging that this module calls without importing it.
pub(crate) struct LogHooks {
    /// Called after the most verbose level of a plugin has changed.
    pub(crate) level_changed: fn(),
    /// Called when no plugin is left, to free the memory of spans.
    pub(crate) free: fn(),
}

/// Set once, when logging is installed.
pub(crate) static LOG_HOOKS: OnceLock<LogHooks> = OnceLock::new();

/// The plugin's runtime context, shared by its `Context`, its threads and its logging.
pub(crate) struct PluginRuntime {
    /// The host; `None` for hooks that run before the plugin is connected to a host.
    pub(crate) host: Option<HostHandle>,
    pub(crate) configuration: Value,
    pub(crate) generation: u64,
    /// The most verbose level of the host, refreshed periodically.
    level: AtomicU8,
    pub(crate) handle: Handle,
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "without threads there are no turns"))]
    pub(crate) turns: Turns,
}

/// The running plugins of this library: one in a host, several in a program that tests plugins.
static RUNTIMES: Mutex<Vec<Weak<PluginRuntime>>> = Mutex::new(Vec::new());

impl PluginRuntime {
    /// Creates the runtime context of a plugin that is being started.
    pub(crate) fn new(start: plugin_sdk_abi::Start, handle: Handle) -> Result<Arc<PluginRuntime>> {
        let configuration = match &*start.configuration {
            [] => Value::Object(Default::default()),
            json => serde_json::from_slice(json)?,
        };
        let (host, generation) = (Some(start.host), start.generation);
        let (level, turns) = (AtomicU8::new(0), Turns::new());
        let plugin_runtime = Arc::new(PluginRuntime { host, configuration, generation, level, handle, turns });
        RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&plugin_runtime));
        plugin_runtime.refresh_level();
        Ok(plugin_runtime)
    }

    /// Creates the runtime context for a hook that runs before the start.
    pub(crate) fn without_host(handle: Handle) -> Arc<PluginRuntime> {
        let (level, turns) = (AtomicU8::new(0), Turns::new());
        Arc::new(PluginRuntime { host: None, configuration: Value::Null, generation: 0, level, handle, turns })
    }

    /// Returns the most verbose log level of all plugins of this library.
    #[cfg(any(feature = "tracing", feature = "log"))]
    pub(crate) fn greatest_level() -> u8 {
        let runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        let living: Vec<Arc<PluginRuntime>> = runtimes.iter().filter_map(Weak::upgrade).collect();
        // Unlocked first: the drop of a last reference locks them, too.
        drop(runtimes);
        living.iter().map(|plugin_runtime| plugin_runtime.level()).max().unwrap_or(0)
    }

    /// Returns the host's most verbose level at the last refresh.
    #[cfg(any(feature = "tracing", feature = "log"))]
    pub(crate) fn level(&self) -> u8 {
        self.level.load(Ordering::Relaxed)
    }

    /// Reads the host's log levels.
    pub(crate) fn refresh_level(&self) {
        let Some(host) = &self.host else { return };
        let level = host.log_level();
        if self.level.swap(level, Ordering::Relaxed) != level {
            if let Some(hooks) = LOG_HOOKS.get() {
                (hooks.level_changed)();
            }
        }
    }
}

/// Returns the plugin that was started last.
pub(crate) fn newest() -> Option<Arc<PluginRuntime>> {
    let runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
    runtimes.iter().rev().find_map(Weak::upgrade)
}

impl Drop for PluginRuntime {
    /// Statics of a closed library are never dropped, so the entries of stopped plugins are freed here.
    fn drop(&mut self) {
        let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.retain(|plugin_runtime| plugin_runtime.strong_count() > 0);
        if runtimes.is_empty() {
            *runtimes = Vec::new();
            drop(runtimes);
            if let Some(hooks) = LOG_HOOKS.get() {
                (hooks.free)();
            }
        }
    }
}
