//! Log lines of the host, on stderr.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::Settings;
use crate::failure::Failure;
use crate::screen::Screen;

/// Starts them.
///
/// # Errors
/// They were started before, or the filter is none; neither happens, because the settings were checked.
pub(crate) fn start(settings: &Settings, screen: &Screen) -> Result<(), Failure> {
    start_with(settings.log_filter(), settings.logs_json(), screen)
}

/// Starts them with another filter than the configured one.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_with(filter: &str, as_json: bool, screen: &Screen) -> Result<(), Failure> {
    let failed = |reason: String| Failure::failed("failed to start the log").because(reason);
    let filter = EnvFilter::builder().parse(filter).map_err(|error| failed(error.to_string()))?;
    let lines = fmt().with_env_filter(filter).with_writer(screen.clone());
    let started = match as_json {
        true => lines.json().flatten_event(true).try_init(),
        false => lines.compact().with_ansi(screen.is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| failed(error.to_string()))
}
