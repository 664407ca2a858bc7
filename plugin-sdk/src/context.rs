//! The context of a plugin: its configuration and its host.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use plugin_sdk_abi::record::Record;
use plugin_sdk_abi::{HostHandle, log_level};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Result;
use crate::extract::{Configuration, FromConfiguration as _};
use crate::runtime::Handle;
use crate::scope;
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
pub struct Context(Arc<Home>);

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something failed.
    Error,
    /// A problem that does not stop the operation.
    Warn,
    /// Something an operator wants to know.
    Info,
    /// For developers.
    Debug,
    /// For developers, in detail.
    Trace,
}

impl Context {
    pub(crate) fn new(home: Arc<Home>) -> Context {
        Context(home)
    }

    /// The configuration, read into `T`.
    ///
    /// # Errors
    /// Names the field that does not fit.
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

    /// Metrics of the plugin's own: permission `metrics.write`.
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.0.clone())
    }

    /// Writes a line to the host's log, under the plugin's name. The macros of [`tracing`](crate::tracing) do more.
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
    /// The host's number for it.
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

/// The plugin's runtime context, shared by its `Context`, its threads and its logging.
pub(crate) struct Home {
    /// `None` for hooks that run before there is a host to talk to.
    pub(crate) host: Option<HostHandle>,
    configuration: Value,
    generation: u64,
    /// The most verbose level of the host, refreshed periodically.
    level: AtomicU8,
    pub(crate) handle: Handle,
}

/// The homes of this library: one in a host, several in a program that tests plugins.
static HOMES: Mutex<Vec<Weak<Home>>> = Mutex::new(Vec::new());

impl Home {
    /// The home of a plugin that is being started.
    pub(crate) fn of(start: plugin_sdk_abi::Start, handle: Handle) -> Result<Arc<Home>> {
        let configuration = match &*start.configuration {
            [] => Value::Object(Default::default()),
            json => serde_json::from_slice(json)?,
        };
        let (host, generation) = (Some(start.host), start.generation);
        let home = Arc::new(Home { host, configuration, generation, level: AtomicU8::new(0), handle });
        HOMES.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&home));
        home.refresh_level();
        Ok(home)
    }

    /// The home of a hook that runs before anything is started.
    pub(crate) fn without_host(handle: Handle) -> Arc<Home> {
        let level = AtomicU8::new(0);
        Arc::new(Home { host: None, configuration: Value::Null, generation: 0, level, handle })
    }

    /// Returns the plugin of the code on this thread. For a thread started by plugin code, the plugin that was started
    /// last.
    pub(crate) fn current() -> Option<Arc<Home>> {
        scope::current(|scope| scope.home.clone()).or_else(|| {
            let homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
            homes.iter().rev().find_map(Weak::upgrade)
        })
    }

    /// The most verbose level that any plugin of this library logs at.
    #[cfg(any(feature = "tracing", feature = "log"))]
    pub(crate) fn greatest_level() -> u8 {
        let homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
        let living: Vec<Arc<Home>> = homes.iter().filter_map(Weak::upgrade).collect();
        // A value dropped here as the last reference would lock them itself.
        drop(homes);
        living.iter().map(|home| home.level()).max().unwrap_or(0)
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
            #[cfg(any(feature = "tracing", feature = "log"))]
            crate::trace::level_changed();
        }
    }

    /// Writes an event to the host's log, with the request that is being handled.
    pub(crate) fn event(&self, level: u8, target: &str, message: &str, fields: &[(&str, &str)]) {
        let Some(host) = &self.host else { return };
        let mut buffer = Vec::with_capacity(256);
        let mut write = |request_id: Option<&str>, traceparent: Option<&str>| {
            let record = Record { target, message, request_id, traceparent };
            record.write(fields.iter().copied(), &mut buffer);
        };
        let written = scope::current(|scope| {
            let call = scope.call.as_ref()?;
            write(Some(call.request_id()), call.traceparent());
            Some(())
        });
        if written.is_none() {
            write(None, None);
        }
        if !host.event(level, &buffer) {
            let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            host.log(level.min(log_level::DEBUG), &format!("{message}{fields}"));
        }
    }
}

impl Drop for Home {
    /// Statics of a closed library are never dropped, so the entries of stopped plugins are freed here.
    fn drop(&mut self) {
        let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
        homes.retain(|home| home.strong_count() > 0);
        if homes.is_empty() {
            *homes = Vec::new();
            drop(homes);
            #[cfg(feature = "tracing")]
            crate::trace::free();
        }
    }
}
