//! The ledger: counts what each library has left in this process, so that it can be closed when nothing is left.
//!
//! Closing a Rust library fails in three ways on Linux. A thread-local with a destructor makes glibc keep the library,
//! without an error, for as long as the thread lives. A pthread key (each copy of std creates one) is never
//! returned: a thread that ends later jumps to its destructor in unmapped memory, and the 1025th key aborts the
//! process. A thread that still runs loses its code.
//!
//! This program therefore interposes six functions of the C library, which create threads, keys and thread-local
//! destructors ([`interpose`]), finds the calling library by its address ([`slots`]), and counts ([`counts`]).
//! Keys of libraries come from a table of this program ([`keys`]), so that glibc's 1024 do not limit the number of
//! plugins. Destructors of thread-locals are stored in lists of this program, one per thread ([`threads`]), and run on
//! their thread: when it ends, or at a safe point after their library is retired. A library is closed when its counts
//! are zero; its keys are deleted just before.
//!
//! | item | where it is counted | when it ends |
//! |---|---|---|
//! | a thread that runs code of the library | `pthread_create` | when the thread ends |
//! | a thread-local with a destructor | `__cxa_thread_atexit_impl` | at a safe point of its thread, or when that ends |
//! | a pthread key | `pthread_key_create` | when the library is closed |
//!
//! Not counted: handlers registered with `signal` or `pthread_atfork`, and threads that another shared library creates
//! and that call back into the plugin. Libraries that call functions with which glibc itself creates threads or keys
//! are never closed.

mod atomic {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}
mod counts;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod interpose;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod keys;
mod label;
mod linker;
mod place;
mod real;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod signal_stack;
mod slots;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod threads;

/// Held by tests that create keys: the table is one for the process, so a key that one test has deleted could be the
/// key of another.
#[cfg(test)]
pub(crate) static ONE_TEST: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod here {
    pub(crate) use super::interpose::interposed;
    pub(crate) use super::keys::{
        MAX_KEYS, MAX_KEYS_OF_LIBRARY, count as n_keys, count_of as n_keys_of, delete_of as delete_keys,
    };
    pub use super::threads::safe_point;
    pub(crate) use super::threads::{leave_thread, names_of, raise};
}

/// The replacement for other C libraries than glibc: nothing is counted and no library is closed.
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"))))]
mod here {
    use super::Names;
    use super::slots::Slot;

    pub(crate) const MAX_KEYS: usize = usize::MAX;
    pub(crate) const MAX_KEYS_OF_LIBRARY: usize = 0;

    pub(crate) fn n_keys() -> usize {
        0
    }

    pub(crate) fn n_keys_of(_: &'static Slot) -> usize {
        0
    }

    pub(crate) fn delete_keys(_: &'static Slot) {}

    pub(crate) fn leave_thread() {}

    pub(crate) fn names_of(_: &'static Slot) -> Names {
        Names::default()
    }

    pub(crate) fn raise() {}

    /// Does nothing here.
    pub fn safe_point() {}
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
pub(crate) use here::interposed;
pub use here::safe_point;
pub(crate) use here::{MAX_KEYS, MAX_KEYS_OF_LIBRARY, delete_keys, leave_thread, n_keys, n_keys_of, names_of, raise};
pub(crate) use label::MAX_LABEL;
pub(crate) use linker::range_of;
pub(crate) use place::{Activity, Culprit, Entered, Place, culprit};
pub(crate) use slots::{MAX_LIBRARIES, Slot, open_slot};

/// The names of the threads on which a library has left something.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Threads that run code of the library.
    pub(crate) threads: Vec<String>,
    /// The threads of the host with thread-locals of the library, one entry for each thread-local.
    pub(crate) thread_locals: Vec<String>,
    /// The number of thread-locals on the library's own threads, which end with these threads.
    pub(crate) n_on_own_threads: usize,
}
