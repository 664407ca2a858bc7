//! What the host remembers in SQL: one SQLite file, `state.db`, in the plugin folder.
//!
//! [`State`] is the handle; each concern has its own file and its own numbered migrations. So far: the key-value
//! store of plugins, [`Kv`], and which version of each plugin is installed. [`Sealer`] is for what must not be read there.

mod error;
mod installed;
mod kv;
mod migrate;
mod seal;
mod state;
mod writer;

pub use error::{Error, Found, Quota};
pub use kv::{Condition, Entry, Kv, Limits, Listed, Page, Usage};
pub use seal::Sealer;
pub use state::{FILE_NAME, State};
