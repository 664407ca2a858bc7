//! The sink for the spans of requests.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::trace::Trace;

/// The span of a request, from its arrival to the head of its response.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The trace that the span belongs to.
    pub trace: Trace,
    /// The method, as the client sent it.
    pub method: &'a str,
    /// The declared path of a plugin's endpoint, with the names of its parameters, or an action of the management API.
    pub route: &'a str,
    /// The plugin and its generation; `None` for a request that the host answers itself.
    pub plugin: Option<(&'a str, u64)>,
    /// The status of the response.
    pub status: u16,
    /// The request id.
    pub request_id: &'a str,
    /// The arrival of the request.
    pub started: SystemTime,
    /// The time until the head of the response.
    pub took: Duration,
}

/// Records the spans of requests.
pub trait RecordSpan: Send + Sync + 'static {
    /// Records a span. Called on the host's worker threads: must not block.
    fn record(&self, span: &Span<'_>);
}

/// A recorder of spans. Cheap to clone.
#[derive(Clone)]
pub struct SpanSink(Arc<dyn RecordSpan>);

impl SpanSink {
    /// A sink that passes spans to `sink`.
    pub fn new(sink: impl RecordSpan) -> SpanSink {
        SpanSink(Arc::new(sink))
    }

    /// Records a span, unless its trace is not sampled.
    pub fn record(&self, span: &Span<'_>) {
        if span.trace.is_sampled {
            self.0.record(span);
        }
    }
}

impl fmt::Debug for SpanSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanSink")
    }
}
