//! The host as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/plugins/system/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemMetricsAnswer {
    /// The numbers.
    pub metrics: SystemMetrics,
    /// All that `/metrics` shows, by name.
    #[serde(default)]
    pub families: BTreeMap<String, MetricFamily>,
}

/// All series of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricFamily {
    /// `counter`, `gauge` or `histogram`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence.
    pub help: String,
    /// The series.
    pub series: Vec<MetricSeries>,
}

/// One series of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSeries {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Of a counter or gauge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Of a histogram: how many were observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Of a histogram: their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Of a histogram: how many were not above each upper bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<MetricBucket>,
}

/// One bucket of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricBucket {
    /// The upper bound.
    pub le: f64,
    /// How many were not above it.
    pub count: u64,
}

/// The host in numbers. All measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemMetrics {
    /// Installed plugins.
    pub total_plugins: usize,
    /// Of those, healthy ones.
    pub healthy_plugins: usize,
    /// Degraded ones.
    pub degraded_plugins: usize,
    /// Unhealthy ones.
    pub unhealthy_plugins: usize,
    /// Those that are not probed or do not serve.
    pub unknown_plugins: usize,
    /// Routes that are served.
    pub total_routes: usize,
    /// Requests answered by the installed plugins.
    pub total_requests: u64,
    /// Those with a status of 500 or more.
    pub total_errors: u64,
    /// Bytes below the build cache.
    pub build_cache_size: u64,
    /// Builds that were asked for.
    pub builds: u64,
    /// Builds that were answered from the cache.
    pub build_cache_hits: u64,
    /// Libraries of plugins that are mapped.
    pub generations_mapped: usize,
    /// Of those, the ones that ended generations keep.
    pub generations_kept: usize,
    /// Seconds since the host started.
    pub manager_uptime: f64,
}

/// `GET /api/plugins/health/summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthSummary {
    /// Each plugin.
    pub plugins: Vec<HealthItem>,
    /// All of them.
    pub health_summary: HealthTotals,
    /// Whether ended generations are unmapped.
    pub unloading: Unloading,
}

/// Whether ended generations are unmapped in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unloading {
    /// Whether they are; else they stay in memory.
    pub effective: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The health of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthItem {
    /// The id.
    pub id: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// What is wrong.
    pub problem: Option<String>,
    /// When its newest probe ended.
    pub last_check: Option<u64>,
    /// How many probes in a row did not pass.
    pub failures_in_a_row: u32,
    /// `open` while calls are refused because its probes say that it does not work, else `closed`.
    #[serde(default)]
    pub circuit: String,
    /// Why the host took it out of service until the operator enables, starts or restarts it; null when it did not.
    #[serde(default)]
    pub quarantine: Option<String>,
}

/// The health of all plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthTotals {
    /// Installed plugins.
    pub total_plugins: usize,
    /// Of those, healthy ones.
    pub healthy: usize,
    /// Degraded ones.
    pub degraded: usize,
    /// Unhealthy ones.
    pub unhealthy: usize,
    /// Those that are not probed or do not serve.
    pub unknown: usize,
    /// The worst of them.
    pub overall_health: String,
}
