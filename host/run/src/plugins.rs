//! The state of each plugin, and views of it.

mod plugin;
mod view;

pub(crate) use plugin::{LastError, Plugin};
pub use view::{GenerationView, PluginView};
