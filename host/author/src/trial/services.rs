//! Host services for a trial, which has no host.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use host_load::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, ServiceBody, ServiceRequest, ServiceResponse, Services,
};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use host_client::output;

/// Services without a host: log lines are printed, metrics are discarded, and every request is refused.
#[derive(Debug, Default)]
pub(super) struct NoHost {
    was_asked: AtomicBool,
}

impl NoHost {
    /// Returns whether a request was refused.
    pub(super) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::Relaxed)
    }
}

impl Services for NoHost {
    fn log(&self, event: &LogEvent<'_>) {
        let fields: String = event.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        output::line(&format!("{}: {}{fields}", event.level.as_str(), event.message));
    }

    fn log_level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn metric(&self, _: &MetricDefinition) -> Result<u64, String> {
        Ok(0)
    }

    fn measure(&self, _: u64, _: MeasureOperation, _: f64) {}

    fn request(&self, _: ServiceRequest) -> ServiceResponse {
        self.was_asked.store(true, Ordering::Relaxed);
        Box::pin(std::future::ready(refusal()))
    }

    fn ended(&self) -> Response<ServiceBody> {
        refusal()
    }
}

fn refusal() -> Response<ServiceBody> {
    let document = serde_json::json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "service_not_in_trial",
        "detail": "the plugin is tested in a process without a host",
    });
    let body = Full::new(Bytes::from(document.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
