#![doc = include_str!("../README.md")]

pub mod body;
mod error;
mod export;
mod extract;
mod guard;
mod plugin;
mod request;
mod response;

pub use body::Body;
pub use error::{Error, Result};
pub use extract::{FromRequest, Json, Path};
pub use plugin::{ConfigChange, Context, ErrorReport, Handler, Level, Plugin};
pub use plugin_sdk_macros::plugin;
pub use request::Request;
pub use response::{IntoResponse, Response, StreamBody};

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
pub use serde_json;

/// What a plugin usually needs: `use plugin_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Body, Bytes, Context, Error, FromRequest, HeaderMap, IntoResponse, Json, Level, Method, Path, Request,
        Response, Result, StatusCode, StreamBody, export, plugin,
    };
    pub use serde_json::{Value, json};
}

/// What the macros of this crate expand to; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::root;
    pub use crate::extract::from_request;
    pub use plugin_sdk_abi::{LibHeader, RootModuleResult, export, metadata};
}
