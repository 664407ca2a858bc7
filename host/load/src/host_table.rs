//! The host, as a plugin sees it: the table of functions it may call.
#![expect(unsafe_code, reason = "functions with raw arguments, called by foreign code")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use host_core::{Size, visible_line};
use plugin_sdk_abi::export::WithMetadata;
use plugin_sdk_abi::record::Record;
use plugin_sdk_abi::{
    Failure, FfiFuture, FutureExt as _, HostHandle, HostTable, HostTableRef, RResult, Request, Response, log_level,
    measure as operation,
};
use tokio::runtime::Handle;

use crate::host_target::catch_panic;
use crate::library::Library;
use crate::service_call;
use crate::services::{LogEvent, LogLevel, MeasureOperation, MetricDefinition, Services};

/// The maximum number of bytes of a log line or record that are read.
const MAX_RECORD_BYTES: usize = 64 * 1024;
/// The maximum number of bytes of a log message that are kept.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// The maximum number of fields of an event that are kept.
const MAX_FIELDS: usize = 64;

struct HostObject {
    services: Arc<dyn Services>,
    /// The runtime on which requests of the plugin are answered, independent of the thread that sends them.
    runtime: Handle,
    /// Weak: the host table does not keep the library in memory.
    library: Weak<Library>,
}

/// Creates the host handle of a generation; each library has only one. Must be called in the host's runtime.
pub(crate) fn new_host_handle(services: Arc<dyn Services>, library: &Arc<Library>) -> HostHandle {
    const TABLE: &WithMetadata<HostTable> =
        &WithMetadata::new(HostTable { log, release, log_level: level, event, metric, measure, request });
    let object = Arc::new(HostObject { services, runtime: Handle::current(), library: Arc::downgrade(library) });
    let host = Arc::as_ptr(&object).cast();
    library.record().host_target.set(object);
    // SAFETY: `host` is a `HostObject`, which the functions of `TABLE` accept until `release`; the record owns it until
    // then.
    unsafe { HostHandle::new(host, HostTableRef(TABLE.static_as_prefix())) }
}

/// # Safety
/// `host` must be the pointer of a handle that `new_host_handle` created and that was not released.
unsafe fn host_object<'a>(host: *const ()) -> &'a HostObject {
    // SAFETY: the caller promises that this is a live `HostObject`.
    unsafe { &*host.cast::<HostObject>() }
}

/// # Safety
/// The caller must lend `len` bytes at `text` for `'a`.
unsafe fn bytes<'a>(text: *const u8, len: usize, most: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: the caller lends `len` bytes, and no more are read.
    unsafe { std::slice::from_raw_parts(text, len.min(most)) }
}

unsafe extern "C" fn log(host: *const (), level: u8, message: *const u8, len: usize) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    // SAFETY: the plugin lends `len` bytes at `message` for the length of this call.
    let message = unsafe { bytes(message, len, MAX_LINE_BYTES) };
    catch_panic(|| {
        let message = String::from_utf8_lossy(message);
        object.services.log(&LogEvent {
            level: read_level(level),
            target: "",
            message: &visible_line(&message),
            fields: &[],
            request_id: None,
            traceparent: None,
        });
    });
}

unsafe extern "C" fn event(host: *const (), level: u8, record: *const u8, len: usize) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    if len > MAX_RECORD_BYTES {
        let text =
            format!("a log event of {len} bytes was dropped; the limit is {}", Size::from_usize(MAX_RECORD_BYTES));
        // SAFETY: `text` outlives the call.
        return unsafe { log(host, log_level::WARN, text.as_ptr(), text.len()) };
    }
    // SAFETY: the plugin lends `len` bytes at `record` for the length of this call.
    let record = unsafe { bytes(record, len, MAX_RECORD_BYTES) };
    catch_panic(|| {
        let Some((record, fields)) = Record::read(record) else { return };
        let text = |bytes| visible_line(&String::from_utf8_lossy(bytes)).into_owned();
        let fields = fields.iter().take(MAX_FIELDS).map(|(name, value)| (text(name), text(value))).collect::<Vec<_>>();
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
        object.services.log(&LogEvent {
            level: read_level(level),
            target: &visible_line(record.target),
            message: &visible_line(truncated(record.message, MAX_LINE_BYTES)),
            fields: &fields,
            request_id: record.request_id.map(visible_line).as_deref(),
            traceparent: record.traceparent.map(visible_line).as_deref(),
        });
    });
}

/// Returns the start of `text`, at most `most` bytes.
fn truncated(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn read_level(level: u8) -> LogLevel {
    match level {
        log_level::ERROR => LogLevel::Error,
        log_level::WARN => LogLevel::Warn,
        log_level::DEBUG => LogLevel::Debug,
        log_level::TRACE => LogLevel::Trace,
        _ => LogLevel::Info,
    }
}

unsafe extern "C" fn level(host: *const ()) -> u8 {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    let level = catch_unwind(AssertUnwindSafe(|| object.services.log_level())).unwrap_or(LogLevel::Info);
    match level {
        LogLevel::Error => log_level::ERROR,
        LogLevel::Warn => log_level::WARN,
        LogLevel::Info => log_level::INFO,
        LogLevel::Debug => log_level::DEBUG,
        LogLevel::Trace => log_level::TRACE,
    }
}

unsafe extern "C" fn metric(host: *const (), definition: *const u8, len: usize) -> RResult<u64, Failure> {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    // SAFETY: the plugin lends `len` bytes at `definition` for the length of this call.
    let definition = unsafe { bytes(definition, len, MAX_RECORD_BYTES) };
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let definition: MetricDefinition =
            serde_json::from_slice(definition).map_err(|error| format!("the metric's definition: {error}"))?;
        object.services.metric(&definition)
    }));
    match opened {
        Ok(Ok(metric)) => RResult::ROk(metric),
        Ok(Err(message)) => RResult::RErr(Failure::failed(&message)),
        Err(payload) => {
            std::mem::forget(payload);
            RResult::RErr(Failure::failed("the host failed to open the metric"))
        }
    }
}

unsafe extern "C" fn measure(host: *const (), metric: u64, how: u8, value: f64) {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    let how = match how {
        operation::ADD => MeasureOperation::Add,
        operation::SET => MeasureOperation::Set,
        operation::OBSERVE => MeasureOperation::Observe,
        _ => return,
    };
    catch_panic(|| object.services.measure(metric, how, value));
}

unsafe extern "C" fn request(host: *const (), request: Request) -> FfiFuture<RResult<Response, Failure>> {
    // SAFETY: the plugin passes the pointer of its handle, before `release`.
    let object = unsafe { host_object(host) };
    let answered = catch_unwind(AssertUnwindSafe(|| {
        service_call::answer(&object.services, &object.runtime, &object.library, request)
    }));
    match answered {
        Ok(future) => future.into_ffi(),
        Err(payload) => {
            std::mem::forget(payload);
            std::future::ready(RResult::RErr(Failure::failed("the host failed to take the request"))).into_ffi()
        }
    }
}

unsafe extern "C" fn release(host: *const ()) {
    // SAFETY: the record still owns the `HostObject` of this handle, and this is the last call with it.
    let library = unsafe { host_object(host) }.library.clone();
    catch_panic(|| {
        // After the start of the library's unloading, its host table ends with it.
        if let Some(library) = library.upgrade() {
            library.record().host_target.end();
        }
    });
}
