//! Guards that catch panics, so that no panic of a plugin leaves its library.
//!
//! The panic hook of this library's copy of std stores message and location, without a backtrace, because symbol tables
//! would stay in memory. The code that catches the panic reads them.

use std::any::Any;
use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use plugin_sdk_abi::{Failure, RResult};

use crate::Level;
use crate::plugin_runtime::PluginRuntime;
#[cfg(feature = "testing")]
use crate::scope;
use crate::scope::Scope;

struct Note {
    message: String,
    location: String,
}

thread_local! {
    /// The last note of the hook on this thread. A raw pointer, so that the thread-local has no destructor: a
    /// destructor would keep the library in memory.
    static NOTE: Cell<*mut Note> = const { Cell::new(std::ptr::null_mut()) };
    /// The number of guards on this thread's stack.
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Installs the panic hook once per library.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A program that tests plugins reports its own panics.
        #[cfg(feature = "testing")]
        {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if GUARDED.get() == 0 && scope::current(|scope| scope.plugin_runtime.clone()).is_none() {
                    return before(info);
                }
                write_down(info);
            }));
        }
        #[cfg(not(feature = "testing"))]
        std::panic::set_hook(Box::new(write_down));
    });
}

fn write_down(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let message = text_of(info.payload());
    if GUARDED.get() == 0 {
        tell(&message, &location);
        return;
    }
    let note = Box::into_raw(Box::new(Note { message, location }));
    drop(take(NOTE.replace(note)));
}

/// Logs a panic that no guard catches: in a spawned task or in a thread of the plugin.
fn tell(message: &str, location: &str) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    match PluginRuntime::current() {
        Some(plugin_runtime) if plugin_runtime.host.is_some() => {
            let text = format!("a task panicked at {location}: {message}");
            plugin_runtime.event(Level::Error.number(), "plugin_sdk::panic", &text, &[("thread", thread)]);
        }
        // A closed stderr must not cause another panic.
        _ => drop(writeln!(std::io::stderr(), "a plugin's thread `{thread}` panicked at {location}: {message}")),
    }
}

fn take(note: *mut Note) -> Option<Box<Note>> {
    // SAFETY: a non-null pointer in `NOTE` came from `Box::into_raw`, and every reader replaces it.
    (!note.is_null()).then(|| unsafe { Box::from_raw(note) })
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

/// Converts a caught panic to a failure.
pub(crate) fn failure_of(payload: &(dyn Any + Send)) -> Failure {
    // A panic on another thread, which `resume` passed on to this one.
    if let Some(failure) = payload.downcast_ref::<Failure>() {
        return failure.clone();
    }
    match take(NOTE.replace(std::ptr::null_mut())) {
        Some(note) => Failure::panicked(&note.message, &note.location),
        None => Failure::panicked(&text_of(payload), ""),
    }
}

/// Runs `f`; a panic becomes a failure.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    GUARDED.set(GUARDED.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let failure = failure_of(&*payload);
        drop_payload(payload);
        failure
    });
    GUARDED.set(GUARDED.get() - 1);
    result
}

/// Continues a panic that [`guarded`] caught on another thread. The next guard returns `failure` unchanged.
#[cfg(feature = "tokio")]
pub(crate) fn resume(failure: Failure) -> ! {
    std::panic::resume_unwind(Box::new(failure))
}

/// Drops the payload of a panic, so that panics leak no memory. If the drop panics, the second payload is leaked.
fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        drop(take(NOTE.replace(std::ptr::null_mut())));
        std::mem::forget(second);
    }
}

/// A future that runs in its scope and whose panics, in `poll` and `drop`, are caught.
pub(crate) struct Guarded<F, E> {
    scope: Scope,
    /// Converts the result of the future to the output.
    end: E,
    /// `None` after a panic or the end.
    future: Option<F>,
}

impl<F, E> Guarded<F, E> {
    pub(crate) fn new(scope: Scope, future: F, end: E) -> Guarded<F, E> {
        Guarded { scope, end, future: Some(future) }
    }
}

impl<F, E, T, U> Future for Guarded<F, E>
where
    F: Future<Output = Result<T, Failure>>,
    E: FnMut(Result<T, Failure>) -> Result<U, Failure>,
{
    type Output = RResult<U, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is structurally pinned: it is never moved out, it is dropped in place, and `Guarded` does
        // not implement `Unpin`. The other fields are never pinned.
        let Guarded { scope, end, future } = unsafe { self.get_unchecked_mut() };
        scope.run(|| {
            let Some(live) = future else {
                return Poll::Ready(RResult::RErr(Failure::failed("the future has ended")));
            };
            // SAFETY: as above.
            let live = unsafe { Pin::new_unchecked(live) };
            // One guard for both, since each copies its result.
            let polled = guarded(|| match live.poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(result) => Poll::Ready(RResult::from(end(result))),
            });
            let output = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(output)) => output,
                Err(failure) => guarded(|| end(Err(failure))).unwrap_or_else(Err).into(),
            };
            drop_guarded(future);
            Poll::Ready(output)
        })
    }
}

impl<F, E> Drop for Guarded<F, E> {
    fn drop(&mut self) {
        // A future that has ended was dropped when it did.
        if self.future.is_some() {
            let Guarded { scope, future, .. } = self;
            scope.run(|| drop_guarded(future));
        }
    }
}

/// Drops a value in place; a panic is logged, since it cannot be reported to a caller.
fn drop_guarded<T>(value: &mut Option<T>) {
    if let Err(failure) = guarded(|| *value = None) {
        tell(&failure.message, &failure.location);
    }
}

/// A stream or another polled value with the scope in which it was created.
pub(crate) struct Scoped<T> {
    scope: Scope,
    /// `None` after a panic or the end.
    value: Option<T>,
}

impl<T> Scoped<T> {
    /// Captures the current scope of this thread for `value`, without the deadline: it is that of the response's head,
    /// and `value` may live longer.
    pub(crate) fn capture(value: T) -> Scoped<T> {
        Scoped { scope: Scope::capture().without_deadline(), value: Some(value) }
    }

    /// Runs `f` in the scope; `None` if the value has ended. `f` returns whether the value has ended now.
    pub(crate) fn guarded<R>(&mut self, f: impl FnOnce(&mut T) -> (R, bool)) -> Option<Result<R, Failure>> {
        let Scoped { scope, value } = self;
        scope.run(|| {
            let live = value.as_mut()?;
            let result = guarded(|| f(live));
            if !matches!(result, Ok((_, false))) {
                drop_guarded(value);
            }
            Some(result.map(|(result, _)| result))
        })
    }
}

impl<T> Drop for Scoped<T> {
    fn drop(&mut self) {
        if self.value.is_some() {
            let Scoped { scope, value } = self;
            scope.run(|| drop_guarded(value));
        }
    }
}
