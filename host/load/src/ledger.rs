//! The ledger: what each library has left in this process, so that it can be closed when nothing is.
//!
//! Closing a Rust library goes wrong in three ways on Linux. A thread-local with a destructor makes glibc keep the library
//! for as long as the thread lives, silently. A pthread key, of which std makes one a copy, is never given back: a thread that
//! ends later jumps to its destructor in memory that is gone, and the 1025th key ends the process. A thread that still runs
//! has no code any more.
//!
//! So this program stands in front of the four functions of the C library by which threads, keys and thread-local
//! destructors come to be ([`stand_in`]), finds the library that asks by its address ([`slots`]), and counts
//! ([`counts`]). Destructors of thread-locals go to lists of this program's own, one a thread ([`threads`]), and run on
//! their thread: when it ends, or at a safe point once their library is retired. A library is closed when its counts are
//! zero; its keys are deleted just before.
//!
//! | what | where it is counted | when it ends |
//! |---|---|---|
//! | a thread that runs code of the library | `pthread_create` | when the thread ends |
//! | a thread-local with a destructor | `__cxa_thread_atexit_impl` | at a safe point of its thread, or when that ends |
//! | a pthread key | `pthread_key_create` | when the library is closed |
//!
//! Not seen: handlers left with `signal` or `pthread_atfork`, and threads that another shared library makes and that call
//! back into the plugin. Libraries that call functions by which glibc makes threads or keys by itself are never closed.

mod atomic {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}
mod counts;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod keys;
mod linker;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod self_test;
mod slots;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod stand_in;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod threads;

#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
mod here {
    pub(crate) use super::keys::{count as n_keys, delete_of as delete_keys};
    pub(crate) use super::self_test::effective;
    pub use super::threads::safe_point;
    pub(crate) use super::threads::{leave_thread, names_of, raise};
}

/// Where the C library is another one, nothing is accounted for and no library is closed.
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"))))]
mod here {
    use std::path::Path;

    use super::Names;
    use super::slots::Slot;

    pub(crate) fn effective(_: &Path) -> Result<(), &'static str> {
        Err("this build of the host is not linked with glibc as a shared library")
    }

    pub(crate) fn n_keys() -> usize {
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

pub use here::safe_point;
pub(crate) use here::{delete_keys, effective, leave_thread, n_keys, names_of, raise};
pub(crate) use linker::range_of;
pub(crate) use slots::{MAX_LIBRARIES, Slot, open_slot};

/// The threads that a library has left something on, by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Threads that run code of the library.
    pub(crate) threads: Vec<String>,
    /// For each thread-local on a thread of the host, that thread.
    pub(crate) thread_locals: Vec<String>,
    /// Thread-locals on the library's own threads, which end with these.
    pub(crate) n_on_own_threads: usize,
}
