//! The table behind the root symbol, for any [`Plugin`].

use std::marker::PhantomData;
use std::sync::Arc;

use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::{
    Chunk, Failure, FfiFuture, FutureExt as _, PluginHandle, PluginRoot, PluginRootRef, PluginTable, PluginTableRef,
    RResult, RootModuleResult, Start, hook as abi_hook, log_level,
};
use serde_json::json;

use crate::guard::{Guarded, guarded, install_hook};
use crate::{ConfigChange, Context, Plugin, Request};

/// Exports a plugin: writes the root symbol and the metadata section that the host looks for. Once a crate.
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
            // The cfg is that of the crate that exports, which is what decides how its panics end.
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

            // The name is abi_stable's own: the host asks for it.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static ROOT: $crate::__private::LibHeader =
                // SAFETY: `root` returns what `root::<P>` erased from a `PluginRootRef`.
                unsafe { $crate::__private::export::header(root) };
        };
    };
}

/// The JSON of the metadata section; see `plugin_sdk_abi::metadata`.
#[doc(hidden)]
#[macro_export]
macro_rules! __metadata {
    ($panic:literal) => {
        concat!(
            r#"{"abi":"1.1","sdk":"0.1.0","panic":""#,
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

/// The two tables of `P`, as statics of the library.
struct Tables<P>(PhantomData<P>);

impl<P: Plugin> Tables<P> {
    const ROOT: &'static WithMetadata<PluginRoot> =
        &WithMetadata::new(PluginRoot { description: description::<P>, start: start::<P>, prepare: prepare::<P> });
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
    let future = async move {
        let context = Context::new(start).map_err(|error| Failure::failed(&error.for_operator()))?;
        let instance = Instance {
            plugin: Arc::new(P::start(context.clone()).await.map_err(|error| Failure::failed(&error.for_operator()))?),
            context,
        };
        let plugin = Box::into_raw(Box::new(instance)).cast_const().cast();
        Ok(PluginHandle { plugin, table: PluginTableRef(Tables::<P>::PLUGIN.static_as_prefix()) })
    };
    Guarded::new(future).into_ffi()
}

/// What the handle of a started plugin points to.
struct Instance<P> {
    plugin: Arc<P>,
    context: Context,
}

/// # Safety
/// `plugin` must be the handle that `start::<P>` made, not yet released.
unsafe fn instance<'a, P>(plugin: *const ()) -> &'a Instance<P> {
    // SAFETY: the caller promises that `plugin` is a live `Box<Instance<P>>` that was leaked.
    unsafe { &*plugin.cast::<Instance<P>>() }
}

unsafe extern "C" fn call<P: Plugin>(
    plugin: *const (),
    request: plugin_sdk_abi::Request,
) -> FfiFuture<RResult<plugin_sdk_abi::Response, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let instance = unsafe { instance::<P>(plugin) };
    let (plugin, context) = (instance.plugin.clone(), instance.context.clone());
    let future = async move {
        let (handler, request) = Request::new(request).map_err(|error| Failure::failed(&error.to_string()))?;
        let mut response = plugin.call(handler, request).await;
        if let Some(line) = response.log.take() {
            context.host_log(log_level::ERROR, &line);
        }
        Ok(response.into_abi())
    };
    Guarded::new(future).into_ffi()
}

unsafe extern "C" fn health<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let plugin = unsafe { instance::<P>(plugin) }.plugin.clone();
    Guarded::new(async move { plugin.health().await.map_err(|error| Failure::failed(&error.for_operator())) })
        .into_ffi()
}

unsafe extern "C" fn stop<P: Plugin>(plugin: *const ()) -> FfiFuture<RResult<(), Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let plugin = unsafe { instance::<P>(plugin) }.plugin.clone();
    Guarded::new(async move { plugin.stop().await.map_err(|error| Failure::failed(&error.for_operator())) }).into_ffi()
}

unsafe extern "C" fn prepare<P: Plugin>(which: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>> {
    install_hook();
    let future = async move {
        match which {
            abi_hook::VALIDATE => P::validate(read(&argument)?).await.map_err(failed)?,
            other => return Err(unknown_hook(other)),
        }
        Ok(Chunk::EMPTY)
    };
    Guarded::new(future).into_ffi()
}

unsafe extern "C" fn hook<P: Plugin>(
    plugin: *const (),
    which: u32,
    argument: Chunk,
) -> FfiFuture<RResult<Chunk, Failure>> {
    // SAFETY: the host passes the handle that `start::<P>` made, before `release`.
    let plugin = unsafe { instance::<P>(plugin) }.plugin.clone();
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
    Guarded::new(future).into_ffi()
}

/// The argument of a hook; an empty one is an empty object.
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
    // A panic while dropping could only be reported to nobody.
    let _ = guarded(|| drop(instance));
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
