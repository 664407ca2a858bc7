//! JSON request and response bodies.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MAX_COLLECTED_BYTES, pointer};
use crate::{Body, Error, FromRequest, IntoResponse, Request, Response};

/// A JSON request body as an argument, or a JSON response body as a return value.
///
/// As an argument, it refuses a body with a media type other than `application/json` or `…+json` (415), a compressed
/// body (415; see `decompress` in plugin.yaml), a body that is not JSON (400), and a body that does not deserialize to
/// `T` (422, with the JSON pointer of the field).
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # #[derive(Default)] struct Cats;
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Cat {
///     name: String,
/// }
///
/// # #[plugin] impl Cats {
/// #[post("/cats")]
/// async fn add(&self, Json(cat): Json<Cat>) -> (StatusCode, Json<Cat>) {
///     (StatusCode::CREATED, Json(cat))
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Json<T>, Error> {
        let media_type = media_type(request);
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(wrong_media_type(&media_type, "application/json"));
        }
        refuse_coded(request)?;
        let bytes = request.take_body().collect(MAX_COLLECTED_BYTES).await?;
        read(&bytes).map(Json)
    }

    fn is_present(request: &Request) -> bool {
        Body::is_present(request)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self.0)
    }
}

/// The media type of the body in lower case, without parameters; empty if it is missing.
pub(super) fn media_type(request: &Request) -> String {
    let value = request.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn wrong_media_type(found: &str, wanted: &str) -> Error {
    let detail = match found {
        "" => format!("the body has no content type; send `content-type: {wanted}`"),
        found => format!("the body has the content type `{found}`; send `content-type: {wanted}`"),
    };
    Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type").with_detail(detail)
}

/// Refuses a compressed body. The host decodes it if plugin.yaml has `decompress: true`.
pub(super) fn refuse_coded(request: &Request) -> Result<(), Error> {
    if request.header("content-encoding").is_none_or(|coding| coding.eq_ignore_ascii_case("identity")) {
        return Ok(());
    }
    let detail = "the body has a `Content-Encoding` that the endpoint does not decode; send the body uncompressed";
    Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_encoding")
        .with_detail(detail)
        .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let error = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let message = error.to_string();
    if !error.is_data() {
        let detail = if bytes.trim_ascii().is_empty() {
            "the body is empty, but must be JSON".to_owned()
        } else if bytes.starts_with(b"\xef\xbb\xbf") {
            "the body is not JSON: it starts with a byte order mark; send UTF-8 without BOM".to_owned()
        } else if error.is_eof() {
            format!("the body is not JSON: it ends too early ({message})")
        } else {
            format!("the body is not JSON: {message}")
        };
        return Err(Error::new(StatusCode::BAD_REQUEST, "body_not_json").with_detail(detail));
    }
    let again = &mut serde_json::Deserializer::from_slice(bytes);
    let refused = Error::new(StatusCode::UNPROCESSABLE_ENTITY, "body_does_not_fit");
    Err(pointer::locate::<T, _>(again, refused, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Litter {
        mother: String,
        #[serde(default)]
        cats: Vec<Cat>,
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Cat {
        #[serde(rename = "a/b")]
        lives: u8,
    }

    #[test]
    fn a_compressed_body_is_refused_and_not_parsed() {
        for (coding, expected) in [("identity", 200), ("Identity", 200), ("gzip", 415), ("br", 415)] {
            let headers = [("content-type", "application/json"), ("content-encoding", coding)];
            let mut request = Request::sample("POST", "/", &[], &headers, "1");
            let found = crate::test_block_on(Json::<u8>::from_request(&mut request));
            let found =
                found.map_or_else(|error| (error.status().as_u16(), error.code().to_owned()), |_| (200, String::new()));
            assert_eq!(found, (expected, if expected == 200 { "" } else { "body_encoding" }.to_owned()), "{coding}");
        }
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_pointer() {
        for (body, status, code, pointer) in [
            (r#"{"mother": "Zoe", "cats": [{"a/b": 9}, {"a/b": 300}]}"#, 422, "body_does_not_fit", "/cats/1/a~1b"),
            (r#"{"mother": "Zoe", "cats": [{}]}"#, 422, "body_does_not_fit", "/cats/0/a~1b"),
            (r#"{"cats": []}"#, 422, "body_does_not_fit", "/mother"),
            (r#"{"mother": "Zoe", "father": "?"}"#, 422, "body_does_not_fit", "/father"),
            (r#"["Zoe", 7]"#, 422, "body_does_not_fit", "/1"),
            ("7", 422, "body_does_not_fit", ""),
            (r#"{"mother": "#, 400, "body_not_json", "-"),
            (r#"{"mother": "Zoe"} {}"#, 400, "body_not_json", "-"),
            ("", 400, "body_not_json", "-"),
            ("\u{feff}{}", 400, "body_not_json", "-"),
        ] {
            let error = read::<Litter>(body.as_bytes()).unwrap_err();
            assert_eq!((error.status().as_u16(), error.code()), (status, code), "{body}");
            let found = error.fields().first().map_or("-", |field| field.pointer.as_str());
            assert_eq!(found, pointer, "{body}: {error}");
        }
    }

    #[test]
    fn a_body_of_another_media_type_is_refused_unread() {
        crate::test_block_on(async {
            for (content_type, status) in [
                (&[("content-type", "application/json")][..], None),
                (&[("content-type", "Application/Problem+JSON; charset=utf-8")], None),
                (&[("content-type", "text/plain")], Some(415)),
                (&[], Some(415)),
            ] {
                let mut request = Request::sample("POST", "/", &[], content_type, "7");
                let found = Json::<u8>::from_request(&mut request).await.err().map(|error| error.status().as_u16());
                assert_eq!(found, status, "{content_type:?}");
            }
        });
    }
}
