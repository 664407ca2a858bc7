//! Artifact to module: how a library gets into this process, and how its functions are called.
//!
//! This is the host's one `unsafe` island. A library passes three gates before the host trusts anything in it:
//! **0** what the ELF file says about itself ([`probe`]), before any of its code runs; **1** a private, sealed copy
//! whose digest was computed from the very bytes that are opened; **2** the layout check of the boundary's types.
//!
//! Whatever a plugin answers with (a future, a stream, a chunk of bytes) is wrapped in a host type that holds the
//! [`Instance`], so the instance, and the library under it, outlive it. What a plugin hands over when it asks the host for
//! something is held by its library alone, which is never closed: it may ask before it is started.

mod answer;
mod asked;
mod elf;
mod error;
pub mod explain;
mod hook;
mod instance;
mod lent;
mod library;
mod module;
mod own_thread;
mod services;
mod text;

pub use answer::{Answer, AnswerBody, BodyFailure, is_hop_by_hop};
pub use elf::{Probe, probe};
pub use error::{CallError, Error, Panicked};
pub use hook::Hook;
pub use instance::{Call, Instance, RequestBody};
pub use library::opened_libraries;
pub use module::{Module, Route, StartOptions};
/// The head of a request, as the boundary lays it out.
pub use plugin_sdk_abi::head::Head;
/// The numbers of the services.
pub use plugin_sdk_abi::service;
pub use services::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, MetricKind, ServiceAnswer, ServiceBody, ServiceRequest,
    Services,
};

/// The ABI this host speaks, as `major.minor`.
pub fn abi_version() -> String {
    format!("{}.{}", plugin_sdk_abi::ABI_MAJOR, plugin_sdk_abi::ABI_MINOR)
}
