//! The self-test of the ledger: a small library leaves one item of each kind and is closed again.
#![expect(unsafe_code, reason = "opens a library of this program's own and calls it")]

use std::cell::Cell;
use std::ffi::c_int;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::OnceLock;

use crate::copy::{Copy, is_mapped};
use crate::ledger::{self, Slot};

static LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/self-test.so"));
/// The label of its mapping.
const LABEL: &str = "self-test";

/// Returns whether libraries can be closed in this process, or the reason why not. Tested once, with a library linked
/// in `folder`.
pub(crate) fn effective(folder: &Path) -> Result<(), &'static str> {
    static RESULT: OnceLock<Result<(), String>> = OnceLock::new();
    let result = RESULT.get_or_init(|| {
        std::thread::scope(|scope| {
            let test = std::thread::Builder::new().name("self-test".to_owned()).spawn_scoped(scope, || test(folder));
            let test = test.map_err(|error| format!("failed to start the thread of the self-test: {error}"))?;
            test.join().unwrap_or_else(|_| Err("the self-test panicked".to_owned()))
        })
    });
    match result {
        Ok(()) => Ok(()),
        Err(reason) => Err(reason),
    }
}

fn test(folder: &Path) -> Result<(), String> {
    are_bound()?;
    let copy = Copy::new(LIBRARY, LABEL).map_err(|error| format!("failed to copy the self-test's library: {error}"))?;
    let opened = copy.open(folder).map_err(|error| format!("failed to open the self-test's library: {error}"))?;
    let slot = opened.slot;
    let seen = exercise(&opened.handle, slot);
    if !slot.close() {
        return Err("the ledger still counts items of the self-test's library".to_owned());
    }
    ledger::delete_keys(slot);
    slot.free();
    // SAFETY: the ledger has counted its thread and its thread-local off, and its key is deleted.
    unsafe { opened.close() }.map_err(|error| format!("failed to close the self-test's library: {error}"))?;
    seen?;
    match is_mapped(LABEL) {
        Ok(false) => Ok(()),
        Ok(true) => Err("the dynamic linker keeps libraries that were closed".to_owned()),
        Err(error) => Err(format!("failed to read /proc/self/maps: {error}")),
    }
}

/// Returns whether libraries are bound to the interposed functions.
fn are_bound() -> Result<(), String> {
    for (name, function) in ledger::interposed() {
        // SAFETY: the name is a C string, and the result is only compared.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if !std::ptr::addr_eq(found, function) {
            return Err(format!("libraries do not call this program's own `{}`", name.to_string_lossy()));
        }
    }
    Ok(())
}

type Leave = unsafe extern "C" fn(*mut c_int, *mut c_int, c_int) -> c_int;

/// Lets the library leave one item of each kind on this thread, and ends them.
fn exercise(library: &libloading::os::unix::Library, slot: &'static Slot) -> Result<(), String> {
    let missing = |error: libloading::Error| format!("a function of the self-test's library is missing: {error}");
    // SAFETY: `self_test.c` declares them so.
    let leave = unsafe { library.get::<Leave>(b"probe_leave\0") }.map_err(missing)?;
    // SAFETY: `self_test.c` declares it so.
    let join = unsafe { library.get::<unsafe extern "C" fn()>(b"probe_join\0") }.map_err(missing)?;
    let (reader, mut writer) =
        std::io::pipe().map_err(|error| format!("failed to create the self-test's pipe: {error}"))?;
    let (thread_locals_ended, keys_ended) = (Cell::new(0), Cell::new(0));
    // SAFETY: both counters outlive the items, which end below on this thread.
    let failed = unsafe { leave(thread_locals_ended.as_ptr(), keys_ended.as_ptr(), reader.as_raw_fd()) };
    let left = (slot.left(), ledger::n_keys_of(slot));
    let told = writer.write_all(b"x");
    if failed < 4 {
        // SAFETY: the thread was started.
        unsafe { join() };
    }
    ledger::leave_thread();
    told.map_err(|error| format!("failed to write to the self-test's pipe: {error}"))?;
    match (failed, left, (thread_locals_ended.get(), keys_ended.get())) {
        (0, ((1, 1), 1), (1, 1)) => Ok(()),
        (0, ((threads, thread_locals), keys), _) if left != ((1, 1), 1) => Err(format!(
            "a library created a thread, a thread-local and a key, \
             but the ledger counted {threads}, {thread_locals} and {keys}"
        )),
        (0, ..) => Err("items that a library left on a thread were not ended there".to_owned()),
        (step, ..) => Err(format!("the self-test failed at step {step}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_items_are_counted_and_ended_before_the_library_is_closed() {
        // The linker exports a program's function if a shared library has one with the same name, so this program is
        // bound, too.
        let _alone = crate::ledger::ONE_TEST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = std::env::temp_dir();
        assert_eq!(test(&folder), Ok(()));
        assert_eq!(test(&folder), Ok(()), "nothing of the first is left");
        assert_eq!(effective(&folder), Ok(()));
    }
}
