//! The trait that the `#[plugin]` attribute implements.

use std::sync::Arc;

use crate::{Context, Error, Request, Response};

/// The implementation of a plugin, which the [`plugin`](crate::plugin) attribute generates.
///
/// Hooks with a default do nothing; the host calls only the hooks in [`Plugin::HOOKS`]. Each runs under a deadline, and
/// panics are caught.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The handlers. [`Plugin::call`] receives an index into this list.
    const HANDLERS: &'static [Handler];

    /// The names of the hooks that are not the defaults.
    const HOOKS: &'static [&'static str] = &[];

    /// Whether the plugin is a service, which handles every endpoint of plugin.yaml. [`Plugin::HANDLERS`] is empty
    /// then, and [`Plugin::call`] gets the index of the endpoint in plugin.yaml.
    const SERVICE: bool = false;

    /// Creates the plugin. An error refuses the load; the previous generation keeps serving.
    fn start(context: Context) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Calls the handler with this index.
    fn call(self: Arc<Self>, handler: u32, request: Request) -> impl Future<Output = Response> + Send;

    /// Checks the health.
    fn health(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Stops everything that `start` started. No call will arrive. A call is running only if it blocks its thread
    /// beyond its deadline or the drain timeout.
    fn stop(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Validates a configuration before anything is started with it. An error refuses it, and the running generation
    /// keeps serving.
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

    /// The plugin is about to be removed, together with its stored data unless `keep_data` is set. An error is logged.
    fn uninstall(self: Arc<Self>, keep_data: bool) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = keep_data;
        async { Ok(()) }
    }

    /// The generation receives calls from now on. An error is logged.
    fn on_load(self: Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The generation receives no new calls; running calls continue. End long streams here. An error is logged.
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

/// The result of a configuration change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// The configuration is in use.
    Applied,
    /// Only a new generation can use it, so the host starts one.
    RestartRequired,
}

/// The report for an error observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The handler's name in plugin.yaml; the path for a service.
    pub handler: String,
    /// The request id.
    pub request_id: String,
    /// The message in the operator's log.
    pub message: String,
    /// `file:line` of a panic.
    pub panicked_at: Option<String>,
}

/// One route of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The name of the handler in plugin.yaml.
    pub handler: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with parameters as `:name` or `{name}`.
    pub path: &'static str,
}
