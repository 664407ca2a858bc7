//! Trees, artifacts and uploads on disk. No other crate joins paths below the data folders.
//!
//! A [`Tree`] or an [`Artifact`] can only be created by a [`Store`], so a value proves that its size was checked
//! and its digest was computed from the bytes on disk. All functions block; call them from a thread that may wait.

mod artifact;
mod artifacts;
pub mod atomic;
mod cleaning;
mod digest_text;
mod error;
mod layout;
mod library;
mod records;
mod seal_key;
mod settings;
mod shelf;
mod shown;
mod store;
mod sweep;
mod temp;
mod tree;
mod tree_writer;
mod trees;
mod upload;

pub use artifact::{Artifact, Provenance, Schemas};
pub use cleaning::Usage;
pub use error::{Error, is_full};
pub use settings::changed_settings;
pub use shown::without_folders;
pub use store::{Config, Store, TreeLimits};
pub use sweep::Swept;
pub use temp::TempDir;
pub use tree::{Tree, TreeFile};
pub use tree_writer::TreeWriter;
