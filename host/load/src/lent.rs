//! The host, as a plugin sees it: the table of functions it may call.
#![expect(unsafe_code, reason = "functions with raw arguments, called by foreign code")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::{HostHandle, HostTable, HostTableRef, log_level};

/// Level of a plugin's log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is wrong but goes on.
    Warn,
    /// Something an operator wants to know.
    Info,
    /// For developers.
    Debug,
}

/// Where the log lines of one generation go.
pub type LogSink = Arc<dyn Fn(LogLevel, &str) + Send + Sync>;

/// The most of one log line that is kept.
const MAX_LINE_BYTES: usize = 16 * 1024;

struct Lent {
    log: LogSink,
}

/// Lends the host to one generation.
pub(crate) fn lend(log: LogSink) -> HostHandle {
    const TABLE: &WithMetadata<HostTable> = &WithMetadata::new(HostTable { log: log_line, release });
    let host = Box::into_raw(Box::new(Lent { log })).cast_const().cast();
    // SAFETY: `host` is a `Lent`, which the functions of `TABLE` take until `release`.
    unsafe { HostHandle::new(host, HostTableRef(TABLE.static_as_prefix())) }
}

unsafe extern "C" fn log_line(host: *const (), level: u8, message: *const u8, len: usize) {
    // SAFETY: the plugin passes the pointer of its handle, which is a `Lent` until `release`.
    let lent = unsafe { &*host.cast::<Lent>() };
    // SAFETY: the plugin lends `len` bytes at `message` for the length of this call.
    let bytes = unsafe { std::slice::from_raw_parts(message, len.min(MAX_LINE_BYTES)) };
    let level = match level {
        log_level::ERROR => LogLevel::Error,
        log_level::WARN => LogLevel::Warn,
        log_level::DEBUG => LogLevel::Debug,
        _ => LogLevel::Info,
    };
    swallow(|| (lent.log)(level, &String::from_utf8_lossy(bytes)));
}

unsafe extern "C" fn release(host: *const ()) {
    // SAFETY: `host` is the `Lent` that `lend` leaked, released once.
    let lent = unsafe { Box::from_raw(host.cast::<Lent>().cast_mut()) };
    swallow(|| drop(lent));
}

/// Runs `f`; a panic of the host must not unwind into the plugin.
fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}
