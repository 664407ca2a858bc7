//! The functions each side offers the other, and what they pass.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RString};
use async_ffi::FfiFuture;

use crate::{BodyStream, Chunk};

/// What a library exports: the one way into a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRootRef)))]
#[sabi(missing_field(option))]
pub struct PluginRoot {
    /// Describes the code as JSON: `{"handlers": [{"handler", "method", "path"}, …]}`; unknown keys are ignored.
    ///
    /// Owner: the caller. Must not unwind. Depends on nothing but the code, so every call gives the same bytes.
    pub description: unsafe extern "C" fn() -> Chunk,
    /// Makes a plugin that answers calls.
    ///
    /// Called at most once a library. The future may be dropped at any time, which gives up the start.
    #[sabi(last_prefix_field)]
    pub start: unsafe extern "C" fn(start: Start) -> FfiFuture<RResult<PluginHandle, Failure>>,
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

/// The functions of the host. The plugin calls them, on any thread, several at once; none unwinds or blocks.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(option))]
pub struct HostTable {
    /// Writes a line to the host's log. `level` is one of [`log_level`]; `message` is UTF-8, copied before it returns.
    pub log: unsafe extern "C" fn(host: *const (), level: u8, message: *const u8, message_len: usize),
    /// Gives up the handle. Called once, last.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(host: *const ()),
}

/// The host, lent to a plugin.
///
/// Owner: the plugin, until it is dropped.
#[repr(C)]
#[derive(StableAbi)]
pub struct HostHandle {
    /// Passed back to every function of `table`. Never null.
    host: *const (),
    /// The functions.
    table: HostTableRef,
}

// SAFETY: the functions of the table may be called on any thread (see `HostTable`).
unsafe impl Send for HostHandle {}
// SAFETY: they may be called several at once.
unsafe impl Sync for HostHandle {}

impl HostHandle {
    /// A handle of `host` with the functions of `table`.
    ///
    /// # Safety
    /// Every function of `table` must take `host`, on any thread and several at once, until `release` was called.
    pub const unsafe fn new(host: *const (), table: HostTableRef) -> HostHandle {
        HostHandle { host, table }
    }

    /// Writes a line to the host's log; `level` is one of [`log_level`].
    pub fn log(&self, level: u8, message: &str) {
        // SAFETY: `host` belongs to `table`, and `message` outlives the call.
        unsafe { (self.table.log())(self.host, level, message.as_ptr(), message.len()) }
    }
}

impl Drop for HostHandle {
    fn drop(&mut self) {
        // SAFETY: `host` belongs to `table`, and a value is dropped once.
        unsafe { (self.table.release())(self.host) }
    }
}

/// Levels of a log line.
pub mod log_level {
    /// Something failed.
    pub const ERROR: u8 = 1;
    /// Something is wrong but goes on.
    pub const WARN: u8 = 2;
    /// Something an operator wants to know.
    pub const INFO: u8 = 3;
    /// For developers.
    pub const DEBUG: u8 = 4;
}

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
