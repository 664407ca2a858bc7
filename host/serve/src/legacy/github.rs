//! Installing and updating by repository, as older clients request it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::update::{self, UpdateInterval, UpdateLevel, UpdatePolicy};
use host_core::{GitUrl, Revision, Source};
use host_run::{Job, LoadOptions, Operation, PluginView, Trust};
use http::StatusCode;

use crate::operation::request::OperationRequest;
use crate::operation::run::answer;
use crate::state::AppState;
use crate::wire::input::RequiredJson;
use crate::wire::outcome::operation_result;
use crate::wire::problem::ApiError;
use crate::wire::update_request::refused;

type ApiResult = Result<Response, ApiError>;

/// Installs the newest release of a repository with an update policy.
pub(crate) async fn install(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::GithubInstall>,
) -> ApiResult {
    let (url, policy) = github_asked(&asked)?;
    let source = Source::git(url.clone(), Revision::Latest);
    // In one operation: older clients do not wait long, and the policy must be set even if they disconnect.
    let options = LoadOptions { update: Some(policy.clone()), ..LoadOptions::default() };
    let operation = Operation::Load { source, trust: Trust::Http, options };
    let job = app.host.submit(operation, request.initiator).await?;
    request.subject.job(&job);
    if request.respond_async {
        return answer(&job, true).await;
    }
    let receipt = job.wait().await?;
    let done = operation_result(&receipt, &job.view());
    Ok(Json(github_installed(done, &url, &policy)).into_response())
}

/// Updates the plugins of a repository. With `force`, plugins without a newer version are rebuilt.
///
/// All jobs are submitted before the first is awaited, so that a client that disconnects leaves none out.
pub(crate) async fn update_all(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::GithubUpdate>,
) -> ApiResult {
    let url = repository(&asked.repo_url)?;
    let plugins: Vec<_> = app.host.plugins().into_iter().filter(|plugin| comes_from(plugin, &url)).collect();
    if plugins.is_empty() {
        let detail = format!("no plugin from {url} is installed");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "update_unknown_repository", detail)
            .fix("install it with POST /api/plugins/github/install"));
    }
    let mut jobs = vec![];
    for plugin in plugins {
        let id = plugin.id.to_string();
        let operation = if asked.force && !has_newer(&app, &id).await {
            Operation::Reload { id }
        } else {
            Operation::Update { id, to: None, automatic: false }
        };
        jobs.push((plugin, app.host.submit(operation, request.initiator.clone()).await));
    }
    let mut done = vec![];
    let mut refused = vec![];
    for (plugin, job) in jobs {
        match job {
            Ok(job) => match ended(&app, &plugin, &job).await {
                Ok(updated) => done.push(updated),
                Err(problem) => refused.push((plugin, Some(job.id().to_owned()), problem)),
            },
            Err(error) => refused.push((plugin, None, ApiError::from(&error))),
        }
    }
    if let (true, [(_, _, first), ..]) = (done.is_empty(), &*refused) {
        return Err(first.clone());
    }
    let n_updated = done.iter().filter(|plugin| plugin.updated).count();
    let n_all = done.len() + refused.len();
    done.extend(refused.into_iter().map(|(plugin, job, problem)| {
        let id = plugin.id.to_string();
        let problem = Some(problem.problem("", &format!("/api/plugins/{id}/update")));
        let from = version(&plugin);
        let to = version(&plugin);
        api::GithubUpdatedPlugin { id, updated: false, from, to, job, problem }
    }));
    let message = format!("updated {n_updated} of {n_all} plugins from {url}");
    Ok(Json(api::GithubUpdated { message, repo_url: url.to_string(), plugins: done }).into_response())
}

fn comes_from(plugin: &PluginView, url: &GitUrl) -> bool {
    let source = plugin.desired.as_ref().and_then(|desired| desired.current.source.as_git());
    source.is_some_and(|(other, _)| other.is_same_repository(url))
}

/// Returns whether an update would find a newer version. If the repository cannot be checked, the update reports the
/// error.
async fn has_newer(app: &AppState, id: &str) -> bool {
    match app.host.look_for_updates(id).await {
        Ok(report) => report.error.is_some() || report.allowed.is_some(),
        Err(_) => true,
    }
}

/// Waits for the update of one plugin and returns its result.
async fn ended(app: &AppState, before: &PluginView, job: &Arc<Job>) -> Result<api::GithubUpdatedPlugin, ApiError> {
    let receipt = job.wait().await?;
    let picked = |plugin: &PluginView| plugin.desired.as_ref().map(|desired| desired.current.artifact);
    let now = app.host.plugin(before.id.as_str());
    Ok(api::GithubUpdatedPlugin {
        id: before.id.to_string(),
        updated: now.is_some_and(|now| picked(&now) != picked(before)),
        from: version(before),
        to: receipt.version.clone(),
        job: Some(job.id().to_owned()),
        problem: None,
    })
}

fn version(plugin: &PluginView) -> String {
    plugin.desired.as_ref().map(|desired| desired.current.version.to_string()).unwrap_or_default()
}

/// Parses the repository and update policy of an installation. The single switch of older clients allows compatible
/// versions (`minor`).
///
/// # Errors
/// The repository or the interval is invalid. An interval out of range is replaced by the nearest allowed one, which
/// is returned to the client.
fn github_asked(asked: &api::GithubInstall) -> Result<(GitUrl, UpdatePolicy), ApiError> {
    let url = repository(&asked.repo_url)?;
    let interval = match &asked.update_interval {
        None => Ok(UpdateInterval::default()),
        Some(api::IntervalText::Seconds(seconds)) => Ok(UpdateInterval::nearest(Duration::from_secs(*seconds))),
        Some(api::IntervalText::Text(text)) if text.is_empty() => Ok(UpdateInterval::default()),
        Some(api::IntervalText::Text(text)) => update::parse_duration(text).map(UpdateInterval::nearest),
    };
    let policy = interval.and_then(|interval| UpdatePolicy::new(UpdateLevel::Minor, asked.auto_update, interval));
    policy.map(|policy| (url, policy)).map_err(|error| refused(vec![("updateInterval", error)]))
}

/// Parses a repository URL.
///
/// # Errors
/// The text is not a repository URL.
fn repository(text: &str) -> Result<GitUrl, ApiError> {
    GitUrl::from_repository_address(text).map_err(|error| host_run::Error::from(error).into())
}

/// The response to an installation.
fn github_installed(asked: api::OperationResult, url: &GitUrl, policy: &UpdatePolicy) -> api::GithubInstalled {
    api::GithubInstalled {
        asked,
        repo_url: url.to_string(),
        r#type: "github".to_owned(),
        auto_update: policy.automatic(),
        update_interval: policy.interval().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_installation_by_an_older_client_sets_an_update_policy() {
        let read = |body: serde_json::Value| match github_asked(&serde_json::from_value(body).unwrap()) {
            Ok((url, policy)) => {
                let shown = github_installed(api::OperationResult::default(), &url, &policy);
                format!("{} {} {} {}", shown.repo_url, policy.level(), shown.auto_update, shown.update_interval)
            }
            Err(refused) => format!("{} {}", refused.status.as_u16(), refused.code),
        };
        for (body, expected) in [
            (json!({"repoUrl": "github.com/acme/hello.git"}), "https://github.com/acme/hello minor false 1h"),
            (
                json!({"repoUrl": "https://github.com/acme/hello/", "autoUpdate": true, "updateInterval": "1h30m"}),
                "https://github.com/acme/hello minor true 1h30m",
            ),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": "30s"}), "https://github.com/a/b minor false 1m"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": 7200}), "https://github.com/a/b minor false 2h"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": ""}), "https://github.com/a/b minor false 1h"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": "soon"}), "400 update_duration"),
            (json!({"repoUrl": "a/b"}), "400 source_url"),
            (json!({"repoUrl": "http://github.com/a/b"}), "400 source_scheme"),
        ] {
            assert_eq!(read(body.clone()), expected, "{body}");
        }
    }
}
