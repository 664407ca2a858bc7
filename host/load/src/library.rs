//! Gate 1 and 2: a private copy of the bytes, opened, and its root checked.
#![expect(unsafe_code, reason = "opens foreign code and reads its root symbol")]

use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::{Digest, DigestWriter};
use host_store::{Artifact, Store};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use plugin_sdk_abi::{GateError, PluginRootRef, ROOT_SYMBOL, open_root};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::{Error, Probe, probe};

/// Libraries opened since the process started; none of them is closed.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// Numbers the names under which copies are opened.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// The most libraries one process opens. Each may take one of the 1024 thread keys that glibc has, and the program that
/// asks for one more is aborted: the standard library makes a key a copy and never gives it back. The rest is for the host
/// and for C code in plugins.
const MAX_OPENED: u64 = 900;

/// How many libraries were opened since the process started. Each is still mapped: closing a Rust library is only
/// safe once nothing of it is left in the process (threads, thread-local destructors, pthread keys), and this
/// version of the host does not account for those, so it keeps every library.
pub fn opened_libraries() -> u64 {
    OPENED.load(Ordering::Relaxed)
}

/// An open library whose root passed the layout check.
pub(crate) struct Opened {
    pub(crate) root: PluginRootRef,
    pub(crate) probe: Probe,
}

/// Opens a private copy of an artifact's library and checks its root. Blocks; runs the library's constructors.
pub(crate) fn open(store: &Store, artifact: &Artifact) -> Result<Opened, Error> {
    let (copy, bytes) = sealed_copy(artifact.library(), artifact.library_digest())?;
    let probe = probe(&bytes)?;
    drop(bytes);

    // glibc takes a path it has seen for the library it has, so each copy gets a name of its own. The name is a
    // link to the sealed copy; what is opened is the copy, and nothing can change it any more.
    let count = |opened: u64| (opened < MAX_OPENED).then_some(opened + 1);
    OPENED
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
        .map_err(|opened| Error::TooManyOpened { opened })?;
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let names = store.temp_dir().map_err(|error| io("name", std::io::Error::other(error)))?;
    let name = names.path().join(format!("plugin-{}-{number}.so", std::process::id()));
    std::os::unix::fs::symlink(format!("/proc/self/fd/{}", copy.as_raw_fd()), &name).map_err(|e| io("name", e))?;
    // `RTLD_LOCAL` keeps the symbols of one plugin out of another; `RTLD_NOW` reports a missing one here, not in a
    // call; no `RTLD_DEEPBIND`, so that functions the host stands in front of stay in front.
    // SAFETY: constructors of the library run here; they are the operator's to trust, like all of its code. The
    // library stays mapped: nothing drops the handle.
    let library = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
        OPENED.fetch_sub(1, Ordering::Relaxed);
        // The name is this process's own; what the linker says after it is what helps.
        Error::Linker { reason: error.to_string().replace(&name.display().to_string(), "the library") }
    })?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the symbol is only used as an address.
    let symbol = unsafe { library.get::<*const ()>(ROOT_SYMBOL.as_bytes()) }
        .map_err(|_| Error::NotAPlugin { missing: "the root symbol".to_owned() })?;
    let header = symbol.into_raw().cast_const().cast::<()>();
    // SAFETY: `header` is the address of the root symbol of a library that is never closed.
    let root = unsafe { open_root(header, probe.abi_minor) }.map_err(|error| match error {
        GateError::Layout { difference, report } => Error::LayoutDiffers { difference, report },
        GateError::Header(reason) | GateError::Constructor(reason) => Error::BrokenHeader { reason },
        GateError::NoLayout => Error::BrokenHeader { reason: "it carries no layout to compare".to_owned() },
    })?;
    Ok(Opened { root, probe })
}

/// Copies a file into memory that nothing can change afterwards, and checks its digest on the way.
fn sealed_copy(path: &Path, expected: Digest) -> Result<(OwnedFd, Vec<u8>), Error> {
    let mut bytes = vec![];
    std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(|e| io("read", e))?;
    let mut digest = DigestWriter::new();
    digest.write_all(&bytes).map_err(|e| io("read", e))?;
    let found = digest.finish();
    if found != expected {
        return Err(Error::Digest { expected, found });
    }
    let copy =
        memfd_create("plugin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).map_err(|e| io("copy", e.into()))?;
    let mut file = std::fs::File::from(copy);
    file.write_all(&bytes).map_err(|e| io("copy", e))?;
    let copy = OwnedFd::from(file);
    fcntl_add_seals(&copy, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)
        .map_err(|e| io("seal", e.into()))?;
    Ok((copy, bytes))
}

fn io(action: &'static str, source: std::io::Error) -> Error {
    Error::Io { action, source }
}
