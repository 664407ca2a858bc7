//! Jobs: list, details, logs, cancelling and retrying.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use host_api as api;
use host_call::LogLine;
use host_core::Role;
use host_run::{JobError, JobFilter, JobView, Operation};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::caller::{Caller, forbidden};
use crate::api::job_log::{FollowedLog, LogFormat};
use crate::operation::request::OperationRequest;
use crate::operation::run::answer;
use crate::state::AppState;
use crate::wire::input::{PathId, QueryParams};
use crate::wire::problem::ApiError;
use crate::wire::view;

/// Default and maximum page size.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 200;
/// Maximum length of a plugin id or operation name.
const MAX_NAME_BYTES: usize = 100;

/// The filters and page of a job list.
#[derive(Deserialize, IntoParams)]
pub(crate) struct JobListQuery {
    /// Only jobs of this plugin.
    #[param(min_length = 1, max_length = 100)]
    plugin: Option<String>,
    /// Only jobs in this state.
    state: Option<String>,
    /// Only jobs of this operation, for example `load`.
    #[param(min_length = 1, max_length = 100)]
    operation: Option<String>,
    /// Maximum number of jobs; 100 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// The `next` of the previous page.
    cursor: Option<String>,
}

pub(crate) async fn list(
    State(app): State<AppState>,
    QueryParams(query): QueryParams<JobListQuery>,
) -> Result<Json<api::JobList>, ApiError> {
    let refused = |detail: String| ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail);
    for (name, value) in [("plugin", &query.plugin), ("operation", &query.operation)] {
        if value.as_ref().is_some_and(|value| value.is_empty() || value.len() > MAX_NAME_BYTES) {
            return Err(refused(format!("`{name}` must have from 1 to {MAX_NAME_BYTES} bytes")));
        }
    }
    let state = query.state.as_deref().map(str::parse).transpose();
    let state = state.map_err(|error| refused(format!("`state`: {error}")))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(refused(format!("`limit` must be from 1 to {MAX_LIMIT}")));
    }
    let cursor = query.cursor.as_deref().map(str::parse).transpose();
    let cursor = cursor.map_err(|error| refused(format!("`cursor`: {error}")))?;
    let filter = JobFilter { plugin: query.plugin, state, operation: query.operation };
    let page = app.host.jobs(&filter, limit, cursor.as_ref()).await?;
    // Jobs of an earlier version of the host may have other names.
    if let Some(name) = filter.operation.as_deref().filter(|_| page.jobs.is_empty())
        && !Operation::NAMES.contains(&name)
    {
        return Err(ApiError::unknown_value("operation", name, &Operation::NAMES));
    }
    let jobs = page.jobs.iter().map(view::job).collect();
    Ok(Json(api::JobList { jobs, next: page.next.map(|next| next.to_string()) }))
}

/// Returns a job that the caller may see: callers with grants see only the jobs of those plugins.
async fn seen(app: &AppState, caller: &Caller, id: &str) -> Result<JobView, ApiError> {
    let job = app.host.job(id).await?;
    if caller.principal.may(Role::Viewer, job.plugin.as_deref()) {
        Ok(job)
    } else {
        // Same response as for an unknown job, so that jobs of other plugins are not revealed.
        Err(ApiError::from(host_run::Error::from(JobError::Unknown { id: id.to_owned() })))
    }
}

pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<api::Job>, ApiError> {
    Ok(Json(view::job(&seen(&app, &caller, &id).await?)))
}

pub(crate) async fn cancel(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<api::Job>, ApiError> {
    let plugin = if caller.principal.may(Role::Operator, None) { None } else { seen(&app, &caller, &id).await?.plugin };
    if !caller.principal.may(Role::Operator, plugin.as_deref()) {
        return Err(forbidden(Role::Operator, plugin.as_deref()));
    }
    let job = app.host.cancel_job(&id).await?;
    Ok(Json(view::job(&job)))
}

pub(crate) async fn retry(
    State(app): State<AppState>,
    PathId(id): PathId,
    request: OperationRequest,
) -> Result<Response, ApiError> {
    let job = app.host.retry(&id, request.initiator).await?;
    request.subject.job(&job);
    answer(&job, request.respond_async).await
}

/// The range of a log, and whether to follow it.
#[derive(Deserialize, IntoParams)]
pub(crate) struct JobLogQuery {
    /// Keeps the response open and appends new lines until the job ends.
    #[serde(default)]
    follow: bool,
    /// Starts with this line number; 0 when absent.
    #[serde(default)]
    from: u64,
}

/// Returns the log as text, or as events with the line numbers as ids and a final `end` event.
pub(crate) async fn log(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
    QueryParams(query): QueryParams<JobLogQuery>,
) -> Result<Response, ApiError> {
    seen(&app, &caller, &id).await?;
    let failed = |error: host_run::Error| ApiError::from(&error);
    let format = if wants_events(&headers) { LogFormat::Events } else { LogFormat::Text };
    let mut permit = None;
    let live = app.host.live_job(&id).filter(|_| query.follow || format == LogFormat::Events);
    let from = match last_event(&headers).filter(|_| format == LogFormat::Events).transpose()? {
        Some(last) => {
            let job = app.host.job(&id).await.map_err(failed)?;
            // A shorter log was restarted, because the host was killed in between.
            Some(last.saturating_add(1)).filter(|from| *from <= job.n_lines).unwrap_or(0)
        }
        None => query.from,
    };
    let body = match live {
        Some(job) => {
            permit = Some(app.streams.take(&caller, &app.rules.load().rules)?);
            Body::new(FollowedLog::new(job, from, format, app.host.front_metrics().job_log_stream()))
        }
        None => {
            let lines = app.host.job_lines(&id, from).await.map_err(failed)?;
            let mut text: String = lines.iter().map(|line: &LogLine| format.line(line)).collect();
            text.push_str(&format.end(app.host.job(&id).await.map_err(failed)?.state));
            Body::from(text)
        }
    };
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(match permit {
        Some(permit) => permit.hold(response, app.access.clone().ended(caller)),
        None => response,
    })
}

/// Returns whether the client accepts server-sent events.
fn wants_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = values.flat_map(|value| value.split(',')).map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
}

/// Returns the number of the last line that the client received, if it sends one.
fn last_event(headers: &HeaderMap) -> Option<Result<u64, ApiError>> {
    let value = headers.get("last-event-id").filter(|value| !value.is_empty())?;
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(number.ok_or_else(|| {
        let detail = "`Last-Event-ID` is not a line number of this log";
        ApiError::new(StatusCode::BAD_REQUEST, "last_event_id", detail)
    }))
}
