//! The build cache and the stores on disk, and the isolation of plugins.

use axum::Json;
use axum::extract::State;
use host_api as api;
use host_core::Size;
use host_run::Cleaned;

use crate::state::AppState;
use crate::wire::moment::rfc3339;
use crate::wire::problem::ApiError;

pub(crate) async fn info(State(app): State<AppState>) -> Result<Json<api::CacheInfo>, ApiError> {
    let report = app.host.cache_report().await?;
    let usage = report.usage;
    Ok(Json(api::CacheInfo {
        hit_rate: if report.builds == 0 { 0.0 } else { report.hits as f64 / report.builds as f64 },
        last_cleanup: report.last_cleanup_unix_ms.map(rfc3339),
        num_entries: usage.build_entries,
        total_size: about(usage.build_cache_bytes),
        total_bytes: usage.build_cache_bytes,
        max_bytes: report.max_bytes,
        enabled: report.enabled,
        builds: report.builds,
        hits: report.hits,
        last_cleanup_unix_ms: report.last_cleanup_unix_ms,
        artifacts: usage.artifacts,
        artifact_bytes: usage.artifact_bytes,
        trees: usage.trees,
        tree_bytes: usage.tree_bytes,
    }))
}

pub(crate) async fn clear(State(app): State<AppState>) -> Result<Json<api::CacheCleared>, ApiError> {
    let Cleaned { swept, store_was_left } = app.host.clear_cache().await?;
    let stays = match (swept.in_use, store_was_left) {
        (0, false) => "",
        (0, true) => "; artifacts were kept because the desired state of a plugin is damaged",
        (_, false) => "; folders used by running builds were kept",
        (_, true) => {
            "; folders used by running builds were kept, and artifacts because the desired state of a plugin is damaged"
        }
    };
    Ok(Json(api::CacheCleared {
        message: format!("the cache was cleared: {} freed{stays}", Size::new(swept.bytes).rounded()),
        freed_bytes: swept.bytes,
        builds: swept.builds,
        artifacts: swept.artifacts,
        trees: swept.trees,
        in_use: swept.in_use,
        store_was_left,
    }))
}

pub(crate) async fn isolation(State(app): State<AppState>) -> Result<Json<api::Isolation>, ApiError> {
    let host = app.host.clone();
    let read = tokio::task::spawn_blocking(move || host.isolation()).await;
    let isolation = read.map_err(|_| ApiError::from(host_run::Error::Panicked))?;
    let layers = isolation.layers.into_iter().map(|layer| api::IsolationLayer {
        name: layer.name.to_owned(),
        available: layer.available,
        active: layer.active,
        detail: layer.detail,
    });
    Ok(Json(api::Isolation {
        mode: isolation.mode.to_owned(),
        in_process: isolation.in_process,
        isolated: isolation.isolated,
        layers: layers.collect(),
    }))
}

/// Formats a number of bytes in powers of ten, as older clients show it: `1.2GB`.
fn about(n_bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("KB", 1e3)];
    match units.into_iter().find(|(_, unit)| n_bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1}{name}", n_bytes as f64 / unit),
        None => format!("{n_bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_powers_of_ten() {
        for (n_bytes, shown) in [(0, "0B"), (999, "999B"), (1_000, "1.0KB"), (1_249_000_000, "1.2GB")] {
            assert_eq!(about(n_bytes), shown);
        }
    }
}
