//! The wall: no panic of a plugin leaves its library.
//!
//! The panic hook of this library's own copy of std writes message and place down, without a backtrace (whose
//! symbol tables would stay in memory for good); whoever catches the panic picks them up and forgets the payload,
//! since dropping a payload may panic again.

use std::any::Any;
use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use plugin_sdk_abi::{Failure, RResult};

struct Note {
    message: String,
    location: String,
}

thread_local! {
    /// What the hook wrote last on this thread. A raw pointer, so that the thread-local has no destructor: one
    /// would keep the library in memory after its last use.
    static NOTE: Cell<*mut Note> = const { Cell::new(std::ptr::null_mut()) };
    /// How many guards are on the stack of this thread.
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Puts the hook in place; once a library.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(write_down)));
}

fn write_down(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let message = text_of(info.payload());
    if GUARDED.get() == 0 {
        // A thread of the plugin's own: nobody will pick this up.
        // A closed stderr is no reason to panic again.
        let _ = writeln!(std::io::stderr(), "a plugin thread panicked at {location}: {message}");
        return;
    }
    let note = Box::into_raw(Box::new(Note { message, location }));
    drop(take(NOTE.replace(note)));
}

fn take(note: *mut Note) -> Option<Box<Note>> {
    // SAFETY: a non-null pointer in `NOTE` came from `Box::into_raw`, and whoever takes it out replaces it.
    (!note.is_null()).then(|| unsafe { Box::from_raw(note) })
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

/// The failure that a caught panic becomes.
pub(crate) fn failure_of(payload: &(dyn Any + Send)) -> Failure {
    match take(NOTE.replace(std::ptr::null_mut())) {
        Some(note) => Failure::panicked(&note.message, &note.location),
        None => Failure::panicked(&text_of(payload), ""),
    }
}

/// Runs `f`; a panic becomes a failure.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    GUARDED.set(GUARDED.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(GUARDED.get() - 1);
    result.map_err(|payload| {
        let failure = failure_of(&*payload);
        std::mem::forget(payload);
        failure
    })
}

/// A future whose panics, in `poll` and in `drop`, stay inside.
pub(crate) struct Guarded<F> {
    /// `None` after a panic or the end.
    future: Option<F>,
}

impl<F> Guarded<F> {
    pub(crate) fn new(future: F) -> Guarded<F> {
        Guarded { future: Some(future) }
    }

    fn drop_future(self: Pin<&mut Self>) {
        // SAFETY: the future is dropped where it lies, never moved.
        let this = unsafe { self.get_unchecked_mut() };
        // A panic while dropping could only be reported to nobody.
        let _ = guarded(|| this.future = None);
    }
}

impl<F: Future<Output = Result<T, Failure>>, T> Future for Guarded<F> {
    type Output = RResult<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is structurally pinned: nothing moves it out, and `Guarded` has no `Unpin` of its own.
        let future = unsafe { self.as_mut().map_unchecked_mut(|this| &mut this.future) };
        let Some(future) = future.as_pin_mut() else {
            return Poll::Ready(RResult::RErr(Failure::failed("the future has ended")));
        };
        let result = match guarded(|| future.poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(failure) => Err(failure),
        };
        self.drop_future();
        Poll::Ready(result.into())
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        // SAFETY: `self` is not used again, so it cannot be moved.
        unsafe { Pin::new_unchecked(self) }.drop_future();
    }
}
