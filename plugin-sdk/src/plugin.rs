//! What a plugin is to this SDK.

use std::sync::Arc;

use plugin_sdk_abi::{HostHandle, log_level};
use serde::de::DeserializeOwned;

use crate::{Error, Request, Response, StatusCode};

/// A plugin, as the [`plugin`](crate::plugin) attribute writes it. Authors write the attribute, not this.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The handlers; the index of one is what [`Plugin::call`] gets.
    const HANDLERS: &'static [Handler];

    /// Makes the plugin. An error refuses the load; the generation before goes on serving.
    fn start(context: Context) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Answers a request with the handler of that index.
    fn call(self: Arc<Self>, handler: u32, request: Request) -> impl Future<Output = Response> + Send;

    /// Says whether all is well.
    fn health(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends what `start` began. No call is in flight, and none will come.
    fn stop(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// One route of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The name plugin.yaml calls it by.
    pub handler: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with parameters as `:name` or `{name}`.
    pub path: &'static str,
}

/// What a plugin is started with: its configuration and its host. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    host: HostHandle,
    configuration: serde_json::Value,
    generation: u64,
}

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is wrong but goes on.
    Warn,
    /// Something an operator wants to know.
    Info,
    /// For developers.
    Debug,
}

impl Context {
    pub(crate) fn new(start: plugin_sdk_abi::Start) -> Result<Context, Error> {
        let configuration = serde_json::from_slice(&start.configuration)?;
        Ok(Context(Arc::new(Inner { host: start.host, configuration, generation: start.generation })))
    }

    /// The configuration, read into `T`.
    ///
    /// # Errors
    /// Names the field that does not fit.
    pub fn configuration<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&self.0.configuration).map_err(|error| {
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, "configuration_does_not_fit")
                .with_detail(format!("configuration: {error}"))
        })
    }

    /// The number of this generation: 1 for the first, one more with each reload.
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// Writes a line to the host's log, under the plugin's name.
    pub fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Error => log_level::ERROR,
            Level::Warn => log_level::WARN,
            Level::Info => log_level::INFO,
            Level::Debug => log_level::DEBUG,
        };
        self.host_log(level, message);
    }

    pub(crate) fn host_log(&self, level: u8, message: &str) {
        self.0.host.log(level, message);
    }
}
