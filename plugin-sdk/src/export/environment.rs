//! The tokio runtime and the runtime context of a plugin.

use std::sync::Arc;

use plugin_sdk_abi::Failure;

use super::{crate_of, failed};
use crate::Error;
use crate::guard::guarded;
use crate::handle::Handle;
use crate::plugin_runtime::PluginRuntime;
use crate::runtime::Runtime;
use crate::scope::Scope;

/// The environment of a plugin's code.
pub(super) struct Environment {
    pub(super) plugin_runtime: Arc<PluginRuntime>,
    /// Dropped last, because its tasks may use the runtime context.
    pub(super) runtime: Runtime,
}

impl Environment {
    /// Starts the tokio runtime and creates the runtime context on it.
    pub(super) fn make<P>(
        plugin_runtime: impl FnOnce(Handle) -> Result<Arc<PluginRuntime>, Error>,
    ) -> Result<Environment, Failure> {
        let made = guarded(|| {
            let runtime = Runtime::start(crate_of::<P>())?;
            let plugin_runtime = plugin_runtime(runtime.handle())?;
            runtime.settle(&plugin_runtime);
            Ok(Environment { plugin_runtime, runtime })
        });
        made?.map_err(failed)
    }

    pub(super) fn scope(environment: &Result<Environment, Failure>) -> Scope {
        environment.as_ref().map(|environment| Scope::new(environment.plugin_runtime.clone())).unwrap_or_default()
    }
}
