//! The client commands: an HTTP client of the public API and its output.
//!
//! Apart from `host-api`, `host-core` and `host-file`, this crate imports nothing of the host, so a client command can
//! only do what any other client of the API can do.

pub mod args;
mod client;
mod commands;
mod config;
mod failure;
mod input;
pub mod output;
mod screen;
mod signals;

pub use commands::{change_setting, run};
pub use config::{Archives, Bundle, BundledSource, ClientConfig, LocalHost, Pack, ReadBundle, WriteBundle};
pub use failure::{Exit, Failure};
pub use screen::{Screen, Spinner};
pub use signals::{Signals, Which};
pub use tempfile::TempPath;
