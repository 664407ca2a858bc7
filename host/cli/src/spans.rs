//! Exports request spans to an OpenTelemetry collector, in programs built with the feature `otel`.

use crate::config::Settings;
use host_client::Failure;

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod otlp;

/// The exporter of request spans.
pub(crate) struct Exporter {
    #[cfg(feature = "otel")]
    export: Option<export::Export>,
}

impl Exporter {
    /// Starts the export if a collector is configured.
    ///
    /// # Errors
    /// The system refused to start a thread.
    #[cfg(feature = "otel")]
    pub(crate) fn start(settings: &Settings) -> Result<Exporter, Failure> {
        let export = settings.otlp_endpoint().map(export::Export::start).transpose();
        let export = export.map_err(|error| Failure::from_error("failed to start the export of spans", &error))?;
        Ok(Exporter { export })
    }

    /// Logs a warning if a collector is configured, since this program is built without the feature `otel`.
    ///
    /// # Errors
    /// Never fails.
    #[cfg(not(feature = "otel"))]
    pub(crate) fn start(settings: &Settings) -> Result<Exporter, Failure> {
        if settings.otlp_endpoint().is_some() {
            tracing::warn!("spans are not exported: this program was built without the feature `otel`");
        }
        Ok(Exporter {})
    }

    /// Returns the sink that receives spans.
    pub(crate) fn sink(&self) -> Option<host_call::SpanSink> {
        #[cfg(feature = "otel")]
        return self.export.as_ref().map(export::Export::sink);
        #[cfg(not(feature = "otel"))]
        None
    }

    /// Exports the remaining spans, for at most a few seconds.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(export) = self.export {
            // Waits on a blocking thread, so that no worker of the runtime is blocked.
            let _ = tokio::task::spawn_blocking(move || export.end()).await;
        }
    }
}
