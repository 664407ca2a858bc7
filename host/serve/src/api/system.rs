//! The host: liveness, readiness, metrics and health.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use host_api as api;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;
use crate::wire::problem::ApiError;
use crate::wire::view;

/// Response of `GET /health/live`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liveness {
    /// Always `live`.
    status: &'static str,
}

/// Response of `GET /health/ready`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, `starting` or `stopping`.
    status: &'static str,
    /// Unloading of ended generations.
    unloading: api::Unloading,
}

pub(crate) async fn live() -> Json<Liveness> {
    Json(Liveness { status: "live" })
}

/// 200 after the initial loads until the host stops. Also reports whether ended generations are unmapped.
pub(crate) async fn ready(State(app): State<AppState>) -> Response {
    let (code, status) = match (app.ready.load(Ordering::Acquire), app.host.is_stopping()) {
        (true, false) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    (code, Json(Readiness { status, unloading: unloading(&app) })).into_response()
}

fn unloading(app: &AppState) -> api::Unloading {
    let reason = app.host.unloading().err();
    api::Unloading { effective: reason.is_none(), reason }
}

pub(crate) async fn metrics(State(app): State<AppState>) -> Response {
    let mut response = app.host.metrics().await.into_response();
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

pub(crate) async fn system_metrics(State(app): State<AppState>) -> Result<Json<api::SystemMetricsResponse>, ApiError> {
    let host = app.host.clone();
    let usage = tokio::task::spawn_blocking(move || host.usage()).await;
    let usage = usage.unwrap_or(Err(host_run::Error::Panicked))?;
    let overview = app.host.overview();
    let metrics = api::SystemMetrics {
        total_plugins: overview.plugins,
        healthy_plugins: overview.healthy,
        degraded_plugins: overview.degraded,
        unhealthy_plugins: overview.unhealthy,
        unknown_plugins: overview.unknown,
        total_routes: overview.routes,
        total_requests: overview.requests,
        total_errors: overview.errors,
        build_cache_size: usage.build_cache_bytes,
        builds: overview.builds,
        build_cache_hits: overview.cache_hits,
        generations_mapped: overview.mapped,
        generations_kept: overview.kept,
        manager_uptime: overview.uptime.as_secs_f64(),
    };
    let families = app.host.metric_families().await;
    let families = families.into_iter().map(|family| (family.name.clone(), view::metric_family(family))).collect();
    Ok(Json(api::SystemMetricsResponse { metrics, families }))
}

pub(crate) async fn health_summary(State(app): State<AppState>) -> Json<api::HealthSummary> {
    let plugins = app.host.plugins().into_iter().map(|plugin| api::HealthItem {
        id: plugin.id.to_string(),
        health: plugin.health.health.as_str().to_owned(),
        problem: plugin.health.problem,
        last_check: plugin.health.last_check_unix_ms,
        failures_in_a_row: plugin.health.failures_in_a_row,
        circuit: if plugin.circuit_is_open { "open" } else { "closed" }.to_owned(),
        quarantine: plugin.desired.and_then(|desired| desired.quarantine),
    });
    let plugins = plugins.collect::<Vec<_>>();
    let count = |health: &str| plugins.iter().filter(|plugin| plugin.health == health).count();
    // The worst health first. A host without plugins is healthy.
    let overall = ["unhealthy", "degraded", "unknown"].into_iter().find(|health| count(health) > 0);
    let health_summary = api::HealthTotals {
        total_plugins: plugins.len(),
        healthy: count("healthy"),
        degraded: count("degraded"),
        unhealthy: count("unhealthy"),
        unknown: count("unknown"),
        overall_health: overall.unwrap_or("healthy").to_owned(),
    };
    Json(api::HealthSummary { plugins, health_summary, unloading: unloading(&app) })
}
