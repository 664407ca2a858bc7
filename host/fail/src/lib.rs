//! Fail points: named places in the code at which a test kills the host, to check how it recovers at the next start.
//!
//! A point compiles to nothing unless the feature `armed` is enabled, which only tests do. With the feature, each point
//! reads the file set by [`watch`]: the content `run.committed=kill:2` ends the process by SIGKILL the second time it
//! passes `run.committed` after the file was written. A file is used instead of an environment variable, because a test
//! chooses the point after the host has started.

#[cfg(feature = "armed")]
mod armed;

use std::path::PathBuf;

/// A fail point, named `<crate>.<completed step>`.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "armed")]
    armed::pass(name);
    #[cfg(not(feature = "armed"))]
    let _ = name;
}

/// Sets the file that names the fail point. Only the first call has an effect.
pub fn watch(file: PathBuf) {
    #[cfg(feature = "armed")]
    armed::watch(file);
    #[cfg(not(feature = "armed"))]
    drop(file);
}
