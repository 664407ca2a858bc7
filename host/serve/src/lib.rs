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
mod admission;
mod audit;
mod available;
mod batch;
mod body;
mod cache;
mod caller;
mod configuration;
mod connections;
mod cors;
mod doc;
mod docs;
mod endpoint;
mod error;
mod events;
mod follow;
mod forwarded;
mod front_door;
mod graph;
mod hosts;
mod idempotency;
mod input;
mod jobs;
mod linger;
mod list;
mod local;
mod login;
mod logs;
mod moment;
mod network;
mod openapi;
mod pace;
mod plan;
mod plugin_headers;
mod plugins;
mod problem;
mod request_id;
mod revisions;
mod routes;
mod rules;
mod server;
mod service;
mod settings;
mod sse;
mod streams;
mod system;
mod table;
mod timer;
mod tls;
mod token;
mod tokens;
mod trail;
mod updates;
mod upload;
mod users;
mod view;

pub use hosts::is_allowed_host;
pub use network::{Network, NetworkError};
pub use rules::Rules;
pub use server::{Config, Control, Error, Pulse, Ready, Server};
pub use settings::{Ask, Changed, SettingView, Settings, SettingsRefused};
pub use tls::{TlsError, TlsFiles, check_tls};
