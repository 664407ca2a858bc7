//! A plugins.yaml: plan, apply and export.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::plugin_set::{self, At, PlannedChange, PluginSet};
use host_run::{Error, PlanReport, PlannedPlugin, PolicyView};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::OperationRequest;
use crate::operation::run::answer;
use crate::state::AppState;
use crate::wire::input::{self, QueryParams, RequiredJson};
use crate::wire::problem::ApiError;
use crate::wire::view;

/// A plugins.yaml in the body, as YAML or JSON.
pub(crate) struct PluginSetBody(PluginSet);

impl<S: Send + Sync> FromRequest<S> for PluginSetBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<PluginSetBody, ApiError> {
        let format = PluginSetFormat::from_headers(request.headers())?;
        let bytes: Bytes = input::bytes(request, state).await?;
        // Parsing a large file takes time.
        let read = tokio::task::spawn_blocking(move || match format {
            PluginSetFormat::Yaml => plugin_set::read(&bytes),
            PluginSetFormat::Json => plugin_set::read_json(&bytes),
        });
        let read = read.await.map_err(|_| ApiError::from(Error::Panicked))?;
        read.map(PluginSetBody).map_err(|problems| ApiError::from(&Error::FileRefused { problems }))
    }
}

enum PluginSetFormat {
    Yaml,
    Json,
}

impl PluginSetFormat {
    fn from_headers(headers: &HeaderMap) -> Result<PluginSetFormat, ApiError> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/yaml" | "text/yaml" | "application/x-yaml" | "text/x-yaml" => Ok(PluginSetFormat::Yaml),
            "application/json" => Ok(PluginSetFormat::Json),
            _ => {
                let detail = "the `Content-Type` of the body is neither YAML nor JSON";
                let refused = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type", detail);
                Err(refused.fix(
                    "send the plugins.yaml with `Content-Type: application/yaml`, or as JSON with `application/json`",
                ))
            }
        }
    }
}

pub(crate) async fn plan(
    State(app): State<AppState>,
    PluginSetBody(file): PluginSetBody,
) -> Result<Response, ApiError> {
    let plan = app.host.plan(file).await?;
    Ok(Json(shown(&plan)).into_response())
}

pub(crate) async fn apply(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(api::ApplyRequest { plan, atomic }): RequiredJson<api::ApplyRequest>,
) -> Result<Response, ApiError> {
    let job = app.host.apply(&plan, atomic.unwrap_or(true), request.initiator).await;
    let job = job?;
    request.subject.job(&job);
    answer(&job, request.respond_async).await
}

/// Options of an export.
#[derive(Deserialize, IntoParams)]
pub(crate) struct ExportQuery {
    /// Replaces sources that only this host can read by `./sources/<plugin-id>`, for a bundle with these folders.
    #[serde(default)]
    bundle: bool,
}

pub(crate) async fn export(
    State(app): State<AppState>,
    QueryParams(ExportQuery { bundle }): QueryParams<ExportQuery>,
) -> Result<Response, ApiError> {
    let file = app.host.export(bundle)?;
    let mut response = plugin_set::write(&file).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    let name = HeaderValue::from_static("inline; filename=\"plugins.yaml\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

fn shown(plan: &PlanReport) -> api::Plan {
    api::Plan {
        plan: plan.digest.to_string(),
        expires_unix_ms: plan.expires_unix_ms,
        prune: plan.prune,
        changing: plan.n_changing(),
        plugins: plan.plugins.iter().map(plugin).collect(),
    }
}

fn plugin(planned: &PlannedPlugin) -> api::PlannedPlugin {
    let mut shown = api::PlannedPlugin {
        id: planned.id.to_string(),
        entry: planned.entry,
        action: if planned.changes.is_empty() { "nothing" } else { "change" }.to_owned(),
        fetched: planned.fetched,
        build: planned.build.map(|kind| view::build_kind(kind).to_owned()),
        update: planned
            .policies
            .as_ref()
            .map(|(before, after)| api::RuleChange { before: policy(before), after: policy(after) }),
        new_permissions: planned.new_permissions.clone(),
        dependants: planned.affected.iter().map(ToString::to_string).collect(),
        warnings: planned.warnings.clone(),
        ..api::PlannedPlugin::default()
    };
    for change in &planned.changes {
        match change {
            PlannedChange::Install(to) => {
                shown.action = "install".to_owned();
                shown.after = Some(version(to));
            }
            PlannedChange::Replace { from, to } => {
                (shown.before, shown.after) = (Some(version(from)), Some(version(to)))
            }
            PlannedChange::Unload(from) => {
                shown.action = "unload".to_owned();
                shown.before = Some(version(from));
            }
            PlannedChange::Configure(changes) => {
                shown.configuration = changes.iter().cloned().map(view::setting_change).collect()
            }
            PlannedChange::Goal { from, to } => {
                let before = from.map(|goal| goal.as_str().to_owned());
                shown.goal = Some(api::GoalChange { before, after: to.as_str().to_owned() });
            }
            // Shown by the two policies.
            PlannedChange::UpdatePolicy => {}
        }
    }
    shown
}

fn version(at: &At) -> api::PlannedVersion {
    let version = at.version.to_string();
    let source = at.source.to_string();
    api::PlannedVersion { version, source, commit: at.commit.clone() }
}

fn policy(view: &PolicyView) -> api::UpdatePolicy {
    view::policy(&view.policy, &view.blocked)
}
