//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of the audit log. An empty text means that the field does not apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Sequence number, from 1 without gaps.
    pub seq: u64,
    /// Time of the entry, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The caller.
    pub actor: String,
    /// The id of the caller's token.
    pub token_id: String,
    /// The caller's IP address.
    pub address: String,
    /// The requested action, such as `plugin_load`; `job_<operation>` for the end of a job, such as `job_load`;
    /// `host_<step>` for an action of the host itself, such as `host_start`.
    pub action: String,
    /// The object of the action, such as a plugin id.
    pub object: String,
    /// The digest of the affected artifact.
    pub digest: String,
    /// `asked` (before the action), `done`, `accepted`, `failed` or `refused`.
    pub outcome: String,
    /// HTTP status of the response; 0 if there is no response.
    pub status: u16,
    /// The error code, if the action failed.
    pub code: String,
    /// The job that runs the action.
    pub job: String,
    /// The id of the HTTP request.
    pub request_id: String,
    /// Sequence number of the entry that recorded the request; 0 for none.
    pub of: u64,
    /// Number of occurrences; greater than 1 only for summarized refusals.
    pub times: u64,
    /// Hash of the previous entry.
    pub previous: String,
    /// SHA-256 over all other fields of this entry.
    pub hash: String,
}

/// A page of the audit log, oldest entry first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Value of `after` for the next page; null if this page is not full, or was requested without `after`.
    pub next: Option<u64>,
}

/// A position in the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// Sequence number of the entry.
    pub seq: u64,
    /// Hash of the entry.
    pub hash: String,
}

/// The first place where the audit log differs from the entries that were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBroken {
    /// Sequence number of the first altered or missing entry.
    pub seq: u64,
    /// How the change was detected.
    pub reason: String,
}

/// Response of `GET /api/audit/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReport {
    /// True if no alteration was found.
    pub valid: bool,
    /// Number of intact entries, counted from the first.
    pub entries: u64,
    /// Sequence number of the oldest stored entry; null if the log is empty.
    pub first: Option<u64>,
    /// The last intact entry. Store it elsewhere to detect a later truncation.
    pub head: AuditHead,
    /// The first place where the hash chain breaks.
    pub broken: Option<AuditBroken>,
    /// Result for the head passed in the query: `found`, `let_go` (deleted by retention), `differs` or `missing`.
    pub noted: Option<String>,
}
