//! Keys of libraries for thread-specific values, and the values of each thread.
//!
//! glibc has 1,024 pthread keys for a process, and each copy of std takes one, so that they would limit the number of
//! plugins. The keys of libraries therefore come from a table of this program and have numbers that glibc does not use.
//! All other code of the process gets keys of glibc.
#![expect(unsafe_code, reason = "runs the destructors that plugins pass with their keys")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use libc::pthread_key_t;

use super::real::KeyDestructor;
use super::slots::Slot;

/// The maximum number of keys of all libraries.
pub(crate) const MAX_KEYS: usize = 1 << 15;
/// The maximum number of keys of one library: `PTHREAD_KEYS_MAX` of glibc, the limit of a process.
pub(crate) const MAX_KEYS_OF_LIBRARY: usize = 1024;
/// The number of the first key of a library. glibc's own keys have smaller numbers.
const FIRST_KEY: pthread_key_t = 1 << 20;
/// The number of rounds: as in pthreads, destructors are repeated, because they may set values again.
const ROUNDS: usize = 4;

struct Key {
    /// Odd while the key exists. Each creation and each deletion adds one, so that the next key with the same number
    /// does not return a value of the deleted key.
    version: AtomicU32,
    /// The owner's index.
    owner: AtomicU16,
    /// The destructor's address; 0 for none.
    destructor: AtomicUsize,
}

/// A value of a thread, and the version of its key.
struct Value {
    version: u32,
    value: *mut c_void,
}

static KEYS: [Key; MAX_KEYS] =
    [const { Key { version: AtomicU32::new(0), owner: AtomicU16::new(0), destructor: AtomicUsize::new(0) } }; MAX_KEYS];
static N_KEYS: AtomicUsize = AtomicUsize::new(0);
/// Held while keys are created or deleted.
static CHANGING: Mutex<()> = Mutex::new(());

thread_local! {
    /// The values of this thread by the index of their key. Not dropped: destructors of other thread-locals may still
    /// use it. [`free_values`] frees it.
    static VALUES: ManuallyDrop<RefCell<BTreeMap<usize, Value>>> =
        const { ManuallyDrop::new(RefCell::new(BTreeMap::new())) };
}

impl Key {
    /// The version, if the key exists.
    fn version(&self) -> Option<u32> {
        let version = self.version.load(Ordering::Acquire);
        (version % 2 == 1).then_some(version)
    }

    fn owner(&self) -> &'static Slot {
        Slot::at(usize::from(self.owner.load(Ordering::Relaxed)))
    }

    /// Only while [`CHANGING`] is held, for a key that exists.
    fn delete(&self) {
        self.version.fetch_add(1, Ordering::Release);
        N_KEYS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns whether a key belongs to a library, by its number.
pub(super) fn is_of_library(key: pthread_key_t) -> bool {
    key >= FIRST_KEY
}

/// The index and the version of a key of a library that exists.
fn existing(key: pthread_key_t) -> Option<(usize, u32)> {
    let index = key.checked_sub(FIRST_KEY)? as usize;
    Some((index, KEYS.get(index)?.version()?))
}

/// The keys of a library that exist.
fn keys_of(owner: &'static Slot) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.version().is_some() && std::ptr::eq(key.owner(), owner))
}

/// Creates a key for a library; `None` if the library or all libraries have too many.
pub(super) fn create(owner: &'static Slot, destructor: Option<KeyDestructor>) -> Option<pthread_key_t> {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    if count_of(owner) >= MAX_KEYS_OF_LIBRARY {
        return None;
    }
    let index = KEYS.iter().position(|key| key.version().is_none())?;
    let key = &KEYS[index];
    key.owner.store(u16::try_from(owner.index()).ok()?, Ordering::Relaxed);
    key.destructor.store(destructor.map_or(0, |destructor| destructor as usize), Ordering::Relaxed);
    key.version.fetch_add(1, Ordering::Release);
    N_KEYS.fetch_add(1, Ordering::Relaxed);
    Some(FIRST_KEY + index as pthread_key_t)
}

/// Deletes a key; `false` if it does not exist.
pub(super) fn delete(key: pthread_key_t) -> bool {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = existing(key);
    if let Some((index, _)) = found {
        KEYS[index].delete();
    }
    found.is_some()
}

/// Deletes the keys of a closed library, so that threads no longer run their destructors.
pub(crate) fn delete_of(owner: &'static Slot) {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    keys_of(owner).for_each(Key::delete);
}

/// The number of keys of all libraries.
pub(crate) fn count() -> usize {
    N_KEYS.load(Ordering::Relaxed)
}

/// The number of keys of a library.
pub(crate) fn count_of(owner: &'static Slot) -> usize {
    keys_of(owner).count()
}

/// This thread's value of a key; null if it has none or the key does not exist.
pub(super) fn get(key: pthread_key_t) -> *mut c_void {
    let Some((index, version)) = existing(key) else { return null_mut() };
    VALUES.with(|values| {
        // In a signal handler that interrupts a change of the values, the value is not available.
        let values = values.try_borrow().ok();
        let value = values.as_ref().and_then(|values| values.get(&index)).filter(|value| value.version == version);
        value.map_or(null_mut(), |value| value.value)
    })
}

/// Sets this thread's value of a key; `false` if the key does not exist. [`destroy_values`] must be called on this
/// thread before it ends.
pub(super) fn set(key: pthread_key_t, value: *mut c_void) -> bool {
    let Some((index, version)) = existing(key) else { return false };
    VALUES.with(|values| {
        let Ok(mut values) = values.try_borrow_mut() else { return false };
        if value.is_null() {
            values.remove(&index);
        } else {
            values.insert(index, Value { version, value });
        }
        true
    })
}

/// Removes this thread's values of the keys of the libraries for which `wanted` is true, and runs the keys' destructors
/// on the values.
pub(super) fn destroy_values(wanted: impl Fn(&'static Slot) -> bool) {
    for _ in 0..ROUNDS {
        let due = VALUES.with(|values| {
            let mut values = values.borrow_mut();
            values.retain(|index, value| KEYS[*index].version() == Some(value.version));
            let due = values.iter().filter(|(index, _)| wanted(KEYS[**index].owner()));
            due.map(|(index, value)| (*index, value.version)).collect::<Vec<_>>()
        });
        let n_destroyed = due.into_iter().filter(|(index, version)| destroy_value(*index, *version)).count();
        if n_destroyed == 0 {
            return;
        }
    }
}

/// Removes this thread's value of a key and runs the key's destructor on the value; `false` if the library is closed or
/// the key was deleted.
fn destroy_value(index: usize, version: u32) -> bool {
    let key = &KEYS[index];
    let is_destroyed = key.owner().visit(|| {
        // Checked during the visit: before it, the library may have been closed and its slot reused, but its keys were
        // deleted then.
        if key.version() != Some(version) {
            return false;
        }
        // Removed first: the destructor may set a new value.
        let Some(Value { value, .. }) = VALUES.with(|values| values.borrow_mut().remove(&index)) else { return false };
        let destructor = key.destructor.load(Ordering::Relaxed);
        if destructor != 0 {
            // SAFETY: the address is that of the destructor that came with the key.
            let destructor = unsafe { std::mem::transmute::<usize, KeyDestructor>(destructor) };
            // SAFETY: the library is not closed while it is visited, and a destructor gets the thread's own value, on
            // this thread, once.
            unsafe { destructor(value) };
        }
        true
    });
    is_destroyed.unwrap_or(false)
}

/// Frees the memory for this thread's values. The destructors of values that are left do not run.
pub(super) fn free_values() {
    drop(VALUES.with(|values| values.take()));
}

#[cfg(test)]
mod tests;
