//! The functions in the tables: the calls of the host into a plugin.

use std::sync::Arc;

use plugin_sdk_abi::{
    Chunk, Failure, FfiFuture, FutureExt as _, Memory, PluginHandle, PluginTableRef, RResult, Start, hook as abi_hook,
};
use serde_json::json;

use super::Tables;
use super::environment::Environment;
use super::observer::Observer;
use crate::guard::{Guarded, guarded, install_hook};
use crate::plugin_runtime::PluginRuntime;
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::{ConfigChange, Context, Level, Plugin, Request};

pub(super) unsafe extern "C" fn description<P: Plugin>() -> Chunk {
    let json = guarded(|| {
        let handlers: Vec<_> =
            P::HANDLERS.iter().map(|h| json!({"handler": h.handler, "method": h.method, "path": h.path})).collect();
        json!({ "handlers": handlers, "hooks": P::HOOKS, "service": P::SERVICE }).to_string().into_bytes()
    });
    Chunk::from_vec(json.unwrap_or_default())
}

pub(super) unsafe extern "C" fn start<P: Plugin>(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>> {
    install_hook();
    #[cfg(any(feature = "tracing", feature = "log"))]
    crate::trace::install();
    let environment = Environment::make::<P>(|handle| PluginRuntime::new(start, handle));
    let scope = Environment::scope(&environment);
    let future = async move {
        let Environment { runtime, plugin_runtime } = environment?;
        let plugin = Arc::new(P::start(Context::new(plugin_runtime.clone())).await.map_err(failed)?);
        let instance = Instance { plugin, plugin_runtime, runtime: Arc::new(runtime) };
        let plugin = Box::into_raw(Box::new(instance)).cast_const().cast();
        Ok(PluginHandle { plugin, table: PluginTableRef(Tables::<P>::PLUGIN.static_as_prefix()) })
    };
    Guarded::new(scope, future, as_it_is).into_ffi()
}

/// The target of a started plugin's handle.
struct Instance<P> {
    plugin: Arc<P>,
    plugin_runtime: Arc<PluginRuntime>,
    runtime: Arc<Runtime>,
}

/// # Safety
/// `plugin` must be a handle that `start::<P>` returned and that was not released.
unsafe fn instance<'a, P>(plugin: *const ()) -> &'a Instance<P> {
    // SAFETY: the caller promises that `plugin` is a live `Box<Instance<P>>` that was leaked.
    unsafe { &*plugin.cast::<Instance<P>>() }
}

/// The runtime context of a started plugin.
///
/// # Safety
/// As for [`instance`].
#[cfg(feature = "testing")]
pub(crate) unsafe fn runtime_of<P>(plugin: *const ()) -> Arc<PluginRuntime> {
    // SAFETY: the caller guarantees the same.
    unsafe { instance::<P>(plugin) }.plugin_runtime.clone()
}

pub(super) unsafe extern "C" fn call<P: Plugin>(
    plugin: *const (),
    request: plugin_sdk_abi::Request,
) -> FfiFuture<RResult<plugin_sdk_abi::Response, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    let mut scope = Scope::new(instance.plugin_runtime.clone());
    let mut observer = Observer { plugin: instance.plugin.clone(), handler: 0, path: None };
    let request = match Request::new(request) {
        Err(error) => Err(Failure::failed(&error.to_string())),
        Ok((handler, call, request)) => {
            scope.call = Some(call);
            observer.handler = handler;
            observer.path = P::SERVICE.then(|| request.path().to_owned());
            Ok(request)
        }
    };
    let plugin = instance.plugin.clone();
    let handler = observer.handler;
    let future = async move { Ok(plugin.call(handler, request?).await) };
    Guarded::new(scope, future, move |answer| observer.finish(answer)).into_ffi()
}

pub(super) unsafe extern "C" fn health<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    instance.plugin_runtime.refresh_level();
    let (scope, plugin) = (Scope::new(instance.plugin_runtime.clone()), instance.plugin.clone());
    Guarded::new(scope, async move { plugin.health().await.map_err(failed) }, as_it_is).into_ffi()
}

pub(super) unsafe extern "C" fn stop<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    let (scope, plugin) = (Scope::new(instance.plugin_runtime.clone()), instance.plugin.clone());
    let shut_down = ShutDown(instance.runtime.clone());
    let future = async move {
        // Dropped last, even if the hook panics or the host cancels it.
        let _shut_down = shut_down;
        plugin.stop().await.map_err(failed)
    };
    Guarded::new(scope, future, as_it_is).into_ffi()
}

/// Shuts a runtime down when dropped. Blocks this thread while tasks block: the host stops each plugin on a separate
/// thread.
struct ShutDown(Arc<Runtime>);

impl Drop for ShutDown {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

pub(super) unsafe extern "C" fn prepare<P: Plugin>(which: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>> {
    install_hook();
    let environment = Environment::make::<P>(|handle| Ok(PluginRuntime::without_host(handle)));
    let scope = Environment::scope(&environment);
    let future = async move {
        // Held until the hook has ended.
        let _environment = environment?;
        match which {
            abi_hook::VALIDATE => P::validate(read(&argument)?).await.map_err(failed)?,
            other => return Err(unknown_hook(other)),
        }
        Ok(Chunk::EMPTY)
    };
    Guarded::new(scope, future, as_it_is).into_ffi()
}

pub(super) unsafe extern "C" fn memory() -> Memory {
    #[cfg(feature = "memory")]
    return crate::memory::memory();
    #[cfg(not(feature = "memory"))]
    Memory::NOT_COUNTED
}

pub(super) unsafe extern "C" fn hook<P: Plugin>(
    plugin: *const (),
    which: u32,
    argument: Chunk,
) -> FfiFuture<RResult<Chunk, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    instance.plugin_runtime.refresh_level();
    let (scope, plugin) = (Scope::new(instance.plugin_runtime.clone()), instance.plugin.clone());
    let future = async move {
        let argument = read(&argument)?;
        let answer = match which {
            abi_hook::INSTALL => plugin.install().await,
            abi_hook::UPGRADE => plugin.upgrade(argument["from"].as_str().unwrap_or_default().to_owned()).await,
            abi_hook::UNINSTALL => plugin.uninstall(argument["keep_data"].as_bool().unwrap_or(true)).await,
            abi_hook::ON_LOAD => plugin.on_load().await,
            abi_hook::ON_UNLOAD => plugin.on_unload().await,
            abi_hook::METRICS => plugin.metrics().await,
            abi_hook::ON_CONFIG_CHANGE => {
                let change = plugin.on_config_change(argument).await.map_err(failed)?;
                let answer = json!({ "applied": change == ConfigChange::Applied });
                return Ok(Chunk::from_vec(answer.to_string().into_bytes()));
            }
            other => return Err(unknown_hook(other)),
        };
        answer.map_err(failed)?;
        Ok(Chunk::EMPTY)
    };
    Guarded::new(scope, future, as_it_is).into_ffi()
}

/// The conversion of results that need no conversion.
fn as_it_is<T>(result: Result<T, Failure>) -> Result<T, Failure> {
    result
}

/// Parses the argument of a hook; an empty argument is an empty object.
fn read(argument: &Chunk) -> Result<serde_json::Value, Failure> {
    if argument.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(argument)
        .map_err(|error| Failure::failed(&format!("the argument of the hook is invalid: {error}")))
}

pub(super) fn failed(error: crate::Error) -> Failure {
    Failure::failed(&error.for_operator())
}

fn unknown_hook(hook: u32) -> Failure {
    Failure::failed(&format!("this plugin's SDK has no hook {hook}"))
}

pub(super) unsafe extern "C" fn release<P: Plugin>(plugin: *const ()) {
    // SAFETY: the host passes the handle that `start::<P>` leaked, once, last.
    let instance = unsafe { Box::from_raw(plugin.cast::<Instance<P>>().cast_mut()) };
    let plugin_runtime = instance.plugin_runtime.clone();
    Scope::new(plugin_runtime.clone()).run(|| {
        if let Err(failure) = guarded(|| drop(instance)) {
            let text = format!("the plugin panicked at {} while it was dropped: {}", failure.location, failure.message);
            plugin_runtime.event(Level::Error.number(), "", &text, &[]);
        }
    });
}
