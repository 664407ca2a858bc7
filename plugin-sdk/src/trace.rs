//! Logging: forwards the events of `tracing` and `log` to the host's log.
//!
//! A library has its own copy of `tracing` with its own dispatcher, so this is its only subscriber. It stores the
//! required span data and leaves formatting, filtering by target and writing to the host.

#[cfg(feature = "log")]
mod bridge;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "tracing")]
mod subscriber;

use std::sync::Once;

use crate::plugin_runtime::{LOG_HOOKS, LogHooks};

/// Puts the subscriber in place; once per library.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = LOG_HOOKS.set(LogHooks { level_changed, free });
        // A program that tests plugins may have its own subscriber, which then receives the events.
        #[cfg(feature = "tracing")]
        let _ = tracing::subscriber::set_global_default(subscriber::ToHost);
        #[cfg(feature = "log")]
        let _ = log::set_logger(&bridge::ToHost);
    });
}

/// Tells the macros which levels are enabled, so that a disabled event costs almost nothing.
fn level_changed() {
    #[cfg(feature = "tracing")]
    tracing::callsite::rebuild_interest_cache();
    #[cfg(feature = "log")]
    log::set_max_level(bridge::greatest());
}

/// Frees the memory that is reserved for spans.
fn free() {
    #[cfg(feature = "tracing")]
    spans::free();
}
