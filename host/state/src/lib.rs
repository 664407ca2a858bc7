//! What the host remembers in SQL: one SQLite file, `state.db`, in the plugin folder.
//!
//! [`State`] is the handle; each concern has its own file and its own numbered migrations. So far: the key-value
//! store of plugins, [`Kv`], which version of each plugin is installed, and the journal of what happened.

mod error;
mod events;
mod installed;
mod kv;
mod migrate;
mod state;
mod writer;

pub use error::{Error, Found, Quota};
pub use events::{EventPage, event_detail, event_kind};
pub use kv::{Condition, Entry, Kv, Limits, Listed, Page, Usage};
pub use state::{FILE_NAME, State};
