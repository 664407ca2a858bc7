//! Where the spans of requests go, when somebody records them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::trace::Trace;

/// A request that was answered, to the head of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// Whose trace it belongs to.
    pub trace: Trace,
    /// The method, as it was sent.
    pub method: &'a str,
    /// The path as it is declared, with its parameters' names: of a plugin's endpoint, or an action of the management API.
    pub route: &'a str,
    /// The plugin and its generation; `None` for the host's own.
    pub plugin: Option<(&'a str, u64)>,
    /// The status of the answer.
    pub status: u16,
    /// The request's id.
    pub request_id: &'a str,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
}

/// Takes the spans of requests.
pub trait RecordSpan: Send + Sync + 'static {
    /// Takes one. Called on the host's workers: must not block.
    fn record(&self, span: &Span<'_>);
}

/// Somebody who takes spans. Cheap to clone.
#[derive(Clone)]
pub struct SpanSink(Arc<dyn RecordSpan>);

impl SpanSink {
    /// Spans go there.
    pub fn new(sink: impl RecordSpan) -> SpanSink {
        SpanSink(Arc::new(sink))
    }

    /// Hands it a span, unless whoever began the trace does not record it.
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
