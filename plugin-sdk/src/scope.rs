//! The plugin and request of the code that runs on this thread.
//!
//! The host polls a plugin's futures and streams on its own threads, so each of them carries a [`Scope`] that is
//! installed for the duration of a poll or drop: the plugin's runtime is entered, and logging and host services find
//! their plugin and request. A poll allocates nothing.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugin_sdk_abi::head::HeadView;
use plugin_sdk_abi::log_level;
use plugin_sdk_abi::record::Record;

use crate::plugin_runtime::{self, PluginRuntime};

thread_local! {
    /// The scope of the code on this thread. A raw pointer, so that the thread-local has no destructor: a destructor
    /// would keep the library in memory.
    static CURRENT: Cell<*const Scope> = const { Cell::new(std::ptr::null()) };
}

/// A plugin and the request it answers, if it answers one.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    pub(crate) plugin_runtime: Option<Arc<PluginRuntime>>,
    pub(crate) call: Option<Call>,
}

/// The facts about a request that its code needs.
#[derive(Clone)]
pub(crate) struct Call {
    request_id: Text,
    traceparent: Text,
    /// The number of nested plugin calls.
    pub(crate) depth: u32,
    deadline: Option<Instant>,
}

/// Runs `f` with the current scope; `None` if there is no scope or `f` finds nothing in it.
pub(crate) fn current<T>(f: impl FnOnce(&Scope) -> Option<T>) -> Option<T> {
    let scope = CURRENT.get();
    // SAFETY: a pointer in `CURRENT` is that of a scope which `run` borrows until it has put the former one back, or
    // which `on_this_thread` leaked until `off_this_thread`; both happen on this thread, after `f` has returned.
    unsafe { scope.as_ref() }.and_then(f)
}

impl PluginRuntime {
    /// Returns the plugin of the code on this thread. For a thread started by plugin code, the plugin that was started
    /// last.
    pub(crate) fn current() -> Option<Arc<PluginRuntime>> {
        current(|scope| scope.plugin_runtime.clone()).or_else(plugin_runtime::newest)
    }

    /// Writes an event to the host's log, with the request that is being handled.
    pub(crate) fn event(&self, level: u8, target: &str, message: &str, fields: &[(&str, &str)]) {
        let Some(host) = &self.host else { return };
        let mut buffer = Vec::with_capacity(256);
        let mut write = |request_id: Option<&str>, traceparent: Option<&str>| {
            let record = Record { target, message, request_id, traceparent };
            record.write(fields.iter().copied(), &mut buffer);
        };
        let written = current(|scope| {
            let call = scope.call.as_ref()?;
            write(Some(call.request_id()), call.traceparent());
            Some(())
        });
        if written.is_none() {
            write(None, None);
        }
        if !host.event(level, &buffer) {
            let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            host.log(level.min(log_level::DEBUG), &format!("{message}{fields}"));
        }
    }
}

impl Scope {
    /// The scope of work for `plugin_runtime` outside of requests.
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Scope {
        Scope { plugin_runtime: Some(plugin_runtime), call: None }
    }

    /// Returns a copy of the current scope of this thread.
    pub(crate) fn capture() -> Scope {
        current(|scope| Some(scope.clone())).unwrap_or_default()
    }

    /// The scope without the deadline of its request.
    pub(crate) fn without_deadline(mut self) -> Scope {
        if let Some(call) = &mut self.call {
            call.deadline = None;
        }
        self
    }

    /// Runs `f` in this scope, with the plugin's runtime entered.
    #[inline]
    pub(crate) fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        struct PutBack(*const Scope);
        impl Drop for PutBack {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _put_back = PutBack(CURRENT.replace(self));
        let _entered = self.plugin_runtime.as_ref().map(|plugin_runtime| plugin_runtime.handle.enter());
        f()
    }

    /// Makes this the scope of all code on this thread, until [`Scope::off_this_thread`].
    #[cfg(feature = "tokio")]
    pub(crate) fn on_this_thread(self) {
        Scope::off_this_thread();
        CURRENT.set(Box::into_raw(Box::new(self)));
    }

    /// Removes the scope installed by [`Scope::on_this_thread`]. Only for threads without a running [`Scope::run`].
    #[cfg(feature = "tokio")]
    pub(crate) fn off_this_thread() {
        let scope = CURRENT.replace(std::ptr::null());
        if !scope.is_null() {
            // SAFETY: these two functions are called at the start and the end of the runtime's threads, where no `run`
            // is active; `CURRENT` then holds the pointer leaked by `on_this_thread`.
            drop(unsafe { Box::from_raw(scope.cast_mut()) });
        }
    }
}

impl Call {
    /// The facts of a request that must be answered by `deadline`.
    #[inline]
    pub(crate) fn from_head(head: &HeadView<'_>, deadline: Option<Instant>) -> Call {
        let fact = |name: &[u8]| head.context.get(name).and_then(|value| std::str::from_utf8(value).ok());
        // Present only if the caller sent a well-formed `traceparent`.
        let traceparent = fact(b"traceparent");
        Call {
            request_id: Text::new(head.request_id),
            traceparent: Text::new(traceparent.unwrap_or_default()),
            depth: fact(b"depth").and_then(|depth| depth.parse().ok()).unwrap_or(0),
            deadline,
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    pub(crate) fn traceparent(&self) -> Option<&str> {
        Some(self.traceparent.as_str()).filter(|text| !text.is_empty())
    }

    /// The time that is left.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// The length of the host's ids; every additional byte is copied several times per call.
const MAX_SHORT: usize = 30;

/// A text that is copied without an allocation if it is short.
#[derive(Clone)]
enum Text {
    Short(u8, [u8; MAX_SHORT]),
    Long(Box<str>),
}

impl Text {
    #[inline]
    fn new(text: &str) -> Text {
        let mut bytes = [0; MAX_SHORT];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Text::Short(text.len() as u8, bytes)
            }
            None => Text::Long(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Text::Short(length, bytes) => std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default(),
            Text::Long(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_read_back() {
        for length in [0, 1, 29, 30, 31, 55, 200] {
            let text = "x".repeat(length);
            assert_eq!(Text::new(&text).as_str(), text);
        }
    }

    #[test]
    fn scopes_nest_and_are_put_back_also_by_a_panic() {
        let id = || current(|scope| scope.call.as_ref().map(|call| call.request_id().to_owned()));
        let of = |id: &str| {
            let (request_id, traceparent) = (Text::new(id), Text::new(""));
            Scope { plugin_runtime: None, call: Some(Call { request_id, traceparent, depth: 0, deadline: None }) }
        };
        assert_eq!(id(), None);
        of("outer").run(|| {
            let inner = of("inner");
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                inner.run(|| {
                    assert_eq!(id().as_deref(), Some("inner"));
                    std::panic::resume_unwind(Box::new("out"));
                })
            }));
            assert!(panicked.is_err());
            assert_eq!(id().as_deref(), Some("outer"));
        });
        assert_eq!(id(), None);
    }
}
