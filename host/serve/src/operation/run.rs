//! Runs an operation as a job and responds with its result.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use host_run::{Job, Operation};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use crate::operation::request::OperationRequest;
use crate::state::AppState;
use crate::wire::outcome::operation_result;
use crate::wire::problem::ApiError;
use crate::wire::view;

/// The code of a plugin that is not installed.
const UNKNOWN: &str = "run_unknown_plugin";

type ApiResult = Result<Response, ApiError>;

/// Runs an operation as a job. Responds at its end, or immediately if the client prefers to watch the job.
pub(crate) async fn run(app: &AppState, request: OperationRequest, operation: Operation) -> ApiResult {
    let plugin = operation.plugin();
    let job = app.host.submit(operation, request.initiator).await?;
    request.subject.job(&job);
    let answered = answer(&job, request.respond_async).await.map_err(|error| match plugin {
        Some(id) if error.code == UNKNOWN => unknown(app, id.as_str()),
        _ => error,
    });
    request.subject.job(&job);
    answered
}

/// Responds at the end of a job, or immediately if the client prefers to watch it.
pub(crate) async fn answer(job: &Job, respond_async: bool) -> ApiResult {
    if respond_async {
        let mut response = (StatusCode::ACCEPTED, Json(view::job(&job.view()))).into_response();
        let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id()));
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    match job.wait().await {
        Ok(receipt) => Ok(Json(operation_result(&receipt, &job.view())).into_response()),
        Err(error) => Err(error.into()),
    }
}

/// The error for a plugin that is not installed. If its first installation failed, it says why.
pub(crate) fn unknown(app: &AppState, id: &str) -> ApiError {
    let error = ApiError::from(&host_run::Error::UnknownPlugin { id: host_core::shown(id, 60) });
    let Some(load) = app.host.failed_loads().into_iter().find(|load| load.id.as_str() == id) else { return error };
    let detail = format!("{}; its installation failed: {}", error.detail, load.failed.message);
    ApiError { detail, ..error }.fix(format!(
        "`plugin-host job {job}` shows the failure; `plugin-host job retry {job}` installs the plugin again",
        job = load.job
    ))
}
