//! Path parameters.

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::values::{Shape, read};
use crate::{Error, FromRequest, Request};

/// Path parameters: one value, a tuple in the order of the path, or a struct by name.
///
/// Invalid values are refused with 400.
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
        let refused = || Error::new(StatusCode::BAD_REQUEST, "path_does_not_fit");
        read(Shape::Path, &params, refused).map(Path)
    }

    fn is_present(request: &Request) -> bool {
        request.params().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_block_on;

    #[test]
    fn a_parameter_that_does_not_fit_is_named() {
        async fn refused<T: DeserializeOwned>(params: &[(&str, &str)]) -> (String, String) {
            let mut request = Request::sample("GET", "/", params, &[], "");
            let error = Path::<T>::from_request(&mut request).await.err().unwrap();
            assert_eq!((error.status().as_u16(), error.code()), (400, "path_does_not_fit"));
            (error.fields()[0].pointer.clone(), error.detail().to_owned())
        }
        test_block_on(async {
            let (pointer, detail) = refused::<u8>(&[("id", "x")]).await;
            assert_eq!((pointer.as_str(), detail.as_str()), ("/id", "/id: invalid type: string \"x\", expected u8"));
            assert_eq!(refused::<(String, u8)>(&[("a", "1"), ("b", "x")]).await.0, "/b");
            assert_eq!(refused::<std::collections::BTreeMap<String, u8>>(&[("a", "1"), ("b", "x")]).await.0, "/b");
            assert_eq!(refused::<u8>(&[("a", "1"), ("b", "2")]).await.0, "");
        });
    }
}
