//! Opens the library of an artifact in this process as a module, and calls its functions.
//!
//! This crate contains the host's `unsafe` code, except one call in `host-fetch`. A library passes three gates before
//! the host trusts anything in it: **0** the contents of the ELF file ([`library_header`]), before any of its code
//! runs; **1** a private, sealed copy whose digest is computed from the bytes that are opened; **2** the layout check
//! of the ABI types.
//!
//! Every value that a plugin hands out (a future, a stream, a chunk of bytes, a waker) is wrapped in a host type with a
//! guard on its library (`guard.rs`). Dropping the last guard starts the unloading (`unload.rs`): the library is closed
//! as soon as the ledger (`ledger.rs`) counts no thread, thread-local or key of it in the process.
//!
//! Objects that the host gives to a plugin reference the library weakly: if a plugin keeps an object forever, the
//! object leaks, but the library is closed nevertheless.

mod call;
mod copy;
mod crash;
mod elf;
mod error;
pub mod explain;
mod file_kind;
mod guard;
mod hook;
mod hooks;
mod host_table;
mod host_target;
mod instance;
mod kind;
mod ledger;
mod library;
mod module;
mod own_thread;
mod record;
mod response;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod self_test;
mod service_call;
mod services;
mod unload;

pub use call::{Call, RequestBody};
pub use crash::{Crash, CrashLog};
pub use elf::{LibraryHeader, library_header};
pub use error::{CallError, Error, Panicked};
pub use hook::Hook;
pub use instance::Instance;
pub use ledger::safe_point;
pub use library::unloading;
pub use module::{Module, Route, StartOptions};
/// The head of a request in the layout of the boundary.
pub use plugin_sdk_abi::head::Head;
/// The numbers of the services.
pub use plugin_sdk_abi::service;
pub use record::{LibraryPhase, Watch, kept_libraries, mapped_libraries};
pub use response::{BodyFailure, PluginResponse, ResponseBody, is_hop_by_hop};
pub use services::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, MetricKind, ServiceBody, ServiceRequest, ServiceResponse,
    Services,
};

/// Ends the process immediately: mapped libraries and their threads need no orderly end, and a library that hangs in
/// the dynamic linker would block it forever.
pub fn end_process(code: u8) -> ! {
    #![expect(unsafe_code, reason = "std's own end runs the destructors of libraries")]
    // SAFETY: it accepts any number and does not return.
    unsafe { libc::_exit(code.into()) }
}

/// The ABI this host speaks, as `major.minor`.
pub fn abi_version() -> String {
    format!("{}.{}", plugin_sdk_abi::ABI_MAJOR, plugin_sdk_abi::ABI_MINOR)
}
