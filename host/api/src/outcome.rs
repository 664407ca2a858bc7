//! Outcomes of operations: results, and errors as RFC 9457 problem documents with the fields older clients read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Result of an operation on a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationResult {
    /// The result in one sentence.
    pub message: String,
    /// The plugin's id.
    pub id: String,
    /// The plugin's source.
    pub source: String,
    /// The plugin's version.
    pub version: String,
    /// The commit, for a git source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`; absent for a commit id.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The tag that led to the commit, such as `v1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The generation that served before the operation.
    pub generation_before: Option<u64>,
    /// The generation that serves now; null if none does.
    pub generation: Option<u64>,
    /// The revision that this operation created.
    #[serde(default)]
    pub revision: u64,
    /// Request counts of the two generations.
    #[serde(default)]
    pub served: Vec<GenerationRequests>,
    /// True if the library came from the build cache; null if nothing was built.
    pub cached: Option<bool>,
    /// Warnings about plugin.yaml.
    pub warnings: Vec<String>,
    /// The states that the plugin passed through, from the old state to the new one; absent if the state did not
    /// change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// The reason, if the host started the operation itself, or if the operation changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps, in order.
    pub steps: Vec<JobStep>,
    /// Results of the single operations of a batch or plan. `id`, `source` and `version` are empty in that case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
    /// The job that ran the operation.
    pub job: String,
    /// The installed upload, if the source was an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
}

/// Request counts of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenerationRequests {
    /// The generation's number.
    pub generation: u64,
    /// Number of requests to its endpoints.
    pub requests: u64,
    /// Number of responses with a status of 500 or higher.
    pub errors: u64,
    /// Number of calls whose response is not complete.
    pub in_flight: usize,
}

/// Duration of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// The step's name.
    pub step: String,
    /// Duration in milliseconds.
    pub duration_ms: f64,
}

/// Result of one operation of a batch or plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationPart {
    /// The operation, such as `load`; `apply` for a change of a plan.
    pub operation: String,
    /// The object of the operation: a source or a plugin id.
    pub subject: String,
    /// `done`, `failed`, `undone`, `stuck` (done, but undoing it failed) or `skipped`.
    pub state: String,
    /// The result, if the operation was done.
    #[schema(no_recursion)]
    pub result: Option<OperationResult>,
    /// The reason why the operation was not done or could not be undone.
    #[schema(no_recursion)]
    pub problem: Option<Problem>,
}

/// An `application/problem+json` document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `/docs/errors#<code>`: the documentation of this error code.
    pub r#type: String,
    /// The HTTP status text.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The error message.
    pub detail: String,
    /// The path of the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// The stable error code.
    pub code: String,
    /// The id of the request, which also appears in the host's log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// How to fix the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The single problems, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Results of the single operations of a batch or plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
    /// Same as `detail`, for older clients.
    pub error: String,
    /// Same as `detail`, for older clients.
    pub details: String,
}

/// A problem with one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field of plugin.yaml or of the request body.
    pub pointer: String,
    /// The error message.
    pub message: String,
}
