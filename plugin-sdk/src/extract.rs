//! Extractors: the arguments of handlers.

mod configuration;
mod form;
mod header;
mod json;
#[cfg(feature = "multipart")]
mod multipart;
mod path;
mod pointer;
mod query;
mod simple;
mod values;

use crate::{Error, Request};

pub use configuration::{Configuration, FromConfiguration, FromContext};
pub use form::Form;
pub use header::header;
pub use json::Json;
#[cfg(feature = "multipart")]
pub use multipart::{Field, Multipart, MultipartLimits};
pub use path::Path;
pub use query::Query;

/// The maximum size that [`Json`], [`Form`], `Bytes` and `String` read; the `max_body_bytes` of the endpoint is
/// usually lower.
pub const MAX_COLLECTED_BYTES: usize = 64 * 1024 * 1024;

/// An argument of a handler. The arguments are extracted in order; the first error becomes the response.
///
/// A custom extractor reads its parts from the request:
///
/// ```
/// use plugin_sdk::{Error, FromRequest, Request, StatusCode};
///
/// struct Tenant(String);
///
/// impl FromRequest for Tenant {
///     async fn from_request(request: &mut Request) -> Result<Tenant, Error> {
///         let tenant = request.header("x-tenant").map(|name| Tenant(name.to_owned()));
///         tenant.ok_or_else(|| Error::new(StatusCode::UNAUTHORIZED, "no_tenant"))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor",
    label = "cannot be extracted from a request",
    note = "a handler's arguments are extractors: `Path<T>`, `Query<T>`, `Json<T>`, `Form<T>`, `HeaderMap`, `Method`, \
            `Uri`, `RequestContext`, `Bytes`, `String`, `Body`, `Request`, an `Option` or `Result<_, Error>` of one, \
            or a type of yours that implements `FromRequest`",
    note = "to read a header, add an attribute to an argument: `#[header(\"x-name\")] name: String`"
)]
pub trait FromRequest: Sized {
    /// Whether this extractor reads the body. A handler with two such arguments does not compile.
    const TAKES_BODY: bool = false;

    /// Extracts the argument.
    fn from_request(request: &mut Request) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Returns whether the request contains the extracted part; otherwise `Option<Self>` is `None`.
    fn is_present(request: &Request) -> bool {
        let _ = request;
        true
    }
}

/// Called by the handler macro; it names the trait, so that a wrong argument type is reported with it.
#[doc(hidden)]
pub async fn from_request<T: FromRequest>(request: &mut Request) -> Result<T, Error> {
    T::from_request(request).await
}

/// Checked by the handler macro at compile time.
#[doc(hidden)]
pub const fn body_is_taken_once(takes_body: &[bool]) {
    let mut taken = 0;
    let mut at = 0;
    while at < takes_body.len() {
        if takes_body[at] {
            taken += 1;
        }
        at += 1;
    }
    assert!(
        taken <= 1,
        "two arguments of this handler read the body, which can be read only once: keep one of them (or take `Bytes` and parse both values from it)"
    );
}

impl<T: FromRequest> FromRequest for Option<T> {
    const TAKES_BODY: bool = T::TAKES_BODY;

    async fn from_request(request: &mut Request) -> Result<Option<T>, Error> {
        if T::is_present(request) { T::from_request(request).await.map(Some) } else { Ok(None) }
    }
}

impl<T: FromRequest> FromRequest for Result<T, Error> {
    const TAKES_BODY: bool = T::TAKES_BODY;

    async fn from_request(request: &mut Request) -> Result<Result<T, Error>, Error> {
        Ok(T::from_request(request).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Json};
    use serde_json::Value;

    async fn take<T: FromRequest>(body: &'static str) -> Result<T, Error> {
        T::from_request(&mut Request::sample("POST", "/", &[], &[("content-type", "application/json")], body)).await
    }

    #[test]
    fn an_option_is_none_without_a_body_and_refuses_a_malformed_body() {
        crate::test_block_on(async {
            assert_eq!(take::<Option<Json<Value>>>("").await.unwrap(), None);
            assert_eq!(take::<Option<Json<Value>>>("1").await.unwrap(), Some(Json(1.into())));
            assert_eq!(take::<Option<Json<Value>>>("{").await.unwrap_err().status(), 400);
            assert_eq!(take::<Option<Bytes>>("").await.unwrap(), None);
        });
    }

    #[test]
    fn a_result_leaves_the_failure_to_the_handler() {
        crate::test_block_on(async {
            assert_eq!(take::<Result<Json<Value>, Error>>("{").await.unwrap().unwrap_err().code(), "body_not_json");
        });
    }

    #[test]
    fn wrapped_extractors_take_the_body_too() {
        const { assert!(<Option<Json<Value>> as FromRequest>::TAKES_BODY) }
        const { assert!(<Result<Request, Error> as FromRequest>::TAKES_BODY) }
        body_is_taken_once(&[true, false]);
    }
}
