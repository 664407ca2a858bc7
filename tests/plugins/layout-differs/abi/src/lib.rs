//! The types of the boundary as the real `plugin-sdk-abi` has them, without their functions, and with one difference.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RString};
use async_ffi::{FfiContext, FfiFuture, FfiPoll};

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    pub description: unsafe extern "C" fn() -> Chunk,
    #[sabi(last_prefix_field)]
    pub start: unsafe extern "C" fn(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>>,
}

impl RootModule for PluginRootRef {
    abi_stable::declare_root_module_statics! {PluginRootRef}

    const BASE_NAME: &'static str = "plugin";
    const NAME: &'static str = "plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginTableRef)))]
#[sabi(missing_field(option))]
pub struct PluginTable {
    pub call: unsafe extern "C" fn(plugin: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>>,
    pub health: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    pub stop: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(plugin: *const ()),
}

#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct PluginHandle {
    pub plugin: *const (),
    pub table: PluginTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(option))]
pub struct HostTable {
    pub log: unsafe extern "C" fn(host: *const (), level: u8, message: *const u8, message_len: usize),
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(host: *const ()),
}

#[repr(C)]
#[derive(StableAbi)]
pub struct HostHandle {
    pub host: *const (),
    pub table: HostTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Start {
    pub host: HostHandle,
    pub configuration: Chunk,
    pub generation: u64,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Request {
    pub head: Chunk,
    pub body: Chunk,
    pub stream: ROption<BodyStream>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Response {
    /// The difference: the real one is a `u16`.
    pub status: u32,
    pub headers: Chunk,
    pub body: Chunk,
    pub stream: ROption<BodyStream>,
}

#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct Failure {
    pub kind: u8,
    pub message: RString,
    pub location: RString,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct Chunk {
    pub ptr: *const u8,
    pub len: usize,
    pub owner: *const (),
    pub release: unsafe extern "C" fn(ptr: *const u8, len: usize, owner: *const ()),
}

pub type StreamItem = ROption<RResult<Chunk, Failure>>;

#[repr(C)]
#[derive(StableAbi)]
pub struct BodyStream {
    pub state: *mut (),
    pub poll: unsafe extern "C" fn(state: *mut (), context: *mut FfiContext<'_>) -> FfiPoll<StreamItem>,
    pub release: unsafe extern "C" fn(state: *mut ()),
}

pub mod export {
    pub use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
    pub use abi_stable::prefix_type::{PrefixRefTrait, WithMetadata};
    pub use abi_stable::std_types::RResult;
    pub use async_ffi::FfiFuture;
}
