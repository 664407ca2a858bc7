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
pub use server::{Config, Control, Error, Pulse, Ready, Server};
pub use state::settings::{Ask, Changed, SettingView, Settings, SettingsRefused};
