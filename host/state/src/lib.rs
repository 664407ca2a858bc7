//! The host's database: one SQLite file, `state.db`, in the plugin folder.
//!
//! [`State`] is the handle; each concern has its own file and numbered migrations: the plugins' key-value store
//! ([`Kv`]), the versions whose hooks have run, the desired state ([`Revision`]), jobs ([`JobRecord`]), the event
//! journal, tokens and users ([`Accounts`]), and the audit log ([`AuditEntry`]). [`Sealer`] encrypts secrets.

mod access;
mod aside;
mod audit;
mod audit_head;
mod document;
mod error;
mod events;
mod idempotent_requests;
mod installed;
mod jobs;
mod kv;
mod migrate;
mod revisions;
mod seal;
mod state;
mod writer;

pub use access::{AccountChange, Accounts, TokenRecord, UserRecord};
pub use audit::{AuditBroken, AuditEntry, AuditFilter, AuditReport, HeadCheck};
pub use audit_head::AuditHead;
pub use document::{read_desired, read_record, write_desired, write_record};
pub use error::{Error, Found, Quota};
pub use events::{EventPage, event_detail, event_kind};
pub use idempotent_requests::IdempotentRequestRecord;
pub use jobs::{JobCursor, JobCursorError, JobFilter, JobLog, JobRecord, Jobs};
pub use kv::{Condition, Entry, Kv, Limits, Listed, Page, StoredData};
pub use revisions::{Change, Damage, Newest, Revision};
pub use seal::Sealer;
pub use state::{FILE_NAME, State};
