//! The web console. Its page is the same for every path; its files are part of the program.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::wire::page::{Caching, included};
use crate::wire::problem::ApiError;

/// Redirects browsers to the console. Other clients receive the error of an unknown route.
pub(crate) async fn home(headers: HeaderMap) -> Response {
    let accepts_html = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.to_ascii_lowercase().contains("text/html")));
    if !accepts_html {
        return ApiError::unknown_route().into_response();
    }
    (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/console"))]).into_response()
}

/// Returns the page.
pub(crate) async fn page() -> Response {
    included("text/html; charset=utf-8", host_console::page(), Caching::Revalidate)
}

/// Returns a script or style sheet.
pub(crate) async fn file(Path((version, name)): Path<(String, String)>) -> Result<Response, ApiError> {
    match host_console::asset(&version, &name) {
        Some(asset) => Ok(included(asset.content_type, asset.content, Caching::Immutable)),
        None => {
            let detail = "this version of the host has no such file of the console";
            Err(ApiError::new(StatusCode::NOT_FOUND, "route_unknown", detail).fix("reload the page"))
        }
    }
}
