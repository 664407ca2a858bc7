//! The configured plugin indexes, and the validation of sources.

use axum::Json;
use axum::extract::State;
use host_api as api;
use host_core::Source;
use host_run::{IndexReport, ListedPlugin};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::source::{INDEX, SourceRequest, inside, source_asked};
use crate::operation::validate::judged;
use crate::state::AppState;
use crate::wire::input::{QueryParams, RequiredJson};
use crate::wire::problem::ApiError;

/// The filters of the list of available plugins.
#[derive(Deserialize, IntoParams)]
pub(crate) struct AvailableQuery {
    /// Reads the indexes again instead of using the last result.
    #[serde(default)]
    refresh: bool,
    /// Lists only plugins with this tag.
    tag: Option<String>,
    /// Lists only installed plugins (`true`) or only plugins that are not installed (`false`).
    installed: Option<bool>,
}

pub(crate) async fn list(
    State(app): State<AppState>,
    QueryParams(query): QueryParams<AvailableQuery>,
) -> Result<Json<Vec<api::Available>>, ApiError> {
    let (listed, _) = app.host.available(query.refresh).await?;
    let has_tag = |item: &api::Available| query.tag.as_ref().is_none_or(|tag| item.tags.contains(tag));
    let is_asked = |item: &api::Available| query.installed.is_none_or(|installed| item.installed == installed);
    let items = listed.iter().map(item).filter(|item| has_tag(item) && is_asked(item));
    Ok(Json(items.collect()))
}

/// The query of the list of indexes.
#[derive(Deserialize, IntoParams)]
pub(crate) struct IndexListQuery {
    /// Reads the indexes again instead of using the last result.
    #[serde(default)]
    refresh: bool,
}

pub(crate) async fn indexes(
    State(app): State<AppState>,
    QueryParams(IndexListQuery { refresh }): QueryParams<IndexListQuery>,
) -> Result<Json<api::IndexList>, ApiError> {
    let (_, reports) = app.host.available(refresh).await?;
    Ok(Json(api::IndexList { indexes: reports.into_iter().map(state).collect() }))
}

/// Fetches and checks a source without installing it.
pub(crate) async fn validate(
    State(app): State<AppState>,
    RequiredJson(asked): RequiredJson<api::ValidateRequest>,
) -> Result<Json<api::ValidationReport>, ApiError> {
    let source = match (&asked.source, &asked.upload_id) {
        (Some(source), None) => {
            let asked = SourceRequest {
                source,
                version: asked.version.as_deref(),
                path: asked.path.as_deref(),
                tag_pattern: asked.tag_pattern.as_deref(),
            };
            source_asked(&app, &asked).await?.0
        }
        (None, Some(upload)) => inside(Source::Upload(upload.clone()), asked.path.as_deref())?,
        _ => {
            let detail = "the body must have either `source` or `upload_id`";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail));
        }
    };
    let shown = source.to_string();
    let validated = app.host.validate(source).await?;
    Ok(Json(judged(shown, &validated)))
}

fn item(listed: &ListedPlugin) -> api::Available {
    let entry = &listed.entry;
    let number = |version: &host_core::index::IndexVersion| version.version.to_string();
    let versions = entry.versions.iter().map(|version| api::AvailableVersion {
        version: number(version),
        tag: version.tag.to_string(),
        commit: version.commit.clone(),
        digest: version.digest.map(|digest| digest.to_string()),
        yanked: version.yanked,
    });
    api::Available {
        id: entry.id.to_string(),
        repository: entry.repository.to_string(),
        name: entry.name.clone(),
        description: entry.description.clone(),
        latest_version: entry.latest().map(number).unwrap_or_default(),
        author: entry.author.clone(),
        stars: entry.stars,
        last_updated: entry.last_updated.clone(),
        tags: entry.tags.clone(),
        verified: entry.verified,
        official: entry.official,
        index: listed.index.clone(),
        source: format!("{INDEX}{}", entry.id),
        versions: versions.collect(),
        installed: listed.installed.is_some(),
        installed_version: listed.installed.as_ref().map(ToString::to_string),
        newer_version: listed.newer().map(number),
    }
}

fn state(report: IndexReport) -> api::IndexState {
    let refused = report.refused.into_iter().map(|(pointer, message)| api::FieldError { pointer, message });
    let (error_code, error) = report.error.map(|(code, error)| (code.to_owned(), error)).unzip();
    api::IndexState {
        place: report.place,
        name: report.name,
        plugins: report.n_plugins,
        refused: refused.collect(),
        read_unix_ms: report.read_unix_ms,
        error_code,
        error,
    }
}
