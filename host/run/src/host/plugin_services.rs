//! The host, as the services of plugins use it: the sink for their log lines, and the receiver of calls between
//! plugins.

use std::sync::Weak;

use host_call::RefusedCall;
use host_core::PluginId;
use host_load::{LogEvent, LogLevel, ServiceRequest, ServiceResponse};
use host_services::{CallPlugin, LogSink};

use crate::state::{Host, Inner};

/// A weak handle of the host: the services belong to the host and must not keep it alive.
pub(crate) struct HostLink(pub(crate) Weak<Inner>);

impl LogSink for HostLink {
    fn log(&self, plugin: &PluginId, generation: u64, event: &LogEvent<'_>) {
        let LogEvent { target, request_id, .. } = *event;
        let trace_id = event.traceparent.and_then(host_call::trace_id_of);
        let text = text(event);
        // `tracing` needs a constant level at each call site, so each level has its own.
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    tracing::Level::$level, plugin.id = %plugin, generation, code = target, request_id, trace_id, "{text}"
                )
            };
        }
        match event.level {
            LogLevel::Error => emit!(ERROR),
            LogLevel::Warn => emit!(WARN),
            LogLevel::Info => emit!(INFO),
            LogLevel::Debug => emit!(DEBUG),
            LogLevel::Trace => emit!(TRACE),
        }
        let trace = trace_id.map(|trace| format!(", trace {trace}")).unwrap_or_default();
        let request = request_id.map(|id| format!(" (request {id}{trace})")).unwrap_or_default();
        let entry = self.0.upgrade().and_then(|host| host.plugins.get(plugin).map(|entry| entry.value().log.clone()));
        if let Some(log) = entry {
            log.push(event.level.as_str(), Some(generation), &format!("{text}{request}"));
        }
    }

    fn level(&self, _: &PluginId) -> LogLevel {
        use tracing::level_filters::LevelFilter;
        // The plugin's own log gets at least `info`, whatever the level of the host's log.
        match LevelFilter::current() {
            LevelFilter::TRACE => LogLevel::Trace,
            LevelFilter::DEBUG => LogLevel::Debug,
            _ => LogLevel::Info,
        }
    }
}

impl CallPlugin for HostLink {
    fn call(&self, caller: &PluginId, request: ServiceRequest) -> ServiceResponse {
        let host = self.0.upgrade().map(Host);
        let caller = caller.clone();
        Box::pin(async move {
            match host {
                Some(host) => {
                    let sample = host.config().spans.is_some();
                    host_call::call_plugin(|id| host.admit(id), sample, &caller, request).await
                }
                None => RefusedCall::stopping().into_answer(),
            }
        })
    }
}

/// An event as one line: the message, then its fields.
fn text(event: &LogEvent<'_>) -> String {
    let mut text = event.message.to_owned();
    for (name, value) in event.fields {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}
