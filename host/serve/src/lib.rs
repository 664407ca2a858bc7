//! The HTTP front.
//!
//! | path | who answers | needs |
//! |---|---|---|
//! | `/api/plugin-endpoints/<id>/…` | the plugin's generation that serves now ([`endpoint`](self)) | what plugin.yaml says |
//! | `/api/plugins…`, `/api/jobs…`, `/api/events` | the management API (one page: `routes.rs`) | the operator's token |
//! | `/health`, `/health/live`, `/health/ready`, `/metrics` | the host | nothing |
//!
//! Every answer carries `X-Request-Id`; every error is an RFC 9457 problem document.

mod access_log;
mod batch;
mod body;
mod caller;
mod configuration;
mod cors;
mod endpoint;
mod error;
mod events;
mod follow;
mod graph;
mod input;
mod jobs;
mod linger;
mod logs;
mod moment;
mod plan;
mod plugins;
mod problem;
mod request_id;
mod revisions;
mod routes;
mod server;
mod service;
mod sse;
mod system;
mod table;
mod timer;
mod token;
mod updates;
mod upload;
mod view;

pub use server::{Config, Error, Ready, Server};
