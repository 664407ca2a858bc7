//! Log lines of the host, on stderr.

use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::Settings;
use crate::failure::Failure;
use crate::screen::Screen;

/// Takes another filter. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Filter(Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl Filter {
    /// Takes another filter from now on.
    ///
    /// # Errors
    /// It is none; settings have been checked.
    pub(crate) fn set(&self, filter: &str) -> Result<(), String> {
        (self.0)(EnvFilter::builder().parse(filter).map_err(|error| error.to_string())?)
    }
}

/// Starts them.
///
/// # Errors
/// They were started before, or the filter is none; neither happens, because the settings were checked.
pub(crate) fn start(settings: &Settings, screen: &Screen) -> Result<Filter, Failure> {
    start_with(settings.log_filter(), settings.logs_json(), screen)
}

/// Starts them with another filter than the configured one.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_with(filter: &str, as_json: bool, screen: &Screen) -> Result<Filter, Failure> {
    let failed = |reason: String| Failure::failed("failed to start the log").because(reason);
    let filter = EnvFilter::builder().parse(filter).map_err(|error| failed(error.to_string()))?;
    let lines = fmt().with_env_filter(filter).with_writer(screen.clone());
    let (started, filter) = match as_json {
        true => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (lines.try_init(), Filter(Arc::new(set)))
        }
        false => {
            let lines = lines.compact().with_ansi(screen.is_terminal()).with_target(false).with_filter_reloading();
            let handle = lines.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (lines.try_init(), Filter(Arc::new(set)))
        }
    };
    started.map_err(|error| failed(error.to_string()))?;
    Ok(filter)
}
