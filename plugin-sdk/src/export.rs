//! The table behind the root symbol, for any [`Plugin`].

mod environment;
mod observer;

use std::marker::PhantomData;
use std::sync::Arc;

use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::{
    Chunk, Failure, FfiFuture, FutureExt as _, Memory, PluginHandle, PluginRoot, PluginRootRef, PluginTable,
    PluginTableRef, RResult, RootModuleResult, Start, hook as abi_hook,
};
use serde_json::json;

use crate::guard::{Guarded, guarded, install_hook};
use crate::plugin_runtime::PluginRuntime;
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::{ConfigChange, Context, Level, Plugin, Request};
use environment::Environment;
use observer::Observer;

/// Exports a plugin: writes the root symbol and the metadata section that the host looks for. Call it once per crate.
///
/// ```no_run
/// use plugin_sdk::prelude::*;
///
/// #[derive(Default)]
/// struct Hello;
///
/// #[plugin]
/// impl Hello {
///     #[get("/hello")]
///     async fn hello(&self) -> &'static str {
///         "hello"
///     }
/// }
///
/// export!(Hello);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        const _: () = {
            // Evaluated in the exporting crate, whose panic strategy applies.
            #[cfg(panic = "unwind")]
            const TEXT: &str = $crate::__metadata!("unwind");
            #[cfg(not(panic = "unwind"))]
            const TEXT: &str = $crate::__metadata!("abort");

            // Exported so that the linker keeps it: `#[used]` alone does not reach the linker with older compilers.
            #[used]
            #[unsafe(link_section = ".plugin.meta")]
            #[unsafe(export_name = "plugin_metadata")]
            static METADATA: [u8; 16 + TEXT.len()] = $crate::__private::metadata::section(TEXT);

            extern "C" fn root() -> $crate::__private::RootModuleResult {
                $crate::__private::root::<$plugin>()
            }

            // The name is defined by abi_stable: the host looks it up.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static ROOT: $crate::__private::LibHeader =
                // SAFETY: `root` returns what `root::<P>` erased from a `PluginRootRef`.
                unsafe { $crate::__private::export::header(root) };
        };
    };
}

/// The JSON text of the metadata section; see `plugin_sdk_abi::metadata`.
#[doc(hidden)]
#[macro_export]
macro_rules! __metadata {
    ($panic:literal) => {
        concat!(
            r#"{"abi":"1.2","sdk":"0.1.0","panic":""#,
            $panic,
            r#"","package":""#,
            env!("CARGO_PKG_NAME"),
            r#"","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""}"#
        )
    };
}

/// The root module of `P`, without its type.
#[doc(hidden)]
pub fn root<P: Plugin>() -> RootModuleResult {
    plugin_sdk_abi::export::erase(PluginRootRef(Tables::<P>::ROOT.static_as_prefix()))
}

/// The root with its type.
#[cfg(feature = "testing")]
pub(crate) fn root_of<P: Plugin>() -> PluginRootRef {
    PluginRootRef(Tables::<P>::ROOT.static_as_prefix())
}

/// The two tables of `P`, as statics of the library.
struct Tables<P>(PhantomData<P>);

impl<P: Plugin> Tables<P> {
    const ROOT: &'static WithMetadata<PluginRoot> = &WithMetadata::new(PluginRoot {
        description: description::<P>,
        start: start::<P>,
        prepare: prepare::<P>,
        memory,
    });
    const PLUGIN: &'static WithMetadata<PluginTable> = &WithMetadata::new(PluginTable {
        call: call::<P>,
        health: health::<P>,
        stop: stop::<P>,
        release: release::<P>,
        hook: hook::<P>,
    });
}

unsafe extern "C" fn description<P: Plugin>() -> Chunk {
    let json = guarded(|| {
        let handlers: Vec<_> =
            P::HANDLERS.iter().map(|h| json!({"handler": h.handler, "method": h.method, "path": h.path})).collect();
        json!({ "handlers": handlers, "hooks": P::HOOKS, "service": P::SERVICE }).to_string().into_bytes()
    });
    Chunk::from_vec(json.unwrap_or_default())
}

unsafe extern "C" fn start<P: Plugin>(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>> {
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

/// The name of the crate that declares `P`.
pub(crate) fn crate_of<P>() -> &'static str {
    std::any::type_name::<P>().split("::").next().unwrap_or_default()
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

unsafe extern "C" fn call<P: Plugin>(
    plugin: *const (),
    request: plugin_sdk_abi::Request,
) -> FfiFuture<RResult<plugin_sdk_abi::Response, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    let mut scope = Scope::of(instance.plugin_runtime.clone());
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

unsafe extern "C" fn health<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    instance.plugin_runtime.refresh_level();
    let (scope, plugin) = (Scope::of(instance.plugin_runtime.clone()), instance.plugin.clone());
    Guarded::new(scope, async move { plugin.health().await.map_err(failed) }, as_it_is).into_ffi()
}

unsafe extern "C" fn stop<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    let (scope, plugin) = (Scope::of(instance.plugin_runtime.clone()), instance.plugin.clone());
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

unsafe extern "C" fn prepare<P: Plugin>(which: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>> {
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

unsafe extern "C" fn memory() -> Memory {
    #[cfg(feature = "memory")]
    return crate::memory::memory();
    #[cfg(not(feature = "memory"))]
    Memory::NOT_COUNTED
}

unsafe extern "C" fn hook<P: Plugin>(
    plugin: *const (),
    which: u32,
    argument: Chunk,
) -> FfiFuture<RResult<Chunk, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    instance.plugin_runtime.refresh_level();
    let (scope, plugin) = (Scope::of(instance.plugin_runtime.clone()), instance.plugin.clone());
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
    serde_json::from_slice(argument).map_err(|error| Failure::failed(&format!("the hook's argument: {error}")))
}

fn failed(error: crate::Error) -> Failure {
    Failure::failed(&error.for_operator())
}

fn unknown_hook(hook: u32) -> Failure {
    Failure::failed(&format!("this plugin's SDK has no hook {hook}"))
}

unsafe extern "C" fn release<P: Plugin>(plugin: *const ()) {
    // SAFETY: the host passes the handle that `start::<P>` leaked, once, last.
    let instance = unsafe { Box::from_raw(plugin.cast::<Instance<P>>().cast_mut()) };
    let plugin_runtime = instance.plugin_runtime.clone();
    Scope::of(plugin_runtime.clone()).run(|| {
        if let Err(failure) = guarded(|| drop(instance)) {
            let text = format!("the plugin panicked at {} while it was dropped: {}", failure.location, failure.message);
            plugin_runtime.event(Level::Error.number(), "", &text, &[]);
        }
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exported_name_is_the_one_the_host_asks_for() {
        let wanted = plugin_sdk_abi::ROOT_SYMBOL.trim_end_matches('\0');
        assert!(include_str!("export.rs").contains(&format!("export_name = \"{wanted}\"")), "{wanted}");
    }

    #[test]
    fn the_metadata_names_the_versions_of_the_crates() {
        let metadata: serde_json::Value = serde_json::from_str(crate::__metadata!("unwind")).unwrap();
        assert_eq!(metadata["sdk"], env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata["abi"], format!("{}.{}", plugin_sdk_abi::ABI_MAJOR, plugin_sdk_abi::ABI_MINOR));
    }
}
