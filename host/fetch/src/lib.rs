//! Source to tree: git, ZIP archive, folder, prebuilt library.
//!
//! Whatever comes in is untrusted. Nothing reaches the store's trees unless every rule passed, and nothing is
//! left behind when one did not. [`versions`] says what a repository has without fetching it. Everything here blocks;
//! call it from a thread that may wait.

mod error;
mod fetch;
mod folder;
mod git;
mod index;
mod policy;
mod zip;

pub use error::Error;
pub use fetch::{Config, Fetched, Mirror, fetch, unpack};
pub use git::{Follow, Head, Listing, Release, Tip, versions};
pub use host_core::Trust;
pub use index::{IndexText, read_index};
pub use zip::{ArchiveLimits, ZipError};
