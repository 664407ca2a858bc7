//! Threads for plugin code that may block (constructors, start, health, stop), so that it never blocks a
//! worker of the host.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ledger::leave_thread;

/// The result of work on a separate thread.
pub(crate) enum Outcome<T> {
    /// Finished with a value.
    Done(T),
    /// Exceeded the deadline. If the work never yielded, its thread continues, and its result is dropped there.
    TimedOut,
    /// The thread could not be started, or the work panicked.
    Lost,
}

/// Runs `work` on a new thread and waits for it until `deadline`. Items that plugins leave on that thread end before
/// the result is returned. A late result is passed to `late`, on a separate thread as well.
///
/// # Cancel safety
/// If the future is dropped, the work continues until its end or deadline.
pub(crate) async fn run<T, F>(
    name: &str,
    deadline: Duration,
    work: impl FnOnce() -> F + Send + 'static,
    late: impl FnOnce(T) + Send + 'static,
) -> Outcome<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (sender, receiver) = oneshot::channel();
    // A thread name has at most 15 bytes on Linux.
    let name: String = name.chars().take(15).collect();
    let until = Instant::now() + deadline;
    let spawned = thread::Builder::new().name(name).spawn(move || {
        let value = catch_unwind(AssertUnwindSafe(|| block_on_until(work(), until)));
        leave_thread();
        let unwanted = sender.send(match value {
            Ok(Some(value)) => Outcome::Done(value),
            Ok(None) => Outcome::TimedOut,
            Err(_) => Outcome::Lost,
        });
        if let Err(Outcome::Done(value)) = unwanted {
            // Not on this one: its thread-locals have ended.
            spawn_detached("late", move || late(value));
        }
    });
    if spawned.is_err() {
        return Outcome::Lost;
    }
    // The thread gets a moment to notice the deadline itself, so that a waiting future is dropped in time.
    match tokio::time::timeout(deadline + Duration::from_millis(100), receiver).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::Lost,
        Err(_) => Outcome::TimedOut,
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `work` on a new thread and does not wait for it; on this thread if no other can be started. Items that plugins
/// leave on the thread end with it.
pub(crate) fn spawn_detached<W: FnOnce() + Send + 'static>(name: &str, work: W) {
    fn run<W: FnOnce()>(work: &Mutex<Option<W>>) {
        let work = work.lock().take();
        if let Some(work) = work {
            work();
        }
    }
    // Shared, so that a failure to start the thread does not lose the work.
    let work = Arc::new(Mutex::new(Some(work)));
    let shared = work.clone();
    let ends = move || {
        run(&shared);
        leave_thread();
    };
    if thread::Builder::new().name(name.to_owned()).spawn(ends).is_err() {
        // Not the end of this thread: its items end at its next safe point.
        run(&work);
    }
}

/// Polls `future` on this thread until it is ready or `until` has passed.
pub(crate) fn block_on_until<F: Future>(future: F, until: Instant) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let left = until.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}
