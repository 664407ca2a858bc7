//! The interface between a plugin and the host services.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use serde::Deserialize;

/// The host services of one generation. Calls arrive on any thread, concurrently, and must not block.
pub trait Services: Send + Sync + 'static {
    /// Writes a log line or a structured event.
    fn log(&self, event: &LogEvent<'_>);

    /// The most verbose level that is logged.
    fn log_level(&self) -> LogLevel;

    /// Opens a metric and returns the number for [`Services::measure`].
    ///
    /// # Errors
    /// One sentence with the reason for rejecting the definition.
    fn metric(&self, definition: &MetricDefinition) -> Result<u64, String>;

    /// Changes a metric. Unknown numbers are ignored.
    fn measure(&self, metric: u64, operation: MeasureOperation, value: f64);

    /// Answers a request of the plugin. The future is polled on the host's runtime and dropped if the plugin cancels.
    fn request(&self, request: ServiceRequest) -> ServiceResponse;

    /// Returns the response to a request from a thread of an ended library, which no longer has a guard. The body must
    /// be available immediately.
    fn ended(&self) -> Response<ServiceBody>;
}

/// The future of a response.
pub type ServiceResponse = Pin<Box<dyn Future<Output = Response<ServiceBody>> + Send>>;

/// A body on its way between a plugin and a service. The error is one sentence.
pub type ServiceBody = UnsyncBoxBody<Bytes, String>;

/// Level of a plugin's log line. A more verbose level is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// A problem that does not stop the operation.
    Warn,
    /// Something an operator wants to know.
    Info,
    /// Information for developers.
    Debug,
    /// Detailed information for developers.
    Trace,
}

impl LogLevel {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// One log line or structured event. Its texts contain no control characters except tabs.
#[derive(Clone, Copy, Debug)]
pub struct LogEvent<'a> {
    /// The level.
    pub level: LogLevel,
    /// The module path; empty for plain lines.
    pub target: &'a str,
    /// The message.
    pub message: &'a str,
    /// Fields in their original order.
    pub fields: &'a [(&'a str, &'a str)],
    /// The id of the request that was being handled.
    pub request_id: Option<&'a str>,
    /// The W3C trace context of that request.
    pub traceparent: Option<&'a str>,
}

/// A metric, as a plugin describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MetricDefinition {
    /// The kind.
    pub kind: MetricKind,
    /// Its name, without prefix.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub help: String,
    /// Labels and their values.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Upper bounds of a histogram's buckets.
    #[serde(default)]
    pub buckets: Vec<f64>,
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// A value that only increases.
    Counter,
    /// A value that can go up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// A change of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureOperation {
    /// Adds to a counter or gauge.
    Add,
    /// Sets a gauge.
    Set,
    /// Observes a value in a histogram.
    Observe,
}

/// A request of a plugin to its host.
#[derive(Debug)]
pub struct ServiceRequest {
    /// The service, one of [`plugin_sdk_abi::service`].
    pub service: u32,
    /// The method.
    pub method: Method,
    /// The path, defined by the service.
    pub path: String,
    /// The query without `?`.
    pub query: Option<String>,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The id of the request that the plugin is handling; empty outside of one.
    pub request_id: String,
    /// The W3C trace context of that request.
    pub traceparent: Option<String>,
    /// The number of nested plugin calls; 0 for a request from outside.
    pub depth: u32,
    /// The time that the plugin will wait.
    pub timeout: Option<Duration>,
    /// The body. Its bytes belong to the host; a body produced by the plugin guards its library.
    pub body: ServiceBody,
}

impl ServiceRequest {
    /// The parameter `name`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
