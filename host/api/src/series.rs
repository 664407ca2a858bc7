//! The requests of a plugin over time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/:id/metrics/series`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginSeries {
    /// The plugin's id.
    pub id: String,
    /// The length of a step in seconds.
    pub step_seconds: u64,
    /// Start of the 15 minutes.
    pub from_unix_ms: u64,
    /// Time of the response.
    pub to_unix_ms: u64,
    /// The steps with requests, oldest first. All other steps had none, or were before the start of the host.
    pub points: Vec<SeriesPoint>,
}

/// The requests of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesPoint {
    /// End of the step.
    pub at_unix_ms: u64,
    /// Number of requests to the plugin's endpoints.
    pub requests: u64,
    /// Number of responses with status 500 or higher.
    pub errors: u64,
    /// Median time until the response head in milliseconds, estimated from histogram buckets; null if no response
    /// started in the step.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the time until the response head in milliseconds, estimated likewise.
    pub p99_ms: Option<f64>,
}
