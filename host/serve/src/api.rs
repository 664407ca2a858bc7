//! The handlers of the management API, and the table of its routes.

mod audit;
mod available;
mod batch;
mod cache;
mod configuration;
mod console;
mod docs;
mod events;
mod graph;
mod job_log;
mod jobs;
mod kv;
mod login;
mod logs;
mod openapi;
mod plan;
mod plugins;
mod revisions;
pub(crate) mod routes;
mod session;
mod settings;
mod source;
mod system;
mod tokens;
mod updates;
mod upload;
mod users;
