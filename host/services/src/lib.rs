//! What a plugin may ask of its host: key-value store, events, HTTP, other plugins, secrets, metrics and logs.
//!
//! [`HostServices`] is one a host and holds what all plugins share; [`PluginServices`] is one a generation, knows what
//! its plugin.yaml permits, and answers. Every request passes one table of permissions before a service sees it, and
//! every refusal is a problem document with a stable code.

mod answer;
mod call;
mod error;
mod events;
mod fetch;
mod host;
mod kv;
mod metrics;
mod permission;
mod plugin;
mod secrets;

pub use answer::problem;
pub use call::CallPlugin;
pub use error::Error;
pub use events::EventBus;
pub use fetch::FetchConfig;
pub use host::{HostServices, LogSink, Parts};
pub use metrics::PluginMetrics;
pub use plugin::PluginServices;
pub use secrets::{SecretSource, Secrets};
