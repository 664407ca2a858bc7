//! An axum router, exported as a plugin by one line.
#![cfg(feature = "tower")]

use axum::routing::get;
use plugin_sdk::{Context, Plugin as _, Result};

async fn router(context: Context) -> Result<axum::Router> {
    let generation = context.generation();
    Ok(axum::Router::new().route("/generation", get(move || async move { generation.to_string() })))
}

plugin_sdk::export_service!(router);

#[test]
fn the_exported_plugin_is_a_service_without_handlers_or_hooks() {
    assert!(__ExportedService::HANDLERS.is_empty() && __ExportedService::HOOKS.is_empty());
    const { assert!(__ExportedService::SERVICE) }
}
