//! The function tables that both sides provide, and the types that they exchange.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::RResult;
use async_ffi::FfiFuture;

use crate::{Chunk, Failure, HostHandle, Request, Response};

/// The export of a library: the only entry point of a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// Describes the code as JSON: `{"handlers": [{"handler", "method", "path"}, …], "hooks": ["install", …],
    /// "service": false}`. Missing keys mean empty or false, unknown keys are ignored. A service handles every endpoint
    /// of plugin.yaml; its handlers are the endpoints, by their index in plugin.yaml.
    ///
    /// Owner: the caller. Must not unwind. Depends only on the code, so every call returns the same bytes.
    pub description: unsafe extern "C" fn() -> Chunk,
    /// Creates and starts a plugin.
    ///
    /// Called at most once per library. The future may be dropped at any time, which cancels the start.
    #[sabi(last_prefix_field)]
    pub start: unsafe extern "C" fn(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>>,
    /// Since 1.1. Runs a hook that needs no plugin, one of [`hook`]; argument and result as for [`PluginTable::hook`].
    pub prepare: unsafe extern "C" fn(hook: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>>,
    /// Since 1.2. Counts the heap that the library holds.
    ///
    /// Needs no plugin: may be called while the library is mapped, also before `start` and after
    /// [`PluginTable::release`], on any thread, several at once. Must not unwind, and neither blocks nor allocates.
    pub memory: unsafe extern "C" fn() -> Memory,
}

impl RootModule for PluginRootRef {
    abi_stable::declare_root_module_statics! {PluginRootRef}

    const BASE_NAME: &'static str = "plugin";
    const NAME: &'static str = "plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// The functions of a started plugin. The host calls them, on any thread, several at once; none may unwind.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginTableRef)))]
#[sabi(missing_field(option))]
pub struct PluginTable {
    /// Answers a request. The future may be dropped at any time, which ends the call.
    pub call: unsafe extern "C" fn(plugin: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>>,
    /// Checks the health; a failure contains the reason.
    pub health: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    /// Stops everything that the plugin started. Called at most once, when no call is running or will arrive.
    pub stop: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    /// Drops the plugin. Called once, last.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(plugin: *const ()),
    /// Since 1.1. Runs one of [`hook`]. Argument and result are JSON objects; empty means `{}`.
    ///
    /// The host calls only the hooks listed in the description. The future may be dropped at any time.
    pub hook: unsafe extern "C" fn(plugin: *const (), hook: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>>,
}

/// The hooks of a plugin. The description lists the hooks that the code has, by the names in parentheses.
pub mod hook {
    /// Judges a configuration (`validate`), the argument, before anything is started with it. Needs no plugin.
    pub const VALIDATE: u32 = 1;
    /// The plugin is installed for the first time (`install`).
    pub const INSTALL: u32 = 2;
    /// Another version was installed before (`upgrade`): `{"from": "1.0.0"}`.
    pub const UPGRADE: u32 = 3;
    /// The plugin is about to be removed (`uninstall`): `{"keep_data": false}`.
    pub const UNINSTALL: u32 = 4;
    /// The generation gets calls from now on (`on_load`).
    pub const ON_LOAD: u32 = 5;
    /// The generation gets no new calls; running calls continue (`on_unload`).
    pub const ON_UNLOAD: u32 = 6;
    /// The configuration has changed to the argument (`on_config_change`). Result: `{"applied": true}`, or `false` if
    /// only a new generation can use it.
    pub const ON_CONFIG_CHANGE: u32 = 7;
    /// The metrics are about to be read (`metrics`).
    pub const METRICS: u32 = 8;

    /// The hooks with their names.
    pub const NAMES: [(u32, &str); 8] = [
        (VALIDATE, "validate"),
        (INSTALL, "install"),
        (UPGRADE, "upgrade"),
        (UNINSTALL, "uninstall"),
        (ON_LOAD, "on_load"),
        (ON_UNLOAD, "on_unload"),
        (ON_CONFIG_CHANGE, "on_config_change"),
        (METRICS, "metrics"),
    ];
}

/// A started plugin: its pointer and its functions.
///
/// Owner: the host, until it calls `release`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct PluginHandle {
    /// Passed back to every function of `table`. Never null.
    pub plugin: *const (),
    /// The functions.
    pub table: PluginTableRef,
}

// SAFETY: the functions of the table may be called on any thread (see `PluginTable`).
unsafe impl Send for PluginHandle {}
// SAFETY: they may be called several at once.
unsafe impl Sync for PluginHandle {}

/// The arguments of a plugin's start.
#[repr(C)]
#[derive(StableAbi)]
pub struct Start {
    /// The host.
    pub host: HostHandle,
    /// The configuration, a JSON object.
    pub configuration: Chunk,
    /// The number of this generation, from 1.
    pub generation: u64,
}

/// The heap memory of a library in bytes: allocations of its Rust code through its own allocator. Thread stacks,
/// mappings and allocations by C code are not included.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// 1 if the library counts; 0 if it was built without a counting allocator, and the other fields have no meaning. A
    /// byte, since a `bool` of a faulty library may have another value.
    pub counted: u8,
    /// The bytes held now. Exact while no thread of the library allocates or frees.
    pub live_bytes: u64,
    /// The maximum number of bytes held at once since the library was mapped. Never less than an earlier `live_bytes`.
    pub peak_bytes: u64,
}

impl Memory {
    /// The value for a library without a counting allocator.
    pub const NOT_COUNTED: Memory = Memory { counted: 0, live_bytes: 0, peak_bytes: 0 };
}
