//! Records of the `log` crate.

use log::{Level, LevelFilter, Log, Metadata, Record};
use plugin_sdk_abi::log_level;

use crate::plugin_runtime::PluginRuntime;

/// Sends records to the host of their plugin.
pub(super) struct ToHost;

impl Log for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        PluginRuntime::current().is_some_and(|plugin_runtime| number(metadata.level()) <= plugin_runtime.level())
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(plugin_runtime) =
            PluginRuntime::current().filter(|plugin_runtime| number(record.level()) <= plugin_runtime.level())
        {
            plugin_runtime.event(number(record.level()), record.target(), &record.args().to_string(), &[]);
        }
    }

    fn flush(&self) {}
}

fn number(level: Level) -> u8 {
    match level {
        Level::Error => log_level::ERROR,
        Level::Warn => log_level::WARN,
        Level::Info => log_level::INFO,
        Level::Debug => log_level::DEBUG,
        Level::Trace => log_level::TRACE,
    }
}

/// The most verbose level of all plugins of this library.
pub(super) fn greatest() -> LevelFilter {
    match PluginRuntime::greatest_level() {
        0 => LevelFilter::Off,
        log_level::ERROR => LevelFilter::Error,
        log_level::WARN => LevelFilter::Warn,
        log_level::INFO => LevelFilter::Info,
        log_level::DEBUG => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    }
}
