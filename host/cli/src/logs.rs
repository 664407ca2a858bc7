//! The host's log on standard error.

use std::io;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::Settings;
use host_client::Failure;
use host_client::Screen;
use host_client::output;

/// A handle that replaces the log filter. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Filter(Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl Filter {
    /// Replaces the log filter.
    ///
    /// # Errors
    /// The filter is invalid. Settings are checked, so this does not happen with a filter from the settings.
    pub(crate) fn set(&self, filter: &str) -> Result<(), String> {
        (self.0)(EnvFilter::builder().parse(filter).map_err(|error| error.to_string())?)
    }
}

/// Starts the log with the configured filter and format.
///
/// # Errors
/// The log was started before, or the filter is invalid.
pub(crate) fn start(settings: &Settings, screen: &Screen) -> Result<Filter, Failure> {
    start_with(settings.log_filter(), settings.logs_json(), screen)
}

/// Starts the log with this filter and format.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_with(filter: &str, as_json: bool, screen: &Screen) -> Result<Filter, Failure> {
    let failed = |reason: String| Failure::failed("failed to start the log").because(reason);
    let filter = EnvFilter::builder().parse(filter).map_err(|error| failed(error.to_string()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(ScreenWriter(screen.clone()));
    let (started, filter) = if as_json {
        let lines = lines.json().flatten_event(true).with_filter_reloading();
        let handle = lines.reload_handle();
        let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
        (lines.try_init(), Filter(Arc::new(set)))
    } else {
        let lines = lines.compact().with_ansi(output::errors_have_colours()).with_target(false).with_filter_reloading();
        let handle = lines.reload_handle();
        let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
        (lines.try_init(), Filter(Arc::new(set)))
    };
    started.map_err(|error| failed(error.to_string()))?;
    Ok(filter)
}

/// Writes log lines to a screen.
struct ScreenWriter(Screen);

/// Collects one log line and prints it when it is complete.
struct LogLine {
    screen: Screen,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for ScreenWriter {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { screen: self.0.clone(), bytes: vec![] }
    }
}

impl io::Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.screen.write_error(&self.bytes);
    }
}
