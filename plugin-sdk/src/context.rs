//! The context of a plugin: its configuration and its host.

use std::fmt;
use std::sync::Arc;

use plugin_sdk_abi::log_level;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Result;
use crate::extract::{Configuration, FromConfiguration as _};
use crate::plugin_runtime::PluginRuntime;
use crate::services::{Events, Http, Kv, Metrics, Plugins, Secrets};

/// The plugin's configuration and the services of its host. Cheap to clone: store one in the plugin's struct.
///
/// ```
/// use plugin_sdk::prelude::*;
///
/// struct Cats {
///     context: Context,
/// }
///
/// #[plugin]
/// impl Cats {
///     #[start]
///     async fn start(context: Context) -> Result<Cats> {
///         Ok(Cats { context })
///     }
///
///     #[get("/cats/{name}")]
///     async fn cat(&self, Path(name): Path<String>) -> Result<Json<Value>> {
///         let cat = self.context.kv().get_json(&name).await?;
///         cat.map(Json).ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "no_such_cat"))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Context(Arc<PluginRuntime>);

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A failed operation.
    Error,
    /// A problem that does not stop the operation.
    Warn,
    /// Information for operators.
    Info,
    /// Information for developers.
    Debug,
    /// Detailed information for developers.
    Trace,
}

impl Context {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Context {
        Context(plugin_runtime)
    }

    /// Deserializes the configuration.
    ///
    /// # Errors
    /// The configuration does not deserialize to `T`; the error names the field.
    pub fn configuration<T: DeserializeOwned>(&self) -> Result<T> {
        Configuration::from_configuration(self.raw_configuration()).map(|Configuration(value)| value)
    }

    pub(crate) fn raw_configuration(&self) -> &Value {
        &self.0.configuration
    }

    /// The number of this generation: 1 for the first, one more with each reload.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The plugin's own key-value store: permissions `kv.read` and `kv.write`.
    pub fn kv(&self) -> Kv {
        Kv::new(self.0.clone())
    }

    /// Events between plugins: permissions `events.publish` and `events.subscribe`.
    pub fn events(&self) -> Events {
        Events::new(self.0.clone())
    }

    /// HTTP requests through the host, to the servers in plugin.yaml: permission `http.fetch`.
    pub fn http(&self) -> Http {
        Http::new(self.0.clone())
    }

    /// Other plugins of this host: permission `plugins.call`.
    pub fn plugins(&self) -> Plugins {
        Plugins::new(self.0.clone())
    }

    /// Secrets that the operator gave this plugin: permission `secrets.read`.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.0.clone())
    }

    /// The plugin's own metrics: permission `metrics.write`.
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.0.clone())
    }

    /// Writes a line to the host's log. The macros of [`tracing`](crate::tracing) also record fields.
    pub fn log(&self, level: Level, message: &str) {
        self.0.event(level.number(), "", message, &[]);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("generation", &self.0.generation).finish_non_exhaustive()
    }
}

impl Level {
    /// The number of the level in the host's interface.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Level::Error => log_level::ERROR,
            Level::Warn => log_level::WARN,
            Level::Info => log_level::INFO,
            Level::Debug => log_level::DEBUG,
            Level::Trace => log_level::TRACE,
        }
    }
}
