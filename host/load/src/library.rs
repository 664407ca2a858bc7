//! An open library: opens it (gates 1 and 2), hands out its guards, and closes it.
#![expect(unsafe_code, reason = "reads the root symbol of foreign code")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use host_core::{Digest, DigestWriter};
use host_store::{Artifact, Store};
use libloading::os::unix::{Library as Handle, RTLD_NOW};
use plugin_sdk_abi::{GateError, PluginRootRef, ROOT_SYMBOL, open_root};
use tokio::runtime::Handle as Runtime;

use crate::copy::{Copy, Open, OpenError};
use crate::ledger::{self, Activity, Place};
use crate::record::Record;
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
use crate::self_test::effective;
use crate::unload;
use crate::{Error, LibraryHeader, library_header};

/// A library is opened only while all libraries together have fewer pthread keys than this; the rest is enough for one
/// library. Each copy of std creates a key, and aborts the process if it does not get one.
const MAX_KEYS: usize = ledger::MAX_KEYS - ledger::MAX_KEYS_OF_LIBRARY;
/// The maximum number of libraries that can never be unloaded.
const MAX_UNLOAD_BLOCKED: usize = 900;

/// An open library. Its unloading starts when the last guard is dropped; none of its code may be called afterwards.
pub(crate) struct Library {
    pub(crate) root: PluginRootRef,
    record: Arc<Record>,
    /// `None` after the unloading has started.
    open: Option<Open>,
}

/// An open library whose root passed the layout check.
pub(crate) struct Opened {
    pub(crate) library: Arc<Library>,
    pub(crate) header: LibraryHeader,
}

/// Returns whether libraries are closed in this process when nothing of them is left, or the reason if they are not.
/// The first call tests it with a small library and blocks for a few milliseconds.
///
/// # Errors
/// One sentence with the reason why libraries stay mapped.
pub fn unloading(store: &Store) -> Result<(), String> {
    let folder = store.temp_dir().map_err(|error| error.to_string())?;
    effective(folder.path()).map_err(str::to_owned)
}

/// The result with another C library, where nothing is counted.
#[cfg(not(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"))))]
fn effective(_: &Path) -> Result<(), &'static str> {
    Err("this build of the host is not linked with glibc as a shared library")
}

/// Opens a private copy of an artifact's library and checks its root. Blocks; runs the library's constructors.
/// `label` names it: the plugin's id, `#`, the number of the generation.
pub(crate) fn open(store: &Store, artifact: &Artifact, label: String, runtime: Runtime) -> Result<Opened, Error> {
    let bytes = checked_bytes(artifact.library(), artifact.library_digest())?;
    let header = library_header(&bytes)?;
    let folder = store.temp_dir().map_err(|error| io("name", std::io::Error::other(error)))?;
    let n_keys = ledger::n_keys();
    if n_keys >= MAX_KEYS {
        return Err(Error::TooManyKeys { found: n_keys });
    }
    let unload_blocked = match effective(folder.path()) {
        Err(reason) => Some(reason.to_owned()),
        Ok(()) => {
            let unique = header.unique_symbols.first().map(|symbol| format!("C++ unique symbol `{symbol}`"));
            header.never_unloads.clone().or(unique)
        }
    };
    if unload_blocked.is_some() && Record::n_unload_blocked() >= MAX_UNLOAD_BLOCKED {
        return Err(Error::TooManyOpened { opened: Record::n_unload_blocked() });
    }

    let open = Copy::new(&bytes, &label).and_then(|copy| copy.open(folder.path())).map_err(|error| match error {
        OpenError::Io(action, source) => io(action, source),
        OpenError::TooMany => Error::TooManyOpened { opened: ledger::MAX_LIBRARIES },
        OpenError::Linker(reason) => Error::Linker { reason },
    })?;
    drop(bytes);
    keep_needed(&header.needed);
    // From here on it is closed in any case.
    let record = Record::new(label, open.slot, open.range.len(), unload_blocked, runtime);
    let unchecked = Unchecked { record: Some(record), open: Some(open) };
    let root = unchecked.root(header.abi_minor)?;
    Ok(Opened { library: Arc::new(unchecked.passed(root)), header })
}

/// Prevents the shared libraries on which a plugin depends from ever being unmapped: the ledger counts what plugins
/// leave behind, but not what these libraries leave.
fn keep_needed(needed: &[String]) {
    for name in needed {
        let flags = RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // SAFETY: nothing is loaded and no constructor runs: the library that needs it has mapped it already.
        if let Ok(library) = unsafe { Handle::open(Some(name), flags) } {
            std::mem::forget(library);
        }
    }
}

/// An open library whose root has not been checked.
struct Unchecked {
    record: Option<Arc<Record>>,
    open: Option<Open>,
}

impl Unchecked {
    fn root(&self, abi_minor: u32) -> Result<PluginRootRef, Error> {
        let missing = || Error::NotAPlugin { missing: "the root symbol".to_owned() };
        let open = self.open.as_ref().ok_or_else(missing)?;
        // SAFETY: the symbol is only used as an address.
        let symbol = unsafe { open.handle.get::<*const ()>(ROOT_SYMBOL.as_bytes()) }.map_err(|_| missing())?;
        let header = symbol.into_raw().cast_const().cast::<()>();
        // SAFETY: `header` is the address of the root symbol of a library that is open for as long as `self`, or the
        // `Library` that it becomes, is. The error holds texts of the host's own.
        unsafe { open_root(header, abi_minor) }.map_err(|error| match error {
            GateError::Layout { difference, report } => Error::LayoutDiffers { difference, report },
            GateError::Header(reason) | GateError::Constructor(reason) => Error::BrokenHeader { reason },
            GateError::NoLayout => Error::BrokenHeader { reason: "it has no layout to compare".to_owned() },
        })
    }

    fn passed(mut self, root: PluginRootRef) -> Library {
        let record = self.record.take().expect("taken once, here");
        record.read_memory_with(root);
        Library { root, record, open: self.open.take() }
    }
}

impl Drop for Unchecked {
    fn drop(&mut self) {
        if let (Some(record), Some(open)) = (self.record.take(), self.open.take()) {
            unload::start(record, open);
        }
    }
}

impl Library {
    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The place of a thread that runs code of the library.
    pub(crate) fn place(&self, activity: Activity) -> Place {
        self.record.slot().place(activity)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            unload::start(self.record.clone(), open);
        }
    }
}

/// Reads a file and checks its digest.
fn checked_bytes(path: &Path, expected: Digest) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![];
    std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(|e| io("read", e))?;
    let mut digest = DigestWriter::new();
    digest.write_all(&bytes).map_err(|e| io("read", e))?;
    let found = digest.finish();
    if found == expected { Ok(bytes) } else { Err(Error::Digest { expected, found }) }
}

fn io(action: &'static str, source: std::io::Error) -> Error {
    Error::Io { action, source }
}
