//! Reports the errors and panics of calls to the log and to the `on_error` hook.

use std::sync::Arc;

use plugin_sdk_abi::{Failure, failure_kind};

use crate::guard::guarded;
use crate::{ErrorReport, Level, Plugin, scope};

/// Observes the end of a call, and reports an error to the log and to the plugin's `on_error` hook.
pub(super) struct Observer<P> {
    pub(super) plugin: Arc<P>,
    pub(super) handler: u32,
    /// The path; used for a service, whose handlers have no names.
    pub(super) path: Option<String>,
}

impl<P: Plugin> Observer<P> {
    pub(super) fn finish(&self, answer: Result<crate::Response, Failure>) -> Result<plugin_sdk_abi::Response, Failure> {
        match answer {
            Ok(mut response) => {
                if let Some(line) = response.log.take() {
                    let level = if response.status().is_server_error() { Level::Error } else { Level::Warn };
                    log(level, &line);
                    if level == Level::Error {
                        self.tell(line, None);
                    }
                }
                Ok(response.into_abi())
            }
            Err(failure) => {
                if failure.kind == failure_kind::PANICKED {
                    self.tell(failure.message.to_string(), Some(failure.location.to_string()));
                }
                Err(failure)
            }
        }
    }

    fn tell(&self, message: String, panicked_at: Option<String>) {
        let handler = match &self.path {
            Some(path) => path.clone(),
            None => P::HANDLERS.get(self.handler as usize).map_or("", |handler| handler.handler).to_owned(),
        };
        let request_id = scope::current(|scope| Some(scope.call.as_ref()?.request_id().to_owned())).unwrap_or_default();
        let report = ErrorReport { handler, request_id, message, panicked_at };
        if let Err(failure) = guarded(|| self.plugin.on_error(&report)) {
            log(Level::Error, &format!("on_error panicked at {}: {}", failure.location, failure.message));
        }
    }
}

/// Writes a line to the host's log with the id of the current request.
fn log(level: Level, line: &str) {
    if let Some(plugin_runtime) = scope::current(|scope| scope.plugin_runtime.clone()) {
        plugin_runtime.event(level.number(), "", line, &[]);
    }
}
