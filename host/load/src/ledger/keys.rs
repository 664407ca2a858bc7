//! The pthread keys of libraries: each number has its owner, in a table without locks.
#![expect(unsafe_code, reason = "reads and runs what plugins left under their keys")]

use std::ffi::c_int;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use super::real::{self, KeyDestructor};
use super::slots::Slot;

/// `PTHREAD_KEYS_MAX` of glibc.
const MAX_KEYS: usize = 1024;
/// The number of rounds: as in pthreads, destructors are repeated, because they may set values again.
const ROUNDS: usize = 4;

struct Key {
    /// The owner's index + 1; 0 for a key of no plugin.
    owner: AtomicU16,
    /// The destructor's address; 0 for none.
    destructor: AtomicUsize,
}

static KEYS: [Key; MAX_KEYS] = [const { Key { owner: AtomicU16::new(0), destructor: AtomicUsize::new(0) } }; MAX_KEYS];

/// Records a key that a library has just created.
pub(super) fn note(key: libc::pthread_key_t, owner: &'static Slot, destructor: Option<KeyDestructor>) {
    if let Some(entry) = KEYS.get(key as usize) {
        entry.destructor.store(destructor.map_or(0, |destructor| destructor as usize), Ordering::Relaxed);
        let owner = u16::try_from(owner.index() + 1).unwrap_or(0);
        entry.owner.store(owner, Ordering::Release);
    }
}

/// Removes a key that is about to be deleted.
pub(super) fn forget(key: libc::pthread_key_t) {
    if let Some(entry) = KEYS.get(key as usize) {
        entry.owner.store(0, Ordering::Release);
    }
}

/// The number of keys of all libraries.
pub(crate) fn count() -> usize {
    KEYS.iter().filter(|key| key.owner.load(Ordering::Relaxed) != 0).count()
}

fn keys_of(
    wanted: impl Fn(&'static Slot) -> bool,
) -> impl Iterator<Item = (libc::pthread_key_t, &'static Slot, usize)> {
    let keys = KEYS.iter().enumerate().filter_map(|(key, entry)| {
        let owner = usize::from(entry.owner.load(Ordering::Acquire)).checked_sub(1)?;
        Some((key as libc::pthread_key_t, Slot::at(owner), entry.destructor.load(Ordering::Relaxed)))
    });
    keys.filter(move |(_, owner, _)| wanted(owner))
}

/// Deletes the keys of a closed library, so that threads no longer run their destructors.
pub(crate) fn delete_of(owner: &'static Slot) {
    for (key, ..) in keys_of(|slot| std::ptr::eq(slot, owner)) {
        forget(key);
        // SAFETY: the key belongs to the library, whose code no longer runs, so nothing uses or deletes it.
        unsafe { real::pthread_key_delete(key) };
    }
}

/// Ends this thread's values of the keys of the libraries for which `wanted` is true.
pub(super) fn end_values(wanted: impl Fn(&'static Slot) -> bool) {
    for _ in 0..ROUNDS {
        let mut found = false;
        for (key, owner, destructor) in keys_of(&wanted) {
            // SAFETY: reading a key, even one deleted in the meantime, is defined in glibc.
            let read = || unsafe { libc::pthread_getspecific(key) };
            if read().is_null() {
                continue;
            }
            let ended = owner.visit(|| {
                // Checked again: before the visit the library may have been closed and its slot reused. Its keys are
                // deleted then, and there is no value.
                let value = read();
                if value.is_null() {
                    return;
                }
                // Cleared first, so that the thread's end does not find it again. SAFETY: the library is not closed
                // while it is visited, so the key still belongs to it.
                let _: c_int = unsafe { libc::pthread_setspecific(key, std::ptr::null()) };
                if destructor != 0 {
                    // SAFETY: the address is that of the destructor that came with the key.
                    let destructor = unsafe { std::mem::transmute::<usize, KeyDestructor>(destructor) };
                    // SAFETY: a destructor gets the thread's own value, on this thread, once.
                    unsafe { destructor(value) };
                }
            });
            found |= ended.is_some();
        }
        if !found {
            return;
        }
    }
}
