//! The host: metrics and health.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/system/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemMetricsResponse {
    /// The main figures.
    pub metrics: SystemMetrics,
    /// All metrics of `/metrics`, by name.
    #[serde(default)]
    pub families: BTreeMap<String, MetricFamily>,
}

/// All series of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricFamily {
    /// `counter`, `gauge` or `histogram`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The metric's description.
    pub help: String,
    /// The series.
    pub series: Vec<MetricSeries>,
}

/// One series of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSeries {
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value of a counter or gauge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Number of observations of a histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Sum of the observations of a histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Cumulative buckets of a histogram.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<MetricBucket>,
}

/// One bucket of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricBucket {
    /// The upper bound.
    pub le: f64,
    /// Number of observations less than or equal to the upper bound.
    pub count: u64,
}

/// The main figures of the host. All values are measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemMetrics {
    /// Number of installed plugins.
    pub total_plugins: usize,
    /// Number of healthy plugins.
    pub healthy_plugins: usize,
    /// Number of degraded plugins.
    pub degraded_plugins: usize,
    /// Number of unhealthy plugins.
    pub unhealthy_plugins: usize,
    /// Number of plugins that are not probed or do not serve.
    pub unknown_plugins: usize,
    /// Number of served routes.
    pub total_routes: usize,
    /// Number of requests to the installed plugins.
    pub total_requests: u64,
    /// Number of responses with a status of 500 or higher.
    pub total_errors: u64,
    /// Size of the build cache in bytes.
    pub build_cache_size: u64,
    /// Number of requested builds.
    pub builds: u64,
    /// Number of builds that used a result of the cache.
    pub build_cache_hits: u64,
    /// Number of mapped plugin libraries.
    pub generations_mapped: usize,
    /// Number of mapped plugin libraries of ended generations.
    pub generations_kept: usize,
    /// Seconds since the host started.
    pub manager_uptime: f64,
}

/// Response of `GET /api/plugins/health/summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthSummary {
    /// The health of each plugin.
    pub plugins: Vec<HealthItem>,
    /// Totals over all plugins.
    pub health_summary: HealthTotals,
    /// Unloading of ended generations.
    pub unloading: Unloading,
}

/// Unloading of ended generations in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unloading {
    /// True if the libraries of ended generations are unmapped; otherwise they stay in memory.
    pub effective: bool,
    /// The reason why libraries are not unmapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The health of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthItem {
    /// The plugin's id.
    pub id: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// The current problem, if any.
    pub problem: Option<String>,
    /// Time of the last probe.
    pub last_check: Option<u64>,
    /// Number of consecutive failed probes.
    pub failures_in_a_row: u32,
    /// `open` while calls are rejected because probes fail, otherwise `closed`.
    #[serde(default)]
    pub circuit: String,
    /// The reason for the quarantine; null if the plugin is not quarantined. Enabling, starting or restarting the
    /// plugin ends the quarantine.
    #[serde(default)]
    pub quarantine: Option<String>,
}

/// Health totals over all plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthTotals {
    /// Number of installed plugins.
    pub total_plugins: usize,
    /// Number of healthy plugins.
    pub healthy: usize,
    /// Number of degraded plugins.
    pub degraded: usize,
    /// Number of unhealthy plugins.
    pub unhealthy: usize,
    /// Number of plugins that are not probed or do not serve.
    pub unknown: usize,
    /// The worst health of all plugins.
    pub overall_health: String,
}
