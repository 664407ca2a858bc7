//! The functions each side offers the other, and what they pass.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RString};
use async_ffi::FfiFuture;

use crate::{BodyStream, Chunk, HostHandle};

/// What a library exports: the one way into a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// Describes the code as JSON: `{"handlers": [{"handler", "method", "path"}, …], "hooks": ["install", …],
    /// "service": false}`; what is missing is empty or false, unknown keys are ignored. A service answers every endpoint
    /// that plugin.yaml names; its handlers are then the endpoints, by their index in plugin.yaml.
    ///
    /// Owner: the caller. Must not unwind. Depends on nothing but the code, so every call gives the same bytes.
    pub description: unsafe extern "C" fn() -> Chunk,
    /// Makes a plugin that answers calls.
    ///
    /// Called at most once a library. The future may be dropped at any time, which gives up the start.
    #[sabi(last_prefix_field)]
    pub start: unsafe extern "C" fn(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>>,
    /// Since 1.1. Runs a hook that needs no plugin, one of [`hook`]; argument and answer as for [`PluginTable::hook`].
    pub prepare: unsafe extern "C" fn(hook: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>>,
    /// Since 1.2. Counts the heap that the library holds.
    ///
    /// Needs no plugin: may be called while the library is mapped, also before `start` and after [`PluginTable::release`],
    /// on any thread, several at once. Must not unwind, and neither blocks nor allocates.
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
    /// Says whether all is well; the failure says what is not.
    pub health: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    /// Ends what the plugin started. Called at most once, when no call is in flight and none will come.
    pub stop: unsafe extern "C" fn(plugin: *const ()) -> FfiFuture<RResult<(), Failure>>,
    /// Drops the plugin. Called once, last.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(plugin: *const ()),
    /// Since 1.1. Runs one of [`hook`]. Argument and answer are JSON objects; empty stands for `{}`.
    ///
    /// The host asks only for hooks that the description names. The future may be dropped at any time.
    pub hook: unsafe extern "C" fn(plugin: *const (), hook: u32, argument: Chunk) -> FfiFuture<RResult<Chunk, Failure>>,
}

/// The hooks of a plugin. The description names those that the code has, by the names in brackets.
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
    /// The generation gets no new calls; those in flight go on (`on_unload`).
    pub const ON_UNLOAD: u32 = 6;
    /// The configuration has changed to the argument (`on_config_change`). Answer: `{"applied": true}`, or `false` when
    /// only a new generation can take it.
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

/// A started plugin: what to pass, and the functions to pass it to.
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

/// What a plugin is started with.
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

/// A request. The callee owns all of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Request {
    /// The head, in the layout of [`crate::head`].
    pub head: Chunk,
    /// The whole body when it is small, or what has already arrived of it.
    pub body: Chunk,
    /// The rest of the body, after `body`.
    pub stream: ROption<BodyStream>,
}

/// A response. The callee owns all of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Response {
    /// HTTP status; the host refuses what is not 200 to 599.
    pub status: u16,
    /// Headers as [`crate::Pairs`]; the host refuses invalid names and values.
    pub headers: Chunk,
    /// The whole body, or the first part of it.
    pub body: Chunk,
    /// The rest of the body, after `body`.
    pub stream: ROption<BodyStream>,
}

/// The heap of a library: what its Rust code asked its own allocator for, in bytes. Thread stacks, mappings, and what C code
/// in it allocates are not in it.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// 1 when the library counts; 0 when it was built without a counting allocator, and the rest then says nothing. A byte,
    /// since a `bool` of a faulty library may be neither.
    pub counted: u8,
    /// What it holds now. Exact while no thread of it allocates or frees.
    pub live_bytes: u64,
    /// The most it held at once since it was mapped. Never less than any `live_bytes` given before.
    pub peak_bytes: u64,
}

/// Why something did not work.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Failure {
    /// One of [`failure_kind`].
    pub kind: u8,
    /// One sentence for people.
    pub message: RString,
    /// `file:line` of a panic; empty otherwise.
    pub location: RString,
}

/// Kinds of failure.
pub mod failure_kind {
    /// The code said so.
    pub const FAILED: u8 = 1;
    /// The code panicked.
    pub const PANICKED: u8 = 2;
}

impl Memory {
    /// What a library without a counting allocator says.
    pub const NOT_COUNTED: Memory = Memory { counted: 0, live_bytes: 0, peak_bytes: 0 };
}

impl Failure {
    /// The code said that it failed.
    pub fn failed(message: &str) -> Failure {
        Failure { kind: failure_kind::FAILED, message: message.into(), location: RString::new() }
    }

    /// The code panicked, with `message`, at `location`.
    pub fn panicked(message: &str, location: &str) -> Failure {
        Failure { kind: failure_kind::PANICKED, message: message.into(), location: location.into() }
    }
}
