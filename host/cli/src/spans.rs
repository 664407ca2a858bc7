//! Hands the spans of requests to an OpenTelemetry collector, in programs that are built with the feature `otel`.

use crate::config::Settings;
use crate::failure::Failure;

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod otlp;

/// What hands spans on, until it is ended.
pub(crate) struct Exporter {
    #[cfg(feature = "otel")]
    export: Option<export::Export>,
}

impl Exporter {
    /// Begins, where a collector is named.
    ///
    /// # Errors
    /// The system gave no thread.
    #[cfg(feature = "otel")]
    pub(crate) fn start(settings: &Settings) -> Result<Exporter, Failure> {
        let export = settings.otlp_endpoint().map(export::Export::start).transpose();
        let export = export.map_err(|error| Failure::of("failed to start the export of spans", &error))?;
        Ok(Exporter { export })
    }

    /// Says that this program can't, where a collector is named.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "otel"))]
    pub(crate) fn start(settings: &Settings) -> Result<Exporter, Failure> {
        if settings.otlp_endpoint().is_some() {
            tracing::warn!("spans are not exported: this program was built without the feature `otel`");
        }
        Ok(Exporter {})
    }

    /// Where spans go.
    pub(crate) fn sink(&self) -> Option<host_run::SpanSink> {
        #[cfg(feature = "otel")]
        return self.export.as_ref().map(export::Export::sink);
        #[cfg(not(feature = "otel"))]
        None
    }

    /// Hands on what is left, for at most a few seconds.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(export) = self.export {
            // The thread that waits is not one of those that calls need.
            let _ = tokio::task::spawn_blocking(move || export.end()).await;
        }
    }
}
