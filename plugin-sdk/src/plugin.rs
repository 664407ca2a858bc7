//! What a plugin is to this SDK.

use std::sync::Arc;

use crate::{Context, Error, Request, Response};

/// A plugin, as the [`plugin`](crate::plugin) attribute writes it. Authors write the attribute, not this.
///
/// The hooks with a default do nothing; the host asks only for those that [`Plugin::HOOKS`] names. Each runs under a
/// deadline, and a panic in one is caught.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The handlers; the index of one is what [`Plugin::call`] gets.
    const HANDLERS: &'static [Handler];

    /// The names of the hooks that are not the defaults.
    const HOOKS: &'static [&'static str] = &[];

    /// Whether this answers every endpoint that plugin.yaml names. [`Plugin::HANDLERS`] is empty then, and
    /// [`Plugin::call`] gets the index of the endpoint in plugin.yaml.
    const SERVICE: bool = false;

    /// Makes the plugin. An error refuses the load; the generation before goes on serving.
    fn start(context: Context) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Answers a request with the handler of that index.
    fn call(self: Arc<Self>, handler: u32, request: Request) -> impl Future<Output = Response> + Send;

    /// Says whether all is well.
    fn health(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Ends what `start` began. No call is in flight, and none will come.
    fn stop(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Judges a configuration before anything is started with it. An error refuses it, and what serves goes on serving.
    fn validate(configuration: serde_json::Value) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = configuration;
        async { Ok(()) }
    }

    /// The plugin was started for the first time since it was installed. An error refuses the installation.
    fn install(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The plugin was started in place of version `from`, which still serves. An error refuses the upgrade.
    fn upgrade(self: Arc<Self>, from: String) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = from;
        async { Ok(()) }
    }

    /// The plugin is about to be removed, with what the host keeps for it unless `keep_data`. An error is logged.
    fn uninstall(self: Arc<Self>, keep_data: bool) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = keep_data;
        async { Ok(()) }
    }

    /// Calls come from now on. An error is logged.
    fn on_load(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// No new calls come; those in flight go on. The place to end long streams. An error is logged.
    fn on_unload(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The configuration has changed, and passed [`Plugin::validate`]. An error refuses it.
    fn on_config_change(
        self: Arc<Self>,
        configuration: serde_json::Value,
    ) -> impl Future<Output = Result<ConfigChange, Error>> + Send {
        let _ = configuration;
        async { Ok(ConfigChange::RestartRequired) }
    }

    /// The metrics are about to be read: the place to set gauges. An error is logged.
    fn metrics(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// A handler answered with an [`Error`] of status 500 or more, or panicked.
    fn on_error(&self, report: &ErrorReport) {
        let _ = report;
    }
}

/// What became of a changed configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// It is in use.
    Applied,
    /// Only a new generation can use it: the host makes one.
    RestartRequired,
}

/// What an error observer gets to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The handler's name, as plugin.yaml has it; the path for a whole service.
    pub handler: String,
    /// The request id.
    pub request_id: String,
    /// What the operator's log says.
    pub message: String,
    /// `file:line` when it was a panic.
    pub panicked_at: Option<String>,
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
