//! What one generation may ask of this host.

use std::sync::Arc;

use host_core::PluginId;
use host_load::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, ServiceAnswer, ServiceBody, ServiceRequest, Services,
};
use http::{Response, StatusCode};

use crate::log_lines::LogLines;

/// The services of one generation: its log lines go to the host's log and to the plugin's own.
pub(crate) struct PluginServices {
    pub(crate) id: PluginId,
    pub(crate) generation: u64,
    pub(crate) log: Arc<LogLines>,
}

impl Services for PluginServices {
    fn log(&self, event: &LogEvent<'_>) {
        let (id, generation) = (&self.id, self.generation);
        let text = text(event);
        let request_id = event.request_id;
        // A level is part of where an event is declared, so each has its own.
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(tracing::Level::$level, plugin.id = %id, generation, request_id, traceparent = event.traceparent, "{text}")
            };
        }
        match event.level {
            LogLevel::Error => emit!(ERROR),
            LogLevel::Warn => emit!(WARN),
            LogLevel::Info => emit!(INFO),
            LogLevel::Debug => emit!(DEBUG),
            LogLevel::Trace => emit!(TRACE),
        }
        let request = request_id.map(|id| format!(" (request {id})")).unwrap_or_default();
        self.log.push(event.level.as_str(), Some(generation), &format!("{text}{request}"));
    }

    fn log_level(&self) -> LogLevel {
        use tracing::level_filters::LevelFilter;
        // The plugin's own log shows what the operator wants to know, whatever the host's log leaves out.
        match LevelFilter::current() {
            LevelFilter::TRACE => LogLevel::Trace,
            LevelFilter::DEBUG => LogLevel::Debug,
            _ => LogLevel::Info,
        }
    }

    fn metric(&self, _: &MetricDefinition) -> Result<u64, String> {
        Err("this host has no metrics for plugins".to_owned())
    }

    fn measure(&self, _: u64, _: MeasureOperation, _: f64) {}

    fn request(&self, _: ServiceRequest) -> ServiceAnswer {
        let mut response = Response::new(ServiceBody::default());
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        Box::pin(std::future::ready(response))
    }
}

/// An event as one line: the message, then its fields.
fn text(event: &LogEvent<'_>) -> String {
    let mut text = event.message.to_owned();
    for (name, value) in event.fields {
        text.push(' ');
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}
