//! The HTTP front.
//!
//! | path | who answers | needs |
//! |---|---|---|
//! | `/api/plugin-endpoints/<id>/…` | the plugin's generation that serves now ([`endpoint`](self)) | what plugin.yaml says |
//! | `/api/plugins…`, `/api/jobs…`, `/api/events` | the management API (one page: `routes.rs`) | what its row says: a role, or a valid token |
//! | `/login` | the host | a user's password |
//! | `/openapi.json` | what all of it is: the host's routes, and those of the plugins that serve | a token that may read |
//! | `/docs`, `/docs/errors` | the same to read and to try, as pages without anything from elsewhere | nothing |
//! | `/health`, `/health/live`, `/health/ready`, `/metrics` | the host | nothing |
//!
//! Every answer carries `X-Request-Id`; every error is an RFC 9457 problem document.

mod access;
mod access_log;
mod audit;
mod available;
mod batch;
mod body;
mod cache;
mod caller;
mod configuration;
mod cors;
mod doc;
mod docs;
mod endpoint;
mod error;
mod events;
mod follow;
mod graph;
mod idempotency;
mod input;
mod jobs;
mod linger;
mod list;
mod local;
mod login;
mod logs;
mod moment;
mod openapi;
mod plan;
mod plugins;
mod problem;
mod request_id;
mod revisions;
mod routes;
mod server;
mod service;
mod settings;
mod sse;
mod system;
mod table;
mod timer;
mod token;
mod tokens;
mod trail;
mod updates;
mod upload;
mod users;
mod view;

pub use server::{Config, Error, Ready, Server};
pub use settings::{Ask, Changed, SettingView, Settings, SettingsRefused};
