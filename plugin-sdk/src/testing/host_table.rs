//! The table of functions through which a plugin of a test reaches its host.

use std::sync::Arc;

use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::record::Record;
use plugin_sdk_abi::{
    Failure, FfiFuture, FutureExt as _, HostHandle, HostTable, HostTableRef, RResult, Request, Response, log_level,
};

use super::LogLine;
use super::host::Host;
use crate::Level;
use crate::guard::{Guarded, guarded};
use crate::scope::Scope;

impl Host {
    /// A handle for the plugin.
    pub(super) fn handle(host: &Arc<Host>) -> HostHandle {
        const TABLE: &WithMetadata<HostTable> =
            &WithMetadata::new(HostTable { log, release, log_level: level, event, metric, measure, request });
        let host = Arc::into_raw(host.clone()).cast();
        // SAFETY: `host` is a `Host` of an `Arc`, which the functions of `TABLE` accept until `release`.
        unsafe { HostHandle::new(host, HostTableRef(TABLE.static_as_prefix())) }
    }
}

/// # Safety
/// `host` must be the pointer of a handle that `handle` created and that was not released.
unsafe fn host_of<'a>(host: *const ()) -> &'a Host {
    // SAFETY: the caller promises that this is a live `Host`.
    unsafe { &*host.cast::<Host>() }
}

/// # Safety
/// The caller must lend `len` bytes at `text` for `'a`.
unsafe fn bytes<'a>(text: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: the caller lends that many bytes.
    unsafe { std::slice::from_raw_parts(text, len) }
}

fn read_level(level: u8) -> Level {
    match level {
        log_level::ERROR => Level::Error,
        log_level::WARN => Level::Warn,
        log_level::DEBUG => Level::Debug,
        log_level::TRACE => Level::Trace,
        _ => Level::Info,
    }
}

unsafe extern "C" fn log(host: *const (), level: u8, message: *const u8, len: usize) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let host = unsafe { host_of(host) };
    // SAFETY: the plugin lends `len` bytes at `message` for the length of this call.
    let message = String::from_utf8_lossy(unsafe { bytes(message, len) }).into_owned();
    host.log(LogLine { level: read_level(level), target: String::new(), message, fields: vec![], request_id: None });
}

unsafe extern "C" fn event(host: *const (), level: u8, record: *const u8, len: usize) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let host = unsafe { host_of(host) };
    // SAFETY: the plugin lends `len` bytes at `record` for the length of this call.
    let record = unsafe { bytes(record, len) };
    let Some((record, fields)) = Record::read(record) else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    host.log(LogLine {
        level: read_level(level),
        target: record.target.to_owned(),
        message: record.message.to_owned(),
        fields: fields.iter().map(|(name, value)| (text(name), text(value))).collect(),
        request_id: record.request_id.map(str::to_owned),
    });
}

unsafe extern "C" fn level(host: *const ()) -> u8 {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    unsafe { host_of(host) }.level
}

unsafe extern "C" fn metric(host: *const (), definition: *const u8, len: usize) -> RResult<u64, Failure> {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let host = unsafe { host_of(host) };
    // SAFETY: the plugin lends `len` bytes at `definition` for the length of this call.
    let definition = unsafe { bytes(definition, len) };
    let opened = host.denial("metrics.write").map_or_else(|| host.metrics.open(definition), Err);
    opened.map_err(|message| Failure::failed(&message)).into()
}

unsafe extern "C" fn measure(host: *const (), metric: u64, operation: u8, value: f64) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    unsafe { host_of(host) }.metrics.measure(metric, operation, value);
}

unsafe extern "C" fn request(host: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>> {
    let host = host.cast::<Host>();
    // SAFETY: the plugin passes the pointer of its handle, before `release`: a live `Host` in an `Arc`.
    unsafe { Arc::increment_strong_count(host) };
    // SAFETY: the count was raised for this one just above.
    let host = unsafe { Arc::from_raw(host) };
    let answering = host.clone();
    let future = async move { answering.answer(request).await.map(crate::Response::into_abi) };
    let end = move |answer: Result<Response, Failure>| {
        // Closures of the test run in here.
        answer.inspect_err(|failure| {
            if failure.kind == plugin_sdk_abi::failure_kind::PANICKED {
                host.note_panic(failure);
            }
        })
    };
    Guarded::new(Scope::default(), future, end).into_ffi()
}

unsafe extern "C" fn release(host: *const ()) {
    // SAFETY: `host` is the `Arc` that `handle` leaked, released once.
    let host = unsafe { Arc::from_raw(host.cast::<Host>()) };
    // A value supplied by the test may panic when it is dropped, which must not unwind into the table's caller.
    let _ = guarded(|| drop(host));
}
