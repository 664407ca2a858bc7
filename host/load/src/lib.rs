//! Artifact to module: how a library gets into this process, and how its functions are called.
//!
//! This is the host's one `unsafe` island. A library passes three gates before the host trusts anything in it:
//! **0** what the ELF file says about itself ([`probe`]), before any of its code runs; **1** a private, sealed copy
//! whose digest was computed from the very bytes that are opened; **2** the layout check of the boundary's types.
//!
//! Whatever a plugin gives out (a future, a stream, a chunk of bytes, a waker) is wrapped in a host type that holds its
//! library (`hold.rs`). When the last hold is dropped, the library's end begins (`end.rs`): it is closed as soon as the
//! ledger (`ledger.rs`) says that no thread, thread-local or key of it is left in the process.
//!
//! What the host gives to a plugin holds the library only weakly: a plugin that keeps it for ever leaks it, and is closed
//! all the same.

mod answer;
mod asked;
mod copy;
mod elf;
mod end;
mod error;
pub mod explain;
mod hold;
mod hook;
mod instance;
mod ledger;
mod lent;
mod library;
mod module;
mod own_thread;
mod record;
mod services;
mod text;

pub use answer::{Answer, AnswerBody, BodyFailure, is_hop_by_hop};
pub use elf::{Probe, probe};
pub use error::{CallError, Error, Panicked};
pub use hook::Hook;
pub use instance::{Call, Instance, RequestBody};
pub use ledger::safe_point;
pub use library::unloading;
pub use module::{Module, Route, StartOptions};
/// The head of a request, as the boundary lays it out.
pub use plugin_sdk_abi::head::Head;
/// The numbers of the services.
pub use plugin_sdk_abi::service;
pub use record::{LibraryPhase, Watch, kept_libraries, mapped_libraries};
pub use services::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, MetricKind, ServiceAnswer, ServiceBody, ServiceRequest,
    Services,
};

/// Ends the process without a look at what is left in it: libraries that are mapped, and threads in them, need no orderly end,
/// and one that hangs in the dynamic linker would have it wait for ever.
pub fn end_process(code: u8) -> ! {
    #![expect(unsafe_code, reason = "std's own end runs the destructors of libraries")]
    // SAFETY: it takes any number and does not return.
    unsafe { libc::_exit(code.into()) }
}

/// The ABI this host speaks, as `major.minor`.
pub fn abi_version() -> String {
    format!("{}.{}", plugin_sdk_abi::ABI_MAJOR, plugin_sdk_abi::ABI_MINOR)
}
