//! The HTTP server of the host.
//!
//! | path | served by | required access |
//! |---|---|---|
//! | `/api/plugin-endpoints/<id>/…` | the serving generation of the plugin | as declared in plugin.yaml |
//! | `/api/plugins…`, `/api/jobs…`, `/api/events` | the management API | the route's role, or any valid token |
//! | `/login` | the host | a user's password |
//! | `/openapi.json` | the OpenAPI document of the host and the running plugins | the role `viewer` |
//! | `/console…` | the web console; `/` redirects browsers to it | none; its requests to the API need a session |
//! | `/api/session` | the session of a browser | none to sign in |
//! | `/docs`, `/docs/errors` | the API reference and the error reference, without external resources | none |
//! | `/health`, `/health/live`, `/health/ready`, `/metrics` | the host | none |
//!
//! Every response carries `X-Request-Id`; every error is an RFC 9457 problem document.
//!
//! The folders are layers: `wire` is the lowest, `server` the highest, and a folder imports only folders below it.
//! `FOLDERS` in tests/it/architecture.rs lists the allowed imports.

mod access;
mod api;
mod connection;
mod guard;
mod legacy;
mod operation;
mod plugin;
mod server;
mod state;
mod wire;

pub use connection::hosts::is_allowed_host;
pub use connection::network::{Network, NetworkError};
pub use connection::rules::Rules;
pub use connection::tls::{TlsError, TlsFiles, check_tls};
pub use server::{Config, Control, Error, Listener, Pulse, Ready, Server};
pub use state::settings::{
    Changed, RequestedChanges, RequestedSettings, SectionView, SettingView, Settings, SettingsRefused,
};
