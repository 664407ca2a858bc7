//! Instants at which a test kills the host, to see what the next one makes of what is left.
//!
//! Each arrow of an operation passes a point by its name. Unless this crate is built with its feature `armed`, which only tests
//! do, a point is nothing at all. With it, the file that [`watch`] names is read at each point: `run.committed=kill:2` there
//! ends the process by SIGKILL when it passes `run.committed` for the second time since the file says so. A file, because a
//! test wants to say so after the host has started.

#[cfg(feature = "armed")]
mod armed;

use std::path::PathBuf;

/// An instant with a name, `<room>.<what was just done>`.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(feature = "armed")]
    armed::pass(name);
    #[cfg(not(feature = "armed"))]
    let _ = name;
}

/// Names the file that says where to end. The first call counts.
pub fn watch(file: PathBuf) {
    #[cfg(feature = "armed")]
    armed::watch(file);
    #[cfg(not(feature = "armed"))]
    drop(file);
}
