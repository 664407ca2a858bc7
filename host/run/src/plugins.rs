//! The state of each plugin, and views of it.

mod plugin;
mod series;
mod view;

pub(crate) use plugin::{LastError, Plugin};
pub(crate) use series::STEP;
pub use series::SeriesPoint;
pub use view::{CurrentOperation, GenerationView, PluginView};
