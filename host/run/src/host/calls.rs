//! Admission of calls to the serving generations.

use host_call::{AdmissionRefusal, Admitted, RefusalReason, SpanSink, Trace};

use crate::state::Host;

impl Host {
    /// Admits a request to the serving generation of `id`.
    ///
    /// # Errors
    /// [`AdmissionRefusal`] if no generation admits it.
    pub fn admit(&self, id: &str) -> Result<Admitted, AdmissionRefusal> {
        if let Some(admitted) = self.0.roster.admit(id) {
            return admitted;
        }
        match self.0.plugins.get(id) {
            Some(plugin) => {
                self.0.metrics.refused(id, RefusalReason::NotServing);
                Err(AdmissionRefusal::NotServing(plugin.phase()))
            }
            // The id of a plugin that is not installed comes from the caller, so it must not become a label.
            None => Err(AdmissionRefusal::Unknown),
        }
    }

    /// The trace of a request with these headers, with the host's own span. A new trace is sampled if spans are
    /// recorded.
    pub fn trace_of(&self, headers: &http::HeaderMap) -> Trace {
        Trace::from_headers(headers, self.config().spans.is_some())
    }

    /// The sink for the spans of requests.
    pub fn spans(&self) -> Option<SpanSink> {
        self.config().spans.clone()
    }
}
