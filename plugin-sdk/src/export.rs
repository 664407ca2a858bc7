//! The table behind the root symbol, for any [`Plugin`].

mod environment;
mod functions;
mod observer;

use std::marker::PhantomData;

use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::{PluginRoot, PluginRootRef, PluginTable, RootModuleResult};

use crate::Plugin;
#[cfg(feature = "testing")]
pub(crate) use functions::runtime_of;
use functions::{call, description, failed, health, hook, memory, prepare, release, start, stop};

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

/// The name of the crate that declares `P`.
pub(crate) fn crate_of<P>() -> &'static str {
    std::any::type_name::<P>().split("::").next().unwrap_or_default()
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
