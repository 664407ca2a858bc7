//! Installing and updating as clients of an older system ask for it: by repository.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use host_api as api;
use host_core::{GitUrl, Revision, Source};
use host_run::{Job, LoadOptions, Operation, PluginView, Trust};
use http::StatusCode;

use super::{Answer, shapes};
use crate::error::of_operation;
use crate::input::{Asking, Whole};
use crate::plugins::answer;
use crate::problem::Refused;
use crate::routes::Front;
use crate::view;

/// Loads the newest release of a repository, with the rule for what comes after it.
pub(crate) async fn install(
    State(front): State<Front>,
    asking: Asking,
    Whole(asked): Whole<api::GithubInstall>,
) -> Answer {
    let (url, rule) = shapes::github_asked(&asked)?;
    let source = Source::Git { url: url.clone(), revision: Revision::Latest };
    // In one operation: such clients do not wait for long, and what they asked for is done all the same.
    let options = LoadOptions { update: Some(rule.clone()), ..LoadOptions::default() };
    let operation = Operation::Load { source, trust: Trust::Http, options };
    let job = front.host.submit(operation, asking.asker).await.map_err(|error| of_operation(&error))?;
    asking.touched.job(&job);
    if asking.respond_async {
        return answer(&job, true).await;
    }
    let receipt = job.wait().await.map_err(|error| of_operation(&error))?;
    let done = view::asked(&receipt, &job.view());
    Ok(Json(shapes::github_installed(done, &url, &rule)).into_response())
}

/// Updates the plugins of a repository and no others; with `force` those that have nothing newer are built again.
///
/// All are asked for before the first is waited for, so that a client that goes away leaves none out.
pub(crate) async fn update_all(
    State(front): State<Front>,
    asking: Asking,
    Whole(asked): Whole<api::GithubUpdate>,
) -> Answer {
    let url = shapes::repository(&asked.repo_url)?;
    let plugins: Vec<_> = front.host.plugins().into_iter().filter(|plugin| comes_from(plugin, &url)).collect();
    if plugins.is_empty() {
        let detail = format!("no plugin from {url} is installed");
        return Err(Refused::new(StatusCode::NOT_FOUND, "update_unknown_repository", detail)
            .fix("install it with POST /api/plugins/github/install"));
    }
    let mut jobs = vec![];
    for plugin in plugins {
        let id = plugin.id.to_string();
        let operation = match asked.force && !has_newer(&front, &id).await {
            true => Operation::Reload { id },
            false => Operation::Update { id, to: None, automatic: false },
        };
        jobs.push((plugin, front.host.submit(operation, asking.asker.clone()).await));
    }
    let (mut done, mut refused) = (vec![], vec![]);
    for (plugin, job) in jobs {
        match job {
            Ok(job) => match ended(&front, &plugin, &job).await {
                Ok(updated) => done.push(updated),
                Err(problem) => refused.push((plugin, Some(job.id().to_owned()), problem)),
            },
            Err(error) => refused.push((plugin, None, of_operation(&error))),
        }
    }
    if let (true, [(_, _, first), ..]) = (done.is_empty(), &*refused) {
        return Err(first.clone());
    }
    let (n_updated, n_all) = (done.iter().filter(|plugin| plugin.updated).count(), done.len() + refused.len());
    done.extend(refused.into_iter().map(|(plugin, job, problem)| {
        let id = plugin.id.to_string();
        let problem = Some(problem.problem("", &format!("/api/plugins/{id}/update")));
        let (from, to) = (version(&plugin), version(&plugin));
        api::GithubUpdatedPlugin { id, updated: false, from, to, job, problem }
    }));
    let message = format!("updated {n_updated} of {n_all} plugins from {url}");
    Ok(Json(api::GithubUpdated { message, repo_url: url.to_string(), plugins: done }).into_response())
}

fn comes_from(plugin: &PluginView, url: &GitUrl) -> bool {
    let source = plugin.desired.as_ref().map(|desired| &desired.current.source);
    matches!(source, Some(Source::Git { url: other, .. }) if other.is_same_repository(url))
}

/// Whether an update would find something. A repository that can't be asked is left to the update to tell of.
async fn has_newer(front: &Front, id: &str) -> bool {
    match front.host.look_for_updates(id).await {
        Ok(report) => report.error.is_some() || report.allowed.is_some(),
        Err(_) => true,
    }
}

/// Waits for one plugin, and says what became of it.
async fn ended(front: &Front, before: &PluginView, job: &Arc<Job>) -> Result<api::GithubUpdatedPlugin, Refused> {
    let receipt = job.wait().await.map_err(|error| of_operation(&error))?;
    let picked = |plugin: &PluginView| plugin.desired.as_ref().map(|desired| desired.current.artifact);
    let now = front.host.plugin(before.id.as_str());
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
