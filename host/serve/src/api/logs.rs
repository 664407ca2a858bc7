//! The log of a plugin: as JSON, or as a stream that continues where the reader left off.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_call::MinLevel;
use host_run::{LogPart, LogStream};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::caller::Caller;
use crate::operation::run::unknown;
use crate::state::AppState;
use crate::wire::input::{PathId, QueryParams};
use crate::wire::problem::ApiError;
use crate::wire::sse::{self, EventFrame};
use crate::wire::view;

/// The first line, and the minimum level.
#[derive(Deserialize, IntoParams)]
pub(crate) struct PluginLogQuery {
    /// Starts with this line number; the oldest stored line when absent.
    from: Option<u64>,
    /// Minimum level: `trace`, `debug`, `info`, `warn` or `error`.
    level: Option<String>,
}

/// Returns the stored lines. With `Accept: text/event-stream`, streams the lines after `Last-Event-ID` and all new
/// ones, with their numbers as ids, until the plugin is unloaded or the host stops.
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
    QueryParams(query): QueryParams<PluginLogQuery>,
) -> Result<Response, ApiError> {
    let level = query.level.as_deref().map_or(Ok(MinLevel::ALL), str::parse);
    let level = level.map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", format!("invalid query: `level`: {error}"))
    })?;
    if !sse::is_wanted(&headers, "application/json", false) {
        let lines = app.host.plugin_lines(&id, query.from.unwrap_or(0)).ok_or_else(|| unknown(&app, &id))?;
        let lines = lines.iter().filter(|line| level.takes(line)).map(view::line).collect();
        return Ok(Json(api::LogLines { lines }).into_response());
    }
    // The header takes precedence: a reconnecting browser repeats the query of the first request.
    let last = last_event_id(&headers)?.or_else(|| query.from?.checked_sub(1));
    let permit = app.streams.take(&caller, &app.rules.load().rules)?;
    let stream = app.host.follow_plugin_log(&id, last, level).ok_or_else(|| unknown(&app, &id))?;
    let response = sse::answer(stream, next);
    Ok(permit.hold(response, app.access.clone().ended(caller)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| {
        let detail = "`Last-Event-ID` is not a line number of this log";
        ApiError::new(StatusCode::BAD_REQUEST, "last_event_id", detail)
    })
}

async fn next(mut stream: LogStream) -> Option<(LogStream, Vec<EventFrame>)> {
    let LogPart { missed, lines } = stream.next().await?;
    let gap = missed.map(|(first, last)| {
        let message = format!("lines {first} to {last} were deleted");
        let gap = api::EventGap { after: first.saturating_sub(1), from: last + 1, message };
        // The id makes a reconnecting reader continue after the gap.
        EventFrame { id: Some(last), event: Some("gap"), data: json(&gap) }
    });
    let lines =
        lines.iter().map(|line| EventFrame { id: Some(line.number), event: None, data: json(&view::line(line)) });
    Some((stream, gap.into_iter().chain(lines).collect()))
}

fn json(value: &impl serde::Serialize) -> String {
    // Serializing structs of texts and numbers does not fail.
    serde_json::to_string(value).unwrap_or_default()
}
