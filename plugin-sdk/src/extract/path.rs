//! Path parameters.

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::pointer;
use super::values::Values;
use crate::{Error, FromRequest, Request};

/// Path parameters: one value, a tuple in the order of the path, or a struct by name.
///
/// What does not fit is refused with 400.
///
/// ```
/// # use plugin_sdk::{Path, plugin};
/// # #[derive(Default)] struct Cats;
/// # #[plugin] impl Cats {
/// #[get("/cats/:id")]
/// async fn cat(&self, Path(id): Path<u64>) -> String {
///     format!("cat {id}")
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Path<T> {
    async fn from_request(request: &mut Request) -> Result<Path<T>, Error> {
        let params: Vec<(&str, &str)> = request.params().collect();
        T::deserialize(Values::Path(&params)).map(Path).map_err(|error| refused::<T>(&params, &error.to_string()))
    }

    fn is_present(request: &Request) -> bool {
        request.params().next().is_some()
    }
}

fn refused<T: DeserializeOwned>(params: &[(&str, &str)], message: &str) -> Error {
    let refused = Error::new(StatusCode::BAD_REQUEST, "path_does_not_fit");
    let located = pointer::locate::<T, _>(Values::Path(params), refused, message.to_owned());
    // One value has no name and those of a tuple have numbers; the caller knows the names of the path.
    let pointer = located.fields().first().map(|field| field.pointer.as_str()).unwrap_or_default();
    let index = if params.len() == 1 { Some(0) } else { pointer.strip_prefix('/').and_then(|n| n.parse().ok()) };
    match index.and_then(|index: usize| params.get(index)) {
        Some((name, _)) => Error::new(StatusCode::BAD_REQUEST, "path_does_not_fit")
            .with_detail(format!("path parameter `{name}`: {message}"))
            .with_field(format!("/{name}"), message),
        None => located,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_does_not_fit_is_named() {
        for (error, detail, pointer) in [
            (refused::<u8>(&[("id", "x")], "m"), "path parameter `id`: m", "/id"),
            (refused::<(String, u8)>(&[("a", "1"), ("b", "x")], "m"), "path parameter `b`: m", "/b"),
            (refused::<u8>(&[("a", "1"), ("b", "2")], "m"), "m", ""),
        ] {
            assert_eq!((error.status().as_u16(), error.detail()), (400, detail));
            assert_eq!(error.fields()[0].pointer, pointer);
        }
    }
}
