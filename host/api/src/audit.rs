//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry. A text that is empty says that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Counts up from 1, without a gap.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Who.
    pub actor: String,
    /// The id of their token.
    pub token_id: String,
    /// The address that they asked from.
    pub address: String,
    /// What was asked: `plugin_load`, …; `job_load` for the end of a job, `host_start` for what the host does by itself.
    pub action: String,
    /// Of what.
    pub object: String,
    /// The artifact that it is about.
    pub digest: String,
    /// `asked`, `done`, `accepted`, `failed` or `refused`.
    pub outcome: String,
    /// The status of the answer; 0 where there is none.
    pub status: u16,
    /// The stable word of what went wrong.
    pub code: String,
    /// The job that does it.
    pub job: String,
    /// The id of the request.
    pub request_id: String,
    /// The entry that says that it was asked; 0 for none.
    pub of: u64,
    /// How often; more than 1 only for refusals, which are summed up.
    pub times: u64,
    /// The hash of the entry before.
    pub previous: String,
    /// SHA-256 over all of it.
    pub hash: String,
}

/// A part of the log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// What `after` is for those that come next; null when this page is not full.
    pub next: Option<u64>,
}

/// A place in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The number of the entry.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// Where the log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBroken {
    /// The number of the first such entry, or of one that is missing.
    pub seq: u64,
    /// How it shows.
    pub reason: String,
}

/// The answer of `GET /api/audit/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReport {
    /// Whether all is as it was written, as far as that can be known.
    pub valid: bool,
    /// How many entries are so, from the first on.
    pub entries: u64,
    /// The number of the first that is kept; null when there is none.
    pub first: Option<u64>,
    /// The last entry that is as it was written: to be noted elsewhere.
    pub head: AuditHead,
    /// Where the chain breaks.
    pub broken: Option<AuditBroken>,
    /// What became of the head that was given: `found`, `let_go`, `differs` or `missing`.
    pub noted: Option<String>,
}
