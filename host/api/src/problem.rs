//! What an error looks like: RFC 9457, with the fields older clients read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Part;

/// An `application/problem+json` document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `/docs/errors#<code>`: the page of the host that says what it means.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What failed and why, in one line.
    pub detail: String,
    /// The path that was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// A stable word for programs.
    pub code: String,
    /// The request; the host's log carries the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Each thing that is wrong, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What became of each of several things that were asked for at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The same as `detail`, where older clients look for it.
    pub error: String,
    /// The same as `detail`, where older clients look for it.
    pub details: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: a field of plugin.yaml or of the body.
    pub pointer: String,
    /// What.
    pub message: String,
}
