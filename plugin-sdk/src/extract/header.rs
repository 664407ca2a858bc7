//! One header, as an argument with an attribute.

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::values::Value;
use crate::{Error, Request};

/// Called by the handler macro for `#[header("name")] argument: T`; `name` is in lower case.
///
/// `T` is a text, a number, a boolean, an enum by name, an `Option` of these for an optional header, or a `Vec` of
/// these for a repeated header.
#[doc(hidden)]
pub fn header<T: DeserializeOwned>(request: &Request, name: &'static str) -> Result<T, Error> {
    T::deserialize(request.header_values(name).collect::<Value<'_>>()).map_err(|error| {
        let code = match request.header_values(name).next() {
            None => "header_missing",
            Some(_) => "header_does_not_fit",
        };
        Error::new(StatusCode::BAD_REQUEST, code).with_detail(format!("header `{name}`: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_the_type_it_is_wanted_as() {
        let headers = [("x-n", "7"), ("x-name", "zoe"), ("x-n-twice", "1"), ("x-n-twice", "2")];
        let request = Request::sample("GET", "/", &[], &headers, "");
        let code = |error: Error| (error.status().as_u16(), error.code().to_owned());
        assert_eq!(header::<u8>(&request, "x-n").unwrap(), 7);
        assert_eq!(header::<String>(&request, "x-name").unwrap(), "zoe");
        assert_eq!(header::<Option<u8>>(&request, "x-n").unwrap(), Some(7));
        assert_eq!(header::<Option<u8>>(&request, "x-none").unwrap(), None);
        assert_eq!(header::<Vec<u8>>(&request, "x-n-twice").unwrap(), [1, 2]);
        assert_eq!(code(header::<u8>(&request, "x-none").unwrap_err()), (400, "header_missing".to_owned()));
        assert_eq!(code(header::<u8>(&request, "x-name").unwrap_err()), (400, "header_does_not_fit".to_owned()));
        assert_eq!(code(header::<u8>(&request, "x-n-twice").unwrap_err()), (400, "header_does_not_fit".to_owned()));
    }
}
