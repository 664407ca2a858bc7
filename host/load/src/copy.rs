//! A private, sealed copy of a library in memory, and its opening.
#![expect(unsafe_code, reason = "opens foreign code")]

use std::io::{BufRead as _, Write as _};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::ledger::{self, Activity, Slot};

/// Numbers the names under which copies are opened.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// Held while a library is opened. An open that hangs also holds the linker's own lock.
static OPENING: Mutex<()> = Mutex::new(());

/// Sealed bytes in memory, which cannot be changed any more.
pub(crate) struct Copy {
    file: OwnedFd,
    label: String,
}

/// An open library. Dropping it leaves it open.
pub(crate) struct Open {
    pub(crate) handle: ManuallyDrop<Library>,
    /// Its place in the ledger.
    pub(crate) slot: &'static Slot,
    /// Its address range.
    pub(crate) range: Range<usize>,
}

/// The reason why a copy was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("failed to {0} it")]
    Io(&'static str, #[source] std::io::Error),
    #[error("{} libraries are open", ledger::MAX_LIBRARIES)]
    TooMany,
    #[error("{0}")]
    Linker(String),
}

impl Copy {
    /// Copies `bytes`. The mapping is named `/memfd:plugin:<label>`.
    pub(crate) fn new(bytes: &[u8], label: &str) -> Result<Copy, OpenError> {
        let io = |action| move |error| OpenError::Io(action, error);
        let copy = memfd_create(memory_name(label), MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
        let mut file = std::fs::File::from(copy.map_err(|error| OpenError::Io("copy", error.into()))?);
        file.write_all(bytes).map_err(io("copy"))?;
        let copy = OwnedFd::from(file);
        fcntl_add_seals(&copy, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)
            .map_err(|error| OpenError::Io("seal", error.into()))?;
        Ok(Copy { file: copy, label: label.to_owned() })
    }

    /// Opens the copy under a temporary name in `folder`. Blocks; runs the library's constructors.
    ///
    /// glibc returns the already opened library for a known path, so each copy gets a unique name. The name is a link
    /// to the sealed copy.
    pub(crate) fn open(self, folder: &Path) -> Result<Open, OpenError> {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let name = folder.join(format!("plugin-{number}.so"));
        std::os::unix::fs::symlink(format!("/proc/self/fd/{}", self.file.as_raw_fd()), &name)
            .map_err(|error| OpenError::Io("name", error))?;
        // One at a time: while one thread opens a library, another thread that walks the list of libraries, as is done
        // below, may read past the end of one of glibc's lists (2.36, observed with more than sixty open libraries and
        // several opens at once).
        let _one_at_a_time = OPENING.lock();
        // Before its constructors run: they may start threads.
        let slot = ledger::open_slot(number, &self.label).ok_or(OpenError::TooMany)?;
        let entered = slot.place(Activity::Open).enter();
        // `RTLD_LOCAL` hides the symbols of one plugin from another; `RTLD_NOW` reports a missing symbol here instead
        // of in a call; no `RTLD_DEEPBIND`, so that interposed functions stay interposed. SAFETY: constructors of the
        // library run here; the operator decides to trust them, like all of its code.
        let opened = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL) };
        drop(entered);
        let _ = std::fs::remove_file(&name);
        let handle = opened.map_err(|error| {
            // A constructor may have left something behind; then the slot is never reused.
            if slot.close() {
                slot.free();
            }
            // The name is internal to this process; the text of the linker after it is useful.
            OpenError::Linker(with_sources(&error).replace(&name.display().to_string(), "the library"))
        })?;
        let handle = handle.into_raw();
        // SAFETY: the library is open.
        let range = unsafe { ledger::range_of(handle) }.unwrap_or(0..0);
        // SAFETY: the handle is that of the open library, and nobody else has it.
        let handle = ManuallyDrop::new(unsafe { Library::from_raw(handle) });
        slot.opened(&range);
        Ok(Open { handle, slot, range })
    }
}

impl Open {
    /// Closes the library.
    ///
    /// # Safety
    /// No code of it may run any more, and nothing of it may be used.
    pub(crate) unsafe fn close(self) -> Result<(), String> {
        ManuallyDrop::into_inner(self.handle).close().map_err(|error| error.to_string())
    }
}

/// The text of an error and of its sources: libloading has the linker's own words in a source.
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn memory_name(label: &str) -> String {
    format!("plugin:{label}")
}

/// Returns whether memory of the copy with this label is mapped in this process.
pub(crate) fn is_mapped(label: &str) -> std::io::Result<bool> {
    // The name of the file ends the line. The kernel adds ` (deleted)`, because no folder has an entry for the file.
    let end = format!("/memfd:{} (deleted)", memory_name(label));
    let maps = std::io::BufReader::new(std::fs::File::open("/proc/self/maps")?);
    for line in maps.split(b'\n') {
        if line?.ends_with(end.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_cannot_be_changed_and_is_found_by_its_whole_label() {
        let copy = Copy::new(b"bytes", "x#1").unwrap();
        let mut file = std::fs::File::from(copy.file.try_clone().unwrap());
        assert!(file.write_all(b"more").is_err());
        assert!(!is_mapped("x#1").unwrap());
    }
}
