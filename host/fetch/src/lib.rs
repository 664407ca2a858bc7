//! Fetches a source and makes a tree of it: a git repository, a ZIP archive, a folder or a prebuilt library.
//!
//! All input is untrusted. A tree is stored only if it passed every rule, and a failed fetch leaves nothing behind.
//! [`versions`] lists the versions of a repository without fetching it. All functions block; call them from a thread
//! that may wait.

mod access;
mod archive_writer;
mod config;
mod error;
mod fetch;
mod fetched;
mod folder;
mod git;
mod index;
mod left_out;
mod lfs_pointers;
mod links;
mod near;
mod open;
mod policy;
mod run_time_paths;
mod zip;

pub use access::{DEFAULT_GIT_USER, GitAccess, TokenSource, UrlPrefix, UrlPrefixError};
pub use archive_writer::{ArchiveWriter, TOP_FOLDER};
pub use config::{Config, Mirror};
pub use error::{Error, ZipError};
pub use fetch::{check_place, fetch, folder_of, unpack};
pub use fetched::Fetched;
pub use git::{Follow, Head, Listing, Release, Tip, versions};
pub use host_core::Trust;
pub use index::{IndexText, read_index};
pub use zip::ArchiveLimits;
