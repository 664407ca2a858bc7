//! Redirects.

use http::{HeaderValue, StatusCode, header};

use crate::{Error, IntoResponse, Response};

/// A response that redirects the caller.
///
/// A location that starts with `/` is a path of the host, not of the plugin. Within the plugin, use a relative
/// location, such as `Redirect::to("./done")`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a redirect does nothing unless it is returned"]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// 303: the caller requests the new location with GET. Used after a form was posted.
    pub fn to(location: impl Into<String>) -> Redirect {
        Redirect { status: StatusCode::SEE_OTHER, location: location.into() }
    }

    /// 307: the caller repeats this request at the new location.
    pub fn temporary(location: impl Into<String>) -> Redirect {
        Redirect { status: StatusCode::TEMPORARY_REDIRECT, location: location.into() }
    }

    /// 308: the caller sends this and later requests to the new location.
    pub fn permanent(location: impl Into<String>) -> Redirect {
        Redirect { status: StatusCode::PERMANENT_REDIRECT, location: location.into() }
    }
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        match HeaderValue::try_from(self.location) {
            Ok(location) => Response::new(self.status, "").with_header(header::LOCATION, location),
            Err(error) => Error::internal(format!("the location of a redirect is invalid: {error}")).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_redirect_has_its_status() {
        for (redirect, status) in
            [(Redirect::to("./a"), 303), (Redirect::temporary("./a"), 307), (Redirect::permanent("./a"), 308)]
        {
            let response = redirect.into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["location"], "./a");
        }
        assert_eq!(Redirect::to("a\nb").into_response().status(), 500);
    }
}
