//! Conversions from the host's types to the JSON types of the API.

mod event;
mod older;
mod operation;
mod plugin;
mod update;

pub(crate) use event::{event, events, line, metric_family};
pub(crate) use older::state;
pub(crate) use operation::{build_kind, job, setting_change};
pub(crate) use plugin::{failed_load, item, masked, plugin};
pub(crate) use update::{policy, updates};
