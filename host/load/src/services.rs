//! What a plugin may ask of its host, as the host answers it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use serde::Deserialize;

/// What one generation may ask of its host. Calls come on any thread, several at once, and must not block.
pub trait Services: Send + Sync + 'static {
    /// Writes a log line or a structured event.
    fn log(&self, event: &LogEvent<'_>);

    /// The most verbose level that is wanted.
    fn log_level(&self) -> LogLevel;

    /// Opens a metric and gives the number for [`Services::measure`].
    ///
    /// # Errors
    /// One sentence that says what is wrong with the definition.
    fn metric(&self, definition: &MetricDefinition) -> Result<u64, String>;

    /// Changes a metric. Unknown numbers are ignored.
    fn measure(&self, metric: u64, operation: MeasureOperation, value: f64);

    /// Answers a request of the plugin. The future is polled on the host's runtime and dropped when the plugin gives up.
    fn request(&self, request: ServiceRequest) -> ServiceAnswer;

    /// The answer to a request of a library that nothing of the host holds any more: a thread that it left behind asks. Its
    /// body is there at once.
    fn ended(&self) -> Response<ServiceBody>;
}

/// The answer to a request, to come.
pub type ServiceAnswer = Pin<Box<dyn Future<Output = Response<ServiceBody>> + Send>>;

/// A body on its way between a plugin and a service. The error is one sentence.
pub type ServiceBody = UnsyncBoxBody<Bytes, String>;

/// Level of a plugin's log line, the more verbose the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is wrong but goes on.
    Warn,
    /// Something an operator wants to know.
    Info,
    /// For developers.
    Debug,
    /// For developers, in detail.
    Trace,
}

impl LogLevel {
    /// The word for it.
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

/// One log line or structured event. Its texts hold no control characters but tabs.
#[derive(Clone, Copy, Debug)]
pub struct LogEvent<'a> {
    /// How bad.
    pub level: LogLevel,
    /// Where in the code; empty for plain lines.
    pub target: &'a str,
    /// The message.
    pub message: &'a str,
    /// Fields in the order they were given.
    pub fields: &'a [(&'a str, &'a str)],
    /// The request that was answered meanwhile.
    pub request_id: Option<&'a str>,
    /// The W3C trace context of that request.
    pub traceparent: Option<&'a str>,
}

/// A metric, as a plugin describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MetricDefinition {
    /// What it is.
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
    /// Rises only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// What is done to a metric.
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
    /// Which service, one of [`plugin_sdk_abi::service`].
    pub service: u32,
    /// The method.
    pub method: Method,
    /// The path; what it means is the service's.
    pub path: String,
    /// The query without `?`.
    pub query: Option<String>,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The id of the request that the plugin answers meanwhile; empty outside of one.
    pub request_id: String,
    /// The W3C trace context of that request.
    pub traceparent: Option<String>,
    /// How many plugins called one another to get here; 0 for a request from outside.
    pub depth: u32,
    /// How long the plugin will wait.
    pub timeout: Option<Duration>,
    /// The body. Its bytes are the host's; one whose rest the plugin makes holds its library.
    pub body: ServiceBody,
}

impl ServiceRequest {
    /// The parameter `name`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
