//! Spans in OTLP 1 over HTTP with JSON, which every collector accepts: ids in hex, times and integers as strings.

use std::time::{SystemTime, UNIX_EPOCH};

use host_call::{Span, Trace};
use serde_json::{Value, json};

/// `SPAN_KIND_SERVER`
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// A span in the queue.
pub(super) struct Recorded {
    trace: Trace,
    method: String,
    route: String,
    plugin: Option<(String, u64)>,
    status: u16,
    request_id: String,
    started: SystemTime,
    ended: SystemTime,
}

impl Recorded {
    pub(super) fn new(span: &Span<'_>) -> Recorded {
        Recorded {
            trace: span.trace,
            method: span.method.to_owned(),
            route: span.route.to_owned(),
            plugin: span.plugin.map(|(plugin, generation)| (plugin.to_owned(), generation)),
            status: span.status,
            request_id: span.request_id.to_owned(),
            started: span.started,
            ended: span.started + span.took,
        }
    }

    fn json(&self) -> Value {
        let nanoseconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        let mut attributes = vec![
            text("http.request.method", &self.method),
            text("http.route", &self.route),
            number("http.response.status_code", self.status.into()),
            text("plugin_host.request_id", &self.request_id),
        ];
        if let Some((plugin, generation)) = &self.plugin {
            attributes.extend([text("plugin_host.plugin", plugin), number("plugin_host.generation", *generation)]);
        }
        let mut span = json!({
            "traceId": self.trace.id().to_string(),
            "spanId": format!("{:016x}", self.trace.span_id),
            "name": format!("{} {}", self.method, self.route),
            "kind": SERVER,
            "startTimeUnixNano": nanoseconds(self.started),
            "endTimeUnixNano": nanoseconds(self.ended),
            "attributes": attributes,
            "status": if self.status >= 500 { json!({ "code": ERROR }) } else { json!({}) },
        });
        if let Some(parent) = self.trace.parent {
            span["parentSpanId"] = format!("{parent:016x}").into();
        }
        span
    }
}

/// Returns the body of an export request.
pub(super) fn request(spans: &[Recorded]) -> Vec<u8> {
    let attributes = [text("service.name", "plugin-host"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let spans: Vec<_> = spans.iter().map(Recorded::json).collect();
    let scope = json!({ "scope": { "name": "plugin-host" }, "spans": spans });
    let all = json!({ "resourceSpans": [{ "resource": { "attributes": attributes }, "scopeSpans": [scope] }] });
    all.to_string().into_bytes()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_span_is_encoded_as_otlp_json() {
        let trace = Trace { trace_id: 0xabc, span_id: 0x12, parent: Some(0x34), is_sampled: true };
        let started = UNIX_EPOCH + Duration::from_secs(1);
        let method = "GET";
        let route = "/hello/:name";
        let plugin = Some(("hello", 7));
        let took = Duration::from_millis(5);
        let span = Span { trace, method, route, plugin, status: 503, request_id: "r-1", started, took };
        expect![[r#"
            {
              "attributes": [
                {
                  "key": "http.request.method",
                  "value": {
                    "stringValue": "GET"
                  }
                },
                {
                  "key": "http.route",
                  "value": {
                    "stringValue": "/hello/:name"
                  }
                },
                {
                  "key": "http.response.status_code",
                  "value": {
                    "intValue": "503"
                  }
                },
                {
                  "key": "plugin_host.request_id",
                  "value": {
                    "stringValue": "r-1"
                  }
                },
                {
                  "key": "plugin_host.plugin",
                  "value": {
                    "stringValue": "hello"
                  }
                },
                {
                  "key": "plugin_host.generation",
                  "value": {
                    "intValue": "7"
                  }
                }
              ],
              "endTimeUnixNano": "1005000000",
              "kind": 2,
              "name": "GET /hello/:name",
              "parentSpanId": "0000000000000034",
              "spanId": "0000000000000012",
              "startTimeUnixNano": "1000000000",
              "status": {
                "code": 2
              },
              "traceId": "00000000000000000000000000000abc"
            }"#]]
        .assert_eq(&format!("{:#}", Recorded::new(&span).json()));
    }
}
