//! Errors as RFC 9457 problem documents, with the fields older clients read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OperationPart;

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
