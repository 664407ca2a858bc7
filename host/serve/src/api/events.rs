//! Events: as a stream that continues where the reader left off, or as a page of the journal.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::PluginId;
use host_core::event::{Event, EventFilter, Kinds, KindsError};
use host_run::{EventGap, EventStream, Followed};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::caller::Caller;
use crate::state::AppState;
use crate::wire::input::QueryParams;
use crate::wire::problem::ApiError;
use crate::wire::sse::{self, EventFrame};
use crate::wire::view;

/// Default page size.
const DEFAULT_LIMIT: u32 = 100;
/// Maximum page size.
const MAX_LIMIT: u32 = 1_000;
/// The last event the reader has received; sent by browsers when they reconnect.
const LAST_EVENT_ID: &str = "last-event-id";

/// The filters and page of an event list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Only events of this plugin.
    plugin: Option<String>,
    /// Only events of these kinds, separated by commas; `job.*` matches all kinds of that group.
    kind: Option<String>,
    /// Only events after this sequence number.
    after: Option<u64>,
    /// Maximum number of events in a page; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Streams events. With `Accept: application/json`, returns a page: the oldest events after `after`, or the newest.
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    QueryParams(query): QueryParams<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` must be from 1 to {MAX_LIMIT}, found {limit}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    }
    // The header takes precedence: a reconnecting browser repeats the query of the first request.
    let after = last_event_id(&headers)?.or(query.after);
    let filter = filter(&query)?;
    if !sse::is_wanted(&headers, "application/json", true) {
        let page = match after {
            Some(after) => app.host.events_after(after, &filter, limit).await,
            None => app.host.newest_events(&filter, limit).await,
        };
        let page = page?;
        return Ok(Json(view::events(&page)).into_response());
    }
    let permit = app.streams.take(&caller, &app.rules.load().rules)?;
    let stream = app.host.follow_events(after, filter).await.ok_or_else(|| {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "events_too_many_streams", "too many event streams are open")
            .fix("close a stream, or request pages with `Accept: application/json`")
            .retry_after(5)
    })?;
    let response = sse::answer(stream, next);
    Ok(permit.hold(response, app.access.clone().ended(caller)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| {
        let detail = "`Last-Event-ID` is not the sequence number of an event";
        ApiError::new(StatusCode::BAD_REQUEST, "events_last_event_id", detail)
    })
}

fn filter(query: &EventQuery) -> Result<EventFilter, ApiError> {
    let plugin = query.plugin.as_deref().map(str::parse::<PluginId>).transpose();
    let plugin = plugin.map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", format!("invalid query: `plugin`: {error}"))
    })?;
    let kinds = query.kind.as_deref().map(str::parse::<Kinds>).transpose().map_err(|error: KindsError| {
        let text = error.to_string();
        let (detail, fix) = text.split_once("; hint: ").unwrap_or((&text, ""));
        ApiError::new(StatusCode::BAD_REQUEST, "events_unknown_kind", detail).fix(fix)
    })?;
    Ok(EventFilter { plugin, kinds: kinds.unwrap_or_default() })
}

async fn next(mut stream: EventStream) -> Option<(EventStream, Vec<EventFrame>)> {
    let frames = match stream.next().await? {
        Followed::Events(events) => events.iter().map(|event| frame(event)).collect(),
        Followed::Gap(gap) => vec![gap_frame(gap)],
    };
    Some((stream, frames))
}

fn frame(event: &Event) -> EventFrame {
    EventFrame { id: Some(event.seq), event: Some(event.kind.name()), data: json(&view::event(event)) }
}

fn gap_frame(EventGap { after, from }: EventGap) -> EventFrame {
    let message = if from > after {
        format!("events {} to {} were deleted", after + 1, from - 1)
    } else {
        format!("this host has no event {after}; the stream continues with {from}")
    };
    // The id makes a reconnecting reader continue after the gap.
    EventFrame { id: Some(from - 1), event: Some("gap"), data: json(&api::EventGap { after, from, message }) }
}

fn json(value: &impl serde::Serialize) -> String {
    // Serializing structs of texts and numbers does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_reports_where_the_stream_continues() {
        let frame = gap_frame(EventGap { after: 5, from: 100 });
        assert_eq!((frame.id, frame.event), (Some(99), Some("gap")));
        assert_eq!(frame.data, r#"{"after":5,"from":100,"message":"events 6 to 99 were deleted"}"#);
        let frame = gap_frame(EventGap { after: u64::MAX, from: 11 });
        assert_eq!(frame.id, Some(10));
        assert!(frame.data.contains("the stream continues with 11"), "{}", frame.data);
    }
}
