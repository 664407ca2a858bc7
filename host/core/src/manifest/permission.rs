//! Permissions for host services.

use std::fmt;

/// A permission for a host service, as listed in plugin.yaml under `permissions`. Logging needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read and list the plugin's own keys.
    KvRead,
    /// Put and delete the plugin's own keys.
    KvWrite,
    /// Publish events under the plugin's own id.
    EventsPublish,
    /// Receive the events of all plugins.
    EventsSubscribe,
    /// Fetch from the servers under `security.allowed_hosts`.
    HttpFetch,
    /// Call the endpoints of other plugins.
    PluginsCall,
    /// Read the secrets that the operator gave to this plugin.
    SecretsRead,
    /// Create and change counters, gauges and histograms.
    MetricsWrite,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Permission; 8] = [
        Permission::KvRead,
        Permission::KvWrite,
        Permission::EventsPublish,
        Permission::EventsSubscribe,
        Permission::HttpFetch,
        Permission::PluginsCall,
        Permission::SecretsRead,
        Permission::MetricsWrite,
    ];

    /// The name in plugin.yaml.
    pub const fn as_str(self) -> &'static str {
        match self {
            Permission::KvRead => "kv.read",
            Permission::KvWrite => "kv.write",
            Permission::EventsPublish => "events.publish",
            Permission::EventsSubscribe => "events.subscribe",
            Permission::HttpFetch => "http.fetch",
            Permission::PluginsCall => "plugins.call",
            Permission::SecretsRead => "secrets.read",
            Permission::MetricsWrite => "metrics.write",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
