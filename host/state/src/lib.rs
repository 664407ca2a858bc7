//! What the host remembers in SQL: one SQLite file, `state.db`, in the plugin folder.
//!
//! [`State`] is the handle; each concern has its own file and its own numbered migrations: the key-value store of plugins
//! ([`Kv`]), which version of each plugin has run its hooks, what the operator asked for ([`Revision`]), jobs
//! ([`JobRecord`]), the journal of what happened, tokens and users ([`Accounts`]), and the audit log ([`AuditEntry`]). [`Sealer`] is for what must
//! not be read there.

mod access;
mod answers;
mod aside;
mod audit;
mod document;
mod error;
mod events;
mod installed;
mod jobs;
mod kv;
mod migrate;
mod revisions;
mod seal;
mod state;
mod writer;

pub use access::{AccountChange, Accounts, TokenRecord, UserRecord};
pub use answers::NamedRequest;
pub use audit::{AuditBroken, AuditEntry, AuditFilter, AuditHead, AuditReport, Noted};
pub use document::{read_desired, read_record, write_desired, write_record};
pub use error::{Error, Found, Quota};
pub use events::{EventPage, event_detail, event_kind};
pub use jobs::{JobCursor, JobCursorError, JobFilter, JobLog, JobRecord, Jobs};
pub use kv::{Condition, Entry, Kv, Limits, Listed, Page, Usage};
pub use revisions::{Change, Damage, Newest, Revision};
pub use seal::Sealer;
pub use state::{FILE_NAME, State};
