//! The services of a host for its plugins: key-value store, events, HTTP, calls of other plugins, secrets, metrics and
//! logs.
//!
//! [`HostServices`] exists once per host and holds the state that all plugins share. [`PluginServices`] exists once per
//! generation and answers its requests. Every request is checked against one table of permissions before a service
//! handles it, and every refusal is a problem document with a stable code.

mod answer;
mod call;
mod clock;
mod error;
mod events;
mod fetch;
mod host;
mod kv;
mod metrics;
mod permission;
mod plugin;
mod secrets;
mod shared;

pub use answer::problem;
pub use call::CallPlugin;
pub use clock::now_unix_ms;
pub use error::Error;
pub use events::EventBus;
pub use fetch::FetchConfig;
pub use host::HostServices;
pub use metrics::PluginMetrics;
pub use plugin::PluginServices;
pub use secrets::{SecretSource, Secrets};
pub use shared::{LogSink, ServiceParts};
