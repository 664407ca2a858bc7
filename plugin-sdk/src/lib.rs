#![doc = include_str!("../README.md")]

mod blocking;
pub mod body;
mod context;
mod error;
mod export;
mod extract;
mod guard;
mod handle;
mod hooks;
#[cfg(feature = "memory")]
mod memory;
mod plugin;
mod plugin_runtime;
mod request;
mod response;
mod runtime;
mod scope;
pub mod services;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(any(feature = "tracing", feature = "log"))]
mod trace;
mod turns;
#[cfg(feature = "websocket")]
mod websocket;

// The expansion of the attributes refers to this crate by name, also in its own tests.
#[cfg(test)]
extern crate self as plugin_sdk;

pub use body::Body;
pub use context::{Context, Level};
pub use error::{Error, FieldError, Result};
pub use extract::{Configuration, Form, FromConfiguration, FromContext, FromRequest, Json, Path, Query};
#[cfg(feature = "multipart")]
pub use extract::{Field, Multipart, MultipartLimits};
pub use plugin::{ConfigChange, ErrorReport, Handler, Plugin};
pub use plugin_sdk_macros::plugin;
pub use request::{Request, RequestContext};
#[cfg(feature = "websocket")]
pub use websocket::{CloseFrame, Message, WebSocket, WebSocketUpgrade};

pub use response::{Event, Html, IntoResponse, IntoResponseParts, NoContent, Redirect, Response, Sse, StreamBody};

pub use bytes::Bytes;
pub use http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
pub use serde_json;
#[cfg(feature = "tracing")]
pub use tracing;

/// The common items: `use plugin_sdk::prelude::*;`.
pub mod prelude {
    #[cfg(feature = "multipart")]
    pub use crate::Multipart;
    pub use crate::services::ServiceError;
    pub use crate::{
        Body, Bytes, ConfigChange, Configuration, Context, Error, ErrorReport, Event, Form, FromRequest, HeaderMap,
        Html, IntoResponse, Json, Level, Method, NoContent, Path, Query, Redirect, Request, RequestContext, Response,
        Result, Sse, StatusCode, StreamBody, Uri, export, header, plugin,
    };
    #[cfg(feature = "websocket")]
    pub use crate::{Message, WebSocket, WebSocketUpgrade};
    pub use serde_json::{Value, json};
    #[cfg(feature = "tracing")]
    pub use tracing::{self, debug, error, info, trace, warn};
}

/// Items for the macros of this crate; not for plugin authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::blocking::off_worker;
    pub use crate::export::root;
    pub use crate::extract::{body_is_taken_once, from_request, header};
    pub use crate::hooks::{
        answer, config_answer, configuration, hook_answer, start_answer, start_argument, start_without_hook,
    };
    pub use plugin_sdk_abi::{LibHeader, RootModuleResult, export, metadata};
    pub use serde_json::Value;
}

/// Polls `future` until it is ready, for tests without waiting.
#[cfg(test)]
pub(crate) fn test_block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
