//! Connections: admission, transport, time limits, and the checks of every request.

pub(crate) mod access_log;
pub(crate) mod admission;
pub(crate) mod cors;
pub(crate) mod forwarded;
pub(crate) mod front_door;
pub(crate) mod guarded_body;
pub(crate) mod hosts;
pub(crate) mod http2;
pub(crate) mod linger;
pub(crate) mod network;
pub(crate) mod pace;
pub(crate) mod recent_host;
pub(crate) mod registry;
pub(crate) mod rules;
pub(crate) mod state;
pub(crate) mod streams;
pub(crate) mod timer;
pub(crate) mod tls;
pub(crate) mod upgrade;
