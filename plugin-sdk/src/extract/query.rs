//! The extractor `Query`, for the query of a request.

use std::borrow::Cow;

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::values::{self, Shape};
use crate::{Error, FromRequest, Request};

/// The query: a struct or map by name, or a list of pairs.
///
/// A repeated name (`?tag=a&tag=b`) is read as a `Vec`. Invalid values are refused with 400.
///
/// ```
/// # use plugin_sdk::{Query, plugin};
/// # #[derive(Default)] struct Cats;
/// #[derive(serde::Deserialize)]
/// struct Search {
///     #[serde(default)]
///     tag: Vec<String>,
///     page: Option<u32>,
/// }
///
/// # #[plugin] impl Cats {
/// #[get("/cats")]
/// async fn cats(&self, Query(search): Query<Search>) -> String {
///     format!("page {} of those with {:?}", search.page.unwrap_or(1), search.tag)
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    async fn from_request(request: &mut Request) -> Result<Query<T>, Error> {
        let refused = || Error::new(StatusCode::BAD_REQUEST, "query_does_not_fit");
        read(request.query().unwrap_or_default().as_bytes(), refused).map(Query)
    }

    fn is_present(request: &Request) -> bool {
        request.query().is_some_and(|query| !query.is_empty())
    }
}

/// Deserializes an urlencoded form; `refused` creates the error for invalid values.
///
/// The reader is form_urlencoded's with this crate's own values over it: serde_urlencoded knows no repeated names, and
/// serde_html_form, which does, brings a hash map crate that costs more to compile than the rest of this SDK's readers.
pub(super) fn read<T: DeserializeOwned>(text: &[u8], refused: impl FnOnce() -> Error) -> Result<T, Error> {
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(text).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, text)| (&**name, &**text)).collect();
    values::read(Shape::Form, &pairs, refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only read from queries")]
    struct Search {
        name: String,
        page: Option<u32>,
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_pointer() {
        for (query, pointer) in [
            ("name=a%20b&page=2", None),
            ("name=", None),
            ("page=2", Some("/name")),
            ("name=a&page=two", Some("/page")),
            ("name=a&page=", Some("/page")),
            ("name=a&name=b", Some("/name")),
        ] {
            let found = read::<Search>(query.as_bytes(), || Error::new(StatusCode::BAD_REQUEST, "x")).err();
            let found = found.as_ref().map(|error| error.fields()[0].pointer.as_str());
            assert_eq!(found, pointer, "{query}");
        }
    }
}
