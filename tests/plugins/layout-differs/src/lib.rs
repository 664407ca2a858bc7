//! A root of the changed types, under the name that the host asks for. The host refuses it before it calls anything.

use plugin_sdk_abi::export::{
    CheckTypeLayout, FfiFuture, LibHeader, PrefixRefTrait, RResult, RootModuleResult, WithMetadata,
};
use plugin_sdk_abi::{Chunk, Failure, PluginHandle, PluginRoot, PluginRootRef, Start};

const JSON: &str = r#"{"abi":"1.0","sdk":"0.1.0","panic":"unwind","package":"layout-differs","version":"1.0.0"}"#;

#[used]
#[unsafe(link_section = ".plugin.meta")]
static METADATA: [u8; 16 + JSON.len()] = section();

const fn section() -> [u8; 16 + JSON.len()] {
    let mut bytes = [0; 16 + JSON.len()];
    let (head, length) = (b"PLUGINMETA\0\0", (JSON.len() as u32).to_le_bytes());
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = match at {
            0..12 => head[at],
            12..16 => length[at - 12],
            _ => JSON.as_bytes()[at - 16],
        };
        at += 1;
    }
    bytes
}

const ROOT_MODULE: &WithMetadata<PluginRoot> = &WithMetadata::new(PluginRoot { description, start });

unsafe extern "C" fn description() -> Chunk {
    unreachable!("the layout check comes first")
}

unsafe extern "C" fn start(_: Start) -> FfiFuture<RResult<PluginHandle, Failure>> {
    unreachable!("the layout check comes first")
}

extern "C" fn root() -> RootModuleResult {
    let root = PluginRootRef(ROOT_MODULE.static_as_prefix());
    // SAFETY: the type is only forgotten here; the host compares the layout before it names it again.
    RootModuleResult::ROk(unsafe { root.to_prefix_ref().cast() })
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
static ROOT: LibHeader =
    // SAFETY: `root` returns what was erased from a `PluginRootRef`.
    unsafe { LibHeader::from_constructor::<PluginRootRef>(root, CheckTypeLayout::Yes) };
