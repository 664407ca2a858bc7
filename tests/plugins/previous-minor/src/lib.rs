//! A plugin of ABI 1.0, written against the tables themselves.

use plugin_sdk_abi::export::{WithMetadata, erase, header};
use plugin_sdk_abi::head::HeadView;
use plugin_sdk_abi::{
    Chunk, Failure, FfiFuture, FutureExt as _, HostHandle, LibHeader, PluginHandle, PluginRoot, PluginRootRef,
    PluginTable, PluginTableRef, ROption, RResult, Request, Response, RootModuleResult, Start, log_level, metadata,
    write_pairs,
};

const JSON: &str = r#"{"abi":"1.0","sdk":"0.1.0","panic":"unwind","package":"previous-minor","version":"1.0.0"}"#;

#[used]
#[unsafe(link_section = ".plugin.meta")]
static METADATA: [u8; 16 + JSON.len()] = metadata::section(JSON);

const ROOT_MODULE: &WithMetadata<PluginRoot> = &WithMetadata::new(PluginRoot { description, start });
const PLUGIN: &WithMetadata<PluginTable> = &WithMetadata::new(PluginTable { call, health, stop, release });

extern "C" fn root() -> RootModuleResult {
    erase(PluginRootRef(ROOT_MODULE.static_as_prefix()))
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
static ROOT: LibHeader =
    // SAFETY: `root` returns what `erase` made of a `PluginRootRef`.
    unsafe { header(root) };

unsafe extern "C" fn description() -> Chunk {
    Chunk::from_static(br#"{"handlers": [{"handler": "echo", "method": "POST", "path": "/echo/:word"}]}"#)
}

unsafe extern "C" fn start(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>> {
    start.host.log(log_level::INFO, "started with ABI 1.0");
    let plugin = Box::into_raw(Box::new(start.host)).cast_const().cast();
    let handle = PluginHandle { plugin, table: PluginTableRef(PLUGIN.static_as_prefix()) };
    async move { RResult::ROk(handle) }.into_ffi()
}

unsafe extern "C" fn call(_: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>> {
    async move {
        let Ok(head) = HeadView::read(&request.head) else { return RResult::RErr(Failure::failed("no head")) };
        let mut body = head.params.get(b"word").unwrap_or_default().to_vec();
        body.push(b' ');
        body.extend_from_slice(&request.body);
        let mut headers = vec![];
        write_pairs(&mut headers, [(&b"content-type"[..], &b"text/plain"[..])].into_iter());
        RResult::ROk(Response {
            status: 200,
            headers: Chunk::from_vec(headers),
            body: Chunk::from_vec(body),
            stream: ROption::RNone,
        })
    }
    .into_ffi()
}

unsafe extern "C" fn health(_: *const ()) -> FfiFuture<RResult<(), Failure>> {
    async { RResult::ROk(()) }.into_ffi()
}

unsafe extern "C" fn stop(_: *const ()) -> FfiFuture<RResult<(), Failure>> {
    async { RResult::ROk(()) }.into_ffi()
}

unsafe extern "C" fn release(plugin: *const ()) {
    // SAFETY: `start` leaked this box, and the host calls this once, last.
    drop(unsafe { Box::from_raw(plugin.cast::<HostHandle>().cast_mut()) });
}
