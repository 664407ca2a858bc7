//! Responses with a status and headers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{Error, IntoResponse, Response};

/// Headers in front of the body, in a tuple that a handler returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't precede the body of a response",
    label = "expected a status or headers",
    note = "in a tuple the status comes first, then headers (`HeaderMap` or `[(name, value); N]`), the body last"
)]
pub trait IntoResponseParts {
    /// Adds the headers to `headers`; an existing header with the same name is replaced.
    ///
    /// # Errors
    /// A name or value is invalid in a header; the response is then 500.
    fn add_to(self, headers: &mut HeaderMap) -> Result<(), Error>;
}

impl IntoResponseParts for HeaderMap {
    fn add_to(self, headers: &mut HeaderMap) -> Result<(), Error> {
        headers.extend(self);
        Ok(())
    }
}

impl<K, V, const N: usize> IntoResponseParts for [(K, V); N]
where
    K: TryInto<HeaderName, Error: std::error::Error>,
    V: TryInto<HeaderValue, Error: std::error::Error>,
{
    fn add_to(self, headers: &mut HeaderMap) -> Result<(), Error> {
        let mut added = HeaderMap::with_capacity(N);
        for (name, value) in self {
            let name = name
                .try_into()
                .map_err(|error| Error::internal(format!("the name of a response header is invalid: {error}")))?;
            let value = value.try_into().map_err(|error| {
                Error::internal(format!("the value of the response header `{name}` is invalid: {error}"))
            })?;
            // A name may be repeated, as with `set-cookie`.
            added.append(name, value);
        }
        headers.extend(added);
        Ok(())
    }
}

impl<R: IntoResponse> IntoResponse for (StatusCode, R) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

macro_rules! tuples {
    ($(($($part:ident)+))*) => {$(
        #[allow(non_snake_case, reason = "the names are those of the types")]
        impl<$($part: IntoResponseParts,)+ Inner: IntoResponse> IntoResponse for ($($part,)+ Inner) {
            fn into_response(self) -> Response {
                let ($($part,)+ inner) = self;
                let mut response = inner.into_response();
                $(if let Err(error) = $part.add_to(response.headers_mut()) {
                    return error.into_response();
                })+
                response
            }
        }

        #[allow(non_snake_case, reason = "the names are those of the types")]
        impl<$($part: IntoResponseParts,)+ Inner: IntoResponse> IntoResponse for (StatusCode, $($part,)+ Inner) {
            fn into_response(self) -> Response {
                let (status, $($part,)+ inner) = self;
                let mut response = inner.into_response().with_status(status);
                $(if let Err(error) = $part.add_to(response.headers_mut()) {
                    return error.into_response();
                })+
                response
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) }

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_tuple_sets_status_and_headers() {
        let cookies = [(header::SET_COOKIE, "a=1"), (header::SET_COOKIE, "b=2")];
        let response = (StatusCode::CREATED, cookies, [("content-type", "text/x".to_owned())], "body").into_response();
        assert_eq!((response.status().as_u16(), response.whole_body()), (201, &b"body"[..]));
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.headers()["content-type"], "text/x");
        assert_eq!(response.headers().get_all("content-type").iter().count(), 1);

        let mut map = HeaderMap::new();
        map.insert("x-a", HeaderValue::from_static("1"));
        assert_eq!((map, "body").into_response().headers()["x-a"], "1");
        assert_eq!((StatusCode::ACCEPTED, ()).into_response().status(), 202);
    }

    #[test]
    fn an_invalid_response_header_is_a_500_that_names_it() {
        for (response, log) in [
            ((StatusCode::CREATED, [("a b", "1")], "").into_response(), "the name of a response header"),
            (([("x-a", "1\r\nx-b: 2")], "").into_response(), "the value of the response header `x-a`"),
        ] {
            assert_eq!(response.status(), 500);
            assert!(response.log.as_deref().unwrap().contains(log), "{:?}", response.log);
        }
    }
}
