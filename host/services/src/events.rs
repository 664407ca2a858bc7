//! Events between plugins: published under the id of the plugin, received as streams.

mod bus;
mod queue;

use std::fmt::Write as _;

use host_core::{PluginId, Size};
use host_load::{ServiceBody, ServiceRequest};
use http::header::{self, HeaderValue};
use http::{Method, Response};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::answer::{collect, json};
use crate::clock::now_unix_ms;
use crate::error::{Error, quoted};

pub use bus::EventBus;
pub(crate) use bus::{Owner, Pattern};

/// The longest event, in bytes of its JSON.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct Published {
    subscribers: usize,
}

/// Answers a request; its method was checked before.
pub(crate) async fn answer(
    bus: &EventBus,
    plugin: &PluginId,
    owner: &Owner,
    request: ServiceRequest,
) -> Result<Response<ServiceBody>, Error> {
    let missing = || Error::Request { field: "parameter `topic`", rule: "is required", found: "nothing".to_owned() };
    let topic = request.param("topic").ok_or_else(missing)?.to_owned();
    if request.method == Method::POST {
        check_topic(&topic)?;
        let body = collect(request.body, MAX_BYTES)
            .await?
            .ok_or(Error::EventTooLong { limit: Size::from_usize(MAX_BYTES) })?;
        return Ok(json(&Published { subscribers: bus.publish(plugin, &topic, &body)? }));
    }
    let stream = bus.subscribe(owner, Pattern::parse(&topic)?)?;
    let mut response = Response::new(stream.boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The event as subscribers receive it. Plugin and topic need no escapes; the data is passed as it was written.
fn text(plugin: &PluginId, topic: &str, data: &[u8]) -> Result<String, Error> {
    let not_json = |reason: String| Error::EventJson { reason };
    // Parsed only as a check that every subscriber can read it. The text is passed instead of the parsed value, because
    // the parser loses precision of large numbers.
    serde_json::from_slice::<Value>(data).map_err(|error| not_json(error.to_string()))?;
    let data = std::str::from_utf8(data).map_err(|error| not_json(error.to_string()))?.trim();
    let mut text = String::with_capacity(data.len() + 160);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "{{\"topic\":\"{plugin}/{topic}\",\"plugin\":\"{plugin}\",\"at_unix_ms\":{},\"data\":{data}}}",
        now_unix_ms()
    );
    Ok(text)
}

fn check_topic(topic: &str) -> Result<(), Error> {
    let is_word = topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if is_word && (1..=100).contains(&topic.len()) {
        return Ok(());
    }
    Err(Error::Topic { rule: "must have 1 to 100 of A-Z, a-z, 0-9, `_`, `.` and `-`", found: quoted(topic) })
}
