//! Words and rules of the plugin host.
//!
//! Nothing here reads a file, a clock or the environment: the same input gives the same answer, so the
//! tests are tables. What a plugin *is* ([`PluginId`], [`Manifest`]), where it comes from ([`Source`]),
//! how bytes are named ([`Digest`], [`TreePath`]), what it may ask for ([`Permission`], [`AllowedHost`]), how it is
//! configured ([`configuration`]), and what its probes say about it ([`health`]).

mod address;
pub mod configuration;
mod digest;
pub mod health;
mod id;
pub mod manifest;
mod source;
mod tree_path;

pub use address::is_public_address;
pub use digest::{Digest, DigestError, DigestWriter};
pub use id::{IdError, PluginId};
pub use manifest::{AllowedHost, Manifest, Permission};
pub use source::{GitUrl, Revision, Source, SourceError};
pub use tree_path::{PathError, TreePath};
