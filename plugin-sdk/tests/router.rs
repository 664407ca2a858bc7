//! An axum router, exported as a plugin by one line.
#![cfg(feature = "tower")]

use axum::Extension;
use axum::extract::Path;
use axum::routing::get;
use plugin_sdk::testing::TestPlugin;
use plugin_sdk::{Context, Plugin as _, RequestContext, Result};

async fn router(context: Context) -> Result<axum::Router> {
    let generation = context.generation();
    let settings: std::collections::BTreeMap<String, String> = context.configuration()?;
    let greet = |Path(name): Path<String>, Extension(call): Extension<RequestContext>| async move {
        format!("{} {name}, {}", settings["greeting"], call.request_id)
    };
    let router = axum::Router::new().route("/hello/{name}", get(greet));
    Ok(router.route("/generation", get(move || async move { generation.to_string() })))
}

plugin_sdk::export_service!(router);

#[test]
fn the_exported_plugin_is_a_service_without_handlers_or_hooks() {
    assert!(__ExportedService::HANDLERS.is_empty() && __ExportedService::HOOKS.is_empty());
    const { assert!(__ExportedService::SERVICE) }
}

#[tokio::test]
async fn the_router_is_made_with_the_context_and_answers_every_call() {
    let builder = TestPlugin::<__ExportedService>::builder();
    let plugin = builder.configuration(plugin_sdk::serde_json::json!({"greeting": "hi"})).generation(7).start().await;
    assert_eq!(plugin.get("/generation").await.text().await, "7");
    let greeted = plugin.get("/hello/zo%C3%AB").await;
    let id = greeted.request_id().to_owned();
    assert_eq!(greeted.text().await, format!("hi zoë, {id}"));
    assert_eq!(plugin.get("/none").await.status(), 404);

    let failed =
        TestPlugin::<__ExportedService>::builder().configuration(plugin_sdk::serde_json::json!([])).try_start();
    assert!(failed.await.err().unwrap().to_string().contains("configuration"));
}
