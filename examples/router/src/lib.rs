//! An axum router as a plugin.

mod app;

fn router(_: plugin_sdk::Context) -> axum::Router {
    app::router()
}

plugin_sdk::export_service!(router);
