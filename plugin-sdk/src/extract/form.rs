//! The extractor `Form`, for URL-encoded forms.

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::json::{media_type, refuse_coded, wrong_media_type};
use super::{MAX_COLLECTED_BYTES, query};
use crate::{Body, Error, FromRequest, Request};

/// A form as browsers send it: the body of `application/x-www-form-urlencoded`, or the query of a GET or HEAD.
///
/// Other media types are refused with 415, invalid values with 422. A repeated name is read as a `Vec`.
///
/// ```
/// # use plugin_sdk::{Form, plugin};
/// # #[derive(Default)] struct Cats;
/// #[derive(serde::Deserialize)]
/// struct Cat {
///     name: String,
/// }
///
/// # #[plugin] impl Cats {
/// #[post("/cats")]
/// async fn add(&self, Form(cat): Form<Cat>) -> String {
///     format!("welcome, {}", cat.name)
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form<T>(pub T);

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

impl<T: DeserializeOwned> FromRequest for Form<T> {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Form<T>, Error> {
        let refused = || Error::new(StatusCode::UNPROCESSABLE_ENTITY, "form_does_not_fit");
        if in_query(request) {
            return query::read(request.query().unwrap_or_default().as_bytes(), refused).map(Form);
        }
        let found = media_type(request);
        if found != MEDIA_TYPE {
            return Err(wrong_media_type(&found, MEDIA_TYPE));
        }
        refuse_coded(request)?;
        let bytes = request.take_body().collect(MAX_COLLECTED_BYTES).await?;
        query::read(&bytes, refused).map(Form)
    }

    fn is_present(request: &Request) -> bool {
        if in_query(request) {
            request.query().is_some_and(|query| !query.is_empty())
        } else {
            Body::is_present(request)
        }
    }
}

fn in_query(request: &Request) -> bool {
    matches!(request.method(), Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_in_the_body_or_in_the_query() {
        crate::test_block_on(async {
            let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
            for (method, target, headers, body, wanted) in [
                ("POST", "/", &form[..], "a=1+2&b=%C3%A4", Ok(("1 2", "ä"))),
                ("GET", "/?a=1&b=2", &[], "", Ok(("1", "2"))),
                ("POST", "/?a=1&b=2", &[], "a=1&b=2", Err(415)),
                ("POST", "/", &form, "a=1", Err(422)),
            ] {
                #[derive(serde::Deserialize)]
                struct Two {
                    a: String,
                    b: String,
                }
                let mut request = Request::sample(method, target, &[], headers, body);
                let found = Form::<Two>::from_request(&mut request).await;
                let found = match &found {
                    Ok(Form(two)) => Ok((two.a.as_str(), two.b.as_str())),
                    Err(error) => Err(error.status().as_u16()),
                };
                assert_eq!(found, wanted, "{method} {target} {body}");
            }
        });
    }
}
