//! What can be installed: the indexes of plugins, and a look at a source without installing it.

use axum::Json;
use axum::extract::State;
use host_api as api;
use host_core::{Revision, Source};
use host_run::{IndexReport, Listed, LoadOptions, Validated};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::of_operation;
use crate::input::{Parameters, Whole};
use crate::problem::Refused;
use crate::routes::Front;
use crate::view;

/// What a source of an index begins with.
const INDEX: &str = "index:";

/// `?refresh=true`: read the indexes now. `?tag=`, `?installed=`: only those.
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
    State(front): State<Front>,
    Parameters(query): Parameters<AvailableQuery>,
) -> Result<Json<Vec<api::Available>>, Refused> {
    let (listed, _) = front.host.available(query.refresh).await.map_err(|error| of_operation(&error))?;
    let has_tag = |item: &api::Available| query.tag.as_ref().is_none_or(|tag| item.tags.contains(tag));
    let is_asked = |item: &api::Available| query.installed.is_none_or(|installed| item.installed == installed);
    let items = listed.iter().map(item).filter(|item| has_tag(item) && is_asked(item));
    Ok(Json(items.collect()))
}

/// `?refresh=true`: read the indexes now.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Refresh {
    /// Reads the indexes again instead of using the last result.
    #[serde(default)]
    refresh: bool,
}

pub(crate) async fn indexes(
    State(front): State<Front>,
    Parameters(Refresh { refresh }): Parameters<Refresh>,
) -> Result<Json<api::IndexList>, Refused> {
    let (_, reports) = front.host.available(refresh).await.map_err(|error| of_operation(&error))?;
    Ok(Json(api::IndexList { indexes: reports.into_iter().map(state).collect() }))
}

/// Fetches a source and checks it, and installs nothing.
pub(crate) async fn validate(
    State(front): State<Front>,
    Whole(asked): Whole<api::ValidateRequest>,
) -> Result<Json<api::Validated>, Refused> {
    let source = match (&asked.source, &asked.upload_id) {
        (Some(source), None) => source_asked(&front, source, asked.version.as_deref()).await?.0,
        (None, Some(upload)) => Source::Upload(upload.clone()),
        _ => {
            let detail = "the body must have either `source` or `upload_id`";
            return Err(Refused::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail));
        }
    };
    let shown = source.to_string();
    let validated = front.host.validate(source).await.map_err(|error| of_operation(&error))?;
    Ok(Json(judged(shown, &validated)))
}

/// The source that a text means, and what must come of it: `index:<id>[@version]` is what an index lists.
///
/// # Errors
/// The text is no source; no index lists it.
pub(crate) async fn source_asked(
    front: &Front,
    text: &str,
    version: Option<&str>,
) -> Result<(Source, LoadOptions), Refused> {
    let malformed = |error: host_core::SourceError| of_operation(&error.into());
    let version = version.filter(|version| !matches!(*version, "" | "latest"));
    if let Some(listed) = text.strip_prefix(INDEX) {
        let (id, in_text) = listed.split_once('@').map_or((listed, None), |(id, version)| (id, Some(version)));
        let version = version.or(in_text).map(|version| version.strip_prefix('v').unwrap_or(version));
        return front.host.from_index(id, version).await.map_err(|error| of_operation(&error));
    }
    let mut source = text.parse::<Source>().map_err(malformed)?;
    let version = version.unwrap_or_default().parse::<Revision>().map_err(malformed)?;
    if version != Revision::Latest {
        let Source::Git { revision, .. } = &mut source else {
            let detail = "`version` is only supported for git URLs: it selects a branch, tag or commit";
            return Err(Refused::new(StatusCode::BAD_REQUEST, "source_version", detail));
        };
        // A version beside the URL says more than one in it.
        *revision = version;
    }
    Ok((source, LoadOptions::default()))
}

/// What a client is told of a source that was looked at.
pub(crate) fn judged(source: String, validated: &Validated) -> api::Validated {
    let metadata = validated.manifest.as_ref().map(|manifest| view::masked(manifest, &validated.schema));
    let refused = validated.error.as_ref().map(of_operation);
    let named = metadata.as_ref().map(|metadata| format!("plugin {} {}", metadata.id, metadata.version));
    let named = named.unwrap_or_else(|| "the source".to_owned());
    let message = match &refused {
        None => format!("{named} can be installed"),
        Some(refused) => format!("{named} cannot be installed: {}", refused.detail),
    };
    let errors = refused.map(|refused| match refused.errors.is_empty() {
        true => vec![api::FieldError { pointer: String::new(), message: refused.detail }],
        false => refused.errors,
    });
    api::Validated {
        valid: validated.error.is_none(),
        message,
        errors: errors.unwrap_or_default(),
        warnings: validated.warnings.iter().map(ToString::to_string).collect(),
        metadata,
        source,
        commit: validated.commit.clone(),
        digest: validated.tree.to_string(),
        way: validated.way.map(|way| view::way(way).to_owned()),
        artifact: validated.artifact.map(|artifact| artifact.to_string()),
    }
}

fn item(listed: &Listed) -> api::Available {
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
