//! The functions of the host that a plugin calls.

use abi_stable::StableAbi;
use abi_stable::std_types::RResult;
use async_ffi::FfiFuture;

use crate::{Failure, Request, Response};

/// The functions of the host. The plugin calls them, on any thread, several at once; none unwinds or blocks.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(option))]
pub struct HostTable {
    /// Writes a line to the host's log. `level` is one of [`log_level`]; `message` is UTF-8, copied before it returns.
    pub log: unsafe extern "C" fn(host: *const (), level: u8, message: *const u8, message_len: usize),
    /// Releases the handle. Called once, as the last function.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(host: *const ()),
    /// Since 1.1. The most verbose level that the host wants to see: one of [`log_level`], or 0 for none.
    pub log_level: unsafe extern "C" fn(host: *const ()) -> u8,
    /// Since 1.1. Writes a structured event to the host's log: `record` is the output of
    /// [`crate::record::Record`], copied before it returns.
    pub event: unsafe extern "C" fn(host: *const (), level: u8, record: *const u8, record_len: usize),
    /// Since 1.1. Opens a metric, described by a JSON object: `{"kind": "counter" | "gauge" | "histogram", "name",
    /// "help", "labels": {}, "buckets": []}`. Returns the number for `measure`; the same description returns the same
    /// number.
    pub metric:
        unsafe extern "C" fn(host: *const (), definition: *const u8, definition_len: usize) -> RResult<u64, Failure>,
    /// Since 1.1. Changes a metric by one of [`measure`]. Numbers not returned by `metric` are ignored.
    pub measure: unsafe extern "C" fn(host: *const (), metric: u64, operation: u8, value: f64),
    /// Since 1.1. Sends a request to a host service: the `handler` of the head is one of [`service`]. Refusals are
    /// responses with a status and a problem document; a failure means that the host could not respond.
    ///
    /// The future may be dropped at any time, which ends the request. It may be polled on any thread.
    pub request: unsafe extern "C" fn(host: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>>,
}

/// The services of a host. A request to another service is answered with 404 `service_not_found`.
///
/// | service | request | response |
/// |---|---|---|
/// | [`KV`](service::KV) | GET, parameter `key` | 200 and the value, `etag: "<version>"`; 404 |
/// | | PUT, parameter `key`, the value; `if-match: "<version>"` or `if-none-match: *` | 204 and `etag`; 412; 413 |
/// | | DELETE, parameter `key`; `if-match` | 204; 404; 412 |
/// | | GET without `key`; parameters `prefix`, `after`, `limit` | 200, `{"keys": [{"key", "version", "bytes"}], "more"}` |
/// | [`EVENTS`](service::EVENTS) | POST, parameter `topic`, JSON | 200, `{"subscribers": n}` |
/// | | GET, parameter `topic`: `<plugin>/<topic>`, `<plugin>/*` or `*` | 200 and a stream: a chunk is an event, or `{"lost": n}` |
/// | [`FETCH`](service::FETCH) | as HTTP; the path is the absolute URL | as HTTP |
/// | [`CALL`](service::CALL) | as HTTP; the path is `/<plugin>/<path>` | as HTTP |
/// | [`SECRETS`](service::SECRETS) | GET, parameter `name` | 200 and the secret; 404 |
///
/// Without the permission: 403 `permission_denied`. Refusals are RFC 9457 problem documents.
pub mod service {
    /// Key-value store.
    pub const KV: u32 = 1;
    /// Events.
    pub const EVENTS: u32 = 2;
    /// HTTP through the host.
    pub const FETCH: u32 = 3;
    /// Calls to another plugin.
    pub const CALL: u32 = 4;
    /// Secrets.
    pub const SECRETS: u32 = 5;
}

/// Operations on a metric.
pub mod measure {
    /// Adds to a counter or gauge.
    pub const ADD: u8 = 1;
    /// Sets a gauge.
    pub const SET: u8 = 2;
    /// Observes a value in a histogram.
    pub const OBSERVE: u8 = 3;
}

/// The host, lent to a plugin.
///
/// Owner: the plugin, until it drops the value.
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
    /// Every function of `table` must accept `host`, on any thread and concurrently, until `release` was called.
    pub const unsafe fn new(host: *const (), table: HostTableRef) -> HostHandle {
        HostHandle { host, table }
    }

    /// Writes a line to the host's log; `level` is one of [`log_level`].
    pub fn log(&self, level: u8, message: &str) {
        // SAFETY: `host` belongs to `table`, and `message` outlives the call.
        unsafe { (self.table.log())(self.host, level, message.as_ptr(), message.len()) }
    }

    /// Returns the most verbose log level of the host; [`log_level::INFO`] for a host of ABI 1.0, which does not report
    /// it.
    pub fn log_level(&self) -> u8 {
        match self.table.log_level() {
            // SAFETY: `host` belongs to `table`.
            Some(level) => unsafe { level(self.host) },
            None => log_level::INFO,
        }
    }

    /// Writes an event, as [`crate::record::Record`] writes it. `false`: the host's ABI is 1.0, which has no events.
    pub fn event(&self, level: u8, record: &[u8]) -> bool {
        let Some(event) = self.table.event() else { return false };
        // SAFETY: `host` belongs to `table`, and `record` outlives the call.
        unsafe { event(self.host, level, record.as_ptr(), record.len()) };
        true
    }

    /// Opens a metric; `None` when the host's ABI is 1.0.
    ///
    /// # Errors
    /// The host's reason for rejecting the definition.
    pub fn metric(&self, definition: &str) -> Option<Result<u64, Failure>> {
        let metric = self.table.metric()?;
        // SAFETY: `host` belongs to `table`, and `definition` outlives the call.
        Some(unsafe { metric(self.host, definition.as_ptr(), definition.len()) }.into_result())
    }

    /// Changes a metric; `operation` is one of [`measure`].
    pub fn measure(&self, metric: u64, operation: u8, value: f64) {
        if let Some(measure) = self.table.measure() {
            // SAFETY: `host` belongs to `table`.
            unsafe { measure(self.host, metric, operation, value) }
        }
    }

    /// Sends a request to a host service; `None` if the host's ABI is 1.0.
    pub fn request(&self, request: Request) -> Option<FfiFuture<RResult<Response, Failure>>> {
        let ask = self.table.request()?;
        // SAFETY: `host` belongs to `table`.
        Some(unsafe { ask(self.host, request) })
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
    /// A problem that does not stop the operation.
    pub const WARN: u8 = 2;
    /// Something an operator wants to know.
    pub const INFO: u8 = 3;
    /// For developers.
    pub const DEBUG: u8 = 4;
    /// For developers, in detail. Since 1.1.
    pub const TRACE: u8 = 5;
}
