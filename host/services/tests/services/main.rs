//! The services of plugins, tested through the trait that the boundary calls.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may end by a panic, spawn and write files")]

mod calls;
mod events;
mod fetch;
mod fetch_rules;
mod fetch_streams;
mod kv;
mod metrics;
mod problems;
mod secrets;
mod server;
mod support;
