//! The items that plugins left on each thread. Their destructors run at safe points and at the thread's end.
#![expect(unsafe_code, reason = "runs the destructors of plugins' thread-locals")]

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counts::CountKind;
use super::real::{self, ThreadLocalDestructor};
use super::slots::Slot;
use super::{Names, keys, signal_stack};

/// The number of rounds: as in pthreads, destructors are repeated, because they may create thread-locals again.
const ROUNDS: usize = 4;

/// Increased whenever safe points have something to do.
static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Every thread on which plugins may have left something.
static THREADS: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread's record, or null. A raw pointer, because a destructor that is registered by hand frees the record:
    /// the destructor of another thread-local, which runs later, may need a new record.
    static THREAD: Cell<*const Thread> = const { Cell::new(std::ptr::null()) };
    /// The last epoch seen by this thread. Initially none, so that the first safe point creates the record.
    static SEEN: Cell<u64> = const { Cell::new(u64::MAX) };
}

struct Thread {
    id: libc::pid_t,
    /// Index + 1 of the library that owns the thread; 0 for a thread of the host.
    home: AtomicUsize,
    thread_locals: Mutex<Vec<ThreadLocal>>,
}

struct ThreadLocal {
    owner: &'static Slot,
    destructor: ThreadLocalDestructor,
    value: *mut c_void,
}

// SAFETY: the value is only touched on the thread it belongs to; others count and name it.
unsafe impl Send for ThreadLocal {}

/// Marks a place where no code of a retired library is on this thread's stack: the items that such libraries have left
/// on this thread are destroyed. Costs about a nanosecond when there is nothing to do.
///
/// It is called where a worker parks, and before every poll of a plugin.
#[inline]
pub fn safe_point() {
    if SEEN.get() != EPOCH.load(Ordering::Acquire) {
        pass();
    }
}

#[cold]
fn pass() {
    // Set first, so that the code below does not enter again.
    SEEN.set(EPOCH.load(Ordering::Acquire));
    // Threads that poll plugins have a record, so that their end is noticed.
    if let Some(thread) = current() {
        thread.run_destructors(Slot::is_retired);
    }
}

/// Makes every thread check again at its next safe point.
pub(crate) fn raise() {
    EPOCH.fetch_add(1, Ordering::Release);
}

/// Runs the destructors of all items that plugins have left on this thread. After it, the thread must run no code of
/// plugins.
pub(crate) fn leave_thread() {
    let thread = THREAD.get();
    // SAFETY: the record lives until the thread has ended.
    if let Some(thread) = unsafe { thread.as_ref() } {
        thread.run_destructors(|_| true);
    }
}

/// Takes over the destructor of a thread-local of `owner` on this thread; `false` if the library is closed or the C
/// library has no memory for the thread's record.
pub(super) fn adopt(owner: &'static Slot, destructor: ThreadLocalDestructor, value: *mut c_void) -> bool {
    let Some(thread) = current() else { return false };
    if !owner.enter(CountKind::ThreadLocal) {
        return false;
    }
    thread.thread_locals().push(ThreadLocal { owner, destructor, value });
    true
}

/// Records that the library `owner` has started this thread. The caller has counted the thread; the count is decreased
/// when the thread ends.
pub(super) fn belongs_to(owner: &'static Slot) {
    signal_stack::make();
    if let Some(thread) = current() {
        thread.home.store(owner.index() + 1, Ordering::Release);
    }
}

/// Returns whether the host notices the end of this thread. Plugins must leave nothing on other threads.
pub(super) fn is_watched() -> bool {
    current().is_some()
}

/// The names of the threads that `owner` has started, or on which it has left thread-locals.
pub(crate) fn names_of(owner: &'static Slot) -> Names {
    let threads = all().clone();
    let mut names = Names::default();
    for thread in &threads {
        let of_owner = thread.thread_locals().iter().filter(|local| std::ptr::eq(local.owner, owner)).count();
        if thread.home.load(Ordering::Acquire) == owner.index() + 1 {
            names.threads.push(thread.name());
            names.n_on_own_threads += of_owner;
        } else if of_owner > 0 {
            names.thread_locals.extend(std::iter::repeat_n(thread.name(), of_owner));
        }
    }
    names
}

fn all() -> MutexGuard<'static, Vec<Arc<Thread>>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The record of this thread, created if it is missing; `None` if the C library has no memory for it.
fn current() -> Option<&'static Thread> {
    let mut thread = THREAD.get();
    if thread.is_null() {
        // SAFETY: `gettid` has no arguments and cannot fail.
        let id = unsafe { libc::gettid() };
        let record = Arc::new(Thread { id, home: AtomicUsize::new(0), thread_locals: Mutex::default() });
        thread = Arc::into_raw(record.clone());
        // SAFETY: `thread_ends` consumes the pointer, once, when this thread ends.
        if !unsafe { real::at_thread_end(thread_ends, thread.cast_mut().cast()) } {
            // SAFETY: the pointer comes from `into_raw` above, and `at_thread_end` did not take it.
            drop(unsafe { Arc::from_raw(thread) });
            return None;
        }
        all().push(record);
        THREAD.set(thread);
    }
    // SAFETY: the record lives until `thread_ends`, which removes the pointer; callers run on this thread and are done
    // by then.
    unsafe { thread.as_ref() }
}

/// Runs at the end of a thread. glibc calls it after the destructors that were registered later.
unsafe extern "C" fn thread_ends(thread: *mut c_void) {
    let thread: *const Thread = thread.cast_const().cast();
    // SAFETY: `current` leaked the record for this call.
    let thread = unsafe { Arc::from_raw(thread) };
    thread.run_destructors(|_| true);
    keys::free_values();
    signal_stack::end();
    all().retain(|other| !Arc::ptr_eq(other, &thread));
    // Items that are left after this point create a new record.
    THREAD.set(std::ptr::null());
    SEEN.set(u64::MAX);
    // Last, because the library may be unmapped right after.
    if let Some(home) = thread.home.load(Ordering::Acquire).checked_sub(1) {
        Slot::at(home).leave(CountKind::Thread);
    }
}

impl Thread {
    fn thread_locals(&self) -> MutexGuard<'_, Vec<ThreadLocal>> {
        self.thread_locals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the destructors of the items that the `wanted` libraries have left on this thread: thread-locals in reverse
    /// order of their creation, then the values of keys.
    fn run_destructors(&self, wanted: impl Fn(&'static Slot) -> bool) {
        for _ in 0..ROUNDS {
            let destroyed_any = self.destroy_thread_locals(&wanted);
            keys::destroy_values(&wanted);
            if !destroyed_any {
                return;
            }
        }
    }

    /// Returns whether there was a thread-local to destroy.
    fn destroy_thread_locals(&self, wanted: impl Fn(&'static Slot) -> bool) -> bool {
        let due = self.thread_locals().iter().filter(|local| wanted(local.owner)).count();
        for _ in 0..due {
            // One by one, and not under the lock, because a destructor may create thread-locals.
            let next = {
                let mut thread_locals = self.thread_locals();
                let last = thread_locals.iter().rposition(|local| wanted(local.owner));
                last.map(|last| thread_locals.remove(last))
            };
            let Some(ThreadLocal { owner, destructor, value }) = next else { break };
            // SAFETY: the destructor was registered for this value on this thread, runs once, and its library is
            // counted until `leave`.
            unsafe { destructor(value) };
            owner.leave(CountKind::ThreadLocal);
        }
        due > 0
    }

    fn name(&self) -> String {
        let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", self.id));
        name.map_or_else(|_| self.id.to_string(), |name| name.trim_end().to_owned())
    }
}
