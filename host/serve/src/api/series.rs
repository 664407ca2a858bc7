//! The requests of a plugin over time.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use host_api as api;
use host_call::now_unix_ms;
use host_run::{Host, SeriesPoint};

use crate::operation::run::unknown;
use crate::state::AppState;
use crate::wire::input::PathId;
use crate::wire::problem::ApiError;

/// The time that a series covers.
const COVERED: Duration = Duration::from_secs(15 * 60);

pub(crate) async fn get(State(app): State<AppState>, PathId(id): PathId) -> Result<Json<api::PluginSeries>, ApiError> {
    let points = app.host.series(&id).ok_or_else(|| unknown(&app, &id))?;
    let to_unix_ms = now_unix_ms();
    let from_unix_ms = to_unix_ms.saturating_sub(u64::try_from(COVERED.as_millis()).unwrap_or(u64::MAX));
    let step_seconds = Host::SERIES_STEP.as_secs();
    Ok(Json(api::PluginSeries {
        id,
        step_seconds,
        from_unix_ms,
        to_unix_ms,
        points: points.iter().map(point).collect(),
    }))
}

fn point(point: &SeriesPoint) -> api::SeriesPoint {
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    api::SeriesPoint {
        at_unix_ms: point.at_unix_ms,
        requests: point.requests,
        errors: point.errors,
        p50_ms: point.p50.map(ms),
        p99_ms: point.p99.map(ms),
    }
}
